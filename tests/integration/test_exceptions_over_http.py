"""The role that can only weaken, over real HTTP: what it grants reaches its devices, and its thief can do no more.

Real repository, real server, the real courier and adopter functions, and the rules that the daemon would hold.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from agent.policy import adopter, courier
from agent.policy.refresh import Adopted, Place, Refresh, Status, refresh, restore
from agent.policy.store import Store
from agent.policy_in_force import rules_of
from policy_schema.rules.decision import Action, State
from policy_schema.rules.instant import Instant, format_instant
from policy_schema.rules.observation import Face, Observation
from policy_schema.rules.relief import MAX_ROWS, PAUSES, bin_name, bin_of, device_hash
from policy_schema.rules.rulebook import Device, Rulebook
from policy_schema.trust.exceptions import delegate
from policy_schema.trust.keys import make_key
from policy_schema.trust.layout import RELIEF_LIMIT, TIMESTAMP_PATH, Role, digest, metadata_path
from policy_schema.trust.library import TargetFile, Targets
from policy_schema.trust.metadata import dated, moment, root_of, sign
from policy_schema.trust.state import published_timestamp
from tests.fakes.policy_server import DAY, START, PolicyRepository, PolicyServer

QUICK = {"pause": 5.0, "deadline": 4.0}
ME, OTHER = "d-me", "d-other"
CODE = Observation("npm", Face.PACKAGE, "/p", purl="pkg:npm/%40anthropic-ai/claude-code@2.1.197")
BLOCKED = Instant(START + 20 * DAY)
"""Days after the block of the policy begins."""


def exceptions(*devices: str, days: int = 60, ban: str = "claude-code", **changes: object) -> dict[str, bytes]:
    """The documents that give these devices an exception."""
    made: dict[str, bytes] = {}
    for device in devices:
        row = {"id": "x-1", "ban": ban, "device": device_hash(device), "granted": format_instant(Instant(START))}
        row["until"] = format_instant(Instant(START + days * DAY))
        made[bin_name(bin_of(device))] = json.dumps({"schema": 1, "exceptions": [{**row, **changes}]}).encode()
    return made


def pauses(days: float, ban: str = "claude-code", start: int = START) -> dict[str, bytes]:
    row = {
        "ban": ban,
        "from": format_instant(Instant(start)),
        "until": format_instant(Instant(int(start + days * DAY))),
    }
    return {PAUSES: json.dumps({"schema": 1, "pauses": [row]}).encode()}


class World:
    """A repository whose signers let the console sign exceptions, its server, and one device that polls it."""

    def __init__(self, state: Path) -> None:
        self.repository = PolicyRepository()
        self.console = make_key("console")
        self.repository.publish("claude-code")
        self.repository.delegate(self.console)
        self.server = PolicyServer(lambda: self.repository.files)
        self.state = state
        self.in_force: Adopted | None = None
        self.journal: dict[str, int] = {}

    @property
    def place(self) -> Place:
        return Place(self.server.url, self.repository.trust, QUICK, ME)

    def poll(self) -> Refresh:
        store = Store(str(self.state))
        ask = {"courier": courier.answer, "adopter": adopter.answer}
        looked = refresh(self.place, store, **ask, now=self.repository.now, seen=self.journal, in_force=self.in_force)
        return self._take(looked)

    def restart(self) -> Refresh:
        self.in_force = None
        return self._take(restore(self.place, Store(str(self.state)), adopter=adopter.answer, seen=self.journal))

    def _take(self, looked: Refresh) -> Refresh:
        if looked.adopted:
            self.in_force = looked.adopted
            self.journal |= looked.adopted.highest
        return looked

    def grant(self, documents: Mapping[str, bytes]) -> None:
        self.repository.now += 60
        self.repository.grant(self.console, documents)

    def decision(self, now: Instant = BLOCKED) -> tuple[State, Action]:
        """What the banned package meets on this device."""
        assert self.in_force is not None
        decision = rules_of(Rulebook(self.in_force.rulebook), Device(ME), self.in_force.relief).decide(CODE, now)
        assert decision is not None
        return decision.state, decision.action

    @property
    def trouble(self) -> str:
        assert self.in_force is not None
        return str(self.in_force.relief.get("trouble"))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """The policy is in force on the device, nothing is granted."""
    made = World(tmp_path)
    with made.server:
        assert made.poll().status is Status.ADOPTED
        assert made.decision() == (State.ACTIVE, Action.BLOCK)
        yield made


GRANTS = {
    "an exception for this device": (exceptions(ME), State.EXCEPTED),
    "one for another device": (exceptions(OTHER), State.ACTIVE),
    "one for each": (exceptions(ME, OTHER), State.EXCEPTED),
    "one of another ban": (exceptions(ME, ban="other"), State.ACTIVE),
    "one that is over": (exceptions(ME, days=10), State.ACTIVE),
    "a pause that is over": (pauses(2), State.ACTIVE),
}


@pytest.mark.parametrize(("documents", "state"), GRANTS.values(), ids=GRANTS.keys())
def test_what_is_granted_reaches_whom_it_is_for(documents: dict[str, bytes], state: State, world: World) -> None:
    world.grant(documents)
    assert world.poll().status is Status.ADOPTED
    assert (world.decision()[0], world.trouble) == (state, "")
    assert world.restart().status is Status.ADOPTED
    assert world.decision()[0] is state


def test_a_pause_holds_for_everybody_and_ends_by_itself(world: World) -> None:
    world.repository.now = BLOCKED
    world.grant(pauses(2, start=BLOCKED))
    world.poll()
    assert world.decision(Instant(BLOCKED + DAY))[0] is State.PAUSED
    assert world.decision(Instant(BLOCKED + 2 * DAY))[0] is State.ACTIVE


def test_what_is_taken_back_ends_at_the_next_poll(world: World) -> None:
    world.grant(exceptions(ME))
    world.poll()
    world.grant({PAUSES: b'{"schema":1,"pauses":[]}'})
    world.poll()
    assert world.decision() == (State.ACTIVE, Action.BLOCK)


def test_a_device_fetches_its_own_bin_only(world: World) -> None:
    world.grant({**exceptions(*(f"d-{number}" for number in range(200)), ME), **pauses(1)})
    world.server.requests.clear()
    world.poll()
    bins = [path for path in world.server.requests if "exceptions-" in path]
    assert [path.rpartition("exceptions-")[2] for path in bins] == [f"{bin_of(ME)}.json"]


# --------------------------------------------------------------------------------------------------------- theft


def forged(world: World, files: Mapping[str, bytes], version: int = 2) -> tuple[bytes, dict[str, bytes]]:
    """A file of the role, rightly signed with its stolen key, that names any targets."""
    made = Targets(version, expires=moment(START + 400 * DAY), targets={})
    for name, content in files.items():
        made.targets[name] = TargetFile(len(content), {"sha256": digest(content)}, name)
    paths = {f"targets/{digest(content)}.{name}": content for name, content in files.items()}
    return sign(dated(made, world.repository.now), [world.console]), paths


def _no_policy(world: World) -> None:
    content, more = forged(world, {"policy.json": b"{}", **exceptions(OTHER)})
    world.repository.force_exceptions(content, 2, more)


def _stranger(world: World) -> None:
    made = Targets(2, expires=moment(START + 400 * DAY), targets={})
    world.repository.force_exceptions(sign(dated(made, START), [make_key("Mallory")]), 2, {})


def _unsigned(world: World) -> None:
    made = Targets(2, expires=moment(START + 400 * DAY), targets={})
    world.repository.force_exceptions(sign(dated(made, START), []), 2, {})


def _older(world: World) -> None:
    first = world.repository.files["metadata/1.exceptions.json"]
    world.repository.force_exceptions(first, 1, {})


def _rubbish(world: World) -> None:
    world.repository.force_exceptions(b"{", 2, {})


def _huge(world: World) -> None:
    content, _ = forged(world, {f"exceptions-{number:02x}.json": b"{}" for number in range(256)})
    world.repository.force_exceptions(content + b" " * 300_000, 2, {})


def _rubbish_inside(world: World) -> None:
    content, more = forged(world, {bin_name(bin_of(ME)): b"[" * 50_000})
    world.repository.force_exceptions(content, 2, more)


THEFTS: dict[str, tuple[Callable[[World], None], bool]] = {
    "a policy of the thief's own": (_no_policy, False),
    "a stranger's signature": (_stranger, True),
    "no signature": (_unsigned, True),
    "rubbish": (_rubbish, True),
    "a file without end": (_huge, True),
    "rubbish in a document": (_rubbish_inside, True),
}


@pytest.mark.parametrize(("attack", "said"), THEFTS.values(), ids=THEFTS.keys())
def test_whoever_has_the_key_and_the_web_server_strengthens_nothing_and_stops_nothing(
    attack: Callable[[World], None], said: bool, world: World
) -> None:
    """The policy stays what enough people signed, newer ones are adopted all the same, and what is wrong is said."""
    world.grant(exceptions(OTHER))
    world.poll()
    world.grant(exceptions(OTHER))
    assert world.poll().status is Status.ADOPTED
    before = world.in_force
    assert before is not None
    world.repository.now += 60
    attack(world)
    looked = world.poll()
    assert (looked.status, bool(world.trouble)) == (Status.ADOPTED, said)
    assert world.in_force is not None
    assert world.in_force.policy == before.policy
    assert world.decision() == (State.ACTIVE, Action.BLOCK)
    world.repository.now += 60
    world.repository.publish_something_new()
    assert world.poll().status is Status.ADOPTED
    assert world.in_force.policy != before.policy


def test_an_older_file_of_the_role_under_a_new_snapshot_is_refused_as_a_whole(world: World) -> None:
    """Only who holds the on-line key too can do this, and they could withhold everything anyway (TUF 5.5.5)."""
    world.grant(exceptions(OTHER))
    world.grant(exceptions(OTHER))
    world.poll()
    before, policy = dict(world.repository.files), world.in_force
    _older(world)
    assert (world.poll().status, world.in_force) == (Status.OLDER, policy)
    world.repository.files = before
    world.repository.now += 60
    world.repository.publish_something_new()
    world.repository.renew()
    assert world.poll().status is Status.ADOPTED


def test_a_role_that_went_to_another_key_begins_without_a_word_of_trouble(world: World) -> None:
    world.grant(exceptions(ME))
    world.poll()
    world.console = make_key("another console")
    world.repository.now += 60
    world.repository.delegate(world.console)
    world.poll()
    assert (world.decision(), world.trouble) == ((State.ACTIVE, Action.BLOCK), "")
    world.grant(exceptions(ME))
    world.poll()
    assert (world.decision()[0], world.trouble) == (State.EXCEPTED, "")


LONGEST = {
    "ten years": exceptions(ME, days=3650),
    "granted tomorrow, every day anew": exceptions(ME, days=3650, granted=format_instant(Instant(START + 5 * DAY))),
}


@pytest.mark.parametrize("documents", LONGEST.values(), ids=LONGEST.keys())
def test_a_stolen_key_gives_no_exception_that_is_longer_than_the_policy_allows(
    documents: dict[str, bytes], world: World
) -> None:
    world.grant(documents)
    world.poll()
    assert world.decision(Instant(START + 91 * DAY)) == (State.ACTIVE, Action.BLOCK)


def test_a_key_that_the_role_was_taken_from_counts_no_longer(world: World) -> None:
    world.grant(exceptions(ME))
    world.poll()
    assert world.decision()[0] is State.EXCEPTED
    world.repository.now += 60
    world.repository.delegate(None)
    world.poll()
    assert world.decision() == (State.ACTIVE, Action.BLOCK)
    content, more = forged(world, exceptions(ME), version=9)
    world.repository.force_exceptions(content, 9, more)
    world.poll()
    assert world.decision() == (State.ACTIVE, Action.BLOCK)


def test_the_web_server_alone_cannot_take_an_exception_away_unnoticed(world: World) -> None:
    world.grant(exceptions(ME))
    del world.repository.files["metadata/1.exceptions.json"]
    world.poll()
    assert "1.exceptions.json" in world.trouble
    assert TIMESTAMP_PATH in world.repository.files


def test_a_hundred_thousand_exceptions(world: World) -> None:
    rows: dict[str, list[dict[str, str]]] = {}
    begins, ends = format_instant(Instant(START)), format_instant(Instant(START + 60 * DAY))
    for number in range(100_000):
        device = f"d-{number}"
        row = {
            "id": f"x-{number}",
            "ban": "claude-code",
            "device": device_hash(device),
            "granted": begins,
            "until": ends,
        }
        rows.setdefault(bin_name(bin_of(device)), []).append(row)
    mine = json.loads(exceptions(ME)[bin_name(bin_of(ME))])["exceptions"]
    rows[bin_name(bin_of(ME))] += mine
    world.grant({name: json.dumps({"schema": 1, "exceptions": found}).encode() for name, found in rows.items()})
    world.server.requests.clear()
    assert world.poll().status is Status.ADOPTED
    assert world.decision()[0] is State.EXCEPTED
    fetched = sum(len(world.repository.files.get(path, b"")) for path in world.server.requests)
    assert fetched < 250_000


# What the thief of both keys writes, rightly signed, and what comes of it: nothing.

MY_BIN = bin_name(bin_of(ME))
ROW = json.loads(exceptions(ME)[MY_BIN])["exceptions"][0]
PAUSE = json.loads(pauses(2, start=BLOCKED)[PAUSES])["pauses"][0]
STAGES = [{"from": format_instant(Instant(START)), "action": "remove", "let_finish": 0, "kill_after": 0}]


def mine(*rows: object, **more: object) -> dict[str, bytes]:
    """The document of my bin."""
    return {MY_BIN: json.dumps({"schema": 1, "exceptions": rows, **more}).encode()}


def paused(*rows: object, **more: object) -> dict[str, bytes]:
    return {PAUSES: json.dumps({"schema": 1, "pauses": rows, **more}).encode()}


NOTHING: dict[str, dict[str, bytes]] = {
    "an exception for every device": mine({**ROW, "device": "*"}, {**ROW, "device": device_hash("*")}),
    "one for no device": mine({**ROW, "device": ""}, {key: value for key, value in ROW.items() if key != "device"}),
    "one for a list of devices": mine({**ROW, "device": [ROW["device"]]}),
    "one of every ban": mine({**ROW, "ban": "*"}, {**ROW, "ban": ["claude-code"]}, {**ROW, "ban": None}),
    "one in another's bin": {bin_name(bin_of(OTHER)): exceptions(ME)[MY_BIN]},
    "one that ends before it begins": mine({**ROW, "granted": ROW["until"], "until": ROW["granted"]}),
    "one without a beginning": mine({**ROW, "granted": ""}, {**ROW, "granted": 0}),
    "one that begins next year": mine({**ROW, "granted": "2027-07-04T01:00:00Z", "until": "2027-08-04T01:00:00Z"}),
    "one without an end": mine({**ROW, "until": None}, {**ROW, "until": "9999"}, {**ROW, "until": True}),
    "a pause of every ban": paused({**PAUSE, "ban": "*"}, {**PAUSE, "ban": None}),
    "a pause that begins next year": paused({**PAUSE, "from": "2027-07-04T01:00:00Z", "until": "2027-07-05T01:00:00Z"}),
    "rows that are no rows": {**mine("x", 7, None, [], [ROW]), **paused("x", None, [PAUSE])},
    "a ban of the thief's own": mine(bans=[{"id": "qoder", "stages": STAGES}], stages=STAGES, policy={"version": 99}),
    "a pause with stages": paused({"ban": "claude-code", "stages": STAGES, "action": "remove"}, lifted=["claude-code"]),
}


@pytest.mark.parametrize("documents", NOTHING.values(), ids=NOTHING.keys())
def test_what_is_no_exception_of_this_device_and_no_pause_changes_nothing(
    documents: dict[str, bytes], world: World
) -> None:
    """Before the block as well as during it, and the policy is the same, byte for byte."""
    assert world.in_force is not None
    before, told = world.in_force.policy, world.decision(Instant(START + DAY))
    world.repository.now = BLOCKED
    world.grant(documents)
    assert world.poll().status is Status.ADOPTED
    assert (world.decision(Instant(START + DAY)), world.decision()) == (told, (State.ACTIVE, Action.BLOCK))
    assert world.decision(Instant(START + 300 * DAY)) == (State.ACTIVE, Action.BLOCK)
    assert world.in_force.policy == before


PAUSED_LONG = {"a month": 30.0, "until 9999": 2_900_000.0}


@pytest.mark.parametrize("days", PAUSED_LONG.values(), ids=PAUSED_LONG.keys())
def test_a_stolen_key_pauses_no_longer_than_the_policy_allows(days: float, world: World) -> None:
    world.repository.now = BLOCKED
    world.grant(pauses(days, start=BLOCKED))
    world.poll()
    assert world.decision(Instant(BLOCKED + DAY))[0] is State.PAUSED
    assert world.decision(Instant(BLOCKED + 3 * DAY + 1)) == (State.ACTIVE, Action.BLOCK)


TOO_MANY = {
    "rows": mine(*[{"device": "d"}] * MAX_ROWS, ROW),
    "bytes": mine(ROW, padding="x" * RELIEF_LIMIT),
}


@pytest.mark.parametrize("documents", TOO_MANY.values(), ids=TOO_MANY.keys())
def test_more_than_a_bin_may_hold_is_said_and_not_read(documents: dict[str, bytes], world: World) -> None:
    world.grant(documents)
    world.poll()
    assert MY_BIN in world.trouble
    assert world.decision() == (State.ACTIVE, Action.BLOCK)


@pytest.mark.parametrize("name", [MY_BIN, PAUSES])
def test_the_web_server_cannot_lose_a_document_unnoticed(name: str, world: World) -> None:
    """The bins of others are never there, and nobody misses them."""
    world.grant({**exceptions(ME, OTHER), **pauses(2, start=BLOCKED)})
    world.poll()
    assert world.trouble == ""
    world.grant({**exceptions(ME, OTHER, days=61), **pauses(1, start=BLOCKED)})
    for path in [path for path in world.repository.files if path.endswith(f".{name}")]:
        del world.repository.files[path]
    world.poll()
    assert name in world.trouble


def _next_root(world: World) -> None:
    """A root in which the thief is everybody."""
    root = root_of(world.repository.files)
    root.version += 1
    for role in (Role.ROOT, Role.TARGETS):
        root.add_key(world.console.public_key, role)
        root.roles[role].threshold = 1
    world.repository.files[metadata_path(Role.ROOT, root.version)] = sign(root, [world.console])


def _next_targets(world: World) -> None:
    """A policy file that names a policy of the thief's, under the right snapshot and timestamp."""
    made = Targets(9, expires=moment(START + 400 * DAY), targets={})
    made.targets["policy.json"] = TargetFile(2, {"sha256": digest(b"{}")}, "policy.json")
    world.repository._seal(sign(dated(made, world.repository.now), [world.console]), version=9)


def _next_timestamp(world: World) -> None:
    """A timestamp of the thief's own, without the on-line key."""
    timestamp = published_timestamp(world.repository.files)
    assert timestamp is not None
    timestamp.version += 1
    world.repository.files[TIMESTAMP_PATH] = sign(dated(timestamp, world.repository.now), [world.console])


IMPERSONATED = {
    "the root": _next_root,
    "the policy's signers": _next_targets,
    "the on-line key": _next_timestamp,
}


@pytest.mark.parametrize("attack", IMPERSONATED.values(), ids=IMPERSONATED.keys())
def test_the_key_signs_for_nobody_else(attack: Callable[[World], None], world: World) -> None:
    assert world.in_force is not None
    before = world.in_force.policy
    world.repository.now += 60
    attack(world)
    assert world.poll().status in (Status.WRONGLY_SIGNED, Status.BELOW_THRESHOLD)
    assert world.in_force.policy == before
    assert world.decision() == (State.ACTIVE, Action.BLOCK)


def test_the_key_alone_without_the_on_line_key_publishes_nothing(world: World) -> None:
    """Even where the thief writes to the web server: the snapshot says which file of the role counts."""
    world.grant(exceptions(OTHER))
    world.poll()
    content, more = forged(world, exceptions(ME, OTHER), version=1)
    world.repository.files |= {"metadata/1.exceptions.json": content, **more}
    world.restart()
    world.poll()
    assert world.decision() == (State.ACTIVE, Action.BLOCK)


def test_the_role_hands_its_right_to_nobody(world: World) -> None:
    """A key that the role's own file names for exceptions signs none."""
    friend = make_key("a friend")
    made = Targets(1, expires=moment(START + 400 * DAY), targets={})
    delegate(made, friend.public_key)
    world.repository.force_exceptions(sign(dated(made, world.repository.now), [world.console]), 1, {})
    world.poll()
    theirs = Targets(2, expires=moment(START + 400 * DAY), targets={})
    content = exceptions(ME)[MY_BIN]
    theirs.targets[MY_BIN] = TargetFile(len(content), {"sha256": digest(content)}, MY_BIN)
    signed = sign(dated(theirs, world.repository.now), [friend])
    world.repository.force_exceptions(signed, 2, {f"targets/{digest(content)}.{MY_BIN}": content})
    assert world.poll().status is Status.ADOPTED
    assert (world.decision(), world.trouble != "") == ((State.ACTIVE, Action.BLOCK), True)
