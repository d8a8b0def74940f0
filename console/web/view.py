"""How one person wants to see the pages: language, time zone, light or dark. Kept in cookies, never in the database."""

from __future__ import annotations

import re
from functools import cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from starlette.requests import Request

from console.web.languages import LANGUAGES, accepted

LANGUAGE: Final = "interdict_language"
ZONE: Final = "interdict_zone"
THEME: Final = "interdict_theme"
LASTS: Final = 400 * 86_400
"""Seconds for which a browser keeps a choice: the longest that it allows."""
BROWSER: Final = "browser"
"""The zone of whoever looks, which only their browser knows: pages are written in UTC and a script rewrites them."""
THEMES: Final = ("system", "light", "dark")
_ZONE: Final = re.compile(r"[A-Z][A-Za-z0-9_+\-]{0,30}(/[A-Za-z0-9_+\-]{1,30}){0,2}")


class View(NamedTuple):
    """One person's view."""

    language: str = "en"
    zone: str = BROWSER
    theme: str = "system"

    @property
    def time_zone(self) -> ZoneInfo:
        """The zone that pages are written in."""
        return ZoneInfo("UTC") if self.zone == BROWSER else ZoneInfo(self.zone)


def view_of(request: Request) -> View:
    """What the person chose; what they did not: their browser's language, their browser's zone, their system's look."""
    cookies = request.cookies
    language = cookies.get(LANGUAGE, "")
    zone, theme = cookies.get(ZONE, ""), cookies.get(THEME, "")
    return View(
        language if language in LANGUAGES else accepted(request.headers.get("accept-language", "")),
        zone if is_zone(zone) else BROWSER,
        theme if theme in THEMES else "system",
    )


def is_zone(name: str) -> bool:
    """Whether this is a zone that we can compute with."""
    return name == BROWSER or (_ZONE.fullmatch(name) is not None and name in zones())


@cache
def zones() -> tuple[str, ...]:
    """Every zone of a place, and UTC."""
    named = (name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/")))
    return ("UTC", *sorted(named))
