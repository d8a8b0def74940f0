"""What makes lists quick is true after all that can happen to a device: who is expected and was seen, and when."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable

import pytest
from sqlalchemy import Connection, insert, select, update

from console import expected
from console.expected import Expected
from console.ingest.enrol import store_enrolment
from console.ingest.together import store_reports
from console.ingest.verify import Accepted, AcceptedEnrolment
from console.store import erase, listing, retention
from console.store.db import Database
from console.store.queries import access
from console.store.queries.fleet import Silence, Wanted
from console.store.retention import Keep
from console.store.tables import DAY, device, expected_device
from policy_schema.messages.enrol import DeviceFacts, EnrolRequest
from policy_schema.messages.signature import encode_public_key
from policy_schema.messages.wire import encode
from tests.fakes.reporting_device import ReportingDevice, coverage, facts
from tests.fakes.stored_fleet import StoredFleet

NOW = 1_783_000_000
NAMES = ("li-laptop", "wang-laptop", "chen-laptop")


def enrol(connection: Connection, one: ReportingDevice, told: DeviceFacts) -> None:
    request = EnrolRequest(secret="secret", public_key=encode_public_key(one.raw_key), epoch=one.epoch, facts=told)
    store_enrolment(connection, AcceptedEnrolment(request, one.id, one.raw_key), NOW)


def report(connection: Connection, one: ReportingDevice, now: int, told: DeviceFacts | None = None) -> None:
    message = one.report(coverage=(coverage(),)) if told is None else one.report(coverage=(coverage(),), facts=told)
    body = encode(message)
    (result,) = store_reports(connection, [(Accepted(message, body, hashlib.sha256(body).hexdigest()), now)])
    assert not isinstance(result, Exception)


def noted(connection: Connection) -> dict[str, bool]:
    return {row.host_key: row.enrolled for row in connection.execute(select(expected_device))}


def there(connection: Connection) -> dict[str, bool]:
    enrolled = set(connection.execute(select(device.c.host_key)).scalars())
    return {name: name in enrolled for name in connection.execute(select(expected_device.c.host_key)).scalars()}


@pytest.mark.parametrize("seed", range(6))
def test_who_was_seen_is_noted_whatever_happens(database: Database, seed: int) -> None:
    """Devices come, come again, get other names, go, are forgotten; the list is imported anew in between."""
    chance, fleet = random.Random(seed), dict[str, ReportingDevice]()

    def come(connection: Connection) -> None:
        one = ReportingDevice()
        fleet[one.id] = one
        enrol(connection, one, facts(host_name=chance.choice(NAMES)))

    def come_again(connection: Connection) -> None:
        if fleet:
            enrol(connection, chance.choice(list(fleet.values())), facts(host_name=chance.choice(NAMES)))

    def another_name(connection: Connection) -> None:
        if fleet:
            report(connection, chance.choice(list(fleet.values())), NOW, facts(host_name=chance.choice(NAMES)))

    def be_erased(connection: Connection) -> None:
        if fleet:
            erase.erase_device(connection, fleet.pop(chance.choice(list(fleet))).id, NOW)

    def be_dropped(connection: Connection) -> None:
        if fleet:
            erase.drop(connection, fleet.pop(chance.choice(list(fleet))).id)

    def be_listed(connection: Connection) -> None:
        names = chance.sample([*NAMES, "new-hire"], 3)
        expected.replace(connection, [Expected(name, None) for name in names], NOW)

    happenings: list[Callable[[Connection], None]] = [come, come_again, another_name, be_erased, be_dropped, be_listed]
    with database.write() as connection:
        digest = hashlib.sha256(b"secret").hexdigest()
        connection.execute(access.add_secret(digest=digest, uses=1_000, expires_at=2**40, now=0, who="a test"))
        be_listed(connection)
        states = set()
        for _ in range(40):
            chance.choice(happenings)(connection)
            assert noted(connection) == there(connection)
            states |= set(noted(connection).values())
    assert states == {True, False}


def test_what_was_noted_wrongly_is_right_again_the_next_day(database: Database) -> None:
    """As while programs of two versions serve one database."""
    stored = StoredFleet(database, NOW)
    stored.device()
    rows = [
        {"host_key": name, "host_name": name, "imported_at": NOW, "enrolled": noted}
        for name, noted in (("host-1", False), ("gone", True), ("new-hire", False))
    ]
    with database.write() as connection:
        connection.execute(insert(expected_device), rows)
    retention.prune(database, Keep(), NOW, "a test")
    with database.read() as connection:
        assert noted(connection) == there(connection) == {"host-1": True, "gone": False, "new-hire": False}


def test_the_day_of_the_last_report_is_noted_and_a_silent_one_is_found_by_it(database: Database) -> None:
    one = ReportingDevice()
    with database.write() as connection:
        digest = hashlib.sha256(b"secret").hexdigest()
        connection.execute(access.add_secret(digest=digest, uses=1, expires_at=2**40, now=0, who="a test"))
        enrol(connection, one, facts())
        days = [connection.execute(select(device.c.heard_on)).scalar_one()]
        for later in (NOW, NOW + DAY, NOW + 3 * DAY):
            report(connection, one, later)
            days.append(connection.execute(select(device.c.heard_on)).scalar_one())
    assert [day - NOW // DAY for day in days] == [0, 0, 1, 3]
    last = NOW + 3 * DAY
    for unknown in (False, True):
        if unknown:
            with database.write() as connection:
                connection.execute(update(device).values(heard_on=0))
        with database.read() as connection:
            lists = {
                later: [row.state for row in listing.page(connection, Silence(last + later, DAY), Wanted(), None, 9)]
                for later in (DAY, DAY + 1)
            }
        assert lists[DAY] != ["silent"] and lists[DAY + 1] == ["silent"]
