"""Runs sources: time, counting, and nothing that a source does wrong hides what the others found."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Collection
from typing import cast

from agent.errors import BadCommand, InterdictError
from agent.inventory import SOURCES
from agent.inventory.interface import Found, Look, Machine, Root, Source, unknown
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
) -> Look:
    """One look by the named sources, by all of them if none is named.

    Raises:
        BadCommand: a name that is not in the table.
    """
    sources = [load_source(name) for name in sorted(set(names) or SOURCES)]
    tallies = [_run(source, machine, progress, monotonic) for source in sources]
    return Look(
        coverage=tuple(tally.coverage(machine) for tally in tallies),
        observations={tally.source: tuple(tally.seen.values()) for tally in tallies},
        watch={tally.source: frozenset(tally.watch) for tally in tallies},
        stopped=machine.stopped(),
    )


class _Tally:
    """What one source has found so far."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.seen: dict[tuple[str, str], Observation] = {}
        self.unknown: dict[Unknown, None] = {}
        self.roots: dict[str, None] = {}
        self.watch: set[str] = set()
        self.ms = 0

    def take(self, found: Found) -> None:
        """Counts one thing, once."""
        if isinstance(found, Observation):
            self.seen.setdefault((found.path, found.purl), found)
        elif isinstance(found, Unknown):
            if len(self.unknown) < MAX_UNKNOWN:
                self.unknown.setdefault(found)
        else:
            self._root(found)

    def coverage(self, machine: Machine) -> Coverage:
        """The row of the coverage."""
        everything = dict.fromkeys([*machine.unknown, *self.unknown])
        return Coverage(self.source, tuple(self.roots), len(self.seen), tuple(everything), self.ms)

    def _root(self, root: Root) -> None:
        if root.looked:
            self.roots.setdefault(root.path)
        if root.watch:
            self.watch.add(root.path)


def _run(source: Source, machine: Machine, progress: Progress | None, monotonic: Callable[[], float]) -> _Tally:
    tally, start = _Tally(source.name), monotonic()
    try:
        for found in source.collect(machine):
            tally.take(found)
            if monotonic() - start > MAX_SECONDS:
                tally.take(Unknown(f"source {source.name}", f"ended after {MAX_SECONDS:.0f} seconds"))
                break
            if progress:
                progress(source.name, len(tally.seen))
    except InterdictError as error:
        tally.take(unknown(f"source {source.name}", error))
    except Exception as error:  # a mistake of ours: what the source has found until then counts, the rest is unknown
        tally.take(Unknown(f"source {source.name}", f"failed: {type(error).__name__}: {error}"))
    tally.ms = round((monotonic() - start) * 1000)
    return tally
