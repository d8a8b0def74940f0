"""Bounds on what a stranger's connection can cost: whole requests come in time, and not too many run at once.

uvicorn counts connections, so that five hundred silent ones would close the console to everybody. Here a connection
costs one descriptor until its request has come whole, for a minute at most; what is counted are requests that run.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

WITHIN: Final = 60.0
"""Seconds for a whole request: the largest report over a line that is as slow as a modem."""
MOST_BESIDE: Final = 64 << 10
"""Bytes of a request that are not its body: first line, headers, sizes of pieces, trailers. The parser has no bound."""
SIZE_LINE: Final = 12
"""Bytes around a piece of a body that comes in pieces."""
MOST_HELD: Final = 16 << 10
"""Bytes of an answer that wait for the end of a turn."""
AT_ONCE: Final = 500
AGAIN: Final = 5
"""Seconds after which somebody who found no room asks again."""


class Gathered:
    """A connection whose writes of one turn of the loop leave together: uvicorn writes an answer's head and its body
    apart, and each would be a system call and a packet of its own. Everything else is the connection's."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []
        self._held = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Leaves at the end of this turn; when it is much at once, so that whoever writes hears when it is too much."""
        if not self._parts:
            self._loop.call_soon(self._leave)
        self._parts.append(data)
        self._held += len(data)
        if self._held > MOST_HELD:
            self._leave()

    def close(self) -> None:
        """After what was written has left."""
        self._leave()
        self._transport.close()

    def _leave(self) -> None:
        if self._parts:
            parts, self._parts, self._held = self._parts, [], 0
            self._transport.write(b"".join(parts))


class Patient(HttpToolsProtocol):
    """HTTP on one connection, which is ended when a request does not come whole in time, or is all headers."""

    within = WITHIN
    _late: asyncio.TimerHandle | None = None
    _beside = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody has connected."""
        super().connection_made(cast("asyncio.Transport", Gathered(transport, self.loop)))
        self._look()

    def data_received(self, data: bytes) -> None:
        """A piece of a request. A drop now and then wins no time."""
        self._beside += len(data)
        super().data_received(data)
        if self._beside > MOST_BESIDE and not self.transport.is_closing():
            self.send_400_response("Too much beside the body of the request.")
        self._look()

    def on_body(self, body: bytes) -> None:
        """A piece of a body, with what tells its size."""
        self._beside = max(0, self._beside - len(body) - SIZE_LINE)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request has come whole; what follows is the next one."""
        self._beside = 0
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """They have gone."""
        super().connection_lost(exc)
        self._whole()

    def _look(self) -> None:
        cycle = cast("RequestResponseCycle | None", self.cycle)  # None before the first request
        if cycle is not None and not cycle.response_complete and not cycle.more_body:
            self._whole()
        elif self._late is None:
            self._late = self.loop.call_later(self.within, self.transport.abort)

    def _whole(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


class Crowd:
    """Lets so many requests run at once; others are told when to come again."""

    def __init__(self, app: ASGIApp, *, most: int = AT_ONCE) -> None:
        self._app = app
        self._most = most
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Counts requests; what is no request passes."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._running >= self._most:
            busy = PlainTextResponse("Too much at once.\n", 503, headers={"Retry-After": str(AGAIN)})
            await busy(scope, receive, send)
            return
        self._running += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._running -= 1
