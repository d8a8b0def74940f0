"""Rows of totals as the figures of pages: lines over days, and groups too small to be shown. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

DAY: Final = 86_400
SMALLEST_GROUP: Final = 5
"""Of fewer devices no figure is shown: it would be about a person."""


class Days(NamedTuple):
    """A line for each name over the same days. Days are their first seconds (UTC)."""

    days: tuple[int, ...]
    lines: Mapping[str, tuple[int | None, ...]]

    @property
    def data(self) -> list[list[int | None]]:
        """As the chart wants it: days, then each line."""
        return [list(self.days), *(list(line) for line in self.lines.values())]

    @property
    def rows(self) -> list[tuple[int | None, ...]]:
        """As a table has it: a row for each day that is over or under way, the newest first."""
        rows = zip(self.days, *self.lines.values(), strict=True)
        return [row for row in rows if any(value is not None for value in row[1:])][::-1]


def day_of(text: str) -> int | None:
    """A day as devices write it; None for what is no day."""
    try:
        return int(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp())
    except ValueError:
        return None


def standing(came: Iterable[tuple[int, int]], went: Iterable[tuple[int, int]], days: Iterable[int]) -> tuple[int, ...]:
    """How many there were at the end of each day, out of how many came and went on each day."""
    change: Counter[int] = Counter()
    for day, number in came:
        change[day] += number
    for day, number in went:
        change[day] -= number
    changes = sorted(change.items())
    shown, total, place = [], 0, 0
    for day in days:
        while place < len(changes) and changes[place][0] <= day:
            total += changes[place][1]
            place += 1
        shown.append(total)
    return tuple(shown)


def window(now: int, first: int | None, last: int | None = None, most: int = 92) -> tuple[int, ...]:
    """The days of a chart: from the first that matters, at least two weeks, on to what is still to come."""
    today = now - now % DAY
    begin = max(min(first if first is not None else today, today - 13 * DAY), today - most * DAY)
    end = min(max(last + 2 * DAY if last else today, today), today + 45 * DAY)
    return tuple(range(begin - begin % DAY, end - end % DAY + DAY, DAY))


def known(line: Iterable[int], days: Iterable[int], now: int) -> tuple[int | None, ...]:
    """A line that ends today: nobody knows tomorrow's value."""
    return tuple(value if day <= now else None for day, value in zip(days, line, strict=True))


def versions(rows: Iterable[tuple[int, int, int | None, int]], now: int, most: int = 6) -> Days:
    """How many devices had which policy version at the end of each day. Rare old versions are one line, `0`."""
    came: dict[int, list[tuple[int, int]]] = {}
    went: dict[int, list[tuple[int, int]]] = {}
    for day, version, before, number in rows:
        came.setdefault(version, []).append((day, number))
        if before is not None:
            went.setdefault(before, []).append((day, number))
    named = sorted((version for version in came if version), reverse=True)
    days = window(now, min((day for pairs in came.values() for day, _ in pairs), default=None), most=60)
    lines = {version: standing(came.get(version, ()), went.get(version, ()), days) for version in came.keys() | {0}}
    rest = [line for version, line in lines.items() if version not in named[:most]]
    shown = {str(version): lines[version] for version in sorted(named[:most])}
    summed = tuple(sum(values) for values in zip(*rest, strict=True)) if rest else ()
    return Days(days, {**({"0": summed} if any(summed) else {}), **shown})


class Group(NamedTuple):
    """One group of devices. `hit` and `moved` are None where the group is too small for a figure."""

    name: str
    devices: int | None
    hit: int | None
    moved: int | None


def groups(sizes: Iterable[tuple[str, int]], hit: Mapping[str, int], moved: Mapping[str, int]) -> tuple[Group, ...]:
    """The groups with what was found in them; those that are too small say no more than that."""
    return tuple(
        Group(name, size, hit.get(name, 0), moved.get(name, 0))
        if size >= SMALLEST_GROUP
        else Group(name, None, None, None)
        for name, size in sizes
    )
