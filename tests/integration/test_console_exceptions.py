"""From a request to what an agent accepts, and back: decided by two people, signed by the role that can only weaken.

On SQLite and on PostgreSQL, with a real repository in a folder, real keys in files, and the agents' own verification.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from console.access import Role, Viewer
from console.decisions import Publish
from console.exceptions import decide
from console.exceptions.publish import due
from console.exceptions.words import NotDecided
from console.policy import current
from console.store.erase import erase_device, erase_person
from console.store.queries import decisions
from policy_schema.authoring import grants
from policy_schema.authoring.grants import read_decided
from policy_schema.rules.granted import GrantedException, documents
from policy_schema.rules.instant import Instant
from policy_schema.rules.relief import Because, device_hash
from policy_schema.trust.keys import Use, make_key
from tests.fakes.deciding import ADMIN, APPROVER, DAY, Asked, DecidingConsole, Wish, new_sqlite
from tests.fakes.reporting_device import ReportingDevice


@pytest.fixture
def console(store: str, tmp_path: Path) -> Iterator[DecidingConsole]:
    made = DecidingConsole(tmp_path, store)
    yield made
    made.database.close()


@pytest.fixture
def light(tmp_path: Path) -> Iterator[DecidingConsole]:
    """On SQLite alone."""
    made = DecidingConsole(tmp_path, new_sqlite(tmp_path))
    yield made
    made.database.close()


def wish(console: DecidingConsole, *devices: str, **changes: object) -> Wish:
    usual = Wish("claude-code", devices, console.now + 30 * DAY, "a customer's contract", "", True)
    return usual._replace(**changes)


def approve(console: DecidingConsole, asked: Asked, viewer: Viewer = APPROVER, **changes: object) -> str:
    with console.database.write() as connection:
        policy = current(connection)
        return decide.approve_request(connection, policy, viewer, asked, wish(console, **changes), console.now)


def give(console: DecidingConsole, *devices: str, viewer: Viewer = APPROVER, **changes: object) -> str:
    given = wish(console, *devices, **{"asked_by": "Chen Jie", **changes})
    with console.database.write() as connection:
        return decide.give(connection, current(connection), viewer, given, console.now)


def refuse(console: DecidingConsole, asked: Asked, viewer: Viewer = APPROVER) -> None:
    with console.database.write() as connection:
        decide.refuse_request(connection, viewer, asked, Because.ALTERNATIVE, "Qoder does it", console.now)


def pause(console: DecidingConsole, hours: int = 24, viewer: Viewer = ADMIN, ban: str = "claude-code") -> None:
    with console.database.write() as connection:
        policy = current(connection)
        decide.set_pause(connection, policy, viewer, ban, hours * 3600, "false alarms", console.now)


def pending(console: DecidingConsole) -> bool:
    with console.database.read() as connection:
        return bool(due(connection, console.now))


def test_what_is_approved_reaches_the_device_and_what_is_taken_back_leaves_it(console: DecidingConsole) -> None:
    device, other = console.enrol(), console.enrol("wang-laptop")
    name = approve(console, console.ask(device))
    assert (console.relief(device.id).exceptions, pending(console)) == ((), True)
    assert console.deciding.publisher.publish()
    (given,) = console.relief(device.id).exceptions
    assert (given.id, given.ban, given.until) == (name, "claude-code", console.now + 30 * DAY)
    assert (console.relief(other.id).exceptions, pending(console)) == ((), False)
    console.pass_time(DAY)
    with console.database.write() as connection:
        decide.withdraw(connection, APPROVER, name, "the contract is over", console.now)
    assert console.deciding.publisher.publish()
    assert (console.relief(device.id).exceptions, pending(console)) == ((), False)
    with console.database.read() as connection:
        row = connection.execute(decisions.exception_of(name)).one()
    assert (row.approved_by, row.withdrawn_by, row.withdrawn_why) == ("chen", "chen", "the contract is over")
    assert row.published_at < row.taken_back_at


def test_a_refusal_reaches_the_person_as_a_code_and_weakens_or_strengthens_nothing(console: DecidingConsole) -> None:
    device = console.enrol()
    asked = console.ask(device)
    refuse(console, asked)
    console.deciding.publisher.publish()
    relief = console.relief(device.id)
    (answer,) = relief.answers
    assert (answer.request, answer.ban, answer.because) == (asked.request_id, "claude-code", Because.ALTERNATIVE)
    assert (relief.exceptions, relief.pauses, pending(console)) == ((), (), False)
    assert b"Qoder does it" not in b"".join(console.read().values())


def test_a_pause_holds_for_everybody_until_it_is_lifted(console: DecidingConsole) -> None:
    device = console.enrol()
    pause(console)
    console.deciding.publisher.publish()
    (resting,) = console.relief(device.id).pauses
    assert (resting.ban, resting.until) == ("claude-code", console.now + DAY)
    console.pass_time(3600)
    with console.database.write() as connection:
        decide.lift_pause(connection, ADMIN, "claude-code", console.now)
    console.deciding.publisher.publish()
    assert (console.relief(device.id).pauses, pending(console)) == ((), False)


SOME = frozenset({"engineering"})
Rejected = Callable[[DecidingConsole, ReportingDevice], object]
NOT_DECIDED: dict[str, tuple[Rejected, str]] = {
    "a ban that the policy does not have": (lambda c, d: give(c, d.id, ban="another"), "no ban another"),
    "longer than the policy allows": (lambda c, d: give(c, d.id, until=c.now + 91 * DAY), "90 days at most"),
    "a day that is over": (lambda c, d: give(c, d.id, until=c.now), "over already"),
    "no reason": (lambda c, d: give(c, d.id, reason=" "), "Say why"),
    "no device": (lambda c, d: give(c), "1 to 50 devices"),
    "51 devices": (lambda c, d: give(c, *(f"d-{number}" for number in range(51))), "1 to 50 devices"),
    "a device that is not there": (lambda c, d: give(c, d.id, "d-nobody"), "no device d-nobody"),
    "nobody who asked": (lambda c, d: give(c, d.id, asked_by=""), "who asked"),
    "the approver's own, by name": (lambda c, d: give(c, d.id, asked_by=" Chen "), "approves their own"),
    "without the statement": (lambda c, d: give(c, d.id, stated=False), "states"),
    "a device of another group": (
        lambda c, d: give(c, d.id, viewer=APPROVER._replace(groups=frozenset({"sales"}))),
        "no device",
    ),
    "a request that is not there": (lambda c, d: approve(c, Asked(d.id, "r-0badc0de")), "no such request"),
    "a request of another group": (
        lambda c, d: approve(c, c.ask(d), APPROVER._replace(groups=frozenset({"sales"}))),
        "no such request",
    ),
    "an objection, refused": (lambda c, d: refuse(c, c.ask(d, kind="wrong")), "not refused"),
    "a pause that is too long": (lambda c, d: pause(c, 73), "72 hours at most"),
    "a pause of one group's admin": (lambda c, d: pause(c, 1, ADMIN._replace(groups=SOME)), "some groups only"),
    "a pause of no ban": (lambda c, d: pause(c, 1, ban="another"), "no ban another"),
}


@pytest.mark.parametrize(("attempt", "said"), NOT_DECIDED.values(), ids=NOT_DECIDED.keys())
def test_what_is_not_decided(attempt: Rejected, said: str, light: DecidingConsole) -> None:
    device = light.enrol()
    with pytest.raises(NotDecided, match=said):
        attempt(light, device)
    assert not pending(light)


def test_nobody_approves_what_was_asked_for_at_their_own_device(light: DecidingConsole) -> None:
    mine, theirs = light.enrol(), light.enrol("wang-laptop")
    with light.database.write() as connection:
        decide.claim_device(connection, ADMIN, mine.id, "Chen", light.now)
    for attempt in (
        lambda: approve(light, light.ask(mine)),
        lambda: approve(light, light.ask(theirs, "r-00c0ffe1"), devices=(mine.id,)),
        lambda: give(light, mine.id),
    ):
        with pytest.raises(NotDecided, match="nobody approves their own"):
            attempt()
    assert approve(light, Asked(mine.id, "r-00c0ffee"), Viewer("wu", "", Role.APPROVER))


def test_what_somebody_has_decided_stays_decided(console: DecidingConsole) -> None:
    asked = console.ask(console.enrol())
    refuse(console, asked)
    with pytest.raises(NotDecided, match="chen has decided already: refused"):
        approve(console, asked)


def test_several_processes_publish_one_state_after_the_other(console: DecidingConsole) -> None:
    """Eight processes at once: every exception stands in the repository exactly once, and each version verifies."""
    devices = [console.enrol(f"laptop-{number}") for number in range(8)]
    names = [give(console, device.id) for device in devices]
    processes = [console.process() for _ in devices]
    done: list[bool] = []
    threads = [threading.Thread(target=lambda one=one: done.append(one.publisher.publish())) for one in processes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [True] * 8
    assert [console.relief(device.id).exceptions[0].id for device in devices] == names
    assert console.verified().granted.version == 1
    assert not pending(console)


def _no_role(console: DecidingConsole) -> None:
    console.repository.delegate(None)
    console.write()


def _another_key(console: DecidingConsole) -> None:
    console.repository.delegate(make_key("somebody else"))
    console.write()


def _no_passphrase(console: DecidingConsole) -> None:
    (console.folder / "phrase").write_text("another one\n")


def _readable(console: DecidingConsole) -> None:
    (console.folder / "phrase").chmod(0o644)


def _no_key(console: DecidingConsole) -> None:
    console.key_file.unlink()


def _damaged(console: DecidingConsole) -> None:
    path = next((console.files / "targets").glob("*.policy.json"))
    path.write_bytes(path.read_bytes()[:-10])


STOPPED: dict[str, tuple[Callable[[DecidingConsole], None], str]] = {
    "the role was taken away": (_no_role, "lets nobody sign exceptions"),
    "the role is another key's": (_another_key, "not that of"),
    "the passphrase is wrong": (_no_passphrase, "passphrase is wrong"),
    "others may read the passphrase": (_readable, "others may read"),
    "the key is gone": (_no_key, "cannot be read"),
    "the policy is damaged": (_damaged, "do not belong together"),
}


@pytest.mark.parametrize(("harm", "said"), STOPPED.values(), ids=STOPPED.keys())
def test_what_cannot_be_published_is_said_stays_due_and_changes_nothing(
    harm: Callable[[DecidingConsole], None], said: str, light: DecidingConsole
) -> None:
    approve(light, light.ask(light.enrol()))
    harm(light)
    before = light.read()
    assert not light.deciding.publisher.publish()
    assert (light.read(), pending(light)) == (before, True)
    with light.database.read() as connection:
        row = connection.execute(decisions.publishing()).one()
    assert said in row.problem and row.problem_since == light.now and row.advice


def test_a_process_that_died_before_it_wrote_down_what_it_published_is_no_loss(console: DecidingConsole) -> None:
    device = console.enrol()
    name = approve(console, console.ask(device))
    console.deciding.publisher.publish()
    with console.database.write() as connection:
        connection.exec_driver_sql("UPDATE exception_grant SET published_at = NULL")
        connection.exec_driver_sql("DELETE FROM publication")
    before = console.read()
    assert pending(console)
    assert console.process().publisher.publish()
    assert (console.read(), pending(console)) == (before, False)
    assert console.relief(device.id).exceptions[0].id == name


def test_after_the_signers_gave_the_role_a_new_key_everything_is_signed_anew(light: DecidingConsole) -> None:
    device = light.enrol()
    approve(light, light.ask(device))
    light.deciding.publisher.publish()
    light.key = make_key("console")
    light._key_file(light.key, Use.EXCEPTIONS)
    light.publish_policy()
    assert light.relief(device.id).exceptions == ()
    assert light.deciding.publisher.publish()
    assert len(light.relief(device.id).exceptions) == 1


def test_what_others_granted_with_the_same_key_is_kept(light: DecidingConsole) -> None:
    device = light.enrol()
    theirs = GrantedException("x-theirs", "claude-code", (device_hash(device.id),), light.now, Instant(light.now + DAY))
    light.repository.grant(light.key, documents([theirs], []))
    light.write()
    name = approve(light, light.ask(device))
    light.deciding.publisher.publish()
    assert {one.id for one in light.relief(device.id).exceptions} == {"x-theirs", name}


def test_nothing_of_names_or_reasons_is_published(light: DecidingConsole) -> None:
    device = light.enrol("secret-host")
    approve(light, light.ask(device), reason="the reason of all reasons")
    light.deciding.publisher.publish()
    text = b"".join(light.read().values())
    for private in (b"secret-host", b"reason of all", b"chen", device.id.encode()):
        assert private not in text
    assert json.loads(light.verified().granted.documents[f"exceptions-{device_hash(device.id)[:2]}.json"])


def test_somebody_else_signs_what_the_console_hands_over(tmp_path: Path, store: str) -> None:
    """The key is not here: a file lies in a folder, and what comes back is seen in the repository."""
    console = DecidingConsole(tmp_path, store, how=Publish.STAGED)
    device, refused = console.enrol(), console.enrol("wang-laptop")
    name = approve(console, console.ask(device))
    refuse(console, console.ask(refused))
    pause(console)
    before = console.read()
    assert console.deciding.publisher.publish()
    assert (console.read(), pending(console)) == (before, True)
    ledger = read_decided(console.folder / "granted-by-console.json")
    assert [(one.id, one.approved_by) for one in ledger.exceptions] == [(name, "chen")]
    console.repository.grant(console.key, grants.documents(ledger, console.now))
    console.write()
    assert console.deciding.follower.look() == ""
    assert not pending(console)
    assert console.relief(device.id).exceptions[0].id == name
    assert len(console.relief(refused.id).answers) == 1
    console.database.close()


def test_who_asked_is_forgotten_with_them_and_what_was_given_stays(console: DecidingConsole) -> None:
    device = console.enrol()
    name = approve(console, console.ask(device, person="p-4c1d8e"))
    with console.database.write() as connection:
        erase_person(connection, "p-4c1d8e", [device.id])
        row = connection.execute(decisions.exception_of(name)).one()
    assert (row.person, row.reason, row.approved_by) == ("", "(erased)", "chen")
    with console.database.write() as connection:
        erase_device(connection, device.id, console.now)
        assert connection.execute(decisions.exception_of(name)).one().asked_by == "(erased)"
