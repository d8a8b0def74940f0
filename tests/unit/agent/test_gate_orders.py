"""The gate's orders: whom a ban is enforced towards, what is spared; always the same as what `step` would end."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cases import Case, Conditions, Subject, step
from agent.ipc.orders import EVERYBODY, Remembered, compose, document, enforced_since, spared_paths
from agent.persons import Person
from policy_schema.rules.decision import Action, State
from policy_schema.rules.instant import Instant, format_instant
from policy_schema.rules.observation import Face, Observation
from policy_schema.rules.rulebook import Device, DeviceRules, ExceptionGrant, Pause
from tests.fakes.policies import BLOCK, NOTIFY, ban, rulebook

PATH = "/home/li/.npm-global/lib/node_modules/@anthropic-ai/claude-code"
PACKAGE = Observation(
    "npm", Face.PACKAGE, PATH, uid=1000, purl="pkg:npm/%40anthropic-ai/claude-code@2.1.112", version="2.1.112"
)
DAY = 86_400
DEVICE = Device("d-1", groups=frozenset({"engineering", "beijing"}))


def rules(device: Device = DEVICE, **changes: object) -> DeviceRules:
    return rulebook(ban(**changes)).for_device(device)


def remembered(**changes: object) -> Remembered:
    base = Remembered({}, frozenset({0, 1000, 1001}), frozenset(), {}, {}, lambda ban, uid: "", False)
    return base._replace(**changes)  # type: ignore[arg-type]  # each test names fields of it


def told(**when: int) -> Mapping[tuple[str, str, int], Person]:
    rows = {int(uid[1:]): at for uid, at in when.items()}
    return {("claude-code", "claude-code", uid): Person(told={"notify": Instant(at)}) for uid, at in rows.items()}


ROW = ("claude-code", "claude-code")
TOWARDS = {
    "nobody before the block begins": (rules(), remembered(), BLOCK - 1, []),
    "everybody from then on": (rules(), remembered(), BLOCK, [EVERYBODY]),
    "those who were told in time": (
        rules(min_notice=DAY), remembered(persons=told(u1000=NOTIFY, u1001=BLOCK - DAY + 1)), BLOCK, [1000],
    ),
    "nobody who was never told": (rules(min_notice=DAY), remembered(), BLOCK + 30 * DAY, []),
    "everybody once the outer limit has come": (
        rules(min_notice=DAY, no_later_than=format_instant(BLOCK + DAY)), remembered(), BLOCK + DAY, [EVERYBODY],
    ),
    "nobody where a machine only observes": (rules(), remembered(observe=True), BLOCK, []),
    "nobody where the brake holds the ban": (rules(), remembered(hold=lambda ban, uid: "held"), BLOCK, []),
    "all but the one whose things the brake holds": (
        rules(), remembered(hold=lambda ban, uid: "held" if uid == 1001 else ""), BLOCK, [0, 1000],
    ),
    "nobody on a device that is out of scope": (rules(DEVICE._replace(kind="server")), remembered(), BLOCK, []),
    "nobody while an exception lasts": (
        rulebook(ban()).for_device(DEVICE, [ExceptionGrant("x-1", "claude-code", "d-1", Instant(BLOCK + 1))]),
        remembered(), BLOCK, [],
    ),
    "nobody while the ban is paused": (
        rulebook(ban()).for_device(DEVICE, (), [Pause("claude-code", Instant(BLOCK + 1))]), remembered(), BLOCK, [],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("on", "known", "now", "uids"), TOWARDS.values(), ids=TOWARDS)
def test_a_ban_is_enforced_towards(on: DeviceRules, known: Remembered, now: int, uids: list[int]) -> None:
    assert compose(on, known, Instant(now)).enforce == tuple((*ROW, uid) for uid in uids)


@given(
    min_notice=st.sampled_from([0, 3600, DAY]),
    limit=st.none() | st.integers(BLOCK - DAY, BLOCK + 3 * DAY),
    notice=st.none() | st.integers(NOTIFY, BLOCK + 2 * DAY),
    now=st.integers(BLOCK, BLOCK + 3 * DAY),
)
def test_the_gate_refuses_towards_a_person_just_when_a_process_of_theirs_would_be_ended(
    min_notice: int, limit: int | None, notice: int | None, now: int
) -> None:
    on = rules(min_notice=min_notice, no_later_than=None if limit is None else format_instant(limit))
    person = Person() if notice is None else Person(told={"notify": Instant(notice)})
    decision = on.decide(PACKAGE, Instant(now))
    assert decision is not None
    subject = Subject("f-1", "i-1", "claude-code", "claude-code", Face.PACKAGE, PATH, 1000)
    ends = step(Case(subject, Instant(NOTIFY)), decision, person, Conditions(Instant(now))).standing.action
    assert enforced_since(person, on.book.bans[0], Instant(now)) == (ends.rung >= Action.BLOCK.rung)


def test_only_entry_files_of_what_is_enforced_are_named() -> None:
    entries = {PATH: (f"{PATH}/cli.js",), "/opt/q": ("/opt/q/q.js",)}
    known = remembered(entries=entries, packages={PATH: "claude-code", "/opt/q": "qoder"})
    assert compose(rules(), known, Instant(BLOCK)).entries == (f"{PATH}/cli.js",)
    assert compose(rules(), known, Instant(NOTIFY)).entries == ()


def test_what_is_held_excepted_or_given_back_is_spared_with_all_its_parts() -> None:
    subject = Subject("f-1", "i-1", "b", "t", Face.PACKAGE, "/a", 1, parts=(("/beside", None), ("/a", None)))
    rows = {
        State.HELD: subject,
        State.EXCEPTED: subject._replace(path="/b", parts=()),
        State.ACTIVE: subject._replace(path="/c", parts=(("/c", None),)),
    }
    cases = [Case(one, Instant(1), state=state) for state, one in rows.items()]
    gone = Case(subject._replace(path="/d", parts=()), Instant(1), state=State.HELD, gone_at=Instant(2))
    assert spared_paths([*cases, gone], frozenset({"/given/back"})) == {"/a", "/beside", "/b", "/given/back"}


def test_the_gate_reads_what_the_daemon_writes() -> None:
    orders_of_the_gate = pytest.importorskip("agent.gate.orders", reason="Linux")
    on = rules(DEVICE._replace(region="CN"))
    orders = compose(on, remembered(spared=frozenset({"/opt/lab"})), Instant(BLOCK))
    made = document(orders, on, serial=7, floor=Instant(5), protected=("/bin/sh",))
    read = orders_of_the_gate.parse_orders(json.dumps(made).encode())
    assert (read.serial, read.floor, read.spare, read.protected) == (7, 5, ("/opt/lab",), ("/bin/sh",))
    assert read.enforce == {(*ROW, EVERYBODY)}
    assert read.rules.device == on.device
    assert read.rules.decide(PACKAGE, Instant(BLOCK)) == on.decide(PACKAGE, Instant(BLOCK))
