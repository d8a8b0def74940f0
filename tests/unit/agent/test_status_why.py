"""Why something is banned, as `interdict status` says it: with the standing of each claim, as the notices say it."""

from __future__ import annotations

from typing import Any

import pytest

from agent.cli.why import why_lines
from policy_schema.notices import compose
from policy_schema.notices.facts import read_ban
from policy_schema.notices.translate import words_for

DISPUTE = {"who": "the vendor", "says": "an experiment", "source": None}
CLAIMS: dict[str, dict[str, Any]] = {
    "alleged": {"claim": "It does so", "standing": "alleged", "disputed_by": None, "fixed_in": None},
    "confirmed and fixed": {"claim": "It did so", "standing": "confirmed", "disputed_by": None, "fixed_in": "2.1.198"},
    "disputed": {"claim": "It means so", "standing": "alleged", "disputed_by": DISPUTE, "fixed_in": None},
    "withdrawn": {"claim": "It never did so", "standing": "withdrawn", "disputed_by": DISPUTE, "fixed_in": "1.0.0"},
}
ORGANISATION = {"name": "Example Group", "default_language": "en", "contacts": {"help": "https://help.example.com"}}
REASON = {"en": "Not allowed.", "zh-Hans": "不允许。"}
BAN: dict[str, Any] = {"id": "claude-code", "reason": REASON, "decision": {"by": "Information Security"}, "stages": []}


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS.keys())
def test_a_claim_is_marked_as_the_notice_marks_it(claim: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    ban = {**BAN, "claims": [claim]}
    (fact,) = read_ban(ORGANISATION, ban, ("en",)).claims
    assert list(why_lines(ORGANISATION, [ban])) == [
        "claude-code: Not allowed. Decided by Information Security.",
        compose.claim_line(fact, words_for(("en",))),
        "Questions, or a reason to keep it: https://help.example.com",
    ]


@pytest.mark.parametrize(("locale", "said"), [("zh_CN.UTF-8", "不允许。"), ("fr_FR.UTF-8", "Not allowed.")])
def test_the_reason_comes_in_the_language_of_the_session(
    locale: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", locale)
    monkeypatch.delenv("LANGUAGE", raising=False)
    assert said in next(why_lines(ORGANISATION, [BAN]))


def test_a_policy_that_says_little_is_shown_all_the_same() -> None:
    assert list(why_lines({}, [{"id": "x"}])) == ["x: "]
