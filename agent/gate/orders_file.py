"""Reading the file of orders: only one that nobody but root (or ourselves) could have written."""

from __future__ import annotations

# ruff: noqa: E402 - the type checker of another system stops at the assertion
import os
import stat
import sys

assert sys.platform == "linux"

from agent.gate.orders import Orders, OrdersRefused, parse_orders

MAX_BYTES = 64 << 20


def read_orders(path: str) -> Orders:
    """Reads and checks the file.

    Raises:
        OrdersRefused: it is not there, somebody else could have written it, or it is not understood.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        raise OrdersRefused(f"{path}: {error.strerror}") from None
    with os.fdopen(fd, "rb") as file:
        status = os.fstat(file.fileno())
        why = refusal(status, os.lstat(os.path.dirname(path) or "."))
        if why:
            raise OrdersRefused(f"{path}: {why}")
        return parse_orders(file.read(MAX_BYTES + 1))


def refusal(status: os.stat_result, folder: os.stat_result, trusted: int | None = None) -> str:
    """Why a file is no orders, or nothing: it and its folder must be root's (or ours), and nobody else's to write."""
    owners = {0, os.geteuid() if trusted is None else trusted}
    if not stat.S_ISREG(status.st_mode):
        return "not a regular file"
    if status.st_uid not in owners or folder.st_uid not in owners:
        return "it does not belong to root"
    if status.st_mode & 0o022 or (folder.st_mode & 0o022 and not folder.st_mode & stat.S_ISVTX):
        return "others could have written it"
    return f"larger than {MAX_BYTES} bytes" if status.st_size > MAX_BYTES else ""
