"""Processes at the door: who runs, since when, and which program.

A start time is in seconds since the epoch, and names a process once and for all together with its pid. On Linux it is
the kernel's own count of ticks since boot plus one boot time that is read once: so two start times of one run of the
agent are equal exactly when the process is the same, however the clock is set meanwhile. The kernel's boot time itself
moves with the clock; a daemon that compares across its own restarts keeps `boot_mark()` and gives it back by `pin()`.
Everything else of the agent compares with `same_start`.
"""

from __future__ import annotations

import contextlib
import functools
import os
import stat
import sys
from collections.abc import Iterator
from typing import NamedTuple

from agent.errors import Denied, Gone

if sys.platform == "linux":
    from agent.host import _linux_proc as proc
else:
    import psutil


class Process(NamedTuple):
    """One process as it is now."""

    pid: int
    ppid: int
    started: float
    uid: int
    """The real user; -1 where there are none."""
    owner: str
    exe: str
    """The program's file as the kernel names it; empty for a kernel thread."""
    exe_deleted: bool
    comm: str
    """The short name: at most 15 bytes, chosen by the process itself."""
    cmdline: tuple[str, ...]
    """Only to find the script that an interpreter runs: never stored, never sent, bounded."""
    cwd: str
    tty_nr: int
    foreign: bool = False
    """True below another root (container, chroot): the paths are theirs, not ours."""

    @property
    def bytes_at(self) -> str:
        """Where the program's bytes can be read, also when it was deleted or lies below another root."""
        return f"/proc/{self.pid}/exe" if sys.platform == "linux" else self.exe


def program_inode(process: Process) -> tuple[int, int] | None:
    """(device, inode) of the program that a process runs; None when that cannot be told."""
    try:
        status = os.stat(process.bytes_at)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


class BootMark(NamedTuple):
    """This boot's name and the boot time that start times are counted from."""

    boot: str
    time: float


@contextlib.contextmanager
def clear_errors(pid: int) -> Iterator[None]:
    """Turns the system's many ways to say so into `Gone` and `Denied`.

    A process may end between any two reads; the kernel then says ENOENT for a name in `/proc` and ESRCH for an open
    file. Nothing else of an OSError travels on.
    """
    try:
        yield
    except (FileNotFoundError, ProcessLookupError, NotADirectoryError) as error:
        raise Gone(f"process {pid} has ended") from error
    except PermissionError as error:
        raise Denied(f"process {pid} belongs to somebody else") from error
    except (OSError, ValueError) as error:
        raise Gone(f"process {pid} cannot be read: {error}") from error


def same_start(one: float, other: float) -> bool:
    """Whether two start times of the same pid are one process (a tick is 10 ms; floats are equal to a microsecond)."""
    return abs(one - other) < 0.005


@functools.lru_cache(maxsize=512)
def owner_name(uid: int) -> str:
    """The account's name, or the number as text when there is none."""
    if sys.platform == "win32":
        return ""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return str(uid)


def first_there(candidates: tuple[str, ...]) -> str:
    """The first path that leads to a regular file or a folder, links resolved; empty when there is none.

    Looks at names only, opens nothing.
    """
    for path in candidates:
        with contextlib.suppress(OSError, ValueError):
            mode = os.stat(path).st_mode
            if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
                found = os.path.realpath(path)
                # Below /proc a link such as `self` leads into our own process, not into the one looked at.
                return "" if found.startswith("/proc/") else found
    return ""


def own_line() -> frozenset[int]:
    """Ourselves and all our parents."""
    return frozenset((os.getpid(), *ancestors(os.getpid())))


def ancestors(pid: int) -> tuple[int, ...]:
    """The parents of a process, nearest first, as far as they can be seen."""
    line: list[int] = []
    while pid > 1 and len(line) < 64:
        try:
            pid = parent(pid)
        except (Gone, Denied):
            break
        if pid in line:
            break
        line.append(pid)
    return tuple(line)


if sys.platform == "linux":
    _pinned: list[float] = []
    """One element: the boot time of this run."""

    def boot_mark() -> BootMark:
        """This boot's name and time, for a daemon that wants the same start times after its own restart."""
        return BootMark(proc.boot_id(), _boot())

    def pin(mark: BootMark) -> bool:
        """Counts from the boot time of an earlier run, if that was in this same boot; False otherwise."""
        if mark.boot != proc.boot_id():
            return False
        _pinned[:] = [mark.time]
        return True

    def details(pid: int) -> Process:
        """Everything about one process.

        Raises:
            Gone: it has ended (or is a zombie, which runs nothing).
            Denied: it belongs to somebody else and we are not root.
        """
        with clear_errors(pid):
            folder = proc.open_folder(pid)
            try:
                return _details(pid, folder)
            finally:
                os.close(folder)

    def program(pid: int) -> str:
        """The program alone, for a first glance: the link's text, with the kernel's mark if it was deleted.

        Raises:
            Gone, Denied: as for `details`.
        """
        with clear_errors(pid):
            return os.readlink(f"/proc/{pid}/exe")

    def is_ours_too(process: Process) -> bool:
        """Whether the name of a process's program leads to that very file for us too: it may have other mounts."""
        try:
            ours = os.stat(process.exe, follow_symlinks=False)
        except (OSError, ValueError):
            return False
        return program_inode(process) == (ours.st_dev, ours.st_ino)

    def start_of(pid: int) -> float:
        """When a process started.

        Raises:
            Gone: there is none, or only its zombie is left.
        """
        with clear_errors(pid):
            folder = proc.open_folder(pid)
            try:
                return _started(_alive(pid, proc.read_stat(folder)))
            finally:
                os.close(folder)

    def parent(pid: int) -> int:
        """The parent of a process.

        Raises:
            Gone: there is no such process.
        """
        with clear_errors(pid):
            folder = proc.open_folder(pid)
            try:
                return proc.read_stat(folder).ppid
            finally:
                os.close(folder)

    def running() -> Iterator[tuple[int, float]]:
        """(pid, start time) of everything that runs, kernel threads and zombies left out; about 12 µs a process."""
        for pid, ticks in proc.start_ticks():
            yield pid, _boot() + ticks / proc.TICKS

    def pids() -> frozenset[int]:
        """All pids, kernel threads included; 0.5 µs a process."""
        return frozenset(int(name) for name in os.listdir("/proc") if name.isdigit())

    class Newborn:
        """Whether any process or thread was made since the last question: the kernel's newest pid, 1 µs to read."""

        def __init__(self) -> None:
            self._file = os.open("/proc/loadavg", os.O_RDONLY | os.O_CLOEXEC)
            self._newest = b""

        def any(self) -> bool:
            """True at the first call."""
            newest = os.pread(self._file, 128, 0).rsplit(None, 1)[-1]
            changed, self._newest = newest != self._newest, newest
            return changed

        def close(self) -> None:
            """Lets go of the file."""
            os.close(self._file)

    def _boot() -> float:
        if not _pinned:
            _pinned.append(proc.boot_time())
        return _pinned[0]

    def _started(state: proc.Stat) -> float:
        return _boot() + state.ticks / proc.TICKS

    def _alive(pid: int, state: proc.Stat) -> proc.Stat:
        if state.state in "ZX":
            raise Gone(f"process {pid} has ended and waits for its parent")
        return state

    def _details(pid: int, folder: int) -> Process:
        state = _alive(pid, proc.read_stat(folder))
        uid = proc.parse_uid(proc.read(folder, "status", 4096))
        if state.kernel:
            return Process(
                pid, state.ppid, _started(state), uid, owner_name(uid), "", False, state.comm, (), "/", state.tty_nr
            )
        for _ in range(3):
            # An exec between the reads would pair one program with another's arguments: read until it stood still.
            links = proc.read_links(folder)
            state = _alive(pid, proc.read_stat(folder))
            argv = proc.parse_argv(proc.read(folder, "cmdline", proc.ARGV_BYTES))
            foreign = proc.has_own_root(folder)
            if proc.read_links(folder).exe == links.exe:
                break
        return Process(
            pid=pid,
            ppid=state.ppid,
            started=_started(state),
            uid=uid,
            owner=owner_name(uid),
            exe=links.exe,
            exe_deleted=links.exe_deleted,
            comm=state.comm,
            cmdline=argv,
            cwd=links.cwd,
            tty_nr=state.tty_nr,
            foreign=foreign,
        )

else:

    def boot_mark() -> BootMark:
        """macOS and Windows keep a process's start as a time of day: there is nothing to pin."""
        return BootMark("", 0.0)

    def pin(mark: BootMark) -> bool:
        """Nothing to pin here."""
        return mark.boot == ""

    def _real_user(process: psutil.Process) -> int:
        if sys.platform == "win32":
            return -1
        return process.uids().real

    @contextlib.contextmanager
    def _clear_psutil(pid: int) -> Iterator[None]:
        try:
            yield
        except (psutil.NoSuchProcess, psutil.ZombieProcess) as error:
            raise Gone(f"process {pid} has ended") from error
        except psutil.AccessDenied as error:
            raise Denied(f"process {pid} belongs to somebody else") from error

    def details(pid: int) -> Process:
        """Everything about one process.

        Raises:
            Gone: it has ended.
            Denied: it belongs to somebody else and we may not look.
        """
        with _clear_psutil(pid), clear_errors(pid):
            process = psutil.Process(pid)
            with process.oneshot():
                exe = process.exe()
                return Process(
                    pid=pid,
                    ppid=process.ppid(),
                    started=process.create_time(),
                    uid=_real_user(process),
                    owner=process.username(),
                    exe=exe,
                    exe_deleted=bool(exe) and not os.path.lexists(exe),
                    comm=process.name(),
                    cmdline=tuple(process.cmdline()[:128]),
                    cwd=process.cwd(),
                    tty_nr=0,
                )

    def program(pid: int) -> str:
        """The program alone, for a first glance.

        Raises:
            Gone, Denied: as for `details`.
        """
        with _clear_psutil(pid):
            return psutil.Process(pid).exe()

    def is_ours_too(process: Process) -> bool:
        """There are no mount namespaces here: a name is the same file for everybody."""
        return bool(process.exe)

    def start_of(pid: int) -> float:
        """When a process started.

        Raises:
            Gone: there is none.
        """
        with _clear_psutil(pid):
            return psutil.Process(pid).create_time()

    def parent(pid: int) -> int:
        """The parent of a process.

        Raises:
            Gone: there is no such process.
        """
        with _clear_psutil(pid):
            return psutil.Process(pid).ppid()

    def running() -> Iterator[tuple[int, float]]:
        """(pid, start time) of everything that runs and may be looked at."""
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                yield process.pid, process.create_time()

    class Newborn:
        """Whether any process was made since the last question: nobody says so here, so always True."""

        def any(self) -> bool:
            """True."""
            return True

        def close(self) -> None:
            """Nothing to let go of."""

    def pids() -> frozenset[int]:
        """All pids."""
        return frozenset(psutil.pids())
