"""A language is added by adding its folder: a throw-away one, in which each text says that it is translated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from policy_schema.notices import translate
from policy_schema.notices.compose import Occasion, Situation, compose
from policy_schema.notices.language import Reader
from policy_schema.notices.terminal import terminal_text
from policy_schema.notices.welcome import welcome
from tests.unit.notices.test_notices import BAN, BLOCKED, FOUND, ORGANISATION, TOLD, TOOL
from tests.unit.notices.test_translations import TOOL as CATALOGUES

MARK = "‹eo›"
HEADER = "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=(n != 1);\n"
ESPERANTO = Reader(("eo",))


@pytest.fixture
def esperanto(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The notices in a language that they did not have, and the page in none."""
    folder = tmp_path / "eo" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    texts = {key: tuple(MARK + text for text in key) for key in CATALOGUES.messages("interdict")}
    (folder / "interdict.mo").write_bytes(CATALOGUES.mo_bytes({("",): (HEADER,), **texts}))
    monkeypatch.setattr(translate, "LOCALE", tmp_path)
    _forget()
    yield
    monkeypatch.undo()
    _forget()


def _forget() -> None:
    translate.catalogues.cache_clear()
    translate._load.cache_clear()


@pytest.mark.usefixtures("esperanto")
@pytest.mark.parametrize("occasion", Occasion)
def test_every_notice_is_in_it(occasion: Occasion) -> None:
    made = compose(ORGANISATION, BAN, TOOL, Situation(occasion, BLOCKED, FOUND, ESPERANTO, TOLD, until=BLOCKED + 900))
    assert made.language == "eo"
    assert [line for line in (made.title, *made.body.splitlines()) if not line.startswith(MARK)] == []
    assert all(button.label.startswith(MARK) for button in made.buttons)


@pytest.mark.usefixtures("esperanto")
def test_whoever_wants_another_one_gets_what_there_is() -> None:
    assert set(translate.catalogues()) == {"en", "eo"}
    situation = Situation(Occasion.BLOCKED, BLOCKED, FOUND, Reader(("zh-CN",)), TOLD)
    assert compose(ORGANISATION, BAN, TOOL, situation).language == "en"
    assert MARK in terminal_text(ORGANISATION, BAN, TOOL, situation._replace(reader=ESPERANTO))
    assert translate.words_for(("eo",), "device-page")("My device") == "My device"


@pytest.mark.usefixtures("esperanto")
def test_the_policys_default_is_what_somebody_reads_who_says_nothing() -> None:
    organisation = {**ORGANISATION, "default_language": "eo"}
    assert welcome(organisation, Reader(), reports=True).language == "eo"
    assert welcome(organisation, Reader(("en",)), reports=True).language == "en"
    assert welcome(organisation, Reader(("en",), ascii_only=True), reports=True).body.isascii()
