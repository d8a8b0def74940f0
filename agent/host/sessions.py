"""Who sits at the machine: desktop sessions with a bus, and terminals that people are logged in on.

Terminals are written to with care: the device must belong to that person, allow messages
(`mesg`), never make us wait, and get one short write with nothing in it that a terminal would obey.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import unicodedata
from typing import NamedTuple

import psutil

from agent.host.users import FIRST_UID, own_uid

_MOST_BYTES = 1000


class Session(NamedTuple):
    """One person's presence. `bus` is the path of the session bus socket, empty without a desktop."""

    uid: int
    gid: int
    bus: str
    terminals: tuple[str, ...]


def sessions() -> tuple[Session, ...]:
    """Everybody who is here now: with a desktop bus, or logged in on a terminal."""
    if sys.platform == "win32":
        return ()
    terminals = _terminals()
    uids = {uid for uid in _bus_uids() if uid >= FIRST_UID or uid == own_uid()} | set(terminals)
    return tuple(Session(uid, _gid(uid), _bus(uid), tuple(terminals.get(uid, ()))) for uid in sorted(uids))


def write_terminal(path: str, uid: int, text: str) -> bool:
    """Writes a few lines to a person's terminal. False when it is not theirs, is closed to messages, or is busy."""
    if sys.platform == "win32":
        return False
    try:
        flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(path, flags)
    except OSError:
        return False
    try:
        status = os.fstat(fd)
        if not stat.S_ISCHR(status.st_mode) or status.st_uid != uid or not status.st_mode & stat.S_IWGRP:
            return False
        data = ("\r\n" + plain(text).replace("\n", "\r\n") + "\r\n").encode("utf-8")[:_MOST_BYTES]
        return os.write(fd, data) == len(data)
    except OSError:
        return False
    finally:
        os.close(fd)


def write_terminal_of(number: int, pid: int, uid: int, text: str) -> bool:
    """Writes to the terminal with this number, if the process that it was told of sees the same terminals as we do."""
    terminal = terminal_of(number)
    return bool(terminal) and same_namespaces(pid) and write_terminal(terminal, uid, text)


def terminal_of(number: int) -> str:
    """The device of a terminal by its number in `/proc/PID/stat`; empty for what is no terminal of a person.

    Numbers of the kernel's `devices.txt`: 136 to 143 are pseudo-terminals, 4 the consoles and serial lines.
    """
    if sys.platform == "win32" or number <= 0:
        return ""
    major, minor = os.major(number), os.minor(number)
    if 136 <= major <= 143:
        return f"/dev/pts/{(major - 136) * 256 + minor}"
    if major == 4:
        return f"/dev/tty{minor}" if minor < 64 else f"/dev/ttyS{minor - 64}"
    return ""


def is_console(terminal: str) -> bool:
    """Whether it is a console of the kernel's own (`TERM=linux`), which has glyphs for little more than ASCII."""
    number = terminal.removeprefix("/dev/tty")
    return terminal.startswith("/dev/tty") and number.isascii() and number.isdigit()


def same_namespaces(pid: int) -> bool:
    """Whether a process lives in our namespaces of processes and mounts: elsewhere terminals have other numbers.

    True when the process is gone: whoever saw it has asked already.
    """
    for name in ("mnt", "pid"):
        try:
            if os.stat(f"/proc/{pid}/ns/{name}").st_ino != os.stat(f"/proc/self/ns/{name}").st_ino:
                return False
        except OSError as error:
            # A process that ends just now is sometimes "denied" instead of "gone".
            return isinstance(error, FileNotFoundError) or not os.path.exists(f"/proc/{pid}")
    return True


def plain(text: str) -> str:
    """Text without anything that a terminal or a reader could be misled by: controls, bidi and format characters."""
    return "".join(c for c in text if c == "\n" or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp"))


def _terminals() -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    try:
        users = psutil.users()
    except (psutil.Error, OSError):
        return found
    for user in users:
        terminal = f"/dev/{user.terminal}" if user.terminal else ""
        try:
            uid = os.stat(terminal, follow_symlinks=False).st_uid
        except (OSError, ValueError):
            continue
        found.setdefault(uid, []).append(terminal)
    return found


def _bus_uids() -> list[int]:
    try:
        names = os.listdir("/run/user")
    except OSError:
        names = []
    own = [own_uid()] if sys.platform != "win32" and _bus(own_uid()) else []
    return [int(name) for name in names if name.isascii() and name.isdigit()] + own


def _bus(uid: int) -> str:
    """The bus socket of a person: the one of the login manager, or (for ourselves) the one the environment names."""
    path = f"/run/user/{uid}/bus"
    with contextlib.suppress(OSError):
        status = os.stat(path, follow_symlinks=False)
        if stat.S_ISSOCK(status.st_mode) and status.st_uid == uid:
            return path
    named = os.environ.get("DBUS_SESSION_BUS_ADDRESS", "")
    if sys.platform != "win32" and uid == own_uid() and named.startswith("unix:path="):
        return named[len("unix:path=") :].split(",", 1)[0]
    return ""


def _gid(uid: int) -> int:
    """The person's own group; one that nobody has where the account is gone."""
    if sys.platform == "win32":
        return -1
    import pwd

    try:
        return pwd.getpwuid(uid).pw_gid
    except KeyError:
        return uid
