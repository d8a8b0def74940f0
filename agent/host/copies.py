"""Copying a tree where a rename cannot lead, comparing it byte by byte, and removing the original afterwards.

A copy keeps content (holes stay holes), modes, times, extended attributes, links and hard links. Owners are kept as
far as the copier may give things away: one who copies as the owner of the tree can only make own files. What could
not be kept is said (`Lost`), never left out in silence.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

from agent.errors import Denied, Gone, InterdictError, NotRegular
from agent.host.faults import NotSupported, Occupied, translated
from agent.host.folders import Attributes, FileKind, Folder
from agent.host.trees import Entry, holding

_CHUNK = 1 << 20


class Lost(NamedTuple):
    """Something that a copy could not keep."""

    path: str
    what: str
    """`owner` or `attributes`."""


def copy_tree(holder: Folder, name: str, to: Folder, new_name: str, entries: Iterable[Entry]) -> tuple[Lost, ...]:
    """Copies the recorded entries of a tree. The caller removes a part of a copy after an error.

    Raises:
        Occupied: something stands at the new name.
        Gone, NotRegular: the tree is no longer what was recorded.
        DiskFull, ReadOnly, Denied, FilesystemFault: as it says.
    """
    entries = tuple(entries)
    lost: list[Lost] = []
    for entry in entries:
        if entry.same_as is not None:
            _link_again(to, new_name, entry)
            continue
        with holding(holder, name, entry.path) as (source, leaf), holding(to, new_name, entry.path) as (target, new):
            if source.look(leaf).identity != entry.facts.identity:
                raise Gone(f"{entry.path or name} was replaced while it was copied")
            _make(source, leaf, target, new, entry)
            if entry.facts.kind is not FileKind.FOLDER:
                lost += _dress(target, new, entry)
    # Folders last and from the bottom: what is made in them changes their times, and some may not be written to.
    for entry in reversed(entries):
        if entry.facts.kind is FileKind.FOLDER:
            with holding(to, new_name, entry.path) as (target, new):
                lost += _dress(target, new, entry)
    return tuple(lost)


def _link_again(to: Folder, new_name: str, entry: Entry) -> None:
    with (
        holding(to, new_name, entry.same_as or "") as (source, leaf),
        holding(to, new_name, entry.path) as (target, new),
    ):
        source.hard_link(leaf, target, new)


def _make(source: Folder, leaf: str, target: Folder, new: str, entry: Entry) -> None:
    if entry.facts.kind is FileKind.FOLDER:
        target.make_folder(new, 0o700)
    elif entry.facts.kind is FileKind.LINK:
        target.make_link(new, entry.target)
    elif entry.facts.kind is FileKind.FILE:
        _copy_file(source, leaf, target, new)
    else:
        target.make_special(new, entry.facts)


def _copy_file(source: Folder, leaf: str, target: Folder, new: str) -> None:
    with (
        os.fdopen(source.read(leaf), "rb", buffering=0) as old,
        os.fdopen(target.create(new), "wb", buffering=0) as made,
        translated(f"copy {leaf}"),
    ):
        size = os.fstat(old.fileno()).st_size
        for position, length in _pieces(old.fileno(), size):
            source.before(False, f"read {leaf}")
            view = memoryview(_read_at(old.fileno(), length, position))
            made.seek(position)
            while view:
                target.before(True, f"write {new}")
                view = view[made.write(view) :]
        target.before(True, f"set size of {new}")
        made.truncate(size)
        target.before(True, f"sync {new}")
        os.fsync(made.fileno())


def _pieces(fd: int, size: int) -> Iterator[tuple[int, int]]:
    """(position, length) of what is filled, in pieces that fit into memory."""
    for start, end in _filled(fd, size):
        for position in range(start, end, _CHUNK):
            yield position, min(_CHUNK, end - position)


def _filled(fd: int, size: int) -> Iterator[tuple[int, int]]:
    """The parts of a file that are not holes, where the filesystem tells; else the whole."""
    if sys.platform == "win32":
        yield 0, size
        return
    position = 0
    while position < size:
        try:
            start = os.lseek(fd, position, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # only a hole is left
                return
            start, end = position, size
        else:
            end = os.lseek(fd, start, os.SEEK_HOLE)
        yield start, end
        position = end


def _dress(target: Folder, new: str, entry: Entry) -> list[Lost]:
    """Owner, mode, attributes and times, in the order in which one does not undo another."""
    lost: list[Lost] = []
    now = target.look(new)
    if (now.uid, now.gid) != (entry.facts.uid, entry.facts.gid):
        try:
            target.set_owner(new, entry.facts.uid, entry.facts.gid)
        except Denied:
            lost.append(Lost(entry.path, "owner"))
    try:
        target.set_xattrs(new, entry.xattrs)
    except (Denied, NotSupported):  # another filesystem, or attributes that only root may set
        lost.append(Lost(entry.path, "attributes"))
    if entry.facts.kind is not FileKind.LINK:
        target.set_mode(new, entry.facts.mode)
    target.set_times(new, entry.facts.atime_ns, entry.facts.mtime_ns)
    return lost


def dress_again(holder: Folder, name: str, entries: Iterable[Entry], lost: Iterable[Lost]) -> tuple[Lost, ...]:
    """Tries once more to give a copy of ours what it lost; answers what is lost still."""
    paths = {one.path for one in lost}
    left: list[Lost] = []
    for entry in entries:
        if entry.path in paths:
            with holding(holder, name, entry.path) as (folder, leaf):
                left += _dress(folder, leaf, entry)
    return tuple(left)


def same_content(holder: Folder, name: str, other: Folder, other_name: str, entries: Iterable[Entry]) -> str | None:
    """The first entry whose copy is not the same in kind, link text or bytes; None when all are."""
    for entry in entries:
        with holding(holder, name, entry.path) as (one, leaf), holding(other, other_name, entry.path) as (two, new):
            try:
                if not _same(one, leaf, two, new, entry):
                    return entry.path
            except (Gone, NotRegular):
                return entry.path
    return None


def _same(one: Folder, leaf: str, two: Folder, new: str, entry: Entry) -> bool:
    found, made = one.look(leaf), two.look(new)
    if found.kind is not entry.facts.kind or made.kind is not found.kind or found.identity != entry.facts.identity:
        return False
    if found.kind is FileKind.LINK:
        return one.target(leaf) == two.target(new) == entry.target
    if found.kind is not FileKind.FILE:
        return True
    with os.fdopen(one.read(leaf), "rb", buffering=0) as old, os.fdopen(two.read(new), "rb", buffering=0) as copy:
        return _same_bytes(old.fileno(), copy.fileno())


def _same_bytes(one: int, two: int) -> bool:
    """Compares what is filled in either; where both have a hole, both read as zeros."""
    with translated("compare"):
        size = os.fstat(one).st_size
        if os.fstat(two).st_size != size:
            return False
        for fd in (one, two):
            for position, length in _pieces(fd, size):
                if _read_at(one, length, position) != _read_at(two, length, position):
                    return False
    return True


def _read_at(fd: int, length: int, position: int) -> bytes:
    os.lseek(fd, position, os.SEEK_SET)
    chunks: list[bytes] = []
    while length and (chunk := os.read(fd, length)):
        chunks.append(chunk)
        length -= len(chunk)
    return b"".join(chunks)


def remove_recorded(holder: Folder, name: str, entries: Iterable[Entry]) -> None:
    """Removes from an original what is still exactly as recorded and may be removed with the rights we have.

    Somebody may have changed a file since it was copied: that change exists nowhere else, so the file stays.
    """
    for entry in reversed(tuple(entries)):
        with suppress(Gone, Denied, NotRegular, Occupied), holding(holder, name, entry.path) as (folder, leaf):
            if not as_recorded(folder.look(leaf), entry):
                continue
            if entry.facts.kind is FileKind.FOLDER:
                folder.remove_folder(leaf)
            else:
                folder.unlink(leaf)


def loosen(holder: Folder, name: str, entries: Iterable[Entry]) -> None:
    """Lets the owner write to folders that he closed to himself; their modes are in the manifest."""
    for entry in entries:
        if entry.facts.kind is FileKind.FOLDER and entry.facts.mode & 0o300 != 0o300:
            with suppress(InterdictError), holding(holder, name, entry.path) as (folder, leaf):
                # Where it does not work, what the folder holds is left over, and named.
                if folder.look(leaf).identity == entry.facts.identity:
                    folder.set_mode(leaf, entry.facts.mode | 0o700)


def as_recorded(now: Attributes, entry: Entry) -> bool:
    """True when nothing has changed since the survey; ctime is not asked, since removing a hard link changes it."""
    if now.identity != entry.facts.identity:
        return False
    if entry.facts.kind is FileKind.FOLDER:
        return True
    return (now.size, now.mtime_ns, now.mode) == (entry.facts.size, entry.facts.mtime_ns, entry.facts.mode)
