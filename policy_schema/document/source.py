"""Reads a document from disk: bounded, regular files only, never waiting on a pipe or a device."""

from __future__ import annotations

import os  # noqa: TID251  # the one place of this package that reads
import stat
from pathlib import Path  # noqa: TID251

from policy_schema.errors import BadFile

MAX_BYTES = 8 * 1024 * 1024
"""A policy of 10,000 bans and 10,000 tools of an organisation's own has 5.3 MB."""


def read_document(path: Path, limit: int = MAX_BYTES) -> bytes:
    """The bytes of a regular file of at most `limit` bytes. A larger one is refused by its size, unread.

    Raises:
        BadFile: not there, not readable, not a regular file, too large.
    """
    # O_NONBLOCK: opening a pipe without a writer would wait for ever. Windows has neither the flag nor such names.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise BadFile(f"{path}: cannot be read: {reason}", "check the path and its permissions") from error
    try:
        return _read(descriptor, path, limit)
    except OSError as error:
        raise BadFile(f"{path}: cannot be read: {error.strerror}", "check the path and its permissions") from error
    finally:
        os.close(descriptor)


def _read(descriptor: int, path: Path, limit: int) -> bytes:
    facts = os.fstat(descriptor)
    if stat.S_ISDIR(facts.st_mode):
        raise BadFile(f"{path}: is a folder", "name the file in it")
    if not stat.S_ISREG(facts.st_mode):
        raise BadFile(f"{path}: is not a regular file", "name a file; pipes and devices are not read")
    if facts.st_size > limit:
        raise BadFile(
            f"{path}: has {facts.st_size:,} bytes, and {limit:,} are allowed",
            "name the policy; if it is one, split its bans over fewer texts",
        )
    parts, room = [], limit + 1
    while room > 0 and (part := os.read(descriptor, room)):
        parts.append(part)
        room -= len(part)
    if room <= 0:
        raise BadFile(f"{path}: grew beyond {limit:,} bytes while it was read", "try again when nobody writes it")
    return b"".join(parts)
