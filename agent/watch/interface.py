"""What a watcher tells, and how it is started and stopped.

A watcher runs on its own thread and hands events to a sink, which must return at once (it puts them into the daemon's
bounded inbox). Watchers never decide anything and never read a file's content. Loss is always said: `Lost` or
`Overflowed`, followed by a look at everything, never a silent gap.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from policy_schema.rules.observation import Unknown


class Started(NamedTuple):
    """A program began to run in this process (it may have run another one before: an exec keeps the pid)."""

    pid: int


class Swept(NamedTuple):
    """Everything that runs now; what is not in here has ended. Comes at the start, after a loss, and now and then."""

    pids: tuple[int, ...]


class Lost(NamedTuple):
    """Starts were lost; a `Swept` follows. `number` is 0 when nobody knows how many."""

    number: int


ProcessEvent = Started | Swept | Lost


class Changed(NamedTuple):
    """Something was created, moved or written in a watched folder, and it has been quiet since (or long enough)."""

    root: str


class Overflowed(NamedTuple):
    """File events were lost: look at all roots."""


FileEvent = Changed | Overflowed


class ProcessWatcher(Protocol):
    """Tells of programs that start."""

    name: str
    """`connector`, `polling`: shown by `status` and `doctor`."""

    def start(self, sink: Callable[[ProcessEvent], None]) -> None:
        """Begins; the first event is a `Swept`. Every later start of a program leads to an event, sooner or later."""

    def stop(self) -> None:
        """Ends; no event comes after it returns. May be called twice."""

    def health(self) -> Unknown | None:
        """Why this watcher sees less than it should, or None."""


class FolderWatcher(Protocol):
    """Tells of changes in folders."""

    def start(self, sink: Callable[[FileEvent], None]) -> None:
        """Begins with the folders given so far."""

    def watch(self, roots: frozenset[str]) -> None:
        """From now on these folders and no others; they need not exist yet. Any thread."""

    def stop(self) -> None:
        """Ends; no event comes after it returns. May be called twice."""

    def health(self) -> tuple[Unknown, ...]:
        """Folders that cannot be watched as they should (they are looked at now and then instead)."""
