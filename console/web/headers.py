"""What every answer carries, and which hosts a trial answers to."""

from __future__ import annotations

from email.utils import formatdate

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.clock import Clock

CONTENT = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Scripts and styles come from files of ours only: none can be smuggled in by a host name."""
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


class Headers:
    """Adds Date (agents correct their clocks by it) and what keeps browsers careful."""

    def __init__(self, app: ASGIApp, *, clock: Clock, behind_tls: bool) -> None:
        self._app = app
        self._clock = clock
        self._behind_tls = behind_tls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes everything on but the answer's start."""

        async def start(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add(MutableHeaders(scope=message), static=str(scope.get("path", "")).startswith("/static/"))
            await send(message)

        await self._app(scope, receive, start)

    def _add(self, headers: MutableHeaders, *, static: bool) -> None:
        headers["Date"] = formatdate(self._clock(), usegmt=True)
        headers["Content-Security-Policy"] = CONTENT
        headers["X-Content-Type-Options"] = "nosniff"
        headers["X-Frame-Options"] = "DENY"
        headers["Referrer-Policy"] = "same-origin"
        headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers["Cross-Origin-Resource-Policy"] = "same-origin"
        headers.setdefault("Cache-Control", "max-age=3600" if static else "no-store")
        if self._behind_tls:
            headers["Strict-Transport-Security"] = "max-age=31536000"


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
    value: str = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
    return value if value.endswith("]") else value.rsplit(":", 1)[0]
