"""Every attack on a policy repository over real HTTP: refused with its own code, and the last good policy stays.

Real repository, real server, the real courier and adopter functions; `test_courier.py` runs them as processes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from agent.policy import adopter, courier
from agent.policy.refresh import Adopted, Place, Refresh, Status, refresh, restore
from agent.policy.store import Store
from policy_schema.rules.vanished import keep_vanished
from policy_schema.trust.layout import TIMESTAMP_PATH, Role
from policy_schema.trust.refusal import SENTENCES, Refusal
from tests.fakes.policy_server import DAY, START, PolicyRepository, PolicyServer

QUICK = {"pause": 5.0, "deadline": 4.0}


class World:
    """A repository, its server, and one device that polls it."""

    def __init__(self, state: Path) -> None:
        self.repository = PolicyRepository()
        self.server = PolicyServer(lambda: self.repository.files)
        self.state = state
        self.now = START
        self.journal: dict[str, int] = {}
        self.in_force: Adopted | None = None

    @property
    def place(self) -> Place:
        return Place(self.server.url, self.repository.trust, QUICK)

    def poll(self) -> Refresh:
        return self._take(
            refresh(
                self.place,
                Store(str(self.state)),
                courier=courier.answer,
                adopter=adopter.answer,
                now=self.now,
                seen=self.journal,
                in_force=self.in_force,
            )
        )

    def restart(self) -> Refresh:
        self.in_force = None
        return self._take(restore(self.place, Store(str(self.state)), adopter=adopter.answer, seen=self.journal))

    def wipe_cache(self) -> None:
        shutil.rmtree(self.state / "policy")

    def _take(self, looked: Refresh) -> Refresh:
        if looked.adopted:
            self.in_force = looked.adopted
            self.journal |= {k: max(v, self.journal.get(k, 0)) for k, v in looked.adopted.highest.items()}
        return looked


def _something_new(do: Callable[[PolicyRepository], object]) -> Callable[[World], None]:
    """After a new version was published, so that there is something to fetch."""

    def attack(world: World) -> None:
        world.repository.publish_something_new()
        do(world.repository)

    return attack


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Two policies were published and the second is in force."""
    made = World(tmp_path)
    made.repository.publish("first")
    made.repository.now += DAY
    made.repository.publish("first", "second")
    with made.server:
        made.now = made.repository.now
        assert made.poll().status is Status.ADOPTED
        yield made


class Attack(NamedTuple):
    """What an attacker, or an accident, does; and how the device calls it."""

    name: str
    do: Callable[[World], object]
    code: Refusal


def _expire(world: World) -> None:
    world.now = world.repository.expire()


def _expire_and_roll_back(world: World) -> None:
    world.repository.roll_back()
    world.now = world.repository.expire()


def _endless(world: World) -> None:
    world.repository.renew()
    world.server.endless(".snapshot.json")


def _cut_off(world: World) -> None:
    world.repository.renew()
    world.server.cut_off(".snapshot.json")


ATTACKS = (
    Attack(
        "a changed policy",
        _something_new(PolicyRepository.tamper_policy),
        Refusal.TAMPERED,
    ),
    Attack("a changed timestamp", lambda w: w.repository.tamper_metadata(Role.TIMESTAMP), Refusal.TAMPERED),
    Attack(
        "a changed snapshot",
        _something_new(lambda r: r.tamper_metadata(Role.SNAPSHOT)),
        Refusal.TAMPERED,
    ),
    Attack(
        "a changed targets file",
        _something_new(lambda r: r.tamper_metadata(Role.TARGETS)),
        Refusal.TAMPERED,
    ),
    Attack(
        "a changed targets file, sealed by a thief of the on-line key",
        lambda w: w.repository.tamper_targets_with_online_key(),
        Refusal.TAMPERED,
    ),
    Attack("an older repository that has not expired", lambda w: w.repository.roll_back(), Refusal.OLDER),
    Attack("an older repository that has expired too", _expire_and_roll_back, Refusal.OLDER),
    Attack(
        "an older policy under a new timestamp",
        lambda w: w.repository.roll_back_policy_with_online_key(),
        Refusal.OLDER,
    ),
    Attack("a repository that nobody renewed", _expire, Refusal.EXPIRED),
    Attack(
        "a timestamp without its snapshot", lambda w: w.repository.half_upload_without_snapshot(), Refusal.HALF_UPLOADED
    ),
    Attack(
        "a snapshot without its targets file",
        lambda w: w.repository.half_upload_without_targets(),
        Refusal.HALF_UPLOADED,
    ),
    Attack(
        "a targets file without its policy", lambda w: w.repository.half_upload_without_policy(), Refusal.HALF_UPLOADED
    ),
    Attack("half of a policy", lambda w: w.repository.half_upload_policy(), Refusal.HALF_UPLOADED),
    Attack("the targets file of another version", lambda w: w.repository.mix_and_match(), Refusal.HALF_UPLOADED),
    Attack("a timestamp without signatures", lambda w: w.repository.strip_signatures(Role.TIMESTAMP), Refusal.UNSIGNED),
    Attack("a snapshot without signatures", lambda w: w.repository.strip_signatures(Role.SNAPSHOT), Refusal.UNSIGNED),
    Attack(
        "a targets file without signatures", lambda w: w.repository.strip_signatures(Role.TARGETS), Refusal.UNSIGNED
    ),
    Attack(
        "a timestamp signed by a stranger",
        lambda w: w.repository.sign_with_wrong_key(Role.TIMESTAMP),
        Refusal.WRONGLY_SIGNED,
    ),
    Attack(
        "a snapshot signed by a stranger",
        lambda w: w.repository.sign_with_wrong_key(Role.SNAPSHOT),
        Refusal.WRONGLY_SIGNED,
    ),
    Attack(
        "a policy signed by two strangers",
        lambda w: w.repository.sign_with_wrong_key(Role.TARGETS),
        Refusal.WRONGLY_SIGNED,
    ),
    Attack("a policy signed by one of two", lambda w: w.repository.below_threshold(), Refusal.BELOW_THRESHOLD),
    Attack(
        "a policy signed by one of two and a stranger of the same name",
        lambda w: w.repository.same_person_twice(),
        Refusal.BELOW_THRESHOLD,
    ),
    Attack(
        "a new root by strangers", lambda w: w.repository.take_over_root(signed_by_owner=False), Refusal.WRONGLY_SIGNED
    ),
    Attack(
        "a new root by strangers and one owner",
        lambda w: w.repository.take_over_root(signed_by_owner=True),
        Refusal.BELOW_THRESHOLD,
    ),
    Attack("a root that leaves one out", lambda w: w.repository.skip_root(), Refusal.TAMPERED),
    Attack("a signed text that is no JSON", lambda w: w.repository.sign_rubbish(b"bans: []\n"), Refusal.BAD_DOCUMENT),
    Attack(
        "a signed JSON that is no policy",
        lambda w: w.repository.sign_rubbish(b'{"bans":[{"id":"first"},{"id":"second"}]}\n'),
        Refusal.BAD_DOCUMENT,
    ),
    Attack("signed brackets without end", lambda w: w.repository.sign_rubbish(b"[" * 100_000), Refusal.BAD_DOCUMENT),
    Attack("a policy that is too big", lambda w: w.repository.fill(), Refusal.TOO_BIG),
    Attack("a file that never ends", _endless, Refusal.TOO_BIG),
    Attack("a file that breaks off", _cut_off, Refusal.UNREACHABLE),
    Attack(
        "a file that comes a byte at a time",
        lambda w: (w.repository.renew(), w.server.slow(".snapshot.json")),
        Refusal.UNREACHABLE,
    ),
    Attack(
        "a redirect to another host",
        lambda w: w.server.redirect("timestamp.json", "http://127.0.0.2:1/timestamp.json"),
        Refusal.UNREACHABLE,
    ),
    Attack(
        "a redirect in a circle", lambda w: w.server.redirect("timestamp.json", "timestamp.json"), Refusal.UNREACHABLE
    ),
    Attack("a server that answers 500", lambda w: w.server.answer("timestamp.json", 500, b"oops"), Refusal.UNREACHABLE),
    Attack(
        "a sign-in page in place of everything",
        lambda w: w.server.answer(".json", 200, b"<html>Sign in</html>"),
        Refusal.NOT_A_REPOSITORY,
    ),
    Attack(
        "a sign-in page in place of the timestamp",
        lambda w: w.server.answer("timestamp.json", 200, b"<html>Sign in</html>"),
        Refusal.NOT_A_REPOSITORY,
    ),
    Attack("an empty folder", lambda w: w.repository.files.clear(), Refusal.NOT_A_REPOSITORY),
    Attack(
        "a compressed answer",
        lambda w: w.server.answer("timestamp.json", 200, b"\x1f\x8b", {"Content-Encoding": "gzip"}),
        Refusal.NOT_A_REPOSITORY,
    ),
)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: f"{attack.name} is refused as {attack.code}")
def test_an_attack(world: World, attack: Attack) -> None:
    good = world.in_force
    assert good is not None
    attack.do(world)

    looked = world.poll()
    assert (looked.status, looked.adopted) == (Status(attack.code.value), None)
    assert looked.message.startswith(SENTENCES[attack.code])
    assert looked.advice
    assert world.in_force == good

    offline = world.restart()
    assert offline.status is Status.ADOPTED, "a restart without a network keeps the last good policy"
    assert world.in_force == good


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: f"{attack.name} is refused after the cache was wiped")
def test_an_attack_after_the_cache_was_wiped(world: World, attack: Attack) -> None:
    attack.do(world)
    world.wipe_cache()
    world.in_force = None
    looked = world.poll()
    assert looked.adopted is None
    assert looked.status not in (Status.ADOPTED, Status.UNCHANGED)
    assert world.in_force is None


def test_every_refusal_of_a_repository_has_an_attack() -> None:
    """The first root is the device's own affair, a vanished ban the author's: both have tests of their own."""
    assert {attack.code for attack in ATTACKS} == set(Refusal) - {Refusal.FIRST_TRUST_MISSING, Refusal.BAN_VANISHED}


def test_every_refusal_is_a_status() -> None:
    assert {code.value for code in Refusal} - {Refusal.BAN_VANISHED.value} <= {status.value for status in Status}


def test_a_ban_that_vanished_from_a_signed_policy_is_kept_by_the_agent(world: World) -> None:
    before = world.in_force
    world.repository.drop_ban()
    assert world.poll().status is Status.ADOPTED
    assert before is not None and world.in_force is not None
    book, kept = keep_vanished(before.rulebook, world.in_force.rulebook)
    assert kept == ("first", "second")
    assert book["bans"] == before.rulebook["bans"]


@pytest.mark.parametrize(
    ("trust", "shown"),
    [
        pytest.param(b"", "no usable first root", id="no first root"),
        pytest.param(b"{}", "does not verify", id="a first root that is no metadata"),
        pytest.param(b"\xff", "does not verify", id="a first root that is no text"),
    ],
)
def test_without_a_first_root_nothing_is_trusted(world: World, trust: bytes, shown: str) -> None:
    world.wipe_cache()
    world.in_force = None
    world.repository.trust = trust
    looked = world.poll()
    assert looked.status is Status.FIRST_TRUST_MISSING
    assert shown in looked.message


def test_a_root_of_another_repository_is_not_enough(world: World) -> None:
    world.wipe_cache()
    world.in_force = None
    world.repository.trust = PolicyRepository().trust
    assert world.poll().status is Status.WRONGLY_SIGNED


def test_an_unchanged_poll_is_two_requests_on_one_connection(world: World) -> None:
    world.server.requests.clear()
    before = world.server.connections
    assert world.poll().status is Status.UNCHANGED
    assert world.server.requests == ["metadata/2.root.json", TIMESTAMP_PATH]
    assert world.server.connections == before + 1


def test_a_renewed_timestamp_does_not_fetch_the_policy_again(world: World) -> None:
    world.repository.renew()
    world.server.requests.clear()
    assert world.poll().status is Status.ADOPTED
    assert not any(path.startswith("targets/") for path in world.server.requests)


def test_an_expired_repository_that_is_renewed_counts_again(world: World) -> None:
    world.now = world.repository.expire()
    assert world.poll().status is Status.EXPIRED
    world.repository.now = world.now
    world.repository.renew()
    assert world.poll().status is Status.ADOPTED


def test_a_new_policy_after_an_attack_is_adopted(world: World) -> None:
    world.repository.tamper_metadata(Role.TIMESTAMP)
    assert world.poll().status is Status.TAMPERED
    world.repository.renew()
    policy = world.repository.publish("first", "second", "third")
    assert world.poll().status is Status.ADOPTED
    assert world.in_force is not None
    assert (world.in_force.policy, world.in_force.version) == (policy, 3)
    assert world.in_force.signers == ("Li Wei", "Wang Fang")
    assert not world.in_force.solo


def test_a_signer_can_be_replaced(world: World) -> None:
    world.repository.replace_signer("Zhao Lei", ["Li Wei", "Wang Fang", "Zhao Lei"])
    assert world.poll().status is Status.ADOPTED
    assert world.restart().status is Status.ADOPTED


def test_a_device_that_slept_through_two_roots_follows_both(world: World) -> None:
    for name in ("Zhao Lei", "Wang Fang"):
        world.repository.replace_signer(name, ["Li Wei", "Wang Fang", "Zhao Lei"])
    assert world.poll().status is Status.ADOPTED
    assert world.in_force is not None
    assert world.in_force.versions.root == 3
    world.server.requests.clear()
    assert world.poll().status is Status.UNCHANGED
    assert world.server.requests[0] == "metadata/4.root.json"


def test_an_old_root_is_older_even_without_a_cache(world: World) -> None:
    before = dict(world.repository.files)
    world.repository.replace_signer("Zhao Lei", ["Li Wei", "Wang Fang", "Zhao Lei"])
    assert world.poll().status is Status.ADOPTED
    world.wipe_cache()
    world.in_force = None
    world.repository.files = before
    assert world.poll().status is Status.OLDER


def test_a_thief_who_drove_up_the_versions_is_shut_out_by_a_new_online_key(world: World) -> None:
    before = dict(world.repository.files)
    world.repository.drive_up_versions()
    assert world.poll().status is Status.ADOPTED
    world.repository.files = before
    world.repository.renew()
    assert world.poll().status is Status.OLDER
    world.repository.replace_online_key()
    assert world.poll().status is Status.ADOPTED
    world.wipe_cache()
    world.in_force = None
    assert world.poll().status is Status.ADOPTED


def test_a_single_signer_is_visible(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.repository = PolicyRepository(names=("Li Wei",), threshold=1)
    world.repository.publish("first", signers=["Li Wei"])
    with world.server:
        assert world.poll().status is Status.ADOPTED
    assert world.in_force is not None
    assert (world.in_force.solo, world.in_force.threshold, world.in_force.signers) == (True, 1, ("Li Wei",))


def test_a_server_that_is_away_is_unreachable_and_the_policy_stays(world: World) -> None:
    with PolicyServer(dict) as away:
        url = away.url
    looked = refresh(
        Place(url, world.repository.trust, QUICK),
        Store(str(world.state)),
        courier=courier.answer,
        adopter=adopter.answer,
        now=world.now,
        seen=world.journal,
        in_force=world.in_force,
    )
    assert looked.status is Status.UNREACHABLE
    assert world.restart().status is Status.ADOPTED


def test_a_damaged_store_heals_at_the_next_poll(world: World) -> None:
    stored = next((world.state / "policy" / "targets").iterdir())
    stored.write_bytes(stored.read_bytes()[:-1])
    assert world.restart().status is Status.HALF_UPLOADED
    assert world.poll().status is Status.ADOPTED
    assert world.restart().status is Status.ADOPTED


def test_a_full_disk_keeps_the_new_policy_in_force_and_the_old_one_on_disk(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from agent.errors import InterdictError
    from agent.policy import store

    def full(path: str, data: bytes, mode: int = 0o600) -> None:
        raise InterdictError(f"{path}: no space left on device")

    world.repository.publish_something_new()
    monkeypatch.setattr(store, "write_atomically", full)
    looked = world.poll()
    assert looked.status is Status.NOT_KEPT
    assert looked.adopted is not None and looked.adopted.version == 3
    monkeypatch.undo()
    offline = world.restart()
    assert offline.adopted is not None and offline.adopted.version == 2
    assert "a newer one was seen" in offline.message
    assert world.poll().status is Status.ADOPTED
    assert world.in_force is not None and world.in_force.version == 3
    assert world.restart().message == "The policy was verified."


def test_a_change_cut_off_after_any_file_leaves_the_old_state_whole(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from agent.errors import InterdictError
    from agent.policy import store

    real = store.write_atomically
    for allowed in range(5):
        world.repository.renew()
        world.repository.publish_something_new()
        left = allowed

        def some(path: str, data: bytes, mode: int = 0o600) -> None:
            nonlocal left
            if not left:
                raise InterdictError("killed here")
            left -= 1
            real(path, data, mode)

        with monkeypatch.context() as patch:
            patch.setattr(store, "write_atomically", some)
            world.poll()
        # The journal's numbers are raised by the daemon after it took the policy up: a kill comes before that.
        again = restore(world.place, Store(str(world.state)), adopter=adopter.answer, seen={})
        assert again.status is Status.ADOPTED, again.message
        assert world.poll().status in (Status.ADOPTED, Status.UNCHANGED)
