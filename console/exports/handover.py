"""Hands events over to a sink, each at least once, from where it ended the last time.

What a device told is numbered by its reports; up to which number it was handed over is kept for each device, after the
sink took it. So nothing depends on clocks or on the order of commits, and whatever breaks in between only repeats.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Protocol

from sqlalchemy import Connection, Row, Select

from console.clock import Clock
from console.exports import ocsf
from console.store.db import Database
from console.store.queries import handover

AT_ONCE: Final = 5_000
"""More than a report may have, so that a report is never cut."""
LEASE: Final = 600
OVERLAP: Final = 900
"""Seconds by which the next look goes back: a transaction may be committed later than its time says."""


class Sink(Protocol):
    """Where events go."""

    def send(self, lines: Sequence[bytes]) -> None:
        """Takes all of them, or raises `Undelivered`."""


class Lost(Exception):
    """Another process hands this stream over."""


class Handover:
    """One stream of events, by its name."""

    def __init__(self, database: Database, *, name: str, sink: Sink, clock: Clock, product: str) -> None:
        self._database = database
        self._name = name
        self._sink = sink
        self._clock = clock
        self._product = product
        self._me = f"{os.getpid()}-{secrets.token_hex(8)}"

    def turn(self) -> int:
        """Hands over what there is. Returns how many events.

        Raises:
            Undelivered: the sink did not take some; they come again.
            Lost: another process is at it.
        """
        begun = self._clock()
        since = self._take(begun)
        number = self._all(handover.events, since, self._of_findings)
        number += self._all(handover.changes, since, self._of_devices)
        with self._database.write() as connection:
            self._advance(connection, {"at": max(0, begun - OVERLAP), "lease_until": 0, "problem": ""})
        return number

    def failed(self, problem: str) -> None:
        """Says why it stopped, for the page Health, and lets go."""
        with self._database.write() as connection:
            connection.execute(handover.advance(self._name, self._me, {"problem": problem[:300], "lease_until": 0}))

    def _take(self, now: int) -> int:
        new = {"name": self._name, "at": 0, "handed_over": 0, "lease_until": 0, "lease_by": "", "problem": ""}
        with self._database.write() as connection:
            if connection.execute(handover.cursor(self._name)).one_or_none() is None:
                connection.execute(handover.begin(connection.dialect.name), new)
            if connection.execute(handover.take(self._name, now, now + LEASE, self._me)).rowcount == 0:
                raise Lost(f"another process hands {self._name} over")
            return int(connection.execute(handover.cursor(self._name)).one().at)

    def _all(
        self,
        statement: Callable[[str, int, int], Select[Any]],
        since: int,
        events_of: Callable[[Sequence[Row[Any]]], Iterator[dict[str, object]]],
    ) -> int:
        number = 0
        while True:
            with self._database.read() as connection:
                rows = connection.execute(statement(self._name, since, AT_ONCE)).all()
            if not rows:
                return number
            whole = _whole(rows) if len(rows) == AT_ONCE else rows
            lines = [ocsf.as_line(event) for event in events_of(whole)]
            self._sink.send(lines)
            number += len(lines)
            self._handed(whole, len(lines))

    def _handed(self, rows: Sequence[Row[Any]], number: int) -> None:
        """Only after the sink took them."""
        places = {
            (row.device_id, getattr(row, "epoch", handover.CHANGES)): getattr(row, "sequence", row.at) for row in rows
        }
        with self._database.write() as connection:
            values = [
                {"device_id": device, "name": self._name, "epoch": epoch, "place": place}
                for (device, epoch), place in places.items()
            ]
            connection.execute(handover.handed(connection.dialect.name), values)
            so_far = connection.execute(handover.cursor(self._name)).one().handed_over
            self._advance(connection, {"handed_over": so_far + number, "lease_until": self._clock() + LEASE})

    def _advance(self, connection: Connection, values: dict[str, Any]) -> None:
        if connection.execute(handover.advance(self._name, self._me, values)).rowcount == 0:
            raise Lost(f"another process hands {self._name} over")

    def _of_findings(self, rows: Sequence[Row[Any]]) -> Iterator[dict[str, object]]:
        for row in rows:
            yield from ocsf.of_finding(row._asdict(), self._product)

    def _of_devices(self, rows: Sequence[Row[Any]]) -> Iterator[dict[str, object]]:
        return (ocsf.of_device(row._asdict(), self._product) for row in rows)


def _whole(rows: Sequence[Row[Any]]) -> Sequence[Row[Any]]:
    """Without the last report, of which more may follow."""
    last = _report(rows[-1])
    return [row for row in rows if _report(row) != last] or rows


def _report(row: Row[Any]) -> tuple[object, ...]:
    return (row.device_id, getattr(row, "epoch", ""), getattr(row, "sequence", row.at))
