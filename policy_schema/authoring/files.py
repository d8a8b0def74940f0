"""The author's files: read with a bound, written so that a reader sees the old bytes or the new ones, never a mix."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from policy_schema.document.source import read_document
from policy_schema.errors import BadFile


def read_folders(folder: Path, patterns: tuple[str, ...], limit: int) -> dict[str, bytes]:
    """The files that match, by relative path with `/`; empty when there is no such folder.

    Raises:
        BadFile: one of them cannot be read, or is larger than `limit` bytes.
    """
    found = sorted(path for pattern in patterns for path in folder.glob(pattern) if not path.name.startswith("."))
    return {path.relative_to(folder).as_posix(): read_document(path, limit) for path in found}


def write_file(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Writes beside, syncs, renames over. A file of another's eyes (0600) is never readable for a moment.

    Raises:
        BadFile: the disk refuses; the old file is then as it was.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(beside, mode)
            os.replace(beside, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(beside)
            raise
    except OSError as error:
        raise BadFile(f"{path}: {error.strerror or error}", "check the folder, its permissions and the disk") from error
