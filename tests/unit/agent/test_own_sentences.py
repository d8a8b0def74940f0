"""The agent's own sentences on a page in another language: each that the agent can make has its form."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from agent import brake as braking
from agent.enforce.comeback import Likely, Source, sentence
from agent.report.device_page.page import device_page
from agent.report.device_page.sentences import said
from policy_schema.rules.instant import Instant
from policy_schema.rules.observation import Face, Observation
from policy_schema.rules.rulebook import Device
from tests.fakes.device_views import a_finding, machine, material, own
from tests.fakes.policies import BLOCK, NOTIFY, ban, rulebook

ROOT = Path(__file__).parents[3]
PACKAGE = Observation("npm", Face.PACKAGE, "/x", purl="pkg:npm/%40anthropic-ai/claude-code@2.1.197", version="2.1.197")
NAMED = Observation("executables", Face.EXECUTABLE, "/home/li/bin/claude", name="claude")
SCOPE = {"regions": [], "groups": [], "except_groups": [], "kinds": ["workstation"], "ownership": ["company"]}


def _why(
    seen: Observation = PACKAGE, device: Device | None = None, now: int = BLOCK, fields: dict[str, object] | None = None
) -> str:
    decision = rulebook(ban(**(fields or {}))).for_device(device or Device("d-1")).decide(seen, Instant(now))
    assert decision is not None
    return decision.why[0]


def _scope(**changes: list[str]) -> dict[str, object]:
    return {"scope": {**SCOPE, **changes}}


MADE = {
    "in force": _why(),
    "to come": _why(now=NOTIFY - 1),
    "known by its name only": _why(NAMED),
    "of a version that is not known": _why(PACKAGE._replace(version="", purl="pkg:npm/%40anthropic-ai/claude-code")),
    "another kind of device": _why(device=Device("d-1", kind="ci")),
    "another owner": _why(device=Device("d-1", ownership="personal")),
    "another region": _why(device=Device("d-1", region="DE"), fields=_scope(regions=["CN"])),
    "no region": _why(fields=_scope(regions=["CN"])),
    "no groups": _why(fields=_scope(groups=["it"])),
    "another group": _why(device=Device("d-1", groups=frozenset({"hr"})), fields=_scope(groups=["it"])),
    "a group left out": _why(device=Device("d-1", groups=frozenset({"it"})), fields=_scope(except_groups=["it"])),
    "a rollout to come": _why(fields={"rollout": [{"from": "2026-08-01T00:00:00Z", "groups": [], "percent": 100}]}),
    "no rollout": _why(fields={"rollout": [{"from": "2026-08-01T00:00:00Z", "groups": ["it"], "percent": 0}]}),
    "a crash loop": f"{braking.REST} It acts again at 2026-07-10T01:00:00Z.",
    "came back": "It came back 3 times, so it is no longer removed.",
    "came back from somewhere": "It came back 3 times, so it is no longer removed. "
    + sentence(Likely(Source.DOTFILES, "/home/li/.dotfiles")),
    "came back from nobody knows where": "It came back 3 times, so it is no longer removed. "
    + sentence(Likely(Source.UNKNOWN)),
    "a brake's number": braking.held_bans(
        braking.judge_matches(braking.judge_matches(braking.Brake(), {"b": {1000: 1}}, True), {"b": {1000: 500}}, True)
    ).get("b", "The brake holds it: 500 installations match where 1 did before."),
    "a model": "Ban anthropic-models: aider is configured with the model claude-opus-4 (exact); "
    "notify since 2026-07-10T01:00:00Z.",
}


@pytest.mark.parametrize("name", MADE)
def test_a_sentence_is_said_again_whole(name: str) -> None:
    text, language = said(material("zh-Hans"), MADE[name])
    assert language == "zh-Hans", MADE[name]
    rest = re.sub(
        r"Claude Code|Interdict|Ban|aider|claude-[\w-]+|anthropic-models|workstation|personal|ci\b|CN|DE|it\b", "", text
    )
    assert not re.search(r"[a-z]{3,} [a-z]{2,}", rest), text


DAYS = sorted(
    {
        line[6:]
        for path in (ROOT / "tests/samples/days").glob("*.txt")
        for line in path.read_text().splitlines()
        if line.startswith("    = ")
    }
)


def test_every_sentence_of_every_day_is_known() -> None:
    page = material("zh-Hans")
    assert [one for one in DAYS if said(page, one)[1] != "zh-Hans"] == []
    assert len(DAYS) > 20


SOURCES = {
    "agent/cases.py": "_what_holds _capped _left_alone",
    "policy_schema/rules/rulebook.py": "_state _scope_why",
}


@pytest.mark.parametrize("file", SOURCES)
def test_no_sentence_of_the_source_is_missing(file: str) -> None:
    """The constant parts of each sentence that these functions make stand in a form."""
    forms = (ROOT / "agent/report/device_page/sentences.py").read_text()
    functions = [
        node
        for node in ast.walk(ast.parse((ROOT / file).read_text()))
        if isinstance(node, ast.FunctionDef) and node.name in SOURCES[file].split()
    ]
    texts = [
        part.value.strip(" .")
        for function in functions
        for part in ast.walk(ast.Module(function.body[1:] if ast.get_docstring(function) else function.body, []))
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and " " in part.value.strip()
    ]
    assert len(texts) > 4
    known = " ".join(forms.replace('"\n        "', "").split())
    assert [text for text in texts if text not in known] == []


@pytest.mark.parametrize(
    "sentence", ["", "Ban x: something of tomorrow.", "(((" * 2000, "Ban a: this is " + "b, by " * 3000]
)
def test_what_has_no_known_form_stands_as_it_came(sentence: str) -> None:
    assert said(material("zh-Hans"), sentence) == (sentence, "en")


def test_the_chinese_page_has_no_english_sentence_of_the_agents_own() -> None:
    finding = a_finding(state="held", held_until="2026-07-09T08:00:00Z", why=[MADE["in force"]])
    notes = ["Ban agent-sdk is paused until 2026-07-10T01:00:00Z."]
    page = device_page(material("zh-Hans", machine=machine(notes=notes), own=own(findings=[finding])))
    assert 'lang="en"' not in page
    assert "暂缓期结束" in page and "禁令 agent-sdk 暂停至" in page
