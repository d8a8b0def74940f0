"""How one console is set up."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import NamedTuple

from console.errors import BadCommand

DATABASE = "console.sqlite3"


class Settings(NamedTuple):
    """Durations in seconds."""

    data: Path
    host: str = "127.0.0.1"
    port: int = 8600
    trial: bool = False
    """No login, loopback only."""
    behind_tls: bool = False
    """A proxy in front ends TLS: cookies are for https only."""
    report_every: int = 15 * 60
    """When a device shall send its next report."""
    silent_after: int = 24 * 3600
    """Without a report for so long a device counts as silent."""

    repository: Path | None = None
    """The folder of the signed policy, served beside the pages; None: it is served elsewhere."""

    @property
    def database(self) -> str:
        """The address of the database, as SQLAlchemy writes it."""
        return f"sqlite:///{self.data / DATABASE}"


def check(settings: Settings) -> Settings:
    """Refuses what would be dangerous, before anything listens.

    Raises:
        BadCommand: a trial that others can reach, or passwords over plain HTTP.
    """
    if settings.trial and not is_loopback(settings.host):
        raise BadCommand(
            f"--trial asks for no login and may not listen on {settings.host}",
            "Use --host 127.0.0.1, or leave --trial out.",
        )
    if not is_loopback(settings.host) and not settings.behind_tls:
        raise BadCommand(
            f"on {settings.host} passwords would travel in clear text",
            "Put a proxy with TLS in front and say --behind-tls, or use --host 127.0.0.1.",
        )
    if not 0 <= settings.port <= 65_535:
        raise BadCommand(f"{settings.port} is not a port", "Use a port from 1 to 65535, or 0 for a free one.")
    if settings.repository is not None and not (settings.repository / "metadata").is_dir():
        raise BadCommand(
            f"{settings.repository} is no published policy: it has no folder metadata",
            "Name the folder `repository` that `interdict-policy publish` writes.",
        )
    return settings


def is_loopback(host: str) -> bool:
    """True for `localhost` and the addresses that only this machine can reach."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
