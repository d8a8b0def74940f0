"""Reports that arrive together: heartbeats in a few statements, the others one by one, each counted once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import event, func, select

from console.ingest.apply import HEARTBEATS_KEPT, REPORTS_KEPT, Result, Verdict
from console.ingest.enrol import store_enrolment
from console.ingest.together import store_reports
from console.ingest.verify import Accepted, AcceptedEnrolment, Refused
from console.store.db import Database
from console.store.queries import access
from console.store.tables import device, device_epoch, finding, finding_event, report
from policy_schema.messages.enrol import EnrolRequest
from policy_schema.messages.report import Report
from policy_schema.messages.signature import encode_public_key
from policy_schema.messages.wire import encode
from tests.fakes.reporting_device import ReportingDevice, coverage, facts, policy
from tests.fakes.reporting_device import finding as a_finding

NOW = 1_783_000_000


def accepted(message: Report) -> Accepted:
    body = encode(message)
    return Accepted(message, body, hashlib.sha256(body).hexdigest())


def store(database: Database, messages: Sequence[Report], now: int = NOW) -> list[Any]:
    with database.write() as connection:
        return list(store_reports(connection, [(accepted(one), now) for one in messages]))


def enrolled(database: Database, count: int) -> list[ReportingDevice]:
    """So many devices that have told their whole state, with one finding each."""
    with database.write() as connection:
        secret = hashlib.sha256(b"secret").hexdigest()
        connection.execute(access.add_secret(digest=secret, uses=1_000, expires_at=2**40, now=0, who="a test"))
        devices = []
        for _ in range(count):
            one = ReportingDevice()
            key = encode_public_key(one.raw_key)
            request = EnrolRequest(secret="secret", public_key=key, epoch=one.epoch, facts=facts())
            store_enrolment(connection, AcceptedEnrolment(request, one.id, one.raw_key), NOW)
            devices.append(one)
    first = [one.report(findings=(a_finding(),), coverage=(coverage(),)) for one in devices]
    assert {result.verdict for result in store(database, first)} == {Verdict.STORED}
    return devices


def numbers(database: Database, of: str) -> tuple[int, int, int]:
    with database.read() as connection:
        counts = [
            connection.execute(select(func.count()).select_from(table).where(table.c.device_id == of)).scalar_one()
            for table in (report, finding, finding_event)
        ]
    return counts[0], counts[1], counts[2]


def last(database: Database, of: str) -> int:
    with database.read() as connection:
        return connection.execute(
            select(device_epoch.c.last_sequence).where(device_epoch.c.device_id == of)
        ).scalar_one()


def statements_of(database: Database, messages: Sequence[Report]) -> int:
    """How many statements storing them takes."""
    seen: list[str] = []

    def count(*arguments: Any) -> None:
        seen.append(arguments[2])

    event.listen(database.engine, "before_cursor_execute", count)
    try:
        store(database, messages)
    finally:
        event.remove(database.engine, "before_cursor_execute", count)
    return len(seen)


def test_a_hundred_heartbeats_cost_as_many_statements_as_two(database: Database) -> None:
    devices = enrolled(database, 100)
    few = statements_of(database, [one.report(coverage=(coverage(),)) for one in devices[:2]])
    many = statements_of(database, [one.report(coverage=(coverage(ms=99),)) for one in devices[2:]])
    assert many == few
    assert {last(database, one.id) for one in devices} == {2}
    assert {numbers(database, one.id) for one in devices} == {(2, 1, 1)}


def test_one_that_changes_something_among_heartbeats_is_told_apart(database: Database) -> None:
    devices = enrolled(database, 6)
    steady, found, gone, moved, denied, old = devices
    results = store(
        database,
        [
            steady.report(coverage=(coverage(),)),
            found.report(findings=(a_finding(id="f-two"),)),
            gone.report(findings=(a_finding(gone=True),)),
            moved.report(policy=policy(version=8)),
            denied.report(coverage=(coverage(unknown=1, reasons=("denied",)),)),
            old.report_numbered(1, findings=(a_finding(),), coverage=(coverage(),)),
        ],
        NOW + 60,
    )
    assert [result.verdict for result in results] == [Verdict.STORED] * 5 + [Verdict.DUPLICATE]
    with database.read() as connection:
        rows = {row.device_id: row for row in connection.execute(select(device))}
    assert rows[moved.id].policy_version == 8
    assert rows[denied.id].looked != rows[steady.id].looked
    assert rows[steady.id].last_report_at == NOW + 60 and rows[old.id].last_report_at == NOW
    assert (numbers(database, found.id)[1], numbers(database, gone.id)[2]) == (2, 2)


def test_a_heartbeat_sent_twice_in_one_batch_counts_once(database: Database) -> None:
    one, other = enrolled(database, 2)
    again = one.report()
    results = store(database, [again, other.report(), again])
    assert results == [Result(Verdict.STORED, 2), Result(Verdict.STORED, 2), Result(Verdict.DUPLICATE, 2)]


def test_two_following_heartbeats_of_one_device_in_one_batch_both_count(database: Database) -> None:
    one, other = enrolled(database, 2)
    results = store(database, [one.report(), other.report(), one.report()])
    assert [result.stored_up_to for result in results] == [2, 2, 3]


def test_a_gap_among_heartbeats_is_told_to_its_device_alone(database: Database) -> None:
    one, other, third = enrolled(database, 3)
    results = store(database, [one.report(), other.report_numbered(9), third.report()])
    assert results[1] == Result(Verdict.GAP, 1)
    assert (last(database, one.id), last(database, other.id), last(database, third.id)) == (2, 1, 2)


def test_a_device_that_is_not_enrolled_any_more_is_refused_and_harms_nobody(database: Database) -> None:
    one, other = enrolled(database, 2)
    stranger = ReportingDevice()
    results = store(database, [one.report(), stranger.report(), other.report()])
    assert isinstance(results[1], Refused) and results[1].status == 401
    assert (results[0].verdict, results[2].verdict) == (Verdict.STORED, Verdict.STORED)


def test_another_process_that_was_faster_is_seen_by_the_comparison(database: Database) -> None:
    """What was read says that it is the next number; when it is written it is not any more."""
    one, other = enrolled(database, 2)
    raced = one.report()

    def faster(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("UPDATE device_epoch"):
            event.remove(database.engine, "before_cursor_execute", faster)
            cursor.execute(f"UPDATE device_epoch SET last_sequence = 2 WHERE device_id = '{one.id}'")

    event.listen(database.engine, "before_cursor_execute", faster)
    results = store(database, [raced, other.report()])
    # The other console's write was undone with ours here; what counts is that nothing was counted twice.
    assert all(result.verdict in (Verdict.STORED, Verdict.DUPLICATE) for result in results)
    assert (last(database, one.id), last(database, other.id)) == (2, 2)


@pytest.mark.parametrize(("telling", "beats"), [(40, 0), (3, 20)], ids=["many that say something", "many heartbeats"])
def test_reports_as_received_are_a_ring(database: Database, telling: int, beats: int) -> None:
    (one,) = enrolled(database, 1)
    for number in range(telling):
        store(database, [one.report(findings=(a_finding(id=f"f-{number}"),))])
    for _ in range(beats):
        store(database, [one.report()])
    with database.read() as connection:
        kept = connection.execute(select(report.c.sequence).order_by(report.c.sequence)).scalars().all()
    said = range(1, telling + 2)
    assert kept == [*said[-REPORTS_KEPT:], *range(telling + 2, telling + beats + 2)[-HEARTBEATS_KEPT:]]
