"""Own files and root's: written whole or not at all, read within bounds, trusted only if nobody else can write them.

Small, since `interdict status` reads its views through here and nothing else.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from contextlib import suppress

from agent.errors import InterdictError, NotRegular, TooBig
from agent.host.oserrors import printable, translated

_SAFE = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_READ = os.O_RDONLY | _SAFE | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFE
_MAX_LINKS = 40
_CHUNK = 1 << 20


def write_atomically(path: str, data: bytes, mode: int = 0o600, owner: tuple[int, int] | None = None) -> None:
    """Puts `data` at `path` so that a reader, also after a power cut, sees the old bytes or the new ones, never a mix.

    Written beside, synced, renamed over, the folder synced. `owner` is (uid, gid); on Windows mode and owner are what
    the folder hands down.

    Raises:
        InterdictError: Gone, Denied or another reason; the old file is then as it was and nothing is left beside it.
    """
    folder, name = os.path.split(os.path.abspath(path))
    beside = os.path.join(folder, f".{name}.{os.urandom(6).hex()}.new")
    try:
        with translated(path):
            _write_new(beside, data, mode, owner)
            os.replace(beside, path)
            _sync_folder(folder)
    except InterdictError:
        with suppress(OSError):
            os.unlink(beside)
        raise


def take_lock(path: str) -> Callable[[], None] | None:
    """Takes a lock that no other process has, until the answer is called or this process ends; None: somebody has it.

    Raises:
        InterdictError: the file cannot be made.
    """
    with translated(path):
        fd = os.open(path, os.O_RDWR | os.O_CREAT | _SAFE, 0o600)
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.truncate(fd, 0)
            os.write(fd, str(os.getpid()).encode())
    except OSError:
        os.close(fd)
        return None
    return lambda: os.close(fd)


def tell_holder(path: str) -> bool:
    """Tells the process that holds a lock to look again (SIGHUP); whether somebody holds it.

    On Windows nobody is told: the agent there looks by itself every half minute.
    """
    if sys.platform == "win32":
        return os.path.exists(path)
    import fcntl
    import signal

    try:
        fd = os.open(path, _READ)
    except OSError:
        return False
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            # Held: the number in it is that of the holder, who lives.
            text = os.read(fd, 20)
            if text.isdigit() and int(text) > 1:
                os.kill(int(text), signal.SIGHUP)
            return True
        return False
    except OSError:
        return False
    finally:
        os.close(fd)


def read_bounded(path: str, limit: int) -> bytes:
    """The bytes of one of the agent's own (or root's) regular files.

    Raises:
        Gone, Denied: as the system says.
        NotRegular: a link, pipe, device or folder stands there; it is not opened.
        TooBig: more than `limit` bytes.
    """
    with translated(path):
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise NotRegular(f"{printable(path)}: not a regular file")
        fd = os.open(path, _READ)
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise NotRegular(f"{printable(path)}: not a regular file")
            if status.st_size > limit:
                raise TooBig(f"{printable(path)}: larger than {limit} bytes")
            return read_all(fd, path, limit)
        finally:
            os.close(fd)


def read_all(fd: int, path: str, limit: int) -> bytes:
    """Everything from a descriptor, at most `limit` bytes. Raises TooBig if there is more."""
    chunks: list[bytes] = []
    left = limit + 1
    while left > 0 and (chunk := os.read(fd, min(left, _CHUNK))):
        chunks.append(chunk)
        left -= len(chunk)
    if left <= 0:
        raise TooBig(f"{printable(path)}: larger than {limit} bytes")
    return b"".join(chunks)


def trusted(path: str) -> bool:
    """True if nobody but root and ourselves can change what is read at `path`: the file and every folder above."""
    return not distrust(path)


def distrust(path: str) -> str:
    """Why `path` is not trusted, as a sentence; empty if it is.

    Each part of the way must belong to root or to us and not be writable by others; links are followed and their way
    counts too. A folder with the sticky bit (/tmp) is fine above something that is ours. On Windows the question is
    answered by the folder's access list, which the installer sets: nothing is said against it here.
    """
    if sys.platform == "win32":
        return ""
    pending, here, links = os.path.abspath(path).split("/")[::-1], "", 0
    while pending:
        part = pending.pop()
        if part in ("", "."):
            continue
        here = os.path.dirname(here) if part == ".." else f"{here.rstrip('/')}/{part}"
        with translated(path):
            status = os.lstat(here or "/")
            text = os.readlink(here) if stat.S_ISLNK(status.st_mode) else ""
        why = _others_may_change(here, status, last=not any(pending) and not text)
        if why:
            return why
        links += bool(text)
        if links > _MAX_LINKS:
            return f"{printable(path)}: more than {_MAX_LINKS} links on the way"
        if text:
            pending += text.split("/")[::-1]
            here = "" if text.startswith("/") else os.path.dirname(here)
    return ""


def _others_may_change(path: str, status: os.stat_result, last: bool) -> str:
    if sys.platform == "win32":
        return ""
    if status.st_uid not in (0, os.geteuid()):
        return f"{printable(path)}: belongs to uid {status.st_uid}"
    if stat.S_ISLNK(status.st_mode):
        return ""  # a link's own mode means nothing; who may replace it is the folder's affair
    if stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX and not last:
        return ""
    own_group = status.st_gid == 0 or (os.geteuid() != 0 and status.st_gid == os.getegid())
    if status.st_mode & stat.S_IWOTH or (status.st_mode & stat.S_IWGRP and not own_group):
        return f"{printable(path)}: can be written by others"
    return ""


def _write_new(path: str, data: bytes, mode: int, owner: tuple[int, int] | None) -> None:
    fd = os.open(path, _NEW, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
        file.flush()
        if sys.platform != "win32":
            if owner is not None:
                os.fchown(fd, *owner)
            os.fchmod(fd, mode)
        os.fsync(fd)


def _sync_folder(folder: str) -> None:
    if sys.platform == "win32":
        return
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def file_mark(path: str) -> tuple[int, int, int, int] | None:
    """What changes whenever a file is written or replaced; None when it is not there."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size


def own_uid() -> int:
    """The user that we run as; 0 on systems without numbers, where the agent is the system's own."""
    if sys.platform == "win32":
        return 0
    return os.geteuid()
