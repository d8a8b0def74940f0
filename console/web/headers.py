"""What every answer carries, and which hosts a trial answers to."""

from __future__ import annotations

from collections.abc import Iterable
from email.utils import formatdate

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.clock import Clock

CONTENT = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Scripts and styles come from files of ours only: none can be smuggled in by a host name."""
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
Pair = tuple[bytes, bytes]
CAREFUL = (
    (b"content-security-policy", CONTENT.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
BEHIND_TLS = ((b"strict-transport-security", b"max-age=31536000"),)


class Headers:
    """Adds Date (agents correct their clocks by it) and what keeps browsers careful."""

    def __init__(self, app: ASGIApp, *, clock: Clock, behind_tls: bool) -> None:
        self._app = app
        self._clock = clock
        self._careful = (*CAREFUL, *(BEHIND_TLS if behind_tls else ()))
        self._ours = frozenset({b"date", *(name for name, _ in self._careful)})
        self._date = (-1, b"")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes everything on but the answer's start."""

        async def start(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = self._with_ours(message.get("headers", ()), str(scope.get("path", "")))
            await send(message)

        await self._app(scope, receive, start)

    def _with_ours(self, given: Iterable[Pair], path: str) -> list[Pair]:
        """The answer's own headers, of which ours are replaced, and how long it may be kept if it does not say so."""
        kept = [pair for pair in given if pair[0] not in self._ours]
        if not any(name == b"cache-control" for name, _ in kept):
            kept.append((b"cache-control", b"max-age=3600" if path.startswith("/static/") else b"no-store"))
        return [*kept, (b"date", self._now()), *self._careful]

    def _now(self) -> bytes:
        """Made once a second: every report is answered with it."""
        now = self._clock()
        if self._date[0] != now:
            self._date = (now, formatdate(now, usegmt=True).encode())
        return self._date[1]


class LocalOnly:
    """Answers only to this machine's own names: without a login, another site's name that leads here must not work."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuses a request whose Host is not this machine."""
        if scope["type"] == "http" and _host(scope) not in LOCAL_NAMES:
            await PlainTextResponse("This trial console answers to localhost only.\n", 421)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _host(scope: Scope) -> str:
    value = ""
    for name, given in scope["headers"]:
        if name == b"host":
            value = given.decode("latin-1")
            break
    return value if value.endswith("]") else value.rsplit(":", 1)[0]
