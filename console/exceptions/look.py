"""What the page of exceptions shows: what waits, what holds and where it has arrived, what is over, pauses, alarms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row

from console.brake.judge import Figures, Kind
from console.brake.watch import read_figures
from console.policy import Policy
from console.store.queries import brake as alarm_queries
from console.store.queries import decisions
from console.store.queries.decisions import Granted, Queued

PAGE: Final = 50
WAITS: Final = 180 * 86_400
"""Seconds for which a request that nobody answers stands in the queue."""
SOON: Final = 7 * 86_400
"""Seconds before its end at which an exception lapses soon: people are warned then too."""


class Device(NamedTuple):
    """A device of an exception."""

    device_id: str
    host_name: str
    in_force: bool
    """Its agent says itself that the exception holds there."""


class Exempted(NamedTuple):
    """One exception with its devices."""

    row: Any
    devices: tuple[Device, ...]
    lapses_soon: bool
    holds: bool

    @property
    def arrived(self) -> int:
        """On how many devices the agents say that it holds."""
        return sum(device.in_force for device in self.devices)


class Alarm(NamedTuple):
    """One alarm."""

    row: Any
    kind: Kind
    figures: Figures


def queue(
    connection: Connection, groups: frozenset[str] | None, now: int, after: Queued | None
) -> tuple[Sequence[Row[Any]], Queued | None]:
    """One page of what waits, and after which row the next one begins."""
    rows = connection.execute(decisions.queue(groups, now - WAITS, after, PAGE + 1)).all()
    last = rows[PAGE - 1] if len(rows) > PAGE else None
    return rows[:PAGE], Queued(last.received_at, last.device_id, last.request_id) if last else None


def waiting(connection: Connection, groups: frozenset[str] | None, now: int) -> int:
    """How many requests wait."""
    return connection.execute(decisions.count_queue(groups, now - WAITS)).scalar_one()


def exceptions(
    connection: Connection, groups: frozenset[str] | None, now: int, after: Granted | None, *, ended: bool = False
) -> tuple[tuple[Exempted, ...], Granted | None]:
    """One page of the exceptions that hold, the one that lapses next first; or of those that are over."""
    rows = connection.execute(decisions.exceptions(now, groups, after, PAGE + 1, ended=ended)).all()
    last = rows[PAGE - 1] if len(rows) > PAGE else None
    shown = rows[:PAGE]
    names = [row.exception_id for row in shown]
    devices = connection.execute(decisions.exception_devices(names)).all()
    ids = sorted({row.device_id for row in devices})
    there = {(row.device_id, row.exception) for row in connection.execute(decisions.in_force(ids, names))}
    listed: dict[str, list[Device]] = {}
    for row in devices:
        device = Device(row.device_id, row.host_name or "", (row.device_id, row.exception_id) in there)
        listed.setdefault(row.exception_id, []).append(device)
    found = tuple(_exempted(row, tuple(listed.get(row.exception_id, ())), now) for row in shown)
    return found, Granted(last.until, last.exception_id) if last else None


def _exempted(row: Row[Any], devices: tuple[Device, ...], now: int) -> Exempted:
    holds = row.withdrawn_at is None and row.until > now
    return Exempted(row, devices, holds and row.until <= now + SOON, holds)


def alarms(connection: Connection, now: int) -> tuple[Alarm, ...]:
    """Alarms that nobody has looked at, and those of the last thirty days."""
    rows = connection.execute(alarm_queries.alarms(now - 30 * 86_400))
    return tuple(Alarm(row, Kind(row.kind), read_figures(row.figures)) for row in rows)


def names(policy: Policy | None) -> dict[str, str]:
    """The bans of the policy in force, by id, with what people call them."""
    return {ban.id: ban.name for ban in policy.bans} if policy is not None else {}
