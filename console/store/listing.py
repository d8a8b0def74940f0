"""Pages of the list of devices, what needs somebody first, however many devices there are.

A page is filled state by state and stops when it is full; where a filter leaves few devices, all of them are looked at.
How many devices are in each state takes a look at all of them: pages keep that answer (`console/web/kept.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, Select

from console.state import SHOWN_FIRST, DeviceState
from console.store.queries import fleet
from console.store.queries import listing as statements
from console.store.queries.fleet import Place, Silence, Wanted

LARGE: Final = 20_000
"""Devices from which on a fleet is a large one."""
FEW: Final = 20_000
"""Devices that a filter may leave for each of them to be looked at. Of more, a page is full after some hundred rows."""


def page(connection: Connection, silence: Silence, wanted: Wanted, after: Place | None, most: int) -> list[Row[Any]]:
    """The next rows behind a place: `device_id`, `host_name`, `host_key`, `state`, `rank`."""
    ids = _few(connection, wanted)
    if ids is None:
        return _by_state(connection, silence, wanted, after, most)
    rows = connection.execute(statements.few(ids, silence, wanted, after, most)).all()
    return _with_missing(connection, rows, wanted, after, most)


def counted_page(
    connection: Connection, silence: Silence, wanted: Wanted, after: Place | None, most: int
) -> tuple[list[Row[Any]], Counts | None]:
    """The same, and how many devices there are in each state, if that costs no look at all of a large fleet."""
    ids = _few(connection, wanted)
    if ids is None:
        return _by_state(connection, silence, wanted, after, most), None
    found = connection.execute(statements.few_counted(ids, silence, wanted, after, most)).all()
    rows = [row for row in found if row.rank != statements.NUMBER]
    return _with_missing(connection, rows, wanted, after, most), _numbers(connection, silence, wanted, found)


def _with_missing(
    connection: Connection, rows: Sequence[Row[Any]], wanted: Wanted, after: Place | None, most: int
) -> list[Row[Any]]:
    """Each of the two is in order, and nobody is in both."""
    return sorted([*rows, *_missing(connection, wanted, after, most)], key=_rank)[:most]


def _by_state(
    connection: Connection, silence: Silence, wanted: Wanted, after: Place | None, most: int
) -> list[Row[Any]]:
    """State by state, until the page is full."""
    rows: list[Row[Any]] = []
    for rank, state in enumerate(SHOWN_FIRST):
        if (after is not None and rank < after.rank) or wanted.state not in (None, state):
            continue
        behind = after if after is not None and after.rank == rank else None
        left = most - len(rows)
        if state is not DeviceState.NEVER_ENROLLED:
            rows += connection.execute(statements.enrolled(state, silence, wanted, behind, left)).all()
        else:
            rows += _missing(connection, wanted, after, left)
        if len(rows) >= most:
            break
    return rows


class Counts(NamedTuple):
    """How many devices there were in each state at an instant."""

    at: int
    numbers: dict[str, int]

    @property
    def all(self) -> int:
        """How many there were in any state."""
        return sum(self.numbers.values())

    def large(self) -> bool:
        """Whether counting them is work."""
        return self.all >= LARGE

    def only(self, state: DeviceState) -> Counts:
        """Those in one state."""
        return Counts(self.at, {name: number for name, number in self.numbers.items() if name == state})


def counts(connection: Connection, silence: Silence, wanted: Wanted) -> Counts:
    """How many devices there are in each state, now. In a large fleet this takes seconds."""
    ids = _few(connection, wanted)
    if ids is None:
        return Counts(silence.now, {row[0]: row[1] for row in connection.execute(fleet.count(silence, wanted))})
    found = connection.execute(statements.few_counted(ids, silence, wanted, None, 0)).all()
    return _numbers(connection, silence, wanted, found)


def _numbers(connection: Connection, silence: Silence, wanted: Wanted, found: Sequence[Row[Any]]) -> Counts:
    numbers = {row.state: row.number for row in found if row.rank == statements.NUMBER}
    missing = connection.execute(statements.count_missing(wanted)).scalar_one() if _may_be_missing(wanted) else 0
    return Counts(silence.now, numbers | ({DeviceState.NEVER_ENROLLED.value: missing} if missing else {}))


def _few(connection: Connection, wanted: Wanted) -> Select[str] | None:
    """The devices that are left by a filter that leaves few."""
    for ids in statements.filters(wanted):
        if connection.execute(statements.up_to(ids, FEW + 1)).scalar_one() <= FEW:
            return ids
    return None


def _missing(connection: Connection, wanted: Wanted, after: Place | None, most: int) -> Sequence[Row[Any]]:
    """Those of a page who are expected and never enrolled, behind a place in the whole list."""
    if (after is not None and after.rank > _NEVER_ENROLLED) or not _may_be_missing(wanted):
        return []
    behind = after if after is not None and after.rank == _NEVER_ENROLLED else None
    return connection.execute(statements.missing(wanted, behind, most)).all()


def _may_be_missing(wanted: Wanted) -> bool:
    """Who never enrolled has no finding, no alternative, no group, no system."""
    narrowed = wanted.ban or wanted.moved or wanted.group or wanted.os or wanted.agent
    return not narrowed and wanted.groups is None and wanted.state in (None, DeviceState.NEVER_ENROLLED)


_NEVER_ENROLLED: Final = SHOWN_FIRST.index(DeviceState.NEVER_ENROLLED)


def _rank(row: Row[Any]) -> int:
    return int(row.rank)
