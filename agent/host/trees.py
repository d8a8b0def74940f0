"""A tree of files as it is: surveyed, sealed against its owner, given back, compared. Always by open folders.

A tree is named by the open folder that holds it and its name there; it may be a single file or link. An entry's `path`
is relative to the tree's top with `/` between, the top itself is "". Nothing here ever crosses a mount, follows a link
or waits on a pipe, and a file that is moved by rename is never chowned, chmodded or opened for writing.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import NamedTuple

from agent.errors import Denied, Gone, NotRegular, TooBig
from agent.host.faults import FilesystemFault, translated
from agent.host.folders import Attributes, FileKind, Folder
from agent.host.oserrors import printable

MAX_DEPTH = 128
MAX_PASSES = 100
"""An owner who keeps making folders while his tree is being sealed gets this many passes, then a report."""
MAX_HASHED = 1 << 30
"""Bytes. Larger files get no sha256: a sparse one of 5 TB takes no disk and would take hours."""
_CHUNK = 1 << 20


class Entry(NamedTuple):
    """One name in a tree, with all that is needed to give it back."""

    path: str
    facts: Attributes
    xattrs: Mapping[str, bytes] = MappingProxyType({})
    target: str = ""
    """Text of a link."""
    same_as: str | None = None
    """For the second and later names of one file: the first one's path."""
    sha256: str = ""
    """Of regular files, once they are out of reach of their owner; empty beyond MAX_HASHED or when unreadable."""


def survey(holder: Folder, name: str, limit: int) -> tuple[Entry, ...]:
    """Every entry of a tree, folders before what is in them.

    Raises:
        TooBig: more than `limit` entries, or deeper than MAX_DEPTH.
        MountInside: another filesystem is mounted somewhere in it.
        Gone, Denied: it changed, or cannot be looked at.
    """
    first: dict[tuple[int, int], str] = {}
    found: list[Entry] = []
    for folder, leaf, path, facts in _walk(holder, name):
        if len(found) >= limit:
            raise TooBig(f"{_shown(holder, name)}: more than {limit} entries")
        try:
            target = folder.target(leaf) if facts.kind is FileKind.LINK else ""
            xattrs = folder.xattrs(leaf)
        except Gone:
            if path == "":
                raise
            continue  # somebody is working in there; what comes after compares anew
        again = facts.kind is not FileKind.FOLDER and facts.nlink > 1 and facts.identity in first
        same_as = first[facts.identity] if again else None
        if not again:
            first[facts.identity] = path
        found.append(Entry(path, facts, xattrs, target, same_as))
    return tuple(found)


def find_immutable(holder: Folder, name: str, entries: Iterable[Entry], files_too: bool) -> str | None:
    """The first path that root made immutable: the top and every folder, for a copy every file too."""
    for entry in entries:
        asked = entry.path == "" or files_too or entry.facts.kind is FileKind.FOLDER
        if not asked or entry.facts.kind not in (FileKind.FILE, FileKind.FOLDER):
            continue
        # Denied: a file that even its owner cannot read. Gone: somebody works in there. The act itself will tell.
        with suppress(Denied, Gone, NotRegular), holding(holder, name, entry.path) as (folder, leaf):
            if folder.cannot_change(leaf):
                return entry.path
    return None


def seal(holder: Folder, name: str, uid: int, gid: int) -> int:
    """Gives every folder of a tree to `uid` with mode 0700, from the top down, until a pass changes nothing.

    The owner may sit inside with open folders and move things meanwhile; only once a whole pass found nothing to
    change is all of it out of reach. Folders only: they have no hard links, so this cannot hit a file elsewhere.
    Answers the number of passes.

    Raises:
        FilesystemFault: still changing after MAX_PASSES.
    """
    for count in range(1, MAX_PASSES + 1):
        if not _seal_pass(holder, name, uid, gid, 0):
            return count
    raise FilesystemFault(f"{_shown(holder, name)}: still changing after {MAX_PASSES} passes")


def _seal_pass(holder: Folder, name: str, uid: int, gid: int, depth: int) -> bool:
    facts = holder.look(name)
    if facts.kind is not FileKind.FOLDER:
        return False
    if depth > MAX_DEPTH:
        raise TooBig(f"{_shown(holder, name)}: deeper than {MAX_DEPTH} folders")
    with holder.folder(name) as folder:
        now = folder.look_self()
        changed = (now.uid, now.gid, now.mode) != (uid, gid, 0o700)
        if changed:
            folder.set_self(uid, gid, 0o700)
        for leaf in folder.names():
            try:
                changed = _seal_pass(folder, leaf, uid, gid, depth + 1) or changed
            except Gone:
                changed = True  # moved away under our hands: look again from the top
        return changed


def give_back(holder: Folder, name: str, entries: Iterable[Entry]) -> None:
    """Gives the folders of a tree their recorded owner, mode, access lists and times, from the bottom up.

    A folder that is not recorded (made while the tree was taken) goes to the owner of the top. What is recorded and
    no longer there is passed over.
    """
    folders = {entry.path: entry for entry in entries if entry.facts.kind is FileKind.FOLDER}
    if "" in folders:
        _give_back(holder, name, "", folders)


def _give_back(holder: Folder, name: str, path: str, folders: Mapping[str, Entry]) -> None:
    with holder.folder(name) as folder:
        for leaf in folder.names():
            if folder.look(leaf).kind is FileKind.FOLDER:
                _give_back(folder, leaf, join(path, leaf), folders)
        recorded = folders.get(path)
        was = recorded.facts if recorded is not None else folders[""].facts._replace(mode=0o700)
        if recorded is not None:
            holder.set_xattrs(name, recorded.xattrs)
        folder.set_self(was.uid, was.gid, was.mode)
        if recorded is not None:
            # An access list and the mode share bits: what chmod did to the list is put right again.
            holder.set_xattrs(name, recorded.xattrs)
            now = folder.look_self()
            if (now.atime_ns, now.mtime_ns) != (was.atime_ns, was.mtime_ns):
                folder.set_times("", was.atime_ns, was.mtime_ns)


def digest(holder: Folder, name: str, entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """The same entries with the sha256 of each regular file that can be read and is not beyond MAX_HASHED."""
    done: dict[str, str] = {}
    out: list[Entry] = []
    for entry in entries:
        value = ""
        if entry.same_as is not None:
            value = done.get(entry.same_as, "")
        elif entry.facts.kind is FileKind.FILE and entry.facts.size <= MAX_HASHED:
            with holding(holder, name, entry.path) as (folder, leaf):
                value = _sha256(folder, leaf)
        done[entry.path] = value
        out.append(entry._replace(sha256=value))
    return tuple(out)


def _sha256(folder: Folder, name: str) -> str:
    try:
        fd = folder.read(name)
    except Denied:
        return ""
    reckoner = hashlib.sha256()
    with os.fdopen(fd, "rb", buffering=0) as file, translated(f"read {_shown(folder, name)}"):
        read = 0
        while chunk := file.read(_CHUNK):
            folder.before(False, f"read {name}")
            reckoner.update(chunk)
            read += len(chunk)
            if read > MAX_HASHED:
                return ""  # still growing: somebody writes to it
    return reckoner.hexdigest()


def differences(recorded: Iterable[Entry], found: Iterable[Entry]) -> tuple[str, ...]:
    """Paths whose kind, content, link text or hard links differ between two surveys; owners and times are not asked."""
    before = {entry.path: _essence(entry) for entry in recorded}
    after = {entry.path: _essence(entry) for entry in found}
    return tuple(sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path)))


def _essence(entry: Entry) -> tuple[object, ...]:
    facts = entry.facts
    size = facts.size if facts.kind is FileKind.FILE else 0
    return facts.kind, size, facts.rdev, entry.target, entry.same_as, entry.sha256


def remove(holder: Folder, name: str, depth: int = 0) -> None:
    """Removes a tree that is ours: in a vault, or a copy that was not finished. Nothing there is nothing to do.

    Raises:
        TooBig: deeper than anything the agent takes.
    """
    if depth > 2 * MAX_DEPTH:
        raise TooBig(f"{_shown(holder, name)}: deeper than {2 * MAX_DEPTH} folders")
    try:
        facts = holder.look(name)
    except Gone:
        return
    if facts.kind is not FileKind.FOLDER:
        holder.unlink(name)
        return
    if facts.mode & 0o700 != 0o700:
        holder.set_mode(name, 0o700)
    with holder.folder(name) as folder:
        for leaf in folder.names():
            remove(folder, leaf, depth + 1)
    holder.remove_folder(name)


def sync_tree(holder: Folder, name: str) -> None:
    """Waits until the names in every folder of a tree are on the disk."""
    if holder.look(name).kind is FileKind.FOLDER:
        with holder.folder(name) as folder:
            for leaf in folder.names():
                sync_tree(folder, leaf)
            folder.sync()


def outside_names(entries: Iterable[Entry]) -> dict[str, int]:
    """Files that have further names outside the tree, and how many: they can still be started by those."""
    inside: dict[tuple[int, int], int] = {}
    for entry in entries:
        inside[entry.facts.identity] = inside.get(entry.facts.identity, 0) + 1
    return {
        entry.path: entry.facts.nlink - inside[entry.facts.identity]
        for entry in entries
        if entry.facts.kind is FileKind.FILE
        and entry.same_as is None
        and entry.facts.nlink > inside[entry.facts.identity]
    }


def join(path: str, leaf: str) -> str:
    """The path of a leaf below a relative path."""
    return f"{path}/{leaf}" if path else leaf


@contextmanager
def holding(holder: Folder, name: str, path: str) -> Iterator[tuple[Folder, str]]:
    """The open folder that holds an entry, and its name there."""
    steps = [name, *path.split("/")] if path else [name]
    opened: list[Folder] = []
    try:
        folder = holder
        for step in steps[:-1]:
            folder = folder.folder(step)
            opened.append(folder)
        yield folder, steps[-1]
    finally:
        for one in reversed(opened):
            one.close()


def _walk(holder: Folder, name: str, path: str = "", depth: int = 0) -> Iterator[tuple[Folder, str, str, Attributes]]:
    if depth > MAX_DEPTH:
        raise TooBig(f"{_shown(holder, name)}: deeper than {MAX_DEPTH} folders")
    facts = holder.look(name)
    yield holder, name, path, facts
    if facts.kind is FileKind.FOLDER:
        with holder.folder(name) as folder:
            if folder.look_self().identity != facts.identity:
                raise Gone(f"{_shown(holder, name)} was replaced while it was looked at")
            for leaf in folder.names():
                try:
                    yield from _walk(folder, leaf, join(path, leaf), depth + 1)
                except Gone:
                    continue  # removed or replaced between the list and the look


def _shown(holder: Folder, name: str) -> str:
    return printable(os.path.join(holder.path, name))
