"""History by month on PostgreSQL: months are made ahead, and forgotten as a whole. SQLite has one table and no months.

What was written before its month was made lies in the rest (`finding_event_rest`) and is moved when the month is made.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final, NamedTuple

from sqlalchemy import Connection, text

TABLE: Final = "finding_event"
AHEAD: Final = 3
"""Months that are there before they begin."""
_NAME: Final = re.compile(rf"{TABLE}_(y(\d{{4}})m(\d{{2}})|rest)")


class Month(NamedTuple):
    """One month of history."""

    year: int
    month: int

    @property
    def name(self) -> str:
        """The table that holds it."""
        return f"{TABLE}_y{self.year:04}m{self.month:02}"

    @property
    def begins(self) -> int:
        """Its first second."""
        return int(datetime(self.year, self.month, 1, tzinfo=UTC).timestamp())

    def next(self) -> Month:
        """The month after it."""
        return Month(self.year + self.month // 12, self.month % 12 + 1)


def month_of(at: int) -> Month:
    """The month that an instant lies in."""
    moment = datetime.fromtimestamp(at, UTC)
    return Month(moment.year, moment.month)


def is_partition(name: str | None) -> bool:
    """Whether a table is a part of the history."""
    return bool(name and _NAME.fullmatch(name))


def make_ahead(connection: Connection, now: int) -> int:
    """Makes this month and the next ones, where they are missing. Returns how many were made."""
    if connection.dialect.name != "postgresql":
        return 0
    there, made, month = set(months(connection)), 0, month_of(now)
    for _ in range(AHEAD + 1):
        if month not in there:
            _make(connection, month)
            made += 1
        month = month.next()
    return made


def months(connection: Connection) -> list[Month]:
    """The months that are there, the oldest first."""
    names = connection.execute(
        text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = CAST(:parent AS regclass)"),
        {"parent": TABLE},
    ).scalars()
    found = (_NAME.fullmatch(name) for name in names)
    return sorted(Month(int(match[2]), int(match[3])) for match in found if match and match[2])


def drop_before(connection: Connection, before: int) -> int:
    """Forgets the months that ended before an instant. Returns how many rows they held."""
    rows = 0
    for month in months(connection):
        if month.next().begins <= before:
            rows += connection.execute(text(f"SELECT count(*) FROM {month.name}")).scalar_one()
            connection.execute(text(f"DROP TABLE {month.name}"))
    return rows


def _make(connection: Connection, month: Month) -> None:
    """A table of its own first, then what belongs into it out of the rest, then it becomes a part."""
    bounds = {"begins": month.begins, "ends": month.next().begins}
    moved = f"{TABLE}_rest WHERE at >= :begins AND at < :ends"
    connection.execute(text(f"CREATE TABLE {month.name} (LIKE {TABLE} INCLUDING ALL)"))
    connection.execute(text(f"INSERT INTO {month.name} SELECT * FROM {moved}"), bounds)
    connection.execute(text(f"DELETE FROM {moved}"), bounds)
    span = f"FROM ({bounds['begins']}) TO ({bounds['ends']})"
    connection.execute(text(f"ALTER TABLE {TABLE} ATTACH PARTITION {month.name} FOR VALUES {span}"))
