"""The templates, in each language: `{{ _("...") }}` looks a text up in `locale/<language>/LC_MESSAGES/console.mo`.

Everything is escaped, and a name that is missing is an error, not an empty place.
"""

from __future__ import annotations

import gettext
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request

from console.web import words

HERE: Final = Path(__file__).parent
LANGUAGES: Final = {"en": "English", "zh-Hans": "简体中文"}
"""The name of a language as a page says it (BCP 47) → how its readers call it."""
_FOLDERS: Final = {"zh-Hans": "zh_CN"}
LANGUAGE: Final = "interdict_language"
"""The cookie that keeps a choice."""


class Templates:
    """One environment for each language, made once."""

    def __init__(self) -> None:
        self._environments = {language: _environment(language) for language in LANGUAGES}

    def render(self, template: str, *, language: str, **values: object) -> str:
        """The text of a page."""
        page = self._environments[language].get_template(template)
        return page.render(language=language, languages=LANGUAGES, **values)

    def language(self, request: Request) -> str:
        """What the person chose, else what their browser asks for, else English."""
        chosen = request.cookies.get(LANGUAGE, "")
        return chosen if chosen in LANGUAGES else accepted(request.headers.get("accept-language", ""))


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
    if name.startswith("zh"):
        return "" if {"tw", "hk", "mo", "hant"} & set(name.split("-")) else "zh-Hans"
    return "en" if name.split("-")[0] == "en" else ""


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0


def translations(language: str) -> gettext.NullTranslations:
    """The texts of a language; what is not translated stays English."""
    folder = _FOLDERS.get(language, language)
    return gettext.translation("console", HERE / "locale", [folder], fallback=True)


def _environment(language: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.policies["ext.i18n.trimmed"] = True
    spoken = translations(language)
    # The extension adds these; mypy does not know them.
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        spoken.gettext, spoken.ngettext, newstyle=True, pgettext=spoken.pgettext, npgettext=spoken.npgettext
    )
    environment.filters.update(
        day=words.day,
        minute=words.minute,
        moment=words.moment,
        since_then=words.since_then,
        state_word=words.state_word,
    )
    environment.globals.update(
        ACTIONS=words.ACTIONS,
        OUTCOMES=words.OUTCOMES,
        REQUESTS=words.REQUESTS,
        TRUST=words.TRUST,
        finding_state=words.finding_state,
        policy_troubles=words.policy_troubles,
    )
    return environment
