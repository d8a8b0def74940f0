"""Closing: everything resolved, times in UTC, always the same bytes; and reading those bytes back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy_schema.document.canonical import canonical_bytes, encode
from policy_schema.document.catalogue import load_catalogue
from policy_schema.document.close import close_policy
from policy_schema.document.closed import MAX_BYTES, ClosedPolicy, parse_closed
from policy_schema.document.compile import compile_policy, policy_id
from policy_schema.document.load import parse_policy
from policy_schema.document.pieces import compile_bytes
from policy_schema.errors import BadDocument
from policy_schema.rules.decision import Action
from policy_schema.rules.instant import Instant, parse_instant
from policy_schema.rules.observation import Face, Observation
from policy_schema.rules.rulebook import Device, Rulebook

SAMPLES = Path(__file__).parents[2] / "samples" / "policies"
BASE = (SAMPLES / "base.yaml").read_text(encoding="utf-8")


def closed(text: str = BASE) -> ClosedPolicy:
    """A text, closed with the catalogue of this release."""
    return close_policy(parse_policy(text, "p.yaml"), load_catalogue())


def targets(text: str) -> list[Any]:
    """The targets of the first ban, resolved."""
    ban: Any = closed(text).document["bans"]
    found: list[Any] = ban[0]["targets"]
    return found


def with_targets(*rows: str) -> str:
    """The base policy with other targets."""
    return BASE.replace('      - {tool: "claude-code"}', "\n".join(f"      - {{{row}}}" for row in rows))


TARGETS = {
    "one tool": (['tool: "claude-code"'], [("claude-code", None)]),
    "one range": (['tool: "claude-code", versions: ">=2.1.91 <2.1.198"'], [("claude-code", ">=2.1.91 <2.1.198")]),
    "a vendor but two": (
        ['vendor: "Anthropic", except: ["anthropic-sdk", "claude-agent-sdk"]'],
        [("claude-code", None), ("claude-desktop", None)],
    ),
    "a vendor but the approved": (
        ['vendor: "Alibaba", except: "approved"'],
        [("iflow-cli", None), ("qoder-cn", None), ("qwen-code", None)],
    ),
    "a category but one": (['category: "model-gateway", except: ["litellm"]'], [("portkey-gateway", None)]),
    "a tool twice counts once": (
        ['tool: "claude-code"', 'vendor: "Anthropic", except: ["claude-desktop", "anthropic-sdk", "claude-agent-sdk"]'],
        [("claude-code", None)],
    ),
    "all versions swallow a range": (
        ['tool: "claude-code", versions: "<2.0.0"', 'tool: "claude-code"'],
        [("claude-code", None)],
    ),
    "two ranges stay two": (
        ['tool: "claude-code", versions: "<1.0.0"', 'tool: "claude-code", versions: ">2.0.0"'],
        [("claude-code", "<1.0.0"), ("claude-code", ">2.0.0")],
    ),
}


@pytest.mark.parametrize(("rows", "expected"), TARGETS.values(), ids=TARGETS)
def test_targets_become_tools(rows: list[str], expected: list[tuple[str, str | None]]) -> None:
    assert targets(with_targets(*rows)) == [{"tool": tool, "versions": versions} for tool, versions in expected]


def test_times_are_utc_and_durations_seconds() -> None:
    ban: Any = closed().document["bans"]
    assert [stage["from"] for stage in ban[0]["stages"]] == [
        "2026-07-04T07:00:00Z",
        "2026-07-10T07:00:00Z",
        "2026-07-24T07:00:00Z",
    ]
    assert (ban[0]["stages"][1]["let_finish"], ban[0]["stages"][1]["kill_after"], ban[0]["min_notice"]) == (
        14400,
        30,
        86400,
    )
    assert ban[0]["no_later_than"] == "2026-08-15T07:00:00Z"
    assert ban[0]["rollout"][0] == {"from": "2026-07-04T07:00:00Z", "groups": ["it"], "percent": None}


def test_winter_and_summer_have_their_own_offset() -> None:
    text = BASE.replace("2026-07-24 09:00", "2026-12-24 09:00").replace("2026-08-15", "2026-12-31")
    ban: Any = closed(text).document["bans"]
    assert ban[0]["stages"][2]["from"] == "2026-12-24T08:00:00Z"


def test_every_optional_field_is_there() -> None:
    document: Any = closed((SAMPLES / "good" / "smallest.yaml").read_text(encoding="utf-8")).document
    assert set(document) == {
        "schema",
        "organisation",
        "approved",
        "catalogue",
        "tools",
        "bans",
        "lifted",
        "model_bans",
        "exceptions",
        "pause",
        "privacy",
    }
    ban = document["bans"][0]
    assert ban["scope"] == {
        "regions": [],
        "groups": [],
        "except_groups": [],
        "kinds": ["workstation"],
        "ownership": ["company"],
    }
    assert [ban[name] for name in ("except", "claims", "alternatives", "links", "rollout", "needs")] == [[]] * 6
    assert [ban[name] for name in ("classification", "decision", "no_later_than")] == [None] * 3
    assert (ban["min_notice"], ban["cure"]) == (86400, "remove")


def test_the_tools_that_are_meant_offered_or_carry_one_are_included() -> None:
    tools: Any = closed().document["tools"]
    assert sorted(tools) == ["claude-agent-sdk", "claude-code", "claude-code-acp", "claude-desktop", "qoder"]
    native = tools["claude-code"]["faces"]["content"][0]
    assert (native["min_size"], native["tail"]) == (50 * 1024 * 1024, 32 * 1024 * 1024)


def test_an_own_tool_is_included_and_define_is_not() -> None:
    document = closed((SAMPLES / "good" / "own-tool-vendor-models-lifted.yaml").read_text(encoding="utf-8")).document
    assert "define" not in document
    assert "acme/linter" in document["tools"]  # type: ignore[operator]  # a mapping, as all of it is JSON


def test_the_bytes_are_always_the_same_whatever_the_order_of_keys() -> None:
    other = BASE.replace('{tool: "claude-code"}', "{tool: claude-code} # the same").replace(
        'exceptions: {max_days: 90, pending_hold: "24h"}\npause: {max: "72h"}\n',
        'pause: {max: "3d"}\nexceptions: {pending_hold: "1d", max_days: 90}\n',
    )
    assert canonical_bytes(closed(other)) == canonical_bytes(closed())
    data = canonical_bytes(closed())
    assert data.endswith(b"}\n")
    assert b": " not in data.replace(b"// Version: ", b"")[:2000]


def test_the_id_is_that_of_the_compiled_policy() -> None:
    made = closed()
    assert made.id == policy_id(made.document)
    assert Rulebook(compile_policy(made.document, 7)).policy_id == made.id


def test_closed_bytes_read_back() -> None:
    made = closed()
    assert parse_closed(canonical_bytes(made)) == made


def test_a_closed_policy_bans_what_it_names() -> None:
    book = Rulebook(
        compile_policy(closed(with_targets('tool: "claude-code", versions: ">=2.1.91 <2.1.198"')).document, 1)
    )
    rules = book.for_device(Device("d-1", groups=frozenset({"it"})))
    now = Instant(parse_instant("2026-07-11T00:00:00Z"))
    hit = {
        version: rules.decide(_claude(version), now) is not None
        for version in ("2.1.90", "2.1.91", "2.1.112", "2.1.197", "2.1.198")
    }
    assert hit == {"2.1.90": False, "2.1.91": True, "2.1.112": True, "2.1.197": True, "2.1.198": False}
    decision = rules.decide(_claude("2.1.91"), now)
    assert decision is not None
    assert decision.action is Action.BLOCK


def _claude(version: str) -> Observation:
    return Observation(
        "npm",
        Face.PACKAGE,
        "/opt/x",
        name="@anthropic-ai/claude-code",
        version=version,
        purl=f"pkg:npm/%40anthropic-ai/claude-code@{version}",
    )


UNRESOLVED = {
    "a tool that does not exist": (with_targets('tool: "nothing"'), "bans[0].targets[0]: 'nothing' is not a tool"),
    "a target that means nothing": (
        with_targets('vendor: "Cline Bot", except: ["cline"]'),
        "bans[0].targets[0]: means no tool",
    ),
    "a time that the clocks skip": (
        BASE.replace('"2026-08-15 09:00"', '"2027-03-28 02:30"'),
        "bans[0].no_later_than: 2027-03-28 02:30 does not exist",
    ),
    "an approved tool that does not exist": (BASE.replace('approved: ["q', 'approved: ["x'), "approved[0]: 'xoder'"),
    "an alternative that does not exist": (
        BASE.replace('tool: "qoder"', 'tool: "xoder"'),
        "bans[0].alternatives[0].tool: 'xoder' is not a tool",
    ),
}


@pytest.mark.parametrize(("text", "says"), UNRESOLVED.values(), ids=UNRESOLVED)
def test_what_cannot_be_resolved_is_not_closed(text: str, says: str) -> None:
    with pytest.raises(BadDocument) as caught:
        closed(text)
    assert says in caught.value.lines()[0]
    assert caught.value.problems[0].line > 0


def change(edit: Callable[[Any], object]) -> bytes:
    """The closed base policy after a change, in canonical bytes."""
    document: Any = json.loads(canonical_bytes(closed()))
    edit(document)
    return encode(document)


TAMPERED: dict[str, tuple[bytes, str]] = {
    "not JSON": (b"{", "is not JSON"),
    "a list": (b"[]\n", "is not a JSON object"),
    "a number that is none": (b'{"a":NaN}\n', "is not JSON"),
    "a key that stands twice": (b'{"a":1,"a":2}\n', "is not JSON: a key stands twice"),
    "too deep for any policy": (b'{"a":' + b"[" * 40 + b"]" * 40 + b"}\n", "is too deep"),
    "deep enough to exhaust a parser": (b"[" * 200_000, "is not JSON"),
    "bytes that are no text": (b"\xff\n", "is not JSON"),
    "blanks": (canonical_bytes(closed()).replace(b",", b", ", 1), "is not in its canonical form"),
    "no line feed at the end": (canonical_bytes(closed())[:-1], "is not in its canonical form"),
    "more than is ever read": (b" " * (MAX_BYTES + 1), "are allowed"),
    "a missing field": (change(lambda d: d.pop("bans")), "bans"),
    "a schema of the future": (change(lambda d: d.update(schema=2)), "schema: is above 1"),
    "a stage in local time": (
        change(lambda d: d["bans"][0]["stages"][0].update({"from": "2026-07-04 09:00"})),
        "is not an instant",
    ),
    "an action that does not exist": (
        change(lambda d: d["bans"][0]["stages"][0].update(action="destroy")),
        "is not one of the known words",
    ),
    "a link with a script": (
        change(lambda d: d["bans"][0]["alternatives"][0].update(url="javascript:x()")),
        "is not an https or mailto address",
    ),
    "a ban of a tool that is not in it": (
        change(lambda d: d["tools"].pop("claude-code")),
        "bans[0].targets[0]: aims at claude-code, which is not in it",
    ),
    "a tool under another name": (
        change(lambda d: d["tools"]["qoder"].update(id="other")),
        "tools.qoder: has another id inside",
    ),
    "an escape in a reason": (change(lambda d: d["bans"][0]["reason"].update(en="\x1b[2J")), "hidden character U+001B"),
    "a direction mark in a name": (
        change(lambda d: d["organisation"].update(name="x\u202e")),
        "hidden character U+202E",
    ),
    "half a surrogate": (b'{"a":"\\ud800"}\n', "hidden character U+D800"),
}


@pytest.mark.parametrize("read", [parse_closed, lambda data: compile_bytes(data, 1)], ids=["whole", "piece by piece"])
@pytest.mark.parametrize(("data", "says"), TAMPERED.values(), ids=TAMPERED)
def test_bytes_that_are_no_closed_policy_are_refused(data: bytes, says: str, read: Callable[[bytes], object]) -> None:
    with pytest.raises(BadDocument) as caught:
        read(data)
    line = caught.value.lines()[0]
    assert says in line
    assert line.isprintable()


def test_a_field_of_a_later_release_is_passed_over() -> None:
    made = parse_closed(change(lambda d: d["bans"][0].update(colour="blue")))
    assert made.document["bans"][0]["colour"] == "blue"  # type: ignore[index,call-overload]  # JSON


def test_a_ban_that_needs_what_is_not_there_is_left_unread() -> None:
    odd = {"id": "later", "needs": ["telepathy"], "stages": "of another form"}
    made: Any = parse_closed(change(lambda d: d["bans"].append(odd))).document
    assert made["bans"][1] == odd


def test_a_ban_that_needs_what_is_not_there_is_named() -> None:
    later = change(lambda d: d["bans"].append({**d["bans"][0], "id": "later", "needs": ["telepathy"]}))
    book = Rulebook(compile_policy(parse_closed(later).document, 1))
    assert [ban.id for ban in book.bans] == ["claude-code"]
    assert book.not_understood == ("later",)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_make_the_reader_fail_otherwise(data: bytes) -> None:
    with pytest.raises(BadDocument):
        parse_closed(data)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 4000), st.binary(min_size=1, max_size=3))
def test_a_changed_byte_is_refused_or_gives_another_id(place: int, put: bytes) -> None:
    data = canonical_bytes(closed())
    changed = data[:place] + put + data[place + len(put) :]
    try:
        made = parse_closed(changed)
    except BadDocument:
        return
    assert (made.id == closed().id) == (changed == data)
