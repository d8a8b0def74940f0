"""What a policy means for one observation on one device at one second."""

from __future__ import annotations

import pytest

from policy_schema.rules.decision import Action, State
from policy_schema.rules.identity import rollout_bucket
from policy_schema.rules.instant import Instant, format_instant
from policy_schema.rules.observation import Confidence, Face, Match, Observation
from policy_schema.rules.rulebook import Device, DeviceRules, ExceptionGrant, Pause
from tests.fakes.policies import BLOCK, NOTIFY, REMOVE, ban, closed, rulebook, stages

DEVICE = Device("d-1")
PACKAGE = Observation(
    "npm",
    Face.PACKAGE,
    "/usr/lib/node_modules/@anthropic-ai/claude-code",
    purl="pkg:npm/%40anthropic-ai/claude-code@2.1.197",
)
RANGE = [{"tool": "claude-code", "versions": ">=2.1.91 <2.1.198"}]


def _seen(version: str) -> Observation:
    return PACKAGE._replace(purl=f"pkg:npm/%40anthropic-ai/claude-code@{version}")


def _rules(device: Device = DEVICE, exceptions: tuple[ExceptionGrant, ...] = (), **changes: object) -> DeviceRules:
    return rulebook(ban(**changes)).for_device(device, exceptions)


def _answer(rules: DeviceRules, at: int, seen: Observation = PACKAGE) -> tuple[str, str] | None:
    decision = rules.decide(seen, Instant(at))
    return (decision.state.value, decision.action.value) if decision else None


BOUNDARIES = {
    "a second before the first stage it is announced": (NOTIFY - 1, ("announced", "report")),
    "at the second of the first stage it notifies": (NOTIFY, ("active", "notify")),
    "a second before the block it still notifies": (BLOCK - 1, ("active", "notify")),
    "at the second of the block it blocks": (BLOCK, ("active", "block")),
    "a second before removal it still blocks": (REMOVE - 1, ("active", "block")),
    "at the second of removal it removes": (REMOVE, ("active", "remove")),
}


@pytest.mark.parametrize(("at", "expected"), BOUNDARIES.values(), ids=BOUNDARIES.keys())
def test_stages_change_the_answer_at_their_second(at: int, expected: tuple[str, str]) -> None:
    assert _answer(_rules(), at) == expected


def test_an_exception_ends_at_its_second() -> None:
    grant = ExceptionGrant("x-1", "claude-code", "d-1", Instant(BLOCK + 100))
    rules = _rules(exceptions=(grant,))
    assert _answer(rules, BLOCK + 99) == ("excepted", "report")
    assert _answer(rules, BLOCK + 100) == ("active", "block")
    assert rules.next_change(Instant(BLOCK)) == BLOCK + 100


def test_an_exception_of_another_device_or_ban_spares_nothing() -> None:
    grants = (
        ExceptionGrant("x-1", "claude-code", "d-2", Instant(REMOVE)),
        ExceptionGrant("x-2", "other", "d-1", Instant(REMOVE)),
    )
    assert _answer(_rules(exceptions=grants), BLOCK) == ("active", "block")


def test_a_pause_ends_at_its_second() -> None:
    rules = rulebook().for_device(DEVICE, (), (Pause("claude-code", Instant(BLOCK + 60)),))
    assert _answer(rules, BLOCK + 59) == ("paused", "report")
    assert _answer(rules, BLOCK + 60) == ("active", "block")


def test_a_rollout_step_takes_the_device_in_at_its_second() -> None:
    bucket = rollout_bucket("claude-code", "d-1")
    steps = [
        {"from": format_instant(NOTIFY), "percent": bucket},
        {"from": format_instant(NOTIFY + 500), "percent": bucket + 1},
    ]
    rules = _rules(rollout=steps)
    assert _answer(rules, NOTIFY + 499) == ("not-in-rollout", "report")
    assert _answer(rules, NOTIFY + 500) == ("active", "notify")
    assert rules.next_change(Instant(NOTIFY + 1)) == NOTIFY + 500


def test_a_group_comes_before_the_percentages() -> None:
    steps = [{"from": format_instant(NOTIFY), "groups": ["it"]}, {"from": format_instant(BLOCK), "percent": 100}]
    inside = Device("d-1", groups=frozenset({"it"}))
    assert _answer(_rules(inside, rollout=steps), NOTIFY) == ("active", "notify")
    assert _answer(_rules(rollout=steps), NOTIFY) == ("not-in-rollout", "report")
    assert _answer(_rules(rollout=steps), BLOCK) == ("active", "block")


SCOPES = {
    "a server is out of scope by default": (Device("d", kind="server"), {}, "out-of-scope"),
    "a personal device is out of scope by default": (Device("d", ownership="personal"), {}, "out-of-scope"),
    "a region that is not set means report": (Device("d"), {"regions": ["CN"]}, "out-of-scope"),
    "another region is out of scope": (Device("d", region="NO"), {"regions": ["CN"]}, "out-of-scope"),
    "the region named is in scope": (Device("d", region="CN"), {"regions": ["CN"]}, "active"),
    "groups that are not set never fail open": (Device("d"), {"except_groups": ["red-team"]}, "out-of-scope"),
    "a group that is left out is out of scope": (
        Device("d", groups=frozenset({"red-team"})),
        {"except_groups": ["red-team"]},
        "out-of-scope",
    ),
    "another group is in scope": (Device("d", groups=frozenset({"it"})), {"except_groups": ["red-team"]}, "active"),
    "a server that is named is in scope": (Device("d", kind="server"), {"kinds": ["server"]}, "active"),
}


@pytest.mark.parametrize(("device", "scope", "expected"), SCOPES.values(), ids=SCOPES.keys())
def test_scope(device: Device, scope: dict[str, list[str]], expected: str) -> None:
    base = {"regions": [], "groups": [], "except_groups": [], "kinds": ["workstation"], "ownership": ["company"]}
    answer = _answer(_rules(device, scope={**base, **scope}), BLOCK)
    assert answer is not None
    assert answer == (expected, "block" if expected == "active" else "report")


VERSIONS = {
    "2.1.90": False,
    "2.1.91": True,
    "2.1.112": True,
    "2.1.197": True,
    "2.1.198": False,
    "1.0.128": False,
    "2.1.329": False,
}


@pytest.mark.parametrize(("version", "banned"), VERSIONS.items(), ids=VERSIONS.keys())
def test_a_range_bans_exactly_its_versions(version: str, banned: bool) -> None:
    assert (_rules(targets=RANGE).decide(_seen(version), Instant(BLOCK)) is not None) == banned


@pytest.mark.parametrize("version", ["", "not-a-version", "x" * 5000])
def test_a_version_nobody_can_read_is_strong_at_most_and_never_no_match(version: str) -> None:
    seen = PACKAGE._replace(purl="pkg:npm/%40anthropic-ai/claude-code", version=version)
    decision = _rules(targets=RANGE).decide(seen, Instant(BLOCK))
    assert decision is not None
    assert decision.identity.confidence is Confidence.STRONG


SPARED = {
    "a package in one version": ({"purl": "pkg:npm/%40anthropic-ai/claude-code@2.1.197"}, PACKAGE),
    "a package in every version": ({"purl": "pkg:npm/%40anthropic-ai/claude-code"}, PACKAGE),
    "a folder": ({"path": "/usr/lib/node_modules"}, PACKAGE),
    "a hash": ({"sha256": "AB" * 32}, PACKAGE._replace(sha256="ab" * 32)),
}


@pytest.mark.parametrize(("spared", "seen"), SPARED.values(), ids=SPARED.keys())
def test_except_spares(spared: dict[str, str], seen: Observation) -> None:
    rules = _rules(**{"except": [spared]})
    assert rules.decide(seen, Instant(BLOCK)) is None
    assert "spared" in rules.explain(seen, Instant(BLOCK))[0]


def test_except_of_another_version_spares_nothing() -> None:
    rules = _rules(**{"except": [{"purl": "pkg:npm/%40anthropic-ai/claude-code@2.1.200"}]})
    assert _answer(rules, BLOCK) == ("active", "block")


IDENTITIES = {
    "a package by its identity": (PACKAGE, "exact", {Match.PACKAGE_IDENTITY}),
    "a renamed binary by its content": (
        Observation("executables", Face.EXECUTABLE, "/home/li/notes-helper", content="claude-code/0"),
        "exact",
        {Match.CONTENT},
    ),
    "a version file by its folder": (
        Observation("executables", Face.EXECUTABLE, "/home/li/.local/share/claude/versions/2.1.200", home="/home/li"),
        "strong",
        {Match.FOLDER},
    ),
    "a program that only calls itself claude": (
        Observation("executables", Face.EXECUTABLE, "/home/li/bin/claude", home="/home/li"),
        "weak",
        {Match.NAME},
    ),
}


@pytest.mark.parametrize(("seen", "confidence", "matches"), IDENTITIES.values(), ids=IDENTITIES.keys())
def test_identify(seen: Observation, confidence: str, matches: set[Match]) -> None:
    identity = _rules().identify(seen)
    assert identity is not None
    assert (identity.tool, identity.confidence.value, set(identity.matches)) == ("claude-code", confidence, matches)


def test_weak_is_reported_and_never_acted_on() -> None:
    seen = Observation("executables", Face.EXECUTABLE, "/home/li/bin/claude")
    assert _answer(_rules(), REMOVE, seen) == ("weak", "report")


def test_what_no_ban_names_is_no_finding_and_explained() -> None:
    codex = Observation("npm", Face.PACKAGE, "/x", purl="pkg:npm/%40openai/codex@0.169.0")
    qoder = Observation("npm", Face.PACKAGE, "/x", purl="pkg:npm/%40qoder-ai/qodercli@1.1.52")
    rules = _rules()
    assert rules.decide(codex, Instant(REMOVE)) is None
    assert rules.explain(codex, Instant(REMOVE)) == (
        "No ban of the policy names a tool that this could be (1 looked at).",
    )
    assert rules.explain(qoder, Instant(REMOVE)) == ("This is Qoder, which no ban of the policy names.",)


def test_the_strongest_action_wins_and_ties_go_to_the_first_id() -> None:
    softer = ban(id="a-softer", stages=stages((NOTIFY, "notify")))
    rules = rulebook(softer, ban(id="z"), ban(id="b")).for_device(DEVICE)
    decision = rules.decide(PACKAGE, Instant(BLOCK))
    assert decision is not None
    assert (decision.ban, decision.action) == ("b", Action.BLOCK)
    assert len(rules.explain(PACKAGE, Instant(BLOCK))) == 3


def test_a_ban_that_needs_more_than_this_agent_knows_is_left_out_and_named() -> None:
    book = rulebook(ban(), ban(id="future", needs=["telepathy"]))
    assert book.not_understood == ("future",)
    assert [one.id for one in book.bans] == ["claude-code"]


def test_the_cost_of_a_decision_does_not_grow_with_the_number_of_bans() -> None:
    """Counted, not timed: the look-ups of one decision among 1,000 bans touch only those of the tool."""
    many = [ban(id=f"b-{i:04}", targets=[{"tool": "qoder", "versions": None}]) for i in range(1000)]
    rules = rulebook(ban(), *many).for_device(DEVICE)
    assert len(rules.explain(PACKAGE, Instant(BLOCK))) == 1


def test_a_rulebook_of_another_format_is_refused() -> None:
    from policy_schema.document.compile import compile_policy
    from policy_schema.rules.rulebook import Rulebook

    with pytest.raises(ValueError, match="compile the policy again"):
        Rulebook({**compile_policy(closed(), 1), "format": 99})


def test_states_are_those_of_the_contract() -> None:
    words = "announced active out-of-scope not-in-rollout awaiting-notice held excepted paused lifted weak"
    assert [state.value for state in State] == words.split()
