"""The gettext catalogues: complete, compiled, with the same places to fill in as the English."""

from __future__ import annotations

import gettext
import string
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

from policy_schema.notices.translate import catalogues, words_for

ROOT = Path(__file__).parents[3]
LOCALE = ROOT / "policy_schema" / "notices" / "locale"
TRANSLATED = sorted(LOCALE.glob("*/LC_MESSAGES/*.po"))


def load_tool() -> ModuleType:
    """`scripts/notice_catalogues` as a module."""
    loader = SourceFileLoader("notice_catalogues", str(ROOT / "scripts" / "notice_catalogues"))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


TOOL = load_tool()


def places(text: str) -> set[str]:
    """The names in braces."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("path", TRANSLATED, ids=lambda path: f"{path.parts[-3]} {path.stem}")
def test_every_message_is_translated(path: Path) -> None:
    entries = {key: value for key, value in TOOL.read_po(path).items() if key != ("",)}
    assert set(entries) == set(TOOL.messages(path.stem))
    assert [key for key, value in entries.items() if not all(value)] == []


@pytest.mark.parametrize("path", TRANSLATED, ids=lambda path: f"{path.parts[-3]} {path.stem}")
def test_a_translation_fills_in_nothing_else_than_the_english(path: Path) -> None:
    # A date has more parts than any one language shows.
    extra = {"{weekday} {day} {month} {year}, {clock}": {"month_number"}}
    for key, values in TOOL.read_po(path).items():
        for value in values if key != ("",) else ():
            assert places(value) <= places(key[-1]) | extra.get(key[0], set()), key
            if key[0] not in extra:
                assert places(value) == places(key[-1]), key


@pytest.mark.parametrize("path", TRANSLATED, ids=lambda path: f"{path.parts[-3]} {path.stem}")
def test_the_compiled_catalogue_is_that_of_its_source(path: Path) -> None:
    assert path.with_suffix(".mo").read_bytes() == TOOL.mo_bytes(TOOL.read_po(path))


@pytest.mark.parametrize("path", TRANSLATED, ids=lambda path: f"{path.parts[-3]} {path.stem}")
def test_gettext_reads_the_compiled_catalogue(path: Path) -> None:
    with path.with_suffix(".mo").open("rb") as stream:
        catalogue = gettext.GNUTranslations(stream)
    for key, values in TOOL.read_po(path).items():
        if len(key) == 1 and key != ("",):
            assert catalogue.gettext(key[0]) == values[0]


@pytest.mark.parametrize("domain", TOOL.DOMAINS)
def test_the_template_holds_every_message(domain: str) -> None:
    assert set(TOOL.read_po(LOCALE / f"{domain}.pot")) - {("",)} == set(TOOL.messages(domain))


def test_every_language_has_its_folder() -> None:
    assert {folder for folder in catalogues().values() if folder} == {path.parts[-3] for path in TRANSLATED}
    for domain in TOOL.DOMAINS:
        assert {words_for((tag,), domain).language for tag in catalogues()} == set(catalogues())
