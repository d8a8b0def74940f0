"""What holds at an instant for a kind of device, and what no other engine can be told."""

from __future__ import annotations

import pytest

from policy_schema.engines.common.orders import orders_of
from policy_schema.engines.interface import Options, Spared
from policy_schema.rules.instant import Instant, format_instant
from tests.fakes.policies import BLOCK, NOTIFY, REMOVE, ban, closed

SCOPE = {"regions": [], "groups": [], "except_groups": [], "kinds": ["workstation"], "ownership": ["company"]}

INSTANTS = {
    "before the first stage nothing holds": (NOTIFY - 1, None),
    "from its instant on the first stage holds": (NOTIFY, "notify"),
    "a second before the block it is still the notice": (BLOCK - 1, "notify"),
    "from the block on starts are refused": (BLOCK, "block"),
    "the last stage stays": (REMOVE + 10**8, "remove"),
}


@pytest.mark.parametrize(("at", "action"), INSTANTS.values(), ids=INSTANTS.keys())
def test_the_stage_that_holds(at: int, action: str | None) -> None:
    made = orders_of(closed(), "id", Options(at=Instant(at)))
    assert [order.action for order in made.orders] == ([action] if action else [])


@pytest.mark.parametrize("at", [NOTIFY - 1, NOTIFY, BLOCK])
def test_what_begins_later_is_named_with_its_time(at: int) -> None:
    name, start = next(row for row in (("notify", NOTIFY), ("block", BLOCK), ("remove", REMOVE)) if row[1] > at)
    made = orders_of(closed(), "id", Options(at=Instant(at)))
    assert f"claude-code: {name} begins at {format_instant(start)}: compile again then." in made.cannot


DEVICES: dict[str, tuple[dict[str, object], dict[str, object], str]] = {
    "a kind that the ban does not name": (
        {},
        {"kind": "server"},
        "claude-code: is not for these devices (only workstation) and is left out.",
    ),
    "an owner that the ban does not name": (
        {},
        {"ownership": "personal"},
        "claude-code: is not for these devices (only company) and is left out.",
    ),
    "another region": (
        {"regions": ["cn"]},
        {"region": "de"},
        "claude-code: is not for these devices (only cn) and is left out.",
    ),
    "another group": (
        {"groups": ["it", "hr"]},
        {"groups": frozenset({"law"})},
        "claude-code: is not for these devices (only groups hr, it) and is left out.",
    ),
    "a group that is left out": (
        {"except_groups": ["law"]},
        {"groups": frozenset({"law", "it"})},
        "claude-code: is not for these devices (not group law) and is left out.",
    ),
}


@pytest.mark.parametrize(("scope", "device", "sentence"), DEVICES.values(), ids=DEVICES.keys())
def test_devices_that_are_not_meant(scope: dict[str, object], device: dict[str, object], sentence: str) -> None:
    made = orders_of(closed(ban(scope={**SCOPE, **scope})), "id", Options(at=Instant(BLOCK))._replace(**device))  # type: ignore[arg-type]
    assert made.orders == ()
    assert sentence in made.cannot


LIMITS: dict[str, tuple[dict[str, object], str]] = {
    "a region that was not given": (
        {"scope": {**SCOPE, "regions": ["cn"]}},
        "claude-code: is only for regions cn: give the files to such devices alone.",
    ),
    "groups that were not given": (
        {"scope": {**SCOPE, "groups": ["it", "hr"]}},
        "claude-code: is only for groups it, hr: give the files to such devices alone.",
    ),
    "groups that are spared": (
        {"scope": {**SCOPE, "except_groups": ["law"]}},
        "claude-code: is not for groups law: give the files to such devices alone.",
    ),
    "a rollout that is not over": (
        {"rollout": [{"from": format_instant(REMOVE), "groups": [], "percent": 100}]},
        f"claude-code: is rolled out in steps until {format_instant(REMOVE)}: give the files to as many devices.",
    ),
    "a notice that comes first": (
        {"min_notice": 86_400},
        "claude-code: nobody is refused before a notice was shown (min_notice); here that is yours to do.",
    ),
    "time to finish": ({}, "claude-code: what runs gets no time to finish (let_finish), and no countdown is shown."),
    "a need of a newer agent": (
        {"needs": ["telepathy"]},
        "claude-code: needs a newer Interdict and is left out.",
    ),
}


@pytest.mark.parametrize(("changes", "sentence"), LIMITS.values(), ids=LIMITS.keys())
def test_what_no_engine_can_be_told(changes: dict[str, object], sentence: str) -> None:
    made = orders_of(closed(ban(**changes)), "id", Options(at=Instant(BLOCK)))
    assert sentence in made.cannot


def test_model_bans_are_said_and_left_out() -> None:
    model_ban = {"id": "no-models", "families": ["x"], "stages": [], "reason": {}, "scope": {}}
    made = orders_of(closed(model_bans=[model_ban]), "id", Options(at=Instant(BLOCK)))
    assert "no-models: a ban of models ends at a notice, which other engines do not give." in made.cannot
    assert {order.ban for order in made.orders} == {"claude-code"}


def test_an_order_carries_versions_exceptions_words_and_a_page() -> None:
    changed = ban(
        targets=[{"tool": "claude-code", "versions": "<2.1.198"}],
        **{"except": [{"purl": None, "sha256": "ab" * 32, "path": None}]},
        links=[{"title": "Moving", "url": "https://help.example.com/moving"}],
    )
    (order,) = orders_of(closed(changed), "id", Options(at=Instant(BLOCK))).orders
    assert (order.versions, order.spared) == ("<2.1.198", (Spared(sha256="ab" * 32),))
    assert order.url == "https://help.example.com/moving"
    assert order.says == (
        "Example Group policy: Claude Code may not be used here. Use Qoder: https://qoder.com "
        "Assessed as not allowed on company devices. Why, and whom to ask: https://help.example.com/ai"
    )
