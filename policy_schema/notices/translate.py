"""The words of notices in a language: a gettext catalogue, English where there is none."""

from __future__ import annotations

import gettext
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from policy_schema.notices.language import choose, full_tag

DOMAIN = "interdict"
SOURCE_LANGUAGE = "en"
LOCALE: Traversable = files("policy_schema.notices").joinpath("locale")
"""Holds a folder for each language but English, which stands in the source: adding one adds the language."""


class Words:
    """Turns the English of the source into one language."""

    def __init__(self, language: str, catalogue: gettext.NullTranslations) -> None:
        self.language = language
        self._catalogue = catalogue

    def __call__(self, message: str, **values: object) -> str:
        """The message in this language, its `{names}` filled in."""
        return self._catalogue.gettext(message).format(**values)

    @property
    def gap(self) -> str:
        """What stands between two sentences: nothing after a full-width stop."""
        return "" if self.language.startswith("zh") else " "

    def plural(self, one: str, many: str, number: int, **values: object) -> str:
        """The form of the message for a number, which is `{number}` in it."""
        return self._catalogue.ngettext(one, many, number).format(number=number, **values)


@cache
def catalogues() -> Mapping[str, str]:
    """Languages that notices are written in, with the folder of each: `zh_Hans` holds `zh-Hans`."""
    folders = sorted(one.name for one in LOCALE.iterdir() if _file(one.name, DOMAIN).is_file())
    return {SOURCE_LANGUAGE: "", **{full_tag(name): name for name in folders}}


def _file(folder: str, domain: str) -> Traversable:
    return LOCALE.joinpath(folder, "LC_MESSAGES", f"{domain}.mo")


def words_for(wanted: Sequence[str], domain: str = DOMAIN) -> Words:
    """The words in the best language that there is for somebody who wants these, else English.

    Another domain than that of notices has its own catalogue, and those of notices behind it.
    """
    return _load(choose(wanted, tuple(catalogues()), SOURCE_LANGUAGE), domain)


@cache
def _load(language: str, domain: str) -> Words:
    folder = catalogues()[language]
    if not folder:
        return Words(language, gettext.NullTranslations())
    found: gettext.NullTranslations | None = None
    for name in dict.fromkeys((DOMAIN, domain)):
        path = _file(folder, name)
        if not path.is_file():
            continue  # a page that nobody has translated yet is in English
        with path.open("rb") as stream:
            catalogue = gettext.GNUTranslations(stream)
        if found is not None:
            catalogue.add_fallback(found)
        found = catalogue
    assert found is not None
    return Words(language, found)
