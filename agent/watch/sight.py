"""A look at one process, with a memory of what each was given when it started.

Claude Code's node era overwrites its command line about half a second after its start; from then on the process shows
`claude` and nothing else. So the watcher's thread glances at each program the moment it starts (`glance`), and the
deciding thread's `look` recalls that later. The memory holds the file of an interpreter's process and nothing of the
rest of its command line; it is bounded, and an exec or a used-again pid never inherits from what was there before.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import NamedTuple

from agent.errors import Denied, Gone
from agent.host import processes
from agent.host.processes import Process
from agent.watch.identity import Kind, Runs, Standing, what_runs
from agent.watch.interpreters import base_name, family_of
from policy_schema.rules.observation import Face, Observation

LIMIT = 4096
"""Interpreter processes remembered at most, the oldest forgotten first: some 4 MB at the very worst, usually 20 KB."""


class Seen(NamedTuple):
    """One look at one process."""

    process: Process
    runs: Runs
    path: str
    """The file it really runs, links resolved; the text as it is where that file has no name any more."""
    there: bool
    """Whether that file is still there under that name (in our own root)."""


class _Memory(NamedTuple):
    started: float
    exe: str
    runs: Runs
    path: str


class Sight:
    """Looks at processes and remembers; any thread."""

    def __init__(
        self,
        details: Callable[[int], Process] = processes.details,
        program: Callable[[int], str] = processes.program,
        first_there: Callable[[tuple[str, ...]], str] = processes.first_there,
        pids: Callable[[], frozenset[int]] = processes.pids,
    ) -> None:
        self._details = details
        self._program = program
        self._first_there = first_there
        self._pids = pids
        self._crowded_until = 0.0
        self._memory: OrderedDict[int, _Memory] = OrderedDict()
        self._lock = threading.Lock()

    def glance(self, pid: int) -> None:
        """What a watcher does as soon as a program started: 5 µs for most, 100 for an interpreter. Never raises."""
        # Whatever is remembered of this pid belongs to the program before this one.
        self._forget(pid)
        # Nothing that a process can make of itself may end the watcher's thread.
        with contextlib.suppress(Exception):
            if family_of(self._program(pid)) is not None:
                self.look(pid)

    def look(self, pid: int) -> Seen:
        """What a process runs now, with what was remembered of its start.

        Raises:
            Gone: it has ended.
            Denied: it belongs to somebody else and we are not root.
        """
        process = self._details(pid)
        runs = what_runs(process)
        if runs.kind is Kind.RETITLED:
            return self._recall(process, runs)
        path = self._place(process, runs)
        seen = Seen(process, runs, path or self._known_path(process, runs), bool(path))
        if runs.kind in (Kind.SCRIPT, Kind.MODULE):
            self._remember(seen)
        else:
            self._forget(pid)
        return seen

    def still_runs(self, pid: int, started: float, path: str, program: tuple[int, int] | None = None) -> bool:
        """Whether this very process still runs that file: it may have ended, or called exec since it was seen.

        `program`: (device, inode) of what it ran, when that was the program itself: renaming it changes nothing.
        """
        try:
            seen = self.look(pid)
            if not processes.same_start(seen.process.started, started):
                return False
            if program is not None and processes.program_inode(seen.process) == program:
                return True
        except (Gone, Denied):
            return False
        return path in (seen.path, seen.process.exe)

    def recall_all(self, running: Iterable[tuple[int, float, str]]) -> None:
        """The same for many, as (pid, start, file): titles change, and then say no more what a process was given."""
        for row in running:
            self.recall(*row)

    def recall(self, pid: int, started: float, path: str) -> None:
        """Gives back which file a process was given, from before the agent's own restart, if it still runs."""
        with contextlib.suppress(Gone, Denied):
            process = self._details(pid)
            if processes.same_start(process.started, started):
                self.remember(pid, started, process.exe, path)

    def remember(self, pid: int, started: float, exe: str, path: str) -> None:
        """Gives back what is known of a running process from before the agent's own restart."""
        runs = Runs(Kind.SCRIPT, path, Standing.RECALLED, exe, (path,))
        self._store(pid, _Memory(started, exe, runs, path))

    def keep(self, pids: Iterable[int]) -> None:
        """Forgets everything but these, after a sweep."""
        alive = frozenset(pids)
        with self._lock:
            for pid in [pid for pid in self._memory if pid not in alive]:
                del self._memory[pid]

    def _place(self, process: Process, runs: Runs) -> str:
        """The canonical path; empty when the file has no name (any more), or none in our own root."""
        if process.foreign or not runs.path:
            return ""
        if runs.candidates:
            return self._first_there(runs.candidates)
        return "" if runs.deleted else runs.path

    def _known(self, process: Process) -> _Memory | None:
        """What is remembered of this very process while it runs this very interpreter."""
        with self._lock:
            memory = self._memory.get(process.pid)
        if memory is None or memory.exe != process.exe:
            return None
        return memory if processes.same_start(memory.started, process.started) else None

    def _known_path(self, process: Process, runs: Runs) -> str:
        """Where a file was that has lost its name since: links can no longer be resolved."""
        memory = self._known(process)
        return memory.path if memory is not None and memory.runs.path == runs.path else runs.path

    def _recall(self, process: Process, runs: Runs) -> Seen:
        memory = self._known(process)
        if memory is None:
            return Seen(process, runs, runs.path, not runs.deleted)
        recalled = memory.runs._replace(standing=Standing.RECALLED, title=runs.title, asked=runs.asked)
        there = self._place(process, recalled)
        return Seen(process, recalled, there or memory.path, bool(there))

    def _remember(self, seen: Seen) -> None:
        memory = _Memory(seen.process.started, seen.process.exe, seen.runs, seen.path)
        self._store(seen.process.pid, memory)

    def _store(self, pid: int, memory: _Memory) -> None:
        with self._lock:
            self._memory.pop(pid, None)
            self._memory[pid] = memory
            if len(self._memory) > LIMIT:
                self._make_room()

    def _make_room(self) -> None:
        """What has ended goes first: the oldest entry is the session that has been running all day, and a build runs
        more scripts in a minute than are remembered."""
        if time.monotonic() >= self._crowded_until:
            alive = self._pids()
            for pid in [pid for pid in self._memory if pid not in alive]:
                del self._memory[pid]
            if len(self._memory) > LIMIT * 3 // 4:
                # Nearly all of them run: asking at every start would cost more than it gives.
                self._crowded_until = time.monotonic() + 1.0
        while len(self._memory) > LIMIT:
            self._memory.popitem(last=False)

    def _forget(self, pid: int) -> None:
        with self._lock:
            self._memory.pop(pid, None)


def as_program(seen: Seen) -> Seen:
    """The same look, at the program itself instead of what it may be interpreting. Nothing was looked for around it."""
    process = seen.process
    return Seen(process, Runs(Kind.PROGRAM, process.exe, deleted=process.exe_deleted), process.exe, False)


def observe(seen: Seen) -> Observation:
    """What was seen as an observation: the name is the one it was started by, or calls itself."""
    process, runs = seen.process, seen.runs
    called = process.cmdline[0] if process.cmdline and runs.kind is Kind.PROGRAM else runs.path
    return Observation(
        source="processes",
        face=Face.PROCESS,
        path=seen.path,
        owner=process.owner,
        uid=process.uid,
        name=base_name(runs.title or called),
        links=() if runs.path == seen.path or not os.path.isabs(runs.path) else (runs.path,),
        pid=process.pid,
        started=process.started,
    )
