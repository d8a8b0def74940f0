"""The templates, once for each language. Everything is escaped, and a name that is missing is an error."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context as Values
from markupsafe import Markup, escape

from console.web import times, troubles, words
from console.web.languages import LANGUAGES, texts
from console.web.view import View

HERE: Final = Path(__file__).parent


class Templates:
    """One environment for each language, made once."""

    def __init__(self) -> None:
        self._environments = {language: _environment(language) for language in LANGUAGES}

    def render(self, template: str, view: View, **values: object) -> str:
        """The text of a page as this person wants to see it."""
        page = self._environments[view.language].get_template(template)
        return page.render(view=view, languages=LANGUAGES, **values)


@pass_context
def _minute(values: Values, instant: int | str | None) -> Markup | str:
    """An instant to the minute; a mere day, as of a running program, stays a day."""
    at = times.instant(instant) if isinstance(instant, str) else instant
    if at is None:
        return _written_day(values, instant) if isinstance(instant, str) else "–"
    view: View = values["view"]
    return _time(at, "minute", times.minute(at, view.time_zone, view.language))


@pass_context
def _day(values: Values, instant: int | str | None) -> Markup | str:
    """The day of an instant."""
    at = times.instant(instant) if isinstance(instant, str) else instant
    if at is None:
        return _written_day(values, instant) if isinstance(instant, str) else "–"
    view: View = values["view"]
    return _time(at, "day", times.day(at, view.time_zone, view.language))


def _written_day(values: Values, text: str) -> str:
    return times.written_day(text, values["view"].language)


@pass_context
def _ago(values: Values, instant: int) -> Markup:
    """How long ago something was; the instant itself shows up at a touch."""
    view: View = values["view"]
    spoken = texts(view.language)
    text = spoken.gettext("%(span)s ago") % {"span": times.span(values["now"] - instant, spoken)}
    return _time(instant, "title", text, times.minute(instant, view.time_zone, view.language))


@pass_context
def _span(values: Values, seconds: int) -> str:
    return times.span(seconds, texts(values["view"].language))


def _time(instant: int, form: str, text: str, title: str = "") -> Markup:
    shown = Markup(' title="{}"').format(title) if title else Markup()
    return Markup('<time datetime="{}" data-form="{}"{}>{}</time>').format(times.iso(instant), form, shown, text)


def _number(value: int) -> str:
    return f"{value:,}"


def _code(value: str) -> str:
    """A code as a class name of the style."""
    return "".join(sign if sign.isascii() and (sign.isalnum() or sign == "-") else "-" for sign in value.lower())


@pass_context
def _word(values: Values, code: str, table: Mapping[str, str]) -> str:
    """The word for a code in the viewer's language; a code that this console does not know stays as it is."""
    known = table.get(code)
    return texts(values["view"].language).gettext(known) if known else code


@pass_context
def _say(values: Values, text: str) -> str:
    """A text that comes from a table, in the viewer's language. Unlike `_` it is taken as it is: no values go in."""
    return texts(values["view"].language).gettext(text) if text else ""


@pass_context
def _sentence(values: Values, text: str) -> str:
    return words.sentence(text, texts(values["view"].language).gettext)


@pass_context
def _trouble(values: Values, text: str) -> Markup:
    """What is wrong with the policy, or what to do: what stands between backticks is a command."""
    parts = troubles.sentence(text, texts(values["view"].language).gettext).split("`")
    if len(parts) % 2 == 0:
        return escape("`".join(parts))
    shown = (Markup("<code>{}</code>").format(part) if place % 2 else escape(part) for place, part in enumerate(parts))
    return Markup("").join(shown)


@cache
def asset(name: str) -> str:
    """The address of a file of the style, with its hash: it changes when the file does, so browsers may keep it."""
    digest = hashlib.sha256((HERE / "static" / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


FILTERS: Final[dict[str, Any]] = {
    "ago": _ago,
    "code": _code,
    "day": _day,
    "minute": _minute,
    "number": _number,
    "say": _say,
    "sentence": _sentence,
    "span": _span,
    "trouble": _trouble,
    "word": _word,
}


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
    spoken = texts(language)
    # The extension adds this; mypy does not know it.
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        spoken.gettext, spoken.ngettext, newstyle=True, pgettext=spoken.pgettext, npgettext=spoken.npgettext
    )
    environment.filters.update(FILTERS)
    environment.globals.update(
        words.TABLES,
        asset=asset,
        finding_state=words.finding_state,
        iso=times.iso,
        policy_troubles=words.policy_troubles,
    )
    return environment
