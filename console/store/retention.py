"""What is forgotten when, with figures. The record of who did what is not touched here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final, NamedTuple

from sqlalchemy import Delete

from console import audit
from console.config import Section
from console.store import erase, partitions
from console.store.db import Database
from console.store.queries import seen, upkeep
from console.store.totals import day_of

DAY: Final = 86_400
AT_ONCE: Final = 500
"""Devices in one transaction: reports of machines wait no longer than for it."""


class Keep(NamedTuple):
    """How long what is kept. Seconds."""

    history: int = 400 * DAY
    """What was found, moved and asked for and is over, what devices were, and devices that were taken out."""
    reports: int = 90 * DAY
    """Reports as they were received."""
    totals: int = 1830 * DAY
    """How many devices were what, by day."""


def keep_of(section: Section) -> Keep:
    """The table `[keep]` of the settings file: `history`, `reports`, `totals`, such as `"400d"`.

    Raises:
        BadFile: a key or a value that is none.
    """
    usual = Keep()
    keep = Keep(*(section.seconds(name, usual[place]) for place, name in enumerate(Keep._fields)))
    section.done()
    return keep


def prune(database: Database, keep: Keep, now: int, who: str) -> Mapping[str, int]:
    """Forgets what is older than it may be. Returns how many rows of each table; the record gets a line if any went."""
    gone: Counter[str] = Counter()
    history = now - keep.history
    for device in _removed(database, history):
        with database.write() as connection:
            gone["device"] += erase.drop(connection, device)
    for ids in _pages(database):
        with database.write() as connection:
            for name, statement in _per_device(database.dialect, ids, history, now - keep.reports):
                gone[name] += connection.execute(statement).rowcount
    with database.write() as connection:
        if database.dialect == "postgresql":
            gone["finding_event"] += partitions.drop_before(connection, history)
        gone["day_total"] += connection.execute(upkeep.old_totals(day_of(now - keep.totals))).rowcount
        connection.execute(seen.note_all())
        gone["session"] += connection.execute(upkeep.old_sessions(now)).rowcount
        gone["enrolment_secret"] += connection.execute(upkeep.old_secrets(history)).rowcount
        found = {name: number for name, number in sorted(gone.items()) if number}
        if found:
            audit.record(connection, now, who=who, what="pruned", detail=sentence(found))
    return found


def sentence(gone: Mapping[str, int]) -> str:
    """What was forgotten, in words."""
    return ", ".join(f"{number} of {name}" for name, number in gone.items()) or "nothing was old enough"


def _per_device(dialect: str, ids: Collection[str], history: int, reports: int) -> Iterator[tuple[str, Delete]]:
    yield "report", upkeep.old_reports(ids, reports)
    if dialect != "postgresql":
        yield "finding_event", upkeep.old_events(ids, history)
    statements: dict[str, Callable[[Collection[str], int], Delete]] = {
        "finding": upkeep.old_findings,
        "move": upkeep.old_moves,
        "request": upkeep.old_requests,
        "device_gap": upkeep.old_gaps,
        "device_past": upkeep.old_past,
        "device_epoch": upkeep.old_epochs,
    }
    for name, statement in statements.items():
        yield name, statement(ids, history)


def _removed(database: Database, before: int) -> Iterator[str]:
    while True:
        with database.read() as connection:
            found = connection.execute(upkeep.removed_before(before, AT_ONCE)).scalars().all()
        if not found:
            return
        yield from found


def _pages(database: Database) -> Iterator[list[str]]:
    last = ""
    while True:
        with database.read() as connection:
            found = list(connection.execute(upkeep.device_ids(last, AT_ONCE)).scalars())
        if not found:
            return
        yield found
        last = found[-1]
