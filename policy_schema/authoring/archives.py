"""Looks into the archive of a package without unpacking it: a tarball of npm or a wheel. Bounded.

A package comes from a stranger: at most so many files and bytes are looked at, links are not followed, and nothing is
written anywhere.
"""

from __future__ import annotations

import gzip
import json
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from policy_schema.errors import BadFile

MAX_FILES = 200_000
MAX_BYTES = 4 << 30
"""Unpacked, of one archive: some native builds have 400 MB."""
CHUNK = 4 << 20
_MANIFEST = 4 << 20


class Member(NamedTuple):
    """One regular file of an archive; read it before the next one is asked for."""

    name: str
    size: int
    file: IO[bytes]


def members(path: Path) -> Iterator[Member]:
    """Every regular file.

    Raises:
        BadFile: it is no archive, is damaged, or is beyond the bounds.
    """
    try:
        files = total = 0
        for member in _wheel(path) if path.suffix == ".whl" else _tarball(path):
            files, total = files + 1, total + member.size
            if files > MAX_FILES or total > MAX_BYTES:
                raise BadFile(
                    f"{path.name}: more than {MAX_FILES:,} files or {MAX_BYTES >> 30} GB", "look at it by hand"
                )
            yield member
    except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile, RuntimeError, ValueError, zlib.error) as error:
        raise BadFile(f"{path.name}: is no archive that can be read: {error}", "fetch it again") from error


def texts_found(path: Path, texts: Sequence[str]) -> frozenset[str]:
    """Which of these texts (as UTF-8 bytes) stand anywhere in the files of an archive.

    Raises:
        BadFile: see `members`.
    """
    wanted = {text.encode(): text for text in texts}
    found: set[str] = set()
    for member in members(path):
        found |= {
            wanted[data] for data in _in_file(member.file, [data for data in wanted if wanted[data] not in found])
        }
        if len(found) == len(wanted):
            break
    return frozenset(found)


def npm_manifest(path: Path) -> dict[str, object]:
    """The `package.json` of an npm tarball.

    Raises:
        BadFile: there is none, or it is no JSON object.
    """
    for member in members(path):
        if member.name.count("/") == 1 and member.name.endswith("/package.json") and member.size <= _MANIFEST:
            try:
                manifest = json.loads(member.file.read(_MANIFEST))
            except (ValueError, RecursionError) as error:
                raise BadFile(f"{path.name}: its package.json is no JSON: {error}", "look at it by hand") from error
            if isinstance(manifest, dict):
                return manifest
    raise BadFile(f"{path.name}: has no package.json", "look at it by hand")


def _in_file(file: IO[bytes], wanted: Sequence[bytes]) -> set[bytes]:
    found: set[bytes] = set()
    overlap = max((len(data) for data in wanted), default=1) - 1
    before = b""
    while len(found) < len(wanted) and (chunk := file.read(CHUNK)):
        window = before + chunk
        found |= {data for data in wanted if data not in found and data in window}
        before = window[-overlap:] if overlap else b""
    return found


def _tarball(path: Path) -> Iterator[Member]:
    # tarfile alone takes a file that was cut off for one that ends there; gzip says that it was.
    with gzip.open(path, "rb") as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
        for entry in archive:
            file = archive.extractfile(entry) if entry.isreg() else None
            if file is not None:
                yield Member(entry.name, entry.size, file)
        while stream.read(CHUNK):
            pass


def _wheel(path: Path) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if not entry.is_dir():
                with archive.open(entry) as file:
                    yield Member(entry.filename, entry.file_size, file)
