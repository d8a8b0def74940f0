"""Watches the folders of the inventory's sources, so that an install is found when it happens.

For each root the folder itself is watched, its `@scope` folders (npm), and for a while what newly appears in it, a few
levels deep: what is being installed is filled after it was made. A root that is not there yet is waited for at its
nearest existing parent. No tree is walked, no link followed. Where the system watches no more folders, a root's times
are compared now and then, and `health` says so.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

from agent.errors import InterdictError
from agent.host import folder_events
from agent.host.folder_events import Entry, Tap
from agent.watch.debounce import Debounce
from agent.watch.interface import Changed, FileEvent, Overflowed
from agent.watch.places import MOST_FOLDERS, YOUNG_FOR, Places, scopes
from policy_schema.rules.observation import Unknown

COMPARE_EVERY = 10.0
"""Seconds between comparisons of what cannot be watched."""
CHECK_EVERY = 60.0
"""Seconds between checks that the watched folders still stand where they stood."""


class FilesWatcher:
    """Tells which roots changed."""

    name = "files"

    def __init__(
        self,
        open_tap: Callable[[], Tap] = folder_events.open_tap,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        most_folders: int = MOST_FOLDERS,
    ) -> None:
        """Opens the system's way to watch folders."""
        self._tap = open_tap()
        self._places = Places(self._tap, most_folders)
        self._monotonic = monotonic
        self._roots: dict[str, Debounce] = {}
        self._names: dict[str, frozenset[str]] = {}
        self._compared: dict[str, tuple[Entry | None, ...]] = {}
        self._compare_at = 0.0
        self._check_at = 0.0
        self._lock = threading.Lock()
        self._wanted: frozenset[str] = frozenset()
        self._problems: tuple[Unknown, ...] = ()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, sink: Callable[[FileEvent], None]) -> None:
        """Begins with the folders given so far."""
        self._thread = threading.Thread(target=self._run, args=(sink,), name="watch-files", daemon=True)
        self._thread.start()

    def watch(self, roots: frozenset[str]) -> None:
        """From now on these folders and no others; they need not exist yet. Any thread."""
        with self._lock:
            self._wanted = roots
        self._tap.interrupt()

    def stop(self) -> None:
        """Ends; no event comes after it returns."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._tap.interrupt()
        if self._thread is not None:
            self._thread.join()
        self._tap.close()

    def health(self) -> tuple[Unknown, ...]:
        """Folders that cannot be watched as they should. Any thread."""
        return self._problems

    def _run(self, sink: Callable[[FileEvent], None]) -> None:
        try:
            self._watch_until_stopped(sink)
        except (OSError, InterdictError) as error:
            # From here on nothing is told any more: the whole looks of the daemon go on, and this is shown.
            self._problems = (Unknown("folders", f"the watcher ended: {error}"),)
            sink(Overflowed())

    def _watch_until_stopped(self, sink: Callable[[FileEvent], None]) -> None:
        taken: frozenset[str] = frozenset()
        while True:
            with self._lock:
                wanted = self._wanted
            if wanted is not taken:
                taken = wanted
                self._take(wanted)
            batch = self._tap.read(self._patience())
            if self._stopping.is_set():
                return
            now = self._monotonic()
            for event in batch.events:
                for root in self._places.happened(event, now):
                    self._roots[root].changed(now)
            if batch.lost:
                self._start_over(now, sink)
            self._now_and_then(now)
            self._tell(now, sink)

    def _take(self, wanted: frozenset[str]) -> None:
        """Places what is new, drops what is no longer wanted. A root given through a link is watched where it is."""
        names: dict[str, set[str]] = {}
        for name in wanted:
            names.setdefault(os.path.realpath(name), set()).add(name)
        now = self._monotonic()
        for root in self._roots.keys() - names.keys():
            self._places.drop(root)
            self._compared.pop(root, None)
            del self._roots[root]
        for root in sorted(names.keys() - self._roots.keys()):
            self._roots[root] = Debounce()
            self._places.place(root, now)
        self._names = {root: frozenset(given) for root, given in names.items()}
        self._check_at = now + CHECK_EVERY
        self._note_troubles(now)

    def _patience(self) -> float | None:
        """Seconds until something is due although nothing happens."""
        if not self._roots:
            return None
        now = self._monotonic()
        moments = [due for debounce in self._roots.values() if (due := debounce.due()) is not None]
        moments.append(self._check_at)
        if self._compared:
            moments.append(self._compare_at)
        if self._places.young:
            moments.append(now + YOUNG_FOR / 2)
        return max(0.0, min(moments) - now)

    def _tell(self, now: float, sink: Callable[[FileEvent], None]) -> None:
        for root, debounce in self._roots.items():
            due = debounce.due()
            if due is not None and due <= now:
                debounce.looked(now)
                for name in sorted(self._names[root]):
                    sink(Changed(name))

    def _start_over(self, now: float, sink: Callable[[FileEvent], None]) -> None:
        """Events were lost, so folders may have come and gone: everything is placed anew and looked at."""
        for root in self._roots:
            self._places.drop(root)
            self._places.place(root, now)
            self._roots[root] = Debounce()
        self._note_troubles(now)
        sink(Overflowed())

    def _now_and_then(self, now: float) -> None:
        self._places.end_youth(now)
        if now >= self._check_at:
            self._check_at = now + CHECK_EVERY
            for root in self._places.misplaced():
                self._places.replace(root, now)
                self._roots[root].changed(now)
        self._note_troubles(now)
        if self._compared and now >= self._compare_at:
            self._compare_at = now + COMPARE_EVERY
            self._compare(now)

    def _note_troubles(self, now: float) -> None:
        """What cannot be watched is compared from now on, and said."""
        limited = {root for root, trouble in self._places.troubles.items() if trouble.limit}
        for root in self._compared.keys() - limited:
            del self._compared[root]
        for root in limited - self._compared.keys():
            self._compare_at = self._compare_at if self._compared else now + COMPARE_EVERY
            self._compared[root] = _times(root)
        how = f"; compared every {COMPARE_EVERY:g} s instead"
        self._problems = tuple(
            Unknown(root, trouble.reason + (how if trouble.limit else ""))
            for root, trouble in sorted(self._places.troubles.items())
        )

    def _compare(self, now: float) -> None:
        for root, before in self._compared.items():
            after = _times(root)
            if after != before:
                self._compared[root] = after
                self._roots[root].changed(now)


def _times(root: str) -> tuple[Entry | None, ...]:
    """What tells that names in a root or in its scopes changed."""
    folders = (root, *(os.path.join(root, name) for name in scopes(root)))
    return tuple(folder_events.folder_entry(path) for path in folders)
