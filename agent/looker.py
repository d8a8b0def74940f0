"""The thread that looks at the machine: everything now and then, single sources when their folders change."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from agent.inbox import Inbox, Looked
from agent.inventory.content_cache import ContentCache
from agent.inventory.interface import Look, Wanted
from agent.watch.interface import Changed, FileEvent, Overflowed
from policy_schema.rules.content import compile_signature
from policy_schema.rules.observation import Unknown
from policy_schema.rules.rulebook import DeviceRules

Run = Callable[[frozenset[str] | None, Wanted, ContentCache, Callable[[], bool]], Look]
"""Runs sources (all for None) and answers with what they found."""


def wanted_of(rules: DeviceRules | None) -> Wanted:
    """What the sources shall look for beside packages."""
    if rules is None:
        return Wanted()
    signatures = tuple(compile_signature(key, fields) for key, fields in rules.signatures())
    hashes = any(tool.hashes for tool in rules.book.tools.values())
    return Wanted(rules.wanted_names(), rules.wanted_folders(), signatures, hashes)


class Looker:
    """Takes wishes for looks, carries them out one after the other, and answers through the inbox."""

    def __init__(self, *, inbox: Inbox, run: Run) -> None:
        self._inbox = inbox
        self._run = run
        self._wanted = Wanted()
        self._cache = ContentCache()
        self._folders: dict[str, frozenset[str]] = {}
        self._lock = threading.Lock()
        self._wish: set[str] = set()
        self._everything = False
        self._wake = threading.Event()
        self._stop: threading.Event | None = None

    def want(self, rules: DeviceRules | None) -> None:
        """From the next look on this is looked for. Any thread."""
        self._wanted = wanted_of(rules)

    def ask_everything(self) -> None:
        """Asks for a whole look. Any thread."""
        with self._lock:
            self._everything = True
        self._wake.set()

    def ask(self, sources: Iterable[str]) -> None:
        """Asks for a look by these sources. Any thread."""
        with self._lock:
            self._wish |= set(sources)
        self._wake.set()

    def event(self, event: FileEvent) -> None:
        """The folder watcher's sink: returns at once."""
        match event:
            case Changed():
                owners = [name for name, folders in self._folders.items() if event.root in folders]
                if owners:
                    self.ask(owners)
                else:
                    self.ask_everything()
            case Overflowed():
                self.ask_everything()

    def folders(self) -> frozenset[str]:
        """Every folder in which an install would appear."""
        return frozenset().union(*self._folders.values())

    def run(self, stop: threading.Event) -> None:
        """The thread's body."""
        self._stop = stop
        while not stop.is_set():
            if not self._wake.wait(1.0):
                continue
            with self._lock:
                everything, wish = self._everything, frozenset(self._wish)
                self._everything = False
                self._wish.clear()
                self._wake.clear()
            if everything or wish:
                self._look(None if everything else wish)

    def _look(self, sources: frozenset[str] | None) -> None:
        stop = self._stop
        began = time.monotonic()
        found = self._run(sources, self._wanted, self._cache, stop.is_set if stop else lambda: False)
        if found.stopped:
            return
        unknown: dict[str, tuple[Unknown, ...]] = {row.source: row.unknown for row in found.coverage}
        for source, folders in found.watch.items():
            self._folders[source] = folders
        took = int((time.monotonic() - began) * 1000)
        self._inbox.put(Looked(found.observations, unknown, found.coverage, sources is None, took))
