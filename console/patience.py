"""Bounds on what a stranger's connection can cost: whole requests come in time, and not too many run at once.

uvicorn counts connections, so that five hundred silent ones would close the console to everybody. Here a connection
costs one descriptor until its request has come whole, for a minute at most; what is counted are requests that run.
"""

from __future__ import annotations

import asyncio
from typing import Final, cast

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

WITHIN: Final = 60.0
"""Seconds for a whole request: the largest report over a line that is as slow as a modem."""
AT_ONCE: Final = 500
AGAIN: Final = 5
"""Seconds after which somebody who found no room asks again."""


class Patient(H11Protocol):
    """HTTP on one connection, which is ended when a request does not come whole in time."""

    within = WITHIN
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody has connected."""
        super().connection_made(transport)
        self._look()

    def data_received(self, data: bytes) -> None:
        """A piece of a request. A drop now and then wins no time."""
        super().data_received(data)
        self._look()

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
