"""Serves the console with uvicorn, and says where once it really listens."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn
from starlette.applications import Starlette

from console.errors import BadCommand
from console.patience import Patient
from console.settings import Settings

GRACE = 5
"""Seconds that open requests have when the console ends."""


class Server(uvicorn.Server):
    """Calls `listening` with the address when requests are accepted."""

    def __init__(self, config: uvicorn.Config, listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._listening = listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does it, and then says so."""
        await super().startup(sockets)
        if self.started:
            self._listening()


def bind(settings: Settings) -> socket.socket:
    """The socket, bound and not listening yet, so that port 0 is known before anything is printed.

    Raises:
        BadCommand: the address cannot be used.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # asyncio sends at once (TCP_NODELAY) only on sockets that say they are TCP's; others wait 40 ms for a late ACK.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((settings.host, settings.port))
    except OSError as error:
        bound.close()
        raise BadCommand(
            f"{settings.host} port {settings.port} cannot be used: {error.strerror or error}",
            "Choose another --port (0 takes a free one) or --host.",
        ) from error
    return bound


def address(bound: socket.socket) -> str:
    """Where the console is."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def server(app: Starlette, listening: Callable[[], None]) -> Server:
    """A server for our application. No access log: addresses of machines are nobody's business here."""
    config = uvicorn.Config(
        app,
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE,
        lifespan="on",
        ws="none",
        http=Patient,
    )
    return Server(config, listening)
