"""The texts of the pages: all collected, all translated, with the same values in them; and which language is shown."""

from __future__ import annotations

import re
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

from console.web import troubles, words
from console.web.languages import FOLDERS, LANGUAGES, LOCALE, accepted, texts
from policy_schema.messages.codes import Mode, Reason, ScopeOfPath
from policy_schema.rules.observation import Confidence, Face, Match
from policy_schema.trust.refusal import Refusal, Refused

SCRIPTS = Path(__file__).parents[3] / "scripts"
VALUES = re.compile(r"%\(\w+\)[sd]|%%")


def script(name: str) -> ModuleType:
    """A program without the ending that imports ask for."""
    kept, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        loader = SourceFileLoader(name, str(SCRIPTS / name))
        spec = spec_from_loader(name, loader)
        assert spec is not None
        module = module_from_spec(spec)
        loader.exec_module(module)
        return module
    finally:
        sys.dont_write_bytecode = kept


CATALOGUES = [LOCALE / FOLDERS[language] / "LC_MESSAGES" / "console.po" for language in LANGUAGES if language != "en"]


def test_every_text_of_the_pages_is_in_the_catalogue() -> None:
    known = script("notice_catalogues").read_po(LOCALE / "console.pot")
    wanted = set(script("console_catalogues").messages())
    assert wanted - known.keys() == set(), "run scripts/console_catalogues update"
    assert known.keys() - wanted - {("",)} == set(), "run scripts/console_catalogues update"


@pytest.mark.parametrize("path", CATALOGUES, ids=[path.parts[-3] for path in CATALOGUES])
def test_every_text_is_translated_with_the_same_values_in_it(path: Path) -> None:
    entries = script("notice_catalogues").read_po(path)
    assert [key for key, value in entries.items() if not all(value)] == []
    for key, value in entries.items():
        for translated in value:
            assert sorted(VALUES.findall(translated)) == sorted(VALUES.findall(key[-1])), key
    assert path.with_suffix(".mo").read_bytes() == script("notice_catalogues").mo_bytes(entries), "run … compile"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("zh", "zh-Hans"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-Hans"),
        ("en-GB,en;q=0.9,zh;q=0.1", "en"),
        ("en;q=0.2,zh-Hans;q=0.7", "zh-Hans"),
        ("zh-TW,zh-Hant;q=0.9", "en"),
        ("zh-HK, zh;q=0.5", "zh-Hans"),
        ("zh;q=0", "en"),
        ("zh;q=x", "en"),
        ("zhuang", "en"),
        ("fr, de", "en"),
        (";;;,,,=", "en"),
        ("zh;q=99", "zh-Hans"),
    ],
)
def test_the_language_that_a_browser_wishes_for_most(header: str, language: str) -> None:
    assert accepted(header) == language


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("npm: 1 place could not be looked at", "npm：1 处无法查看"),
        ("wsl: 3 places could not be looked at (other-system, denied)", "wsl：3 处无法查看 (其他系统, 没有权限)"),
        ("needs a newer agent for a, b", "a, b 需要更新的代理程序"),
        ("has stopped reporting", "已停止报告"),
        ("a sentence of tomorrow", "a sentence of tomorrow"),
    ],
)
def test_a_sentence_about_a_device_is_translated_as_far_as_it_is_known(text: str, shown: str) -> None:
    assert words.sentence(text, texts("zh-Hans").gettext) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("The policy server did not answer", "策略服务器没有应答"),
        ("The policy server did not answer (timed out (10 s))", "策略服务器没有应答 (timed out (10 s))"),
        ("claude-code is paused for everybody", "claude-code 已对所有人暂停"),
        ("The root signatures end in 12 days", "root 的签名将在 12 天后到期"),
        ("Wait a minute.", "请稍等一分钟。"),
        ("a sentence of tomorrow (why)", "a sentence of tomorrow (why)"),
        ("50 % of it (%(ban)s)", "50 % of it (%(ban)s)"),
        ("", ""),
    ],
)
def test_what_is_wrong_with_the_policy_is_said_in_the_viewers_language(text: str, shown: str) -> None:
    assert troubles.sentence(text, texts("zh-Hans").gettext) == shown
    assert troubles.sentence(text, texts("en").gettext) == text


def test_every_refusal_of_a_policy_has_its_translation() -> None:
    for refusal in Refusal:
        told = Refused(refusal, "metadata/root.json")
        for text in (str(told), told.advice()):
            assert troubles.sentence(text, texts("zh-Hans").gettext) != text


@pytest.mark.parametrize(
    ("table", "codes"),
    [
        (words.FACES, Face),
        (words.MATCHES, Match),
        (words.CONFIDENCES, Confidence),
        (words.REASONS, Reason),
        (words.MODES, Mode),
        (words.PLACES, ScopeOfPath),
    ],
    ids=["faces", "matches", "confidences", "reasons", "modes", "places"],
)
def test_every_code_has_a_word(table: dict[str, str], codes: type[str]) -> None:
    assert set(table) == {code.value for code in codes}  # type: ignore[attr-defined]


def test_the_browser_libraries_are_those_that_were_fetched() -> None:
    vendored = script("vendored")
    libraries = vendored.json.loads(vendored.PROVENANCE.read_text(encoding="utf-8"))["libraries"]
    assert vendored.check(libraries) == []
    assert {library["licence"] for library in libraries} <= {"MIT", "0BSD"}
