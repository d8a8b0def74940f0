"""What a signer reads of a change: one row a change, and each says which way it goes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_schema.document.canonical import Json
from policy_schema.document.closed import ClosedPolicy
from policy_schema.document.diff import Way, differences
from policy_schema.document.diff_words import span
from tests.fakes.policies import BLOCK, CLAUDE_CODE, NOTIFY, REMOVE, ban, closed, stages

DAY = 86_400
SCOPE: dict[str, object] = {
    "regions": [],
    "groups": [],
    "except_groups": [],
    "kinds": ["workstation"],
    "ownership": ["company"],
}
MODEL: dict[str, object] = {
    "id": "models",
    "families": ["claude-opus"],
    "reason": {"en": "No."},
    "alternatives": [],
    "links": [],
    "stages": [{"from": "2026-07-10T01:00:00Z", "action": "notify"}],
    "scope": SCOPE,
}
LIFTED = {"id": "claude-code", "date": "2026-08-01", "reason": {"en": "Over."}, "quarantine": "restore"}
CLAIM = {"claim": "it phones home", "standing": "alleged"}


def policy(*bans: dict[str, object], **changes: object) -> ClosedPolicy:
    made: dict[str, Json] = closed(*bans, **changes)  # type: ignore[assignment]  # plain JSON, written as Python
    return ClosedPolicy(made)


def recognised_by(package: str) -> dict[str, object]:
    """The tools, one of which has one more package."""
    faces = CLAUDE_CODE["faces"]
    assert isinstance(faces, dict)
    return {"claude-code": {**CLAUDE_CODE, "faces": {**faces, "packages": [*faces["packages"], package]}}}


STAGES = stages((NOTIFY, "notify"), (BLOCK, "block"), (REMOVE, "remove"))
SOONER = stages((NOTIFY, "notify"), (BLOCK - 3 * DAY, "block"), (REMOVE, "remove"))
RING = {"from": "2026-07-04T01:00:00Z", "groups": ["it"], "percent": None}
LATER = "block comes 3 days later (2026-07-10T01:00:00Z instead of 2026-07-07T01:00:00Z)"

CASES: dict[str, tuple[ClosedPolicy, ClosedPolicy, list[tuple[str, Way, str]]]] = {
    "nothing": (policy(), policy(), []),
    "a stage comes earlier": (
        policy(),
        policy(ban(stages=SOONER)),
        [
            (
                "claude-code",
                Way.STRONGER,
                "block comes 3 days earlier (2026-07-07T01:00:00Z instead of 2026-07-10T01:00:00Z)",
            )
        ],
    ),
    "a stage comes later": (policy(ban(stages=SOONER)), policy(), [("claude-code", Way.WEAKER, LATER)]),
    "a stage is gone": (
        policy(),
        policy(ban(stages=STAGES[:2])),
        [("claude-code", Way.WEAKER, "remove is gone (it was from 2026-07-24T01:00:00Z)")],
    ),
    "less time to finish": (
        policy(),
        policy(ban(stages=[STAGES[0], {**STAGES[1], "let_finish": 3600}, STAGES[2]])),
        [("claude-code", Way.STRONGER, "block: what runs may finish for 1 hour instead of 4 hours")],
    ),
    "a new ban": (
        policy(),
        policy(ban(), ban(id="qoder", targets=[{"tool": "qoder", "versions": "<2.0.0"}], stages=STAGES[:1])),
        [("qoder", Way.STRONGER, "is a new ban of qoder <2.0.0: notify from 2026-07-04T01:00:00Z")],
    ),
    "a ban is lifted": (
        policy(),
        policy(ban(id="other"), lifted=[LIFTED]),
        [
            (
                "other",
                Way.STRONGER,
                "is a new ban of claude-code: notify from 2026-07-04T01:00:00Z, block from 2026-07-10T01:00:00Z, "
                "remove from 2026-07-24T01:00:00Z",
            ),
            ("claude-code", Way.WEAKER, "is lifted; what is in quarantine: restore"),
        ],
    ),
    "a ban vanished": (
        policy(ban(), ban(id="other")),
        policy(),
        [("other", Way.NEITHER, "is missing without being lifted: agents keep it in force")],
    ),
    "narrowed to a range": (
        policy(),
        policy(ban(targets=[{"tool": "claude-code", "versions": "<2.1.198"}])),
        [
            ("claude-code", Way.STRONGER, 'target added: "claude-code <2.1.198"'),
            ("claude-code", Way.WEAKER, "target taken away: claude-code"),
        ],
    ),
    "something is spared": (
        policy(),
        policy(ban(**{"except": [{"purl": None, "sha256": None, "path": "/opt/lab"}]})),
        [("claude-code", Way.WEAKER, "spared added: path /opt/lab")],
    ),
    "people get less notice": (
        policy(ban(min_notice=DAY)),
        policy(ban(min_notice=3600)),
        [("claude-code", Way.STRONGER, "people have 1 hour of notice instead of 1 day")],
    ),
    "an outer limit": (
        policy(),
        policy(ban(no_later_than="2026-08-15T01:00:00Z")),
        [
            (
                "claude-code",
                Way.STRONGER,
                "is enforced from 2026-08-15T01:00:00Z even towards people who could not be told",
            )
        ],
    ),
    "more regions": (
        policy(ban(scope={**SCOPE, "regions": ["CN"]})),
        policy(ban(scope={**SCOPE, "regions": ["CN", "HK"]})),
        [("claude-code", Way.STRONGER, "scope: regions added: HK")],
    ),
    "no region left means all": (
        policy(ban(scope={**SCOPE, "regions": ["CN"]})),
        policy(),
        [("claude-code", Way.STRONGER, "is for all regions instead of CN only")],
    ),
    "a group is left out": (
        policy(),
        policy(ban(scope={**SCOPE, "except_groups": ["red-team"]})),
        [("claude-code", Way.WEAKER, "scope: except_groups added: red-team")],
    ),
    "a rollout is dropped": (
        policy(ban(rollout=[RING])),
        policy(),
        [("claude-code", Way.STRONGER, "begins everywhere at once: there is no rollout any more")],
    ),
    "a reason is reworded": (
        policy(),
        policy(ban(reason={"en": "Because of a contract."})),
        [("claude-code", Way.NEITHER, 'reason (en) is "Because of a contract."')],
    ),
    "a claim is withdrawn": (
        policy(ban(claims=[CLAIM])),
        policy(ban(claims=[{**CLAIM, "standing": "withdrawn"}])),
        [("claude-code", Way.NEITHER, 'claim "it phones home" is withdrawn instead of alleged')],
    ),
    "a tool is recognised by more": (
        policy(),
        policy(tools=recognised_by("pkg:pypi/claude-code")),
        [("claude-code", Way.STRONGER, "is also recognised by packages: pkg:pypi/claude-code")],
    ),
    "one more approved tool": (
        policy(),
        policy(approved=["qoder", "codex"]),
        [("approved", Way.WEAKER, "approved tool added: codex")],
    ),
    "longer exceptions": (
        policy(),
        policy(exceptions={"max_days": 120, "pending_hold": DAY}),
        [("exceptions", Way.WEAKER, "max_days is 120 days instead of 90 days")],
    ),
    "a new model ban": (
        policy(),
        policy(model_bans=[MODEL]),
        [("models", Way.STRONGER, "is a new model ban of claude-opus: notify from 2026-07-10T01:00:00Z")],
    ),
    "one more family": (
        policy(model_bans=[MODEL]),
        policy(model_bans=[{**MODEL, "families": ["claude-opus", "claude-haiku"]}]),
        [("models", Way.STRONGER, "family added: claude-haiku")],
    ),
}


@pytest.mark.parametrize(("old", "new", "expected"), CASES.values(), ids=CASES.keys())
def test_each_change_is_one_sentence(
    old: ClosedPolicy, new: ClosedPolicy, expected: list[tuple[str, Way, str]]
) -> None:
    assert [(one.about, one.way, one.text) for one in differences(old, new)] == expected


def test_against_no_policy_every_ban_is_new() -> None:
    changes = differences(None, policy(ban(), ban(id="other")))
    assert [(change.about, change.way) for change in changes if "new ban" in change.text] == [
        ("claude-code", Way.STRONGER),
        ("other", Way.STRONGER),
    ]


fields = st.fixed_dictionaries(
    {},
    optional={
        "min_notice": st.sampled_from([0, 3600, DAY]),
        "no_later_than": st.sampled_from([None, "2026-08-15T01:00:00Z", "2026-09-01T01:00:00Z"]),
        "stages": st.sampled_from([STAGES, SOONER, STAGES[:1], STAGES[:2]]),
        "scope": st.sampled_from([SCOPE, {**SCOPE, "regions": ["CN"]}, {**SCOPE, "regions": ["CN", "HK"]}]),
        "targets": st.sampled_from([[{"tool": tool, "versions": None}] for tool in ("claude-code", "qoder")]),
        "rollout": st.sampled_from([[], [RING]]),
    },
)


@given(fields, fields)
def test_every_difference_is_said_and_goes_back_the_way_it_came(
    one: dict[str, object], other: dict[str, object]
) -> None:
    old, new = policy(ban(**one)), policy(ban(**other))
    there, back = differences(old, new), differences(new, old)
    assert bool(there) == (old.document != new.document)
    assert sorted(change.way for change in back) == sorted(change.way.opposite for change in there)


SPANS = {
    0: "no time",
    1: "1 second",
    90: "1 minute 30 seconds",
    3600: "1 hour",
    3 * DAY: "3 days",
    DAY + 60: "1 day 1 minute",
}


@pytest.mark.parametrize(("seconds", "words"), SPANS.items(), ids=SPANS.values())
def test_a_span_is_said_in_its_two_largest_units(seconds: int, words: str) -> None:
    assert span(seconds) == words
