"""Codes, instants and durations as people read them."""

from __future__ import annotations

import json

import pytest

from console.reports.interface import PolicySeen
from console.state import DeviceState
from console.web import words
from console.web.forms import local_path
from policy_schema.messages.codes import OutcomeCode, Trust
from policy_schema.rules.decision import Action, State

POLICY = PolicySeen("p", 7, "verified", 12, False, (), "")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0 s"), (0, "0 s"), (59, "59 s"), (60, "1 min"), (3600, "1 h"), (86_400, "1 day"), (259_200, "3 days")],
)
def test_a_duration_is_one_number_and_its_unit(seconds: int, text: str) -> None:
    assert words.since_then(seconds) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [("2026-07-03T08:12:44Z", "3 Jul 2026"), ("2026-07-12", "12 Jul 2026"), ("", ""), ("<b>", "<b>")],
)
def test_a_day_is_put_for_people(text: str, shown: str) -> None:
    assert words.day(text) == shown


def test_every_code_has_its_words() -> None:
    assert set(words.OUTCOMES) == {code.value for code in OutcomeCode}
    assert set(words.ACTIONS) == {action.value for action in Action}
    assert set(words.FINDING_STATES) == {state.value for state in State}
    assert set(words.TRUST) == {trust.value for trust in Trust}
    assert all(words.state_word(state) for state in DeviceState)


@pytest.mark.parametrize(
    ("state", "faces", "text"),
    [
        ("weak", ("executable",), "only a name, not acted on"),
        ("weak", ("residue",), "left behind by it, not acted on"),
        ("weak", ("executable", "residue"), "only a name, not acted on"),
        ("active", ("setting",), "in force"),
        ("a-state-of-tomorrow", ("package",), "a-state-of-tomorrow"),
    ],
    ids=["a name", "left behind", "both", "a setting", "a state of tomorrow"],
)
def test_how_a_finding_is_treated(state: str, faces: tuple[str, ...], text: str) -> None:
    assert words.finding_state(state, faces) == text


@pytest.mark.parametrize(
    ("policy", "troubles"),
    [
        (POLICY, ()),
        (POLICY._replace(solo=True), ("one signer",)),
        (POLICY._replace(trust="last-good", problem="expired"), ("last good one, cannot be confirmed now", "expired")),
        (POLICY._replace(trust="none", solo=True), ("no policy",)),
        (POLICY._replace(trust="unsigned"), ("unsigned",)),
    ],
    ids=["fine", "one signer", "expired", "none", "unsigned"],
)
def test_what_stands_beside_a_policy(policy: PolicySeen, troubles: tuple[str, ...]) -> None:
    assert words.policy_troubles(policy) == troubles


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/devices/d-1?x=1", "/devices/d-1?x=1"),
        ("https://elsewhere.example", "/"),
        ("//elsewhere.example", "/"),
        ("/\\elsewhere.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/\r\nSet-Cookie: x=1", "/"),
        ("", "/"),
    ],
)
def test_after_signing_in_nobody_is_led_elsewhere(text: str, path: str) -> None:
    assert local_path(text) == path


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{\n  "a": "李"\n}', '{\n  "a": "李"\n}'),
        ('"\u202egpj"', '"\\u202egpj"'),
        ('"\U000e0041"', '"\\udb40\\udc41"'),
    ],
    ids=["ordinary", "a turned writing direction", "an invisible tag"],
)
def test_what_hides_in_a_report_is_made_visible_and_stays_the_same_json(text: str, shown: str) -> None:
    assert words.visible(text) == shown
    assert json.loads(shown) == json.loads(text)
