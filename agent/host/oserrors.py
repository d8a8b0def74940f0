"""From the operating system's errors to the agent's, so that no OSError travels above `agent.host`."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from agent.errors import Denied, Gone, InterdictError, NotRegular, TooBig

_KINDS: dict[int, type[InterdictError]] = {
    errno.ENOENT: Gone,
    errno.ENOTDIR: Gone,
    errno.ESTALE: Gone,
    errno.EACCES: Denied,
    errno.EPERM: Denied,
    errno.EROFS: Denied,
    errno.ELOOP: NotRegular,
    errno.EISDIR: NotRegular,
    errno.ENXIO: NotRegular,
    errno.ENODEV: NotRegular,
    errno.EINVAL: NotRegular,
    errno.ENAMETOOLONG: TooBig,
    errno.EFBIG: TooBig,
}


def printable(text: str, bound: int = 4096) -> str:
    """Text from the machine as it may be shown or reported: bytes that are not UTF-8 and control characters escaped."""
    if text.isascii() and text.isprintable() and len(text) <= bound:
        return text
    shown = "".join(_escaped(char) for char in text[:bound])
    return shown + ("…" if len(text) > bound else "")


def translate(error: OSError, where: str) -> InterdictError:
    """The agent's error for one of the operating system's; its text is `WHERE: reason`."""
    kind = _KINDS.get(error.errno or 0, InterdictError)
    reason = (error.strerror or type(error).__name__).lower()
    return kind(f"{printable(where)}: {reason}")


def reason_of(error: InterdictError, where: str) -> str:
    """The reason alone, for an `Unknown` that names the place itself."""
    return str(error).removeprefix(f"{printable(where)}: ")


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Inside, an OSError becomes an InterdictError about `where`."""
    try:
        yield
    except OSError as error:
        raise translate(error, where) from error
    except ValueError as error:  # a zero byte in a name: there can be no such file
        raise Gone(f"{printable(where)}: not a possible name") from error


def _escaped(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if char.isprintable():
        return char
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
