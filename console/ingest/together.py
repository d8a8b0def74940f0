"""Reports that arrived at the same time: those that change nothing in a few statements for all, the others one by one.

Most reports of a fleet are heartbeats: the next number of the present epoch, nothing found, moved or asked for, the
same look, the same policy. Their devices are read with one statement and written with three, however many they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row

from console.ingest.apply import (
    Result,
    Verdict,
    device_columns,
    heartbeat_slot,
    kept_row,
    look_digest,
    says_something,
    store_report,
)
from console.ingest.verify import Accepted
from console.store.many import parameters
from console.store.past import SHORTEST_GAP
from console.store.queries import ingest

Outcome = Result | Exception


class NotAsRead(Exception):
    """Somebody else changed one of the devices in between: each report is looked at by itself."""


def store_reports(connection: Connection, batch: Sequence[tuple[Accepted, int]]) -> list[Outcome]:
    """Stores each report at the instant beside it, or says why not; nobody's failure undoes another's report."""
    outcomes: dict[int, Outcome] = {}
    steady = _steady(connection, batch)
    if steady:
        savepoint = connection.begin_nested()
        try:
            _beat(connection, [batch[place] for place in steady])
        except Exception:
            # Each of them is tried again by itself below, and the one at fault fails alone.
            savepoint.rollback()
        else:
            savepoint.commit()
            outcomes = {place: Result(Verdict.STORED, batch[place][0].report.sequence) for place in steady}
    # Always in the same order, so that two consoles never wait for each other.
    rest = sorted(
        (place for place in range(len(batch)) if place not in outcomes), key=lambda at: batch[at][0].report.device
    )
    for place in rest:
        outcomes[place] = _alone(connection, *batch[place])
    return [outcomes[place] for place in range(len(batch))]


def _alone(connection: Connection, accepted: Accepted, now: int) -> Outcome:
    savepoint = connection.begin_nested()
    try:
        result = store_report(connection, accepted, now)
    except Exception as error:
        savepoint.rollback()
        return error
    savepoint.commit()
    return result


def _steady(connection: Connection, batch: Sequence[tuple[Accepted, int]]) -> list[int]:
    """The places of the reports that change nothing: the first of each device at the most."""
    quiet: dict[str, int] = {}
    for place, (accepted, _) in enumerate(batch):
        if not says_something(accepted.report):
            quiet.setdefault(accepted.report.device, place)
    if len(quiet) < 2:
        return []
    known = {row.device_id: row for row in connection.execute(ingest.standing_still(quiet.keys()))}
    return [place for name, place in sorted(quiet.items()) if _changes_nothing(known.get(name), *batch[place])]


def _changes_nothing(known: Row[Any] | None, accepted: Accepted, now: int) -> bool:
    """Whether everything that stands in an index, a total or the history stays as it is."""
    if known is None or known.removed_at is not None or known.past == "" or known.last_report_at is None:
        return False
    report = accepted.report
    columns = device_columns(report, now)
    return bool(
        (known.epoch, known.last_sequence) == (report.epoch, report.sequence - 1)
        and (not report.coverage or known.looked == look_digest(report))
        and all(columns[name] == known._mapping[name] for name in _JUDGED)
        and now - known.last_report_at <= SHORTEST_GAP
    )


_JUDGED = ("policy_id", "policy_version", "policy_trust", "policy_solo", "not_understood")
"""What a device's state and its history are made from, beside findings and looks."""


def _beat(connection: Connection, batch: Sequence[tuple[Accepted, int]]) -> None:
    """Raises:
    NotAsRead: a device's last number is not the one that was read.
    """
    numbers = [
        {"of": one.report.device, "in_epoch": one.report.epoch, "to": one.report.sequence}
        | {"before": one.report.sequence - 1, "now": now}
        for one, now in batch
    ]
    dialect = connection.dialect.name
    if connection.execute(ingest.advance_many(dialect), parameters(dialect, numbers)).rowcount != len(batch):
        raise NotAsRead
    rows: list[Mapping[str, object]] = []
    for one, now in batch:
        columns = {f"to_{name}": value for name, value in device_columns(one.report, now).items()}
        rows.append({"of": one.report.device, **columns})
    names = tuple(device_columns(*_first(batch)))
    connection.execute(ingest.beat_many(dialect, names), parameters(dialect, rows))
    kept = [kept_row(one, heartbeat_slot(one.report.sequence), now) for one, now in batch]
    connection.execute(ingest.keep_many(dialect), parameters(dialect, kept))


def _first(batch: Sequence[tuple[Accepted, int]]) -> tuple[Any, int]:
    accepted, now = batch[0]
    return accepted.report, now
