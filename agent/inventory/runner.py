"""Runs sources: time, counting, and nothing that a source does wrong hides what the others found."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Collection, Hashable, Iterator
from typing import NamedTuple, cast

from agent.errors import BadCommand, InterdictError
from agent.inventory import SOURCES
from agent.inventory.interface import Look, Machine, Part, Root, Source, unknown
from agent.inventory.places import marks_of
from policy_schema.rules.observation import Coverage, Observation, Unknown

MAX_SECONDS = 300.0
"""A source that needs longer is ended and says so; a usual look takes well under a second."""
MAX_UNKNOWN = 1_000

Progress = Callable[[str, int], None]
"""Told now and then: the source, and how many things it has seen."""


def load_source(name: str) -> Source:
    """One source by its name. Raises BadCommand for a name that is not in the table."""
    if name not in SOURCES:
        raise BadCommand(f"there is no source {name!r}", f"The sources are {', '.join(SOURCES)}.")
    module, _, made = SOURCES[name].partition(":")
    return cast(Source, getattr(importlib.import_module(module), made)())


def look(
    machine: Machine,
    names: Collection[str] = (),
    progress: Progress | None = None,
    monotonic: Callable[[], float] = time.monotonic,
    changed: frozenset[str] = frozenset(),
) -> Look:
    """One look by the named sources, by all of them if none is named.

    With `changed`, only what lies in these folders may have changed since the last look with the same memory: of a
    source that looks in parts, the other parts' last answers stand (docs/adr/0021).

    Raises:
        BadCommand: a name that is not in the table.
    """
    sources = [load_source(name) for name in sorted(set(names) or SOURCES)]
    machine = machine._replace(changed=changed)
    tallies = [_look(source, machine, _Clockwork(progress, monotonic), changed) for source in sources]
    return Look(
        coverage=tuple(tally.coverage(machine) for tally in tallies),
        observations={tally.source: tuple(tally.seen.values()) for tally in tallies},
        watch={tally.source: frozenset(tally.watch) for tally in tallies},
        stopped=machine.stopped(),
    )


class _Clockwork(NamedTuple):
    progress: Progress | None
    monotonic: Callable[[], float]


class _Segment(NamedTuple):
    """What one part of a source said; `again` is None for what belongs to no part."""

    path: str
    again: Callable[[Machine], Iterator[Observation | Unknown | Root]] | None
    found: list[Observation | Unknown | Root]

    def stays_inside(self) -> bool:
        """True if everything that was seen lies in the part's own folder."""
        below = self.path + "/"
        return all(found.path.startswith(below) for found in self.found if isinstance(found, Observation))


class _Last(NamedTuple):
    """The last whole answer of a source, and under what circumstances it was given."""

    circumstances: Hashable
    marks: Hashable
    segments: list[_Segment]


class _Tally:
    """What one source has found so far."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.seen: dict[tuple[str, str, str], Observation] = {}
        self.unknown: dict[Unknown, None] = {}
        self.roots: dict[str, None] = {}
        self.watch: set[str] = set()
        self.segments: list[_Segment] = []
        self.whole = True
        self.ms = 0

    def take(self, found: Observation | Unknown | Root) -> None:
        """Counts one thing, once."""
        if isinstance(found, Observation):
            self.seen.setdefault((found.path, found.purl, found.setting), found)
        elif isinstance(found, Unknown):
            if len(self.unknown) < MAX_UNKNOWN:
                self.unknown.setdefault(found)
        else:
            self._root(found)

    def take_all(self, rows: list[Observation | Unknown | Root]) -> None:
        """Counts many things; thousands of observations that still stand are the rule."""
        seen = self.seen
        for found in rows:
            if type(found) is Observation:
                seen.setdefault((found.path, found.purl, found.setting), found)
            else:
                self.take(found)

    def note(self, found: Observation | Unknown | Root) -> None:
        """Counts a thing that belongs to no part, and keeps it for the next look."""
        if not self.segments or self.segments[-1].again is not None:
            self.segments.append(_Segment("", None, []))
        self.segments[-1].found.append(found)
        self.take(found)

    def coverage(self, machine: Machine) -> Coverage:
        """The row of the coverage."""
        everything = dict.fromkeys([*machine.unknown, *self.unknown])
        return Coverage(self.source, tuple(self.roots), len(self.seen), tuple(everything), self.ms)

    def _root(self, root: Root) -> None:
        if root.looked:
            self.roots.setdefault(root.path)
        if root.watch:
            self.watch.add(root.path)


def _look(source: Source, machine: Machine, clockwork: _Clockwork, changed: frozenset[str]) -> _Tally:
    """A look by one source, or what of its last one still stands."""
    tally, start = _Tally(source.name), clockwork.monotonic()
    circumstances = _circumstances(machine)
    marks = _marks(source, machine)
    last = machine.recall.last.get(source.name)
    if not isinstance(last, _Last) or last.circumstances != circumstances:
        last = None
    segments = _still_standing(last, marks, changed) if last else None
    if segments is None:
        _guarded(source, tally, lambda: _collect(source, machine, tally, clockwork, start))
    else:
        _guarded(source, tally, lambda: _renew(segments, machine, tally, changed))
    tally.ms = round((clockwork.monotonic() - start) * 1000)
    machine.recall.last.pop(source.name, None)
    if tally.whole and not machine.stopped():
        machine.recall.last[source.name] = _Last(circumstances, marks, tally.segments)
    return tally


def _still_standing(last: _Last, marks: Hashable, changed: frozenset[str]) -> list[_Segment] | None:
    """The last answer, if only its parts in `changed` are to be looked at again, or nothing is; None: look anew."""
    if marks is not None:
        return last.segments if marks == last.marks else None
    parts = {segment.path: segment for segment in last.segments if segment.again}
    if not changed or not changed <= parts.keys():
        return None
    return last.segments if all(parts[path].stays_inside() for path in changed) else None


def _renew(segments: list[_Segment], machine: Machine, tally: _Tally, changed: frozenset[str]) -> None:
    for segment in segments:
        if segment.path in changed and segment.again is not None:
            segment = segment._replace(found=list(segment.again(machine)))
        tally.segments.append(segment)
        tally.take_all(segment.found)


def _collect(source: Source, machine: Machine, tally: _Tally, clockwork: _Clockwork, start: float) -> None:
    for found in source.collect(machine):
        if isinstance(found, Part):
            segment = _Segment(found.path, found.again, [])
            tally.segments.append(segment)
            for inner in found.found:
                segment.found.append(inner)
                tally.take(inner)
                if _too_long(source, tally, clockwork, start):
                    return
        else:
            tally.note(found)
            if _too_long(source, tally, clockwork, start):
                return


def _too_long(source: Source, tally: _Tally, clockwork: _Clockwork, start: float) -> bool:
    if clockwork.progress:
        clockwork.progress(source.name, len(tally.seen))
    if clockwork.monotonic() - start <= MAX_SECONDS:
        return False
    tally.whole = False
    tally.take(Unknown(f"source {source.name}", f"ended after {MAX_SECONDS:.0f} seconds"))
    return True


def _guarded(source: Source, tally: _Tally, look: Callable[[], None]) -> None:
    try:
        look()
    except InterdictError as error:
        tally.whole = False
        tally.take(unknown(f"source {source.name}", error))
    except Exception as error:  # a mistake of ours: what the source has found until then counts, the rest is unknown
        tally.whole = False
        tally.take(Unknown(f"source {source.name}", f"failed: {type(error).__name__}: {error}"))


def _circumstances(machine: Machine) -> Hashable:
    """What decides where a source looks, besides what lies there."""
    return (
        machine.tree.root,
        machine.users,
        machine.path_folders,
        machine.project_roots,
        machine.hints,
        machine.system,
        machine.wanted,
    )


def _marks(source: Source, machine: Machine) -> Hashable:
    """The facts of the files that a source's answer rests on; None if it does not say which, or one is too young."""
    paths = getattr(source, "rests_on", None)
    if paths is None:
        return None
    return marks_of(machine, paths(machine))
