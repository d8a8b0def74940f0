"""One address before a console: a test closes it, answers in the console's place, or keeps an answer back.

What comes through is recorded as (path, sequence, status), so that a test can wait for what crossed the door.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import NamedTuple

import httpx

PATIENCE = 30.0
_HOP = frozenset({"connection", "content-length", "date", "host", "keep-alive", "server", "transfer-encoding"})


class Crossed(NamedTuple):
    """One request and how it was answered; status 0: nothing was answered."""

    path: str
    sequence: str
    status: int


class _Instead(NamedTuple):
    status: int
    headers: Mapping[str, str]


class ConsoleDoor:
    """Use it with `with`; `leads_to` says where the console is. Closed to begin with nothing behind it."""

    def __init__(self, leads_to: str = "") -> None:
        self._leads_to = leads_to
        self._instead: _Instead | None = None
        self._hang = False
        self._keep_back = False
        self._release = threading.Event()
        self._changed = threading.Condition()
        self._crossed: list[Crossed] = []
        self._kept_back = 0
        self._waiting = 0
        self._server: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None
        self._port = 0

    def __enter__(self) -> ConsoleDoor:
        self.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.behave()
        self.close()

    @property
    def address(self) -> str:
        """Where agents knock, whatever is behind."""
        return f"http://127.0.0.1:{self._port}"

    def open(self) -> None:
        """Listens, always at the same port."""
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), _handler(self))
        self._port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="console-door")
        self._thread.start()

    def close(self) -> None:
        """Nobody listens any more: a connection is refused."""
        server, self._server = self._server, None
        if server is None or self._thread is None:
            return
        server.shutdown()
        server.server_close()
        self._thread.join(PATIENCE)

    def lead_to(self, address: str) -> None:
        """Another console stands behind it now."""
        self._leads_to = address

    def answer(self, status: int, **headers: str) -> None:
        """Answers this itself, and passes nothing on."""
        self._instead = _Instead(status, {name.replace("_", "-"): value for name, value in headers.items()})

    def hang(self) -> None:
        """Takes requests and neither passes them on nor answers."""
        self._release.clear()
        self._hang = True

    def keep_answers_back(self) -> None:
        """Passes requests on, and keeps what the console answers."""
        self._release.clear()
        self._keep_back = True

    def behave(self) -> None:
        """Passes everything on again; who waits gets no answer any more."""
        self._instead, self._hang, self._keep_back = None, False, False
        self._release.set()

    def crossed(self, **wanted: object) -> list[Crossed]:
        """Every request so far that has these values."""
        with self._changed:
            return [one for one in self._crossed if _fits(one, wanted)]

    def wait_for(self, count: int = 1, **wanted: object) -> list[Crossed]:
        """Waits until so many requests with these values have crossed."""
        with self._changed:
            fits = self._changed.wait_for(
                lambda: len([one for one in self._crossed if _fits(one, wanted)]) >= count, PATIENCE
            )
            assert fits, f"{wanted} did not cross {count} times: {self._crossed}"
            return [one for one in self._crossed if _fits(one, wanted)]

    def wait_for_a_kept_answer(self) -> None:
        """Waits until the console has answered something that is kept back."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._kept_back > 0, PATIENCE), "nothing was kept back"
            self._kept_back = 0

    def wait_for_a_knock(self) -> None:
        """Waits until somebody waits at a door that hangs."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._waiting > 0, PATIENCE), "nobody knocked"

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        """One request."""
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        status, headers, content = self._answer_to(handler, body)
        with self._changed:
            self._crossed.append(Crossed(handler.path, handler.headers.get("Interdict-Sequence") or "", status))
            self._changed.notify_all()
        if not status:
            handler.close_connection = True
            return
        handler.send_response_only(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    def _answer_to(self, handler: BaseHTTPRequestHandler, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        if self._hang:
            with self._changed:
                self._waiting += 1
                self._changed.notify_all()
            self._release.wait(PATIENCE * 4)
            with self._changed:
                self._waiting -= 1
            return 0, {}, b""
        if self._instead is not None:
            return self._instead.status, self._instead.headers, b""
        headers = {name: value for name, value in handler.headers.items() if name.lower() not in _HOP}
        try:
            answer = httpx.request(
                handler.command,
                self._leads_to + handler.path,
                content=body,
                headers=headers,
                timeout=PATIENCE,
                trust_env=False,
            )
        except httpx.TransportError:
            return 0, {}, b""
        if self._keep_back:
            with self._changed:
                self._kept_back += 1
                self._changed.notify_all()
            self._release.wait(PATIENCE * 4)
            return 0, {}, b""
        shown = {name: value for name, value in answer.headers.items() if name not in _HOP - {"date"}}
        return answer.status_code, shown, answer.content


def _fits(one: Crossed, wanted: Mapping[str, object]) -> bool:
    return all(getattr(one, name) == value for name, value in wanted.items())


def _handler(door: ConsoleDoor) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            with contextlib.suppress(OSError):
                door.handle(self)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    return Handler
