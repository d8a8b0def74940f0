"""The console follows the policy as an agent does: a real repository, in a folder and by HTTP, honest and attacked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from console import policy
from console.policy.follow import Follower, Source
from console.store.db import Database
from console.store.migrate import migrate
from policy_schema.document.canonical import encode
from policy_schema.rules.instant import Instant
from policy_schema.trust.keys import make_key
from policy_schema.trust.layout import TIMESTAMP_PATH, Role
from tests.fakes.policy_server import DAY, START, PolicyRepository, PolicyServer


class World:
    """A repository that is served, and a console that follows it."""

    def __init__(self, folder: Path, over: str) -> None:
        self.repository = PolicyRepository()
        self.repository.publish("claude-code")
        self.folder, self.over = folder / "repository", over
        self.server = PolicyServer(lambda: self.repository.files)
        (folder / "root.json").write_bytes(self.repository.trust)
        self.database = Database(f"sqlite:///{folder / 'console.sqlite3'}")
        migrate(self.database)
        self.root = folder / "root.json"

    @property
    def now(self) -> Instant:
        return Instant(self.repository.now)

    def look(self) -> str:
        for path, content in self.repository.files.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_bytes(content)
        where = self.server.url if self.over == "http" else str(self.folder)
        source = Source(where, self.root)
        return Follower(database=self.database, source=source, clock=lambda: self.now).look()

    @property
    def current(self) -> policy.Policy | None:
        with self.database.read() as connection:
            return policy.current(connection)

    @property
    def troubles(self) -> tuple[policy.Trouble, ...]:
        with self.database.read() as connection:
            return policy.troubles(connection, self.now)

    @property
    def versions(self) -> list[int]:
        with self.database.read() as connection:
            return [row.version for row in policy.versions(connection)]

    def publish(self, **changes: Any) -> None:
        """The policy in force with other fields in its first ban."""
        document = json.loads(self.repository.policy)
        document["bans"][0] |= changes
        self.repository.publish_bytes(encode(document))


@pytest.fixture(params=["folder", "http"])
def world(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    made = World(tmp_path, request.param)
    with made.server:
        yield made
    made.database.close()


CLAIM = {
    "claim": "it hides the time zone in the prompt",
    "standing": "alleged",
    "disputed_by": {"who": "vendor", "says": "an experiment", "source": "https://vendor.example"},
    "fixed_in": "2.1.198",
    "source": None,
    "check": None,
}


def test_what_the_pages_need_stands_in_the_policy_in_force(world: World) -> None:
    world.publish(
        claims=[CLAIM],
        reason={"en": "Not allowed.", "zh-Hans": "不允许。"},
        decision={"by": "Security", "date": "2026-07-03", "reference": "SEC-1", "review_by": None},
        rollout=[
            {"from": "2026-07-05T01:00:00Z", "groups": ["it"], "percent": None},
            {"from": "2026-07-06T01:00:00Z", "groups": [], "percent": 100},
        ],
    )
    assert world.look() == ""
    assert world.current is not None
    version, (ban,) = world.current.version, world.current.bans
    assert (version.version, version.signers, version.solo) == (2, ("Li Wei", "Wang Fang"), False)
    assert version.organisation == "Example Group"
    assert set(version.expires) == {"root", "timestamp", "snapshot", "targets"}
    assert (ban.id, ban.name, ban.targets[0].vendor) == ("claude-code", "Claude Code", "Anthropic")
    assert (ban.reason("zh-Hans"), ban.reason("fr")) == ("不允许。", "Not allowed.")
    assert (ban.claims[0].standing, ban.claims[0].disputed_by, ban.claims[0].checkable) == ("alleged", "vendor", False)
    assert (ban.decision.by, ban.decision.reference, ban.decision.review_by) == ("Security", "SEC-1", "")
    assert [stage.action for stage in ban.stages] == ["notify", "block"]
    assert ban.deadline == START + 6 * DAY
    assert [ban.percent(START + days * DAY) for days in (0, 1, 2)] == [0, 0, 100]
    assert world.current.max_days == 90
    assert world.troubles == ()


def test_each_version_is_kept_and_a_renewal_is_none(world: World) -> None:
    world.look()
    world.repository.now += DAY
    world.repository.renew()
    assert (world.look(), world.versions) == ("", [1])
    assert world.current is not None and world.current.version.confirmed_at == world.now
    world.publish(reason={"en": "Another reason."})
    assert (world.look(), world.versions) == ("", [2, 1])
    assert (world.look(), world.versions) == ("", [2, 1])


def _tampered(repository: PolicyRepository) -> None:
    repository.publish_something_new()
    repository.tamper_policy()


def _yesterdays(repository: PolicyRepository) -> None:
    repository.publish_something_new()
    repository.files = dict(repository.history[-1])


def _one_signer(repository: PolicyRepository) -> None:
    repository.publish_something_new()
    path = next(path for path in reversed(list(repository.files)) if path.endswith("2.targets.json"))
    whole = json.loads(repository.files[path])
    whole["signatures"] = whole["signatures"][:1]
    repository.files[path] = json.dumps(whole).encode()


def _gone(repository: PolicyRepository) -> None:
    del repository.files[TIMESTAMP_PATH]


def _late(repository: PolicyRepository) -> None:
    repository.now += 30 * DAY


ATTACKS: dict[str, tuple[Callable[[PolicyRepository], None], set[str]]] = {
    "a policy that was changed after signing": (_tampered, {"tampered"}),
    "yesterday's files": (_yesterdays, {"", "older"}),
    "too few signatures": (_one_signer, {"half-uploaded", "below-threshold"}),
    "signatures that nobody renewed": (_late, {"expired"}),
    "no repository any more": (_gone, {"not-a-repository"}),
}


@pytest.mark.parametrize(("attack", "codes"), ATTACKS.values(), ids=ATTACKS.keys())
def test_what_does_not_verify_is_said_and_the_last_good_policy_stays(
    attack: Callable[[PolicyRepository], None], codes: set[str], tmp_path: Path
) -> None:
    world = World(tmp_path, "http")
    with world.server:
        assert world.look() == ""
        before = world.current
        attack(world.repository)
        code = world.look()
        assert code in codes
        assert world.current is not None and before is not None
        assert world.current.document == before.document
        assert [trouble.code for trouble in world.troubles] == ([code] if code else [])
        since = [trouble.since for trouble in world.troubles]
        world.repository.now += 60
        assert world.look() == code
        assert [trouble.since for trouble in world.troubles] == since
    world.database.close()


def test_never_an_older_repository_also_after_the_files_were_lost(tmp_path: Path) -> None:
    world = World(tmp_path, "http")
    with world.server:
        old = dict(world.repository.files)
        world.repository.publish_something_new()
        world.look()
        with world.database.write() as connection:
            connection.exec_driver_sql("DELETE FROM policy_file")
        world.repository.files = old
        assert (world.look(), world.versions) == ("older", [2])
    world.database.close()


def test_without_a_root_or_a_server_it_says_so(world: World, tmp_path: Path) -> None:
    world.root.unlink()
    assert world.look() == "first-trust-missing"
    world.root.write_bytes(PolicyRepository().trust)
    assert world.look() != ""
    assert world.current is None
    nowhere = Follower(
        database=world.database, source=Source(str(tmp_path / "no"), world.root), clock=lambda: world.now
    )
    assert nowhere.look() == "unreachable"


def test_a_console_that_follows_nothing_says_so(world: World) -> None:
    follower = Follower(database=world.database, source=Source(), clock=lambda: world.now)
    follower.start()
    follower.stop()
    assert [trouble.code for trouble in world.troubles] == ["not-set-up"]
    assert world.current is None


def test_a_stranger_s_exceptions_are_said_and_the_policy_is_taken(world: World) -> None:
    world.repository.delegate(make_key("console"))
    world.repository.force_exceptions(b"{", 1, {})
    assert world.look() == ""
    assert [trouble.code for trouble in world.troubles] == ["exceptions-refused"]


def test_the_end_of_what_people_sign_is_said_two_weeks_before(world: World) -> None:
    world.look()
    world.repository.now += 80 * DAY
    world.repository.renew()
    assert world.look() == ""
    assert [trouble.code for trouble in world.troubles] == ["expires-soon"]
    assert Role.TARGETS in world.troubles[0].message


def test_processes_take_turns(tmp_path: Path) -> None:
    """Of two followers at the same moment, one asks the server."""
    world = World(tmp_path, "http")
    with world.server:
        source = Source(world.server.url, world.root, every=3600)
        followers = [Follower(database=world.database, source=source, clock=lambda: world.now) for _ in range(3)]
        world.look()
        world.server.requests.clear()
        for follower in followers:
            follower.start()
        for follower in followers:
            follower.stop()
        assert world.server.requests == []
    world.database.close()
