"""Pages of the list of devices, what needs somebody first, however many devices there are.

A page is filled state by state and stops when it is full; where a filter leaves few devices, all of them are looked at.
How many devices are in each state takes a look at all of them: in a large fleet that answer is remembered for as long
as it is worth, two hundred times what it cost.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, Select

from console.state import SHOWN_FIRST, DeviceState
from console.store.queries import fleet
from console.store.queries import listing as statements
from console.store.queries.fleet import Place, Silence, Wanted

LARGE: Final = 20_000
"""Devices from which on numbers are remembered."""
FEW: Final = 20_000
"""Devices that a filter may leave for each of them to be looked at. Of more, a page is full after some hundred rows."""
WORTH: Final = 200
LONGEST: Final = 300
"""Seconds that a number is remembered at the most."""
REMEMBERED: Final = 256


def page(connection: Connection, silence: Silence, wanted: Wanted, after: Place | None, most: int) -> list[Row[Any]]:
    """The next rows behind a place: `device_id`, `host_name`, `host_key`, `state`, `rank`."""
    ids = _few(connection, wanted)
    if ids is not None:
        rows = list(connection.execute(statements.few(ids, silence, wanted, after, most)).all())
        # Each of the two is in order, and nobody is in both.
        return sorted([*rows, *_missing(connection, wanted, after, most)], key=_rank)[:most]
    rows = []
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


def counts(connection: Connection, silence: Silence, wanted: Wanted) -> Counts:
    """How many devices there are in each state; in a large fleet as of some time ago."""
    ids = _few(connection, wanted)
    if ids is not None:
        found = {row[0]: row[1] for row in connection.execute(statements.count_few(ids, silence, wanted))}
        missing = connection.execute(statements.count_missing(wanted)).scalar_one() if _may_be_missing(wanted) else 0
        return Counts(silence.now, found | ({DeviceState.NEVER_ENROLLED.value: missing} if missing else {}))
    if wanted.state is not None:
        every = counts(connection, silence, wanted._replace(state=None))
        here = wanted.state.value
        return Counts(every.at, {here: every.numbers[here]} if here in every.numbers else {})
    key = (connection.engine.url.render_as_string(), silence.after, wanted)
    known = _memory.of(key, silence.now)
    if known is not None:
        return known
    began = time.perf_counter()
    found = {row[0]: row[1] for row in connection.execute(fleet.count(silence, wanted))}
    fresh = Counts(silence.now, found)
    _memory.keep(key, fresh, time.perf_counter() - began)
    return fresh


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


class _Known(NamedTuple):
    counts: Counts
    until: int


class _Memory:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[object, _Known] = OrderedDict()

    def of(self, key: object, now: int) -> Counts | None:
        with self._lock:
            known = self._known.get(key)
        return known.counts if known is not None and known.counts.at <= now < known.until else None

    def keep(self, key: object, counts: Counts, cost: float) -> None:
        """The whole fleet decides whether it is large: a filter may leave few of many."""
        lasts = min(LONGEST, int(cost * WORTH))
        if counts.all < LARGE or not lasts:
            return
        with self._lock:
            self._known[key] = _Known(counts, counts.at + lasts)
            self._known.move_to_end(key)
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)


_memory = _Memory()
