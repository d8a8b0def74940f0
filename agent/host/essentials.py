"""The programs that this machine cannot do without, found on it: what the guard runs every rule over.

Beside the usual paths (`policy_schema.rules.protected`) that is the first process's program, our own, the shells of
`/etc/shells` and of every account, whatever in the system's own folders has a protected name (`python3.11`), the
loader, the C library and PAM's modules, and services with a protected name that run as root from anywhere. Only what
nobody but root (or we) can change counts: a person's own file must not shield a banned program by its name.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from glob import iglob
from itertools import islice

import psutil

from agent.errors import InterdictError
from agent.host.program_file import open_program
from agent.host.trusted import in_hands_of
from agent.host.users import own_uid
from policy_schema.rules.guard import PROTECTED_PROGRAMS, protected_name

_FOLDERS = (
    "/bin /sbin /usr/bin /usr/sbin /usr/local/bin /usr/local/sbin /usr/libexec /usr/lib/systemd /lib/systemd"
    " /usr/lib/openssh /usr/libexec/openssh /usr/lib/policykit-1 /usr/lib/polkit-1 /usr/lib/xorg /usr/libexec/gdm"
    " /usr/lib/gdm3 /opt/homebrew/bin"
).split()
_LIBRARIES = (
    "/lib*/ld-*.so*",
    "/lib/*-linux-*/ld-*.so*",
    "/lib*/libc.so.6",
    "/lib/*-linux-*/libc.so.6",
    "/lib/ld-musl-*.so.1",
    "/lib*/libpam.so.0",
    "/lib/*-linux-*/libpam.so.0",
    "/lib*/security/pam_*.so",
    "/lib/*-linux-*/security/pam_*.so",
    "/usr/lib/pam/pam_*.so*",
)
MOST = 2_000
"""Programs that are found at the most."""
_MOST_NAMES = 50_000
"""Names in all folders together that are looked at."""
_LONGEST = 5.0
"""Seconds that all of it may take; what was found until then counts."""
_MOST_PASSWD = 1 << 20
_PIECE = 1 << 20
_DPKG_LISTS = "/var/lib/dpkg/info"
_MOST_LIST = 8 << 20


def own_folders(state_dir: str) -> tuple[str, ...]:
    """Interdict's own: its state, and the folder of its program (frozen, or the packages and their environment)."""
    here = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    program = os.path.dirname(os.path.abspath(sys.executable))
    # A system's interpreter lies in everybody's folder: that one is no folder of ours.
    ours = [] if program in _FOLDERS else [program]
    return tuple(dict.fromkeys((state_dir.rstrip("/"), os.path.join(here, "agent"), *ours)))


def find_essentials() -> tuple[str, ...]:
    """Absolute canonical paths of regular files, each once; bounded in number and time."""
    deadline = time.monotonic() + _LONGEST
    found: dict[str, None] = {}
    for path in _candidates():
        if len(found) >= MOST or time.monotonic() > deadline:
            break
        real = _counts(path)
        if real:
            # By both names: a rule may know it by the one or the other.
            found.setdefault(real)
            found.setdefault(os.path.abspath(path))
    return tuple(found)


def hash_of(path: str) -> str:
    """The SHA-256 of a whole program; empty where it cannot be read."""
    digest = hashlib.sha256()
    try:
        with open_program(path) as file:
            while piece := os.read(file.fd, _PIECE):
                digest.update(piece)
    except (InterdictError, OSError):
        return ""
    return digest.hexdigest()


def files_of_package(package: str) -> frozenset[str]:
    """The canonical paths of an installed Debian package's files; nothing where there is no such package."""
    try:
        names = [name for name in os.listdir(_DPKG_LISTS) if name.split(":")[0].removesuffix(".list") == package]
        text = b"".join(_read(os.path.join(_DPKG_LISTS, name)) for name in names if name.endswith(".list"))
    except OSError:
        return frozenset()
    return frozenset(os.path.realpath(line) for line in text.decode("utf-8", "surrogateescape").splitlines())


def _read(path: str) -> bytes:
    try:
        with open_program(path) as file:
            return os.read(file.fd, _MOST_LIST)
    except InterdictError:
        return b""


def _counts(path: str) -> str:
    try:
        if not os.path.isabs(path) or not os.path.isfile(path):
            return ""
        real = os.path.realpath(path)
    except (OSError, ValueError):
        return ""
    uids = {0, own_uid()}
    return real if in_hands_of(path, uids) and in_hands_of(real, uids) else ""


def _candidates() -> Iterator[str]:
    """The surest and fewest first, since there is a bound."""
    yield from PROTECTED_PROGRAMS
    yield from _first_process()
    yield from _own()
    yield from shells_of("/etc/shells", "/etc/passwd")
    yield from _services()
    for pattern in _LIBRARIES if sys.platform != "win32" else ():
        yield from islice(iglob(pattern), 300)
    yield from _named(_FOLDERS)


def _first_process() -> Iterator[str]:
    yield from _told(lambda: psutil.Process(1).exe())
    # Where that is not shown (a box, another user's): what it was started as.
    yield from _told(lambda: psutil.Process(1).cmdline()[0])


def _own() -> Iterator[str]:
    yield sys.executable
    yield os.path.realpath(sys.executable)
    folder = os.path.dirname(os.path.abspath(sys.executable))
    yield from (os.path.join(folder, name) for name in _listed(folder) if name.startswith("interdict"))


def shells_of(shells: str, passwd: str) -> Iterator[str]:
    """The programs that people get when they log in: shells(5), and the last field of passwd(5)."""
    yield from (line.strip() for line in _lines(shells) if line.startswith("/"))
    yield from dict.fromkeys(line.rstrip().rpartition(":")[2] for line in _lines(passwd) if line.count(":") >= 6)


def _services() -> Iterator[str]:
    """What runs as root and has a protected name, wherever it lies: an agent of device management below /opt."""
    for process in psutil.process_iter():
        try:
            if sys.platform != "win32" and process.uids().real != 0:
                continue
            path = process.exe()
        except (psutil.Error, OSError):
            continue
        if protected_name(os.path.basename(path)):
            yield path


def _named(folders: Iterable[str]) -> Iterator[str]:
    left = _MOST_NAMES
    for folder in folders:
        for name in islice(_listed(folder), left):
            left -= 1
            if protected_name(name):
                yield os.path.join(folder, name)


def _listed(folder: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as rows:
            for row in rows:
                yield row.name
    except OSError:
        return


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read(_MOST_PASSWD).splitlines()
    except OSError:
        return []


def _told(ask: Callable[[], str]) -> Iterator[str]:
    try:
        yield ask()
    except (psutil.Error, OSError, IndexError):
        return
