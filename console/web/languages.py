"""The languages of the pages: which there are, which one a browser asks for, and their texts.

`{{ _("...") }}` in a template looks a text up in `locale/<language>/LC_MESSAGES/console.mo`;
`scripts/console_catalogues` collects the texts.
"""

from __future__ import annotations

import gettext
from functools import cache
from pathlib import Path
from typing import Final

LOCALE: Final = Path(__file__).parent / "locale"
LANGUAGES: Final = {"en": "English", "zh-Hans": "简体中文"}
"""The name of a language as a page says it (BCP 47) → how its readers call it."""
FOLDERS: Final = {"zh-Hans": "zh_CN"}


def accepted(header: str) -> str:
    """The language of an Accept-Language header that we have and that is wished for most (RFC 9110, 12.5.4)."""
    best, weight = "en", 0.0
    for part in header[:500].split(","):
        name, _, parameters = part.strip().partition(";")
        language = _ours(name.strip().lower())
        quality = _quality(parameters)
        if language and quality > weight:
            best, weight = language, quality
    return best


def _ours(name: str) -> str:
    """Chinese of any place but those that write it in traditional signs is read as simplified."""
    if name.split("-")[0] == "zh":
        return "" if {"tw", "hk", "mo", "hant"} & set(name.split("-")) else "zh-Hans"
    return "en" if name.split("-")[0] == "en" else ""


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    try:
        return min(float(value), 1.0) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0


@cache
def texts(language: str) -> gettext.NullTranslations:
    """The texts of a language; what is not translated stays English."""
    return gettext.translation("console", LOCALE, [FOLDERS.get(language, language)], fallback=True)


def mark(text: str) -> str:
    """Marks a text in a table for the translators. It is looked up where it is shown."""
    return text
