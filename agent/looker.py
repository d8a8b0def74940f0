"""The thread that looks at the machine: everything now and then, single sources when their folders change."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from agent.host.manners import Budget, idle_disk, lower_priority
from agent.inbox import Inbox, Looked
from agent.inventory.content_cache import ContentCache
from agent.inventory.interface import Look, Wanted
from agent.inventory.recall import Recall
from agent.watch.interface import Changed, FileEvent, Overflowed
from policy_schema.rules.content import compile_signature
from policy_schema.rules.rulebook import DeviceRules


class Order(NamedTuple):
    """What one look is about: a source, what to look for, files that running processes revealed, when to end."""

    source: str
    wanted: Wanted
    hints: tuple[str, ...]
    cache: ContentCache
    recall: Recall
    stopped: Callable[[], bool]
    changed: frozenset[str] = frozenset()
    """If not empty: nothing but what lies in these folders has changed since the source's last look."""


Run = Callable[[Order], Look]
"""Runs one source and answers with what it found."""
_MOST_HINTS = 200
_SHARE, _BURST = 0.5, 1.0
"""Of one processor, over time; and the seconds of it that may be used at once after a rest."""
_LONG, _LONGEST_REST = 2.0, 60.0
"""Seconds: after a look that took longer than the first, as long a rest, at most the second."""


def wanted_of(rules: DeviceRules | None) -> Wanted:
    """What the sources shall look for beside packages."""
    if rules is None:
        return Wanted()
    signatures = tuple(compile_signature(key, fields) for key, fields in rules.signatures())
    hashes = any(tool.hashes for tool in rules.book.tools.values()) or any(b.allowed.hashes for b in rules.book.bans)
    signers = frozenset(signer for tool in rules.book.tools.values() for signer in tool.signers)
    residue = rules.wanted_residue()
    return Wanted(rules.wanted_names(), rules.wanted_folders(), signatures, hashes, signers, residue)


class Looker:
    """Takes wishes for looks, carries them out one after the other, and answers through the inbox."""

    def __init__(self, *, inbox: Inbox, run: Run, sources: Iterable[str]) -> None:
        self._inbox = inbox
        self._sources = tuple(sources)
        self._hints: dict[str, None] = {}
        self._run = run
        self._wanted = Wanted()
        self._cache = ContentCache()
        self._recall = Recall()
        self._budget = Budget(_SHARE, _BURST)
        self._folders: dict[str, frozenset[str]] = {}
        self._lock = threading.Lock()
        self._wish: dict[str, frozenset[str]] = {}
        """Sources to look, with the folders that changed; none: the whole source."""
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

    def ask(self, sources: Iterable[str], changed: frozenset[str] = frozenset()) -> None:
        """Asks for a look by these sources; with `changed` only at what changed since their last one. Any thread."""
        with self._lock:
            for source in sources:
                before = self._wish.get(source, changed)
                self._wish[source] = before | changed if before and changed else frozenset()
        self._wake.set()

    def event(self, event: FileEvent) -> None:
        """The folder watcher's sink: returns at once."""
        match event:
            case Changed():
                owners = [name for name, folders in self._folders.items() if event.root in folders]
                if owners:
                    self.ask(owners, frozenset({event.root}))
                else:
                    self.ask_everything()
            case Overflowed():
                self.ask_everything()

    def hint(self, path: str) -> bool:
        """A file that a process runs, outside of everything known. True when it is news."""
        if path in self._hints:
            return False
        # The newest stay: whoever runs two hundred odd files first hides no later one.
        self._hints = dict.fromkeys([*self._hints, path][-_MOST_HINTS:])
        return True

    def folders(self) -> frozenset[str]:
        """Every folder in which an install would appear."""
        return frozenset().union(*self._folders.values())

    def wake(self) -> None:
        """Ends the wait of the thread, for somebody who has told it to stop."""
        self._wake.set()

    def run(self, stop: threading.Event) -> None:
        """The thread's body."""
        self._stop = stop
        lower_priority()
        self._budget = Budget(_SHARE, _BURST)
        while not stop.is_set():
            if not self._wake.wait(1.0):
                continue
            with self._lock:
                everything, wish = self._everything, dict(self._wish)
                self._everything = False
                self._wish.clear()
                self._wake.clear()
            if everything or wish:
                began = time.monotonic()
                self._look_or_ask_again(None if everything else wish)
                took = time.monotonic() - began
                if took > _LONG:
                    # Whoever makes looks long and many gets half of a processor, not all of it.
                    stop.wait(min(took, _LONGEST_REST))

    def _look_or_ask_again(self, wish: Mapping[str, frozenset[str]] | None) -> None:
        """A look that fails is not lost: it is wished for again, and the part starts anew."""
        try:
            self._look(wish)
        except Exception:
            if wish is None:
                self.ask_everything()
            else:
                self.ask(wish)  # and whole: nobody knows how far it came
            raise

    def _look(self, wish: Mapping[str, frozenset[str]] | None) -> None:
        """One source after the other, so that the folders to watch are known for each."""
        began = time.monotonic()
        if wish is None:
            self._recall.turn()
            with idle_disk():
                looks = self._looks(dict.fromkeys(self._sources, frozenset()))
        else:
            looks = self._looks(wish)
        if not looks or any(look.stopped for look in looks.values()):
            return
        rows = tuple(row for look in looks.values() for row in look.coverage)
        seen = {name: found for look in looks.values() for name, found in look.observations.items()}
        unknown = {row.source: row.unknown for row in rows}
        took = int((time.monotonic() - began) * 1000)
        self._inbox.put(Looked(seen, unknown, rows, wish is None, took))

    def _looks(self, wish: Mapping[str, frozenset[str]]) -> dict[str, Look]:
        looks: dict[str, Look] = {}
        for source in self._sources:
            if source in wish:
                looks[source] = self._run(self._order(source, wish[source]))
                self._folders[source] = looks[source].watch.get(source, frozenset())
        return looks

    def _order(self, source: str, changed: frozenset[str]) -> Order:
        hints = tuple(self._hints)
        return Order(source, self._wanted, hints, self._cache, self._recall, self._stopped, changed)

    def _stopped(self) -> bool:
        """Whether to end; asked all through a look, and so the place where it waits when it took its share."""
        stop = self._stop
        if stop is None:
            return False
        self._budget.pause(stop.wait)
        return stop.is_set()
