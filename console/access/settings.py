"""The tables `[access]` and `[oidc]` of the settings."""

from __future__ import annotations

from typing import Final, NamedTuple

from console.access.oidc.settings import OidcSettings, oidc_settings
from console.access.sessions import IDLE, SESSION_LASTS
from console.config import Config


class AccessSettings(NamedTuple):
    """How people sign in, and for how long. Seconds."""

    session: int = SESSION_LASTS
    idle: int = IDLE
    oidc: OidcSettings | None = None


DEFAULTS: Final = AccessSettings()
"""Local accounts only."""


def access_settings(config: Config) -> AccessSettings:
    """Both tables.

    Raises:
        BadFile: something in them cannot be used.
    """
    section = config.section("access")
    session, idle = section.seconds("session", SESSION_LASTS), section.seconds("idle", IDLE)
    section.done()
    return AccessSettings(session, idle, oidc_settings(config))
