"""From "a program started" to "this is one of the policy's tools": the thread that looks at processes.

It holds a snapshot of the rules and installations (replaced as a whole by the deciding thread), so that nothing is
shared. Most starts are settled by their path alone; content is read only where kind and size fit a signature, and
each file once while it does not change.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from agent.decider import Process, ProcessKey
from agent.errors import InterdictError
from agent.findings import identity_of
from agent.host import processes
from agent.host.users import person_of
from agent.inbox import Ended, Inbox, Recognised
from agent.inventory.installations import Installation
from agent.inventory.signers import Signer
from agent.watch.identity import Kind
from agent.watch.interface import ProcessEvent, Started, Swept
from agent.watch.sight import Seen, Sight, as_program, observe
from policy_schema.rules.decision import Identity
from policy_schema.rules.identity import executable_name
from policy_schema.rules.observation import Confidence, Observation
from policy_schema.rules.rulebook import DeviceRules

_ALIVE_EVERY = 0.5
"""Seconds between two looks whether recognised processes still run; none are made while there are none."""
_ALIVE_SHARE = 10
"""… and that many times as long as such a look took: whoever starts 5,000 must not keep a processor busy."""
_SETTLE = 0.05
"""Seconds until a process that is about to become another program is looked at again, once."""
_MOST_WAITING = 8192
"""Starts that wait to be looked at. A storm that is faster than we are becomes one look at what still runs."""
_NOBODY = (0, 0.0)
"""No process: wakes whoever waits for one."""
_SYSTEM = ("/usr/bin/", "/bin/", "/usr/sbin/", "/sbin/", "/usr/lib/systemd/", "/lib/systemd/", "/usr/libexec/")

Container = Callable[[str], tuple[str, str]]
"""From a file to the nearest package around it: (purl or key, its folder), both empty when there is none."""
Content = Callable[[str], tuple[str, str]]
"""From a file that can be opened to (signature id, version), both empty when no signature matches."""
Through = Callable[[str, Callable[[], bool]], tuple[str, str]]
"""The same, by all bytes of the file; the second argument says when to stop."""


class _Known(NamedTuple):
    rules: DeviceRules | None
    places: tuple[tuple[str, Installation], ...]
    names: frozenset[str]


class Examiner:
    """Takes the watcher's events and tells the inbox which processes are recognised and which have ended."""

    def __init__(
        self,
        *,
        inbox: Inbox,
        sight: Sight,
        container: Container,
        content: Content,
        home_of: Callable[[str], str],
        only_below: Sequence[str] = (),
        signer: Callable[[str], Signer] | None = None,
        through: Through | None = None,
    ) -> None:
        """`only_below`: a trial that looks at some folders only must not meddle with what runs elsewhere.

        `signer`: who signed a program, on systems where programs are signed. `through`: looks through all of an unknown
        program, for `look_through`.
        """
        self._inbox = inbox
        self._sight = sight
        self._container = container
        self._content = content
        self._signer = signer
        self._home_of = home_of
        self._through = through
        self._unknown: queue.SimpleQueue[tuple[int, float]] = queue.SimpleQueue()
        self._only_below = tuple(only_below)
        self._known = _Known(None, (), frozenset())
        self._pids: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._missed = False
        self._settling: deque[tuple[float, int, float]] = deque()
        self._settled: OrderedDict[ProcessKey, None] = OrderedDict()
        self._tracked: OrderedDict[ProcessKey, str] = OrderedDict()
        self._ended_due = 0.0
        self.examined = 0

    def know(self, rules: DeviceRules | None, installations: Sequence[Installation]) -> None:
        """Replaces what processes are compared with. Any thread."""
        places = tuple(sorted(((one.path, one) for one in installations), key=lambda row: -len(row[0])))
        self._known = _Known(rules, places, rules.wanted_names() if rules else frozenset())

    def event(self, event: ProcessEvent) -> None:
        """The watcher's sink: returns at once."""
        if isinstance(event, Started):
            self.look_at((event.pid,))
        elif isinstance(event, Swept):
            self._sight.keep(event.pids)
            self.look_at(event.pids)

    def look_at(self, pids: Sequence[int]) -> None:
        """Asks for a look at these processes."""
        for pid in pids:
            if self._pids.qsize() >= _MOST_WAITING:
                self._missed = True
                return
            self._pids.put(pid)

    def sweep(self) -> None:
        """Asks for a look at everything that runs."""
        self._missed = True
        self._pids.put(None)

    def wake(self) -> None:
        """Ends the wait of both threads, for somebody who has told them to stop."""
        self._pids.put(None)
        self._unknown.put(_NOBODY)

    def run(self, stop: threading.Event) -> None:
        """The thread's body."""
        while not stop.is_set():
            pid = self._next()
            if self._missed:
                self._look_at_all()
            elif pid is not None:
                self._examine(pid)
            self._look_again()
            if time.monotonic() >= self._ended_due:
                self._look_who_ended()

    def look_through(self, stop: threading.Event) -> None:
        """A second thread's body: unknown programs, wholly, while they run. A quick look at them has found nothing."""
        while not stop.is_set():
            try:
                pid, started = self._unknown.get(timeout=1.0)
            except queue.Empty:
                continue
            if (pid, started) == _NOBODY:
                continue
            with contextlib.suppress(InterdictError):
                self._look_through(pid, started, stop)

    def _look_through(self, pid: int, started: float, stop: threading.Event) -> None:
        seen, rules = self._sight.look(pid), self._known.rules
        if self._through is None or rules is None or not processes.same_start(seen.process.started, started):
            return
        content, version = self._through(_bytes_of(seen), stop.is_set)
        if content:
            observation = observe(seen)._replace(content=content, version=version)
            identity = rules.identify(observation)
            if identity is not None:
                inode = _program_inode(seen)
                self._tell(pid, Process(observation._replace(inode=inode), identity, ""))

    def _next(self) -> int | None:
        """The next process to look at; None when there is none, or when it is time for something else."""
        wait = min(2.0, max(0.0, self._ended_due - time.monotonic())) if self._tracked else 2.0
        if self._settling:
            wait = min(wait, _SETTLE)
        try:
            return self._pids.get(timeout=wait)
        except queue.Empty:
            return None

    def _look_at_all(self) -> None:
        """Everything that runs; what waited to be looked at is among it, or has ended."""
        self._missed = False
        for _ in range(self._pids.qsize()):
            self._pids.get()
        for pid, _ in processes.running():
            self._examine(pid)

    def _look_again(self) -> None:
        while self._settling and self._settling[0][0] <= time.monotonic():
            self._examine(self._settling.popleft()[1])

    def everything(self) -> list[Process]:
        """Looks at all processes once, now: for a command that only looks."""
        found = [self.recognise(pid) for pid, _ in processes.running()]
        return [process for process in found if process is not None]

    def recognise(self, pid: int) -> Process | None:
        """What one process is, None when it is none of the policy's tools (or has ended, or is not ours to look at)."""
        known = self._known
        if known.rules is None or pid == os.getpid():
            return None
        self.examined += 1
        try:
            seen = self._sight.look(pid)
            if seen.runs.kind is Kind.SETTLING and self._settles(seen):
                return None
            return self._recognise(seen, known, known.rules)
        except InterdictError:
            # It ended while we looked, or belongs to somebody else: without root only one's own are seen.
            return None

    def _examine(self, pid: int) -> None:
        recognised = self.recognise(pid)
        if recognised is not None:
            self._tell(pid, recognised)

    def _tell(self, pid: int, recognised: Process) -> None:
        seen = recognised.seen
        recognised = recognised._replace(seen=seen._replace(uid=person_of(seen.uid)))
        key = (pid, seen.started or 0.0)
        self._tracked[key] = recognised.identity.tool
        self._inbox.put(Recognised(key, recognised))

    def _settles(self, seen: Seen) -> bool:
        """Whether to wait for what it becomes: once. A program that is merely called `env` stays what it is."""
        key = (seen.process.pid, seen.process.started)
        if key in self._settled:
            return False
        self._settled[key] = None
        if len(self._settled) > _MOST_WAITING:
            self._settled.popitem(last=False)
        self._settling.append((time.monotonic() + _SETTLE, *key))
        return True

    def _recognise(self, seen: Seen, known: _Known, rules: DeviceRules) -> Process | None:
        foreign = seen.process.foreign
        if seen.runs.kind is Kind.NOTHING or (foreign and not processes.is_ours_too(seen.process)):
            # Below another root (a container) the paths are not ours: nothing there is taken for anything here. The
            # source `containers` looks into its files, or says that it could not.
            return None
        # An interpreter is known by its file's name only, and anybody can call a file `node`.
        program = seen if seen.runs.kind is Kind.PROGRAM else as_program(seen)
        itself = self._recognise_file(program, known, rules)
        if itself is not None:
            return itself._replace(seen=itself.seen._replace(inode=_program_inode(program)))
        if foreign or seen.runs.kind in (Kind.PROGRAM, Kind.CODE, Kind.SETTLING):
            return None
        return self._recognise_file(seen, known, rules)

    def _recognise_file(self, seen: Seen, known: _Known, rules: DeviceRules) -> Process | None:
        observation = observe(seen)
        if self._only_below and not any(_inside(observation.path, folder) for folder in self._only_below):
            return None
        observation = observation._replace(home=self._home_of(observation.path))
        place = next((one for path, one in known.places if _inside(observation.path, path)), None)
        if place is not None:
            return Process(observation._replace(purl=place.purl, version=place.version), identity_of(place), place.id)
        if self._is_plain_system_program(seen, observation, known):
            return None
        return self._by_its_own_faces(seen, observation, rules)

    def _by_its_own_faces(self, seen: Seen, observation: Observation, rules: DeviceRules) -> Process | None:
        container, folder = self._container(observation.path) if seen.there else ("", "")
        identity = _container_identity(rules, observation, container)
        if identity is not None:
            return Process(observation._replace(container=container, container_path=folder), identity, "")
        where = _bytes_of(seen)
        content, version = self._content(where)
        signer = self._signer(where) if self._signer and seen.runs.kind is Kind.PROGRAM else Signer()
        observation = observation._replace(content=content, signer=signer.key, version=version or signer.version)
        found = rules.identify(observation)
        if (found is None or found.confidence is Confidence.WEAK) and seen.runs.kind is Kind.PROGRAM:
            self._wonder(seen)
        return Process(observation, found, "") if found else None

    def _wonder(self, seen: Seen) -> None:
        """An unknown program: it is looked through whole, when there is time for it."""
        if self._through is not None and self._unknown.qsize() < _MOST_WAITING:
            self._unknown.put((seen.process.pid, seen.process.started))

    def _is_plain_system_program(self, seen: Seen, observation: Observation, known: _Known) -> bool:
        """The programs of the system itself, under a name that no tool of the policy has.

        The path is what the process's own mount namespace calls it: anybody can mount their file over `/usr/bin/true`
        in a namespace of theirs. So it must be the file that we see under that name.
        """
        if seen.runs.kind is not Kind.PROGRAM or not observation.path.startswith(_SYSTEM):
            return False
        return executable_name(observation.path) not in known.names and processes.is_ours_too(seen.process)

    def _look_who_ended(self) -> None:
        began = time.monotonic()
        gone = tuple(key for key in list(self._tracked) if not _alive(key))
        now = time.monotonic()
        self._ended_due = now + max(_ALIVE_EVERY, _ALIVE_SHARE * (now - began))
        for key in gone:
            del self._tracked[key]
        if gone:
            self._inbox.put(Ended(gone))


def _bytes_of(seen: Seen) -> str:
    """Where to read what runs: of a program from its process; the loader's process only has those of the loader."""
    itself = seen.runs.kind is Kind.PROGRAM and not seen.runs.interpreter
    return seen.process.bytes_at if itself else seen.path


def _program_inode(seen: Seen) -> tuple[int, int] | None:
    """Which file the process itself is; None where that is the loader, which says nothing of what it loaded."""
    return None if seen.runs.interpreter else processes.program_inode(seen.process)


def _container_identity(rules: DeviceRules, observation: Observation, container: str) -> Identity | None:
    """What a file is by the package around it, if the policy knows that package."""
    if not container:
        return None
    bare = observation._replace(name="", links=())
    if container.startswith("pkg:"):
        return rules.identify(bare._replace(purl=container))
    if container.startswith(("macos:", "windows:", "linux:")):
        return rules.identify(bare._replace(app=container))
    return rules.identify(bare._replace(extension=container))


def _alive(key: ProcessKey) -> bool:
    pid, started = key
    try:
        return processes.same_start(processes.start_of(pid), started)
    except InterdictError:
        # Gone is the usual end; denied cannot be told from it by who may not look.
        return False


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
