"""What the filesystem can answer when something shall be moved, as the agent's own errors.

Beside `Gone`, `Denied`, `NotRegular` and `TooBig` of `agent.errors`:

InterdictError
├── DiskFull          no room, or the owner's quota is used up
├── FilesystemFault   the disk or filesystem answered with something else (EIO, EBUSY, …)
├── MountInside       another filesystem is mounted there: never crossed
├── NotSupported      this filesystem has no such thing
├── Occupied          something stands where a thing shall be put
├── OtherFilesystem   a rename cannot lead there: copy instead
└── ReadOnly          mounted read-only
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from agent.errors import Denied, Gone, InterdictError, NotRegular


class DiskFull(InterdictError):
    """No room, or the owner's quota is used up."""

    default_advice = "Make room on that filesystem; nothing was lost and the agent tries again."


class FilesystemFault(InterdictError):
    """The filesystem answered with an error that has no name of its own here."""

    default_advice = "Look at the kernel's messages (`dmesg`) for this disk; nothing was lost."


class MountInside(InterdictError):
    """Another filesystem is mounted at or below that place."""

    default_advice = "Unmount it; the agent never moves what has another filesystem mounted inside."


class NotSupported(InterdictError):
    """This filesystem has no such thing: extended attributes, pipes, links."""

    default_advice = "Nothing to do: what could not be kept is named in the manifest."


class Occupied(InterdictError):
    """Something stands where a thing shall be put."""

    default_advice = "Move it away, or restore to another folder with `--to`."


class OtherFilesystem(InterdictError):
    """A rename cannot lead from here to there."""

    default_advice = "Nothing to do: the agent copies instead."


class ReadOnly(InterdictError):
    """The filesystem is mounted read-only."""

    default_advice = "Mount it writable again; nothing was changed."


_BY_NUMBER: dict[int, type[InterdictError]] = {
    errno.ENOENT: Gone,
    errno.ESTALE: Gone,
    errno.EACCES: Denied,
    errno.EPERM: Denied,
    errno.ELOOP: NotRegular,
    errno.ENOTDIR: NotRegular,
    errno.ENXIO: NotRegular,
    errno.EEXIST: Occupied,
    errno.ENOTEMPTY: Occupied,
    errno.EXDEV: OtherFilesystem,
    errno.ENOTSUP: NotSupported,
    errno.ENOSPC: DiskFull,
    errno.EDQUOT: DiskFull,
    errno.EROFS: ReadOnly,
}


def as_ours(error: OSError, what: str) -> InterdictError:
    """The agent's error for one of the operating system, saying what was tried."""
    kind = _BY_NUMBER.get(error.errno or 0, FilesystemFault)
    return kind(f"{what}: {error.strerror or error}")


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turns every OSError inside into one of ours. Raises: any of the errors named above."""
    try:
        yield
    except OSError as error:
        raise as_ours(error, what) from error
