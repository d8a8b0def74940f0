"""Giving back what was taken: to its place when that is free and still the same folder, else beside it, and said so.

restoring  where it goes is on the disk before anything moves
           as root the folders get their owners back inside the vault, then one rename that never replaces
           (or, to another filesystem: copy under a hidden name, compare, rename, then empty the vault)
restored   on the disk; then the links
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from agent.enforce.cell import Cell
from agent.enforce.interface import Detail
from agent.enforce.manifest import HeldState, Manifest, Piece, Record
from agent.enforce.taking import MAX_ENTRIES, CopyDiffers, lent
from agent.errors import Denied, Gone, InterdictError
from agent.host import trees
from agent.host.as_owner import as_owner
from agent.host.copies import copy_tree, dress_again, same_content
from agent.host.faults import Occupied, OtherFilesystem
from agent.host.folders import Attributes, Before, FileKind, Folder, open_folder
from agent.host.oserrors import printable
from agent.host.trees import Entry
from agent.host.vault import am_root

NOBODY = (0, 0)
"""No thing's identity: what is at the place, if anything, is not known to be ours yet."""


class Place(NamedTuple):
    """Where something goes back to."""

    holder: Folder
    name: str
    known: bool
    """True when this is the folder that it was taken from (or that folder made again)."""


class AlreadyBack(InterdictError):
    """There is nothing left to restore."""

    default_advice = "See `interdict quarantine list` for what is held."


def give(
    cell: Cell, manifest: Manifest, record: Record, to: str | None, by: str, under: int | None
) -> tuple[Record, tuple[str, ...]]:
    """Restores a sealed quarantine; answers its record and the paths whose content is not what was recorded.

    Raises:
        AlreadyBack: restored or purged before.
        Gone, Denied, Occupied, DiskFull, ReadOnly, …: it stays in the vault; `recovery` seals it again.
    """
    tree = manifest.tree
    if record.state is not HeldState.SEALED:
        raise AlreadyBack(f"{cell.id} is {record.state.value}")
    untouched = _untouched(manifest, record, cell.folder.before) if to is None else {}
    with cell.held() as held, _place(tree, to, cell.folder.before) as place:
        found = trees.digest(held, tree.slot, trees.survey(held, tree.slot, MAX_ENTRIES + 1))
        changed = trees.differences(tree.entries, found)
        for name in _names(place, cell.id):
            path = os.path.join(place.holder.path, name)
            record = cell.write(
                record, HeldState.RESTORING, by=by, restored_to=path, restored_under=under, identity=NOBODY, note=""
            )
            try:
                record = _put(cell, held, tree, found, place._replace(name=name), record)
                break
            except Occupied:
                continue
        else:
            raise Occupied(f"{printable(tree.path)} and the names beside it are taken")
        at_home = record.restored_to == tree.path
        _set_top_times(place, os.path.basename(record.restored_to), tree)
        note = Detail.NONE if at_home or to is not None else Detail.BESIDE_ORIGINAL
        record = finish_giving(cell, held, manifest, record, Detail.CONTENT_CHANGED if changed else note or record.note)
        _give_times(untouched, cell.folder.before)
    return record, changed


def finish_giving(cell: Cell, held: Folder, manifest: Manifest, record: Record, note: str) -> Record:
    """Everything after the tree is back at its place: the links, the record, and a copy that is no longer needed."""
    if record.restored_to == manifest.tree.path:
        linked = _give_links(held, manifest)
        note = note or linked
    record = cell.write(record, HeldState.RESTORED, note=str(note))
    trees.remove(held, manifest.tree.slot)
    return record


def _put(cell: Cell, held: Folder, tree: Piece, found: tuple[Entry, ...], place: Place, record: Record) -> Record:
    """Raises Occupied when something stands there already."""
    if place.holder.exists(place.name):
        raise Occupied(f"{printable(os.path.join(place.holder.path, place.name))} is there already")
    if am_root():
        trees.give_back(held, tree.slot, tree.entries)
    if tree.lost:
        with lent(held, tree.top.uid, tree.top.gid):
            owner = tree.top.uid, tree.top.gid
            as_owner(*owner, lambda: dress_again(held, tree.slot, tree.entries, tree.lost))
    try:
        held.move(tree.slot, place.holder, place.name)
    except OtherFilesystem:
        return _put_copy(cell, held, tree, found, place, record)
    if not am_root():
        # Only now: its recorded mode may forbid its owner to move it.
        trees.give_back(place.holder, place.name, tree.entries)
    held.sync()
    place.holder.sync()
    return record._replace(identity=place.holder.look(place.name).identity)


def _put_copy(cell: Cell, held: Folder, tree: Piece, found: tuple[Entry, ...], place: Place, record: Record) -> Record:
    """With the rights of the folder's owner, under a name of our own until it is whole and compared."""
    beside, holder, above = hidden_name(cell.id), place.holder, place.holder.look_self()
    entries = _as_recorded(tree.entries, found)
    with lent(held, above.uid, above.gid):
        remove_hidden(holder, cell.id)
        lost = as_owner(above.uid, above.gid, lambda: copy_tree(held, tree.slot, holder, beside, entries))
        if lost:
            lost = as_owner(above.uid, above.gid, lambda: dress_again(holder, beside, entries, lost))
    wrong = same_content(held, tree.slot, holder, beside, entries)
    if wrong is not None:
        raise CopyDiffers(f"{printable(wrong or tree.path)}: the restored copy differs from what is held")
    trees.sync_tree(holder, beside)
    # Recorded before the rename: after a crash this tells whether the thing at that place is ours.
    note = str(Detail.ATTRIBUTES_LOST) if lost else ""
    record = cell.write(record, HeldState.RESTORING, identity=holder.look(beside).identity, note=note)
    holder.move(beside, holder, place.name)
    holder.sync()
    return record


def remove_hidden(holder: Folder, cell_id: str) -> None:
    """What an interrupted copy left under our own name; its owner can reach it, so it goes with the owner's rights."""
    if holder.exists(hidden_name(cell_id)):
        above = holder.look_self()
        as_owner(above.uid, above.gid, lambda: trees.remove(holder, hidden_name(cell_id)))


def hidden_name(cell_id: str) -> str:
    """The name under which a copy is made before it is put in place."""
    return f".interdict-{cell_id}"


def _as_recorded(recorded: tuple[Entry, ...], found: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """What lies in the vault, with the attributes that were recorded."""
    known = {entry.path: entry for entry in recorded}
    return tuple(
        entry._replace(
            facts=known[entry.path].facts._replace(dev=entry.facts.dev, ino=entry.facts.ino),
            xattrs=known[entry.path].xattrs,
        )
        if entry.path in known
        else entry
        for entry in found
    )


def _names(place: Place, cell_id: str) -> tuple[str, ...]:
    beside = f"{place.name}.restored-{cell_id}"
    return (place.name, beside) if place.known else (beside,)


def _set_top_times(place: Place, name: str, tree: Piece) -> None:
    """Some filesystems count the move as a change of the folder itself. A comfort: nothing fails for its sake."""
    with suppress(InterdictError):
        if tree.top.kind is FileKind.FOLDER:
            with place.holder.folder(name) as folder:
                if folder.look_self().mtime_ns != tree.top.mtime_ns:
                    folder.set_times("", tree.top.atime_ns, tree.top.mtime_ns)


def _untouched(manifest: Manifest, record: Record, before: Before) -> dict[str, Attributes]:
    """Folders around the pieces in which nothing else happened since, or which are gone: as they were before."""
    found: dict[str, Attributes] = {}
    for piece in manifest.pieces:
        path = os.path.dirname(piece.path)
        try:
            with open_folder(path, before) as folder:
                now = folder.look_self()
        except Gone:
            found[path] = piece.above[0]
        except InterdictError:
            continue
        else:
            # The second of two pieces of one folder finds that the first has given its time back already.
            expected = (record.after.get(piece.slot), piece.above[0].mtime_ns)
            if now.identity == piece.above[0].identity and now.mtime_ns in expected:
                found[path] = piece.above[0]
    return found


def _give_times(folders: dict[str, Attributes], before: Before) -> None:
    """Gives those folders their times back. A comfort: nothing fails for its sake."""
    for path, was in folders.items():
        with suppress(InterdictError), open_folder(path, before) as folder:
            folder.set_times("", was.atime_ns, was.mtime_ns)


# ------------------------------------------------------------------------------------------------------------ places
@contextmanager
def _place(piece: Piece, to: str | None, before: Before) -> Iterator[Place]:
    name = os.path.basename(piece.path)
    if to is not None:
        with open_folder(os.path.realpath(to), before) as holder:
            yield Place(holder, name, True)
        return
    holder, made_again = _open_or_make(os.path.dirname(piece.path), piece.above, before)
    with holder:
        facts = holder.look_self()
        if am_root() and facts.uid not in (0, piece.above[0].uid):
            advice = "Name another folder with `--to`."
            raise Denied(f"{printable(holder.path)} belongs to somebody else now (uid {facts.uid})", advice)
        yield Place(holder, name, made_again or facts.identity == piece.above[0].identity)


def _open_or_make(path: str, above: tuple[Attributes, ...], before: Before) -> tuple[Folder, bool]:
    """The folder at a path; removed ones are made again as they were, with the rights of the next one's owner."""
    try:
        return open_folder(path, before), False
    except Gone:
        if len(above) < 2:
            raise
    holder, _ = _open_or_make(os.path.dirname(path), above[1:], before)
    name, was = os.path.basename(path), above[0]
    with holder:
        owner = holder.look_self()
        as_owner(owner.uid, owner.gid, lambda: holder.make_folder(name, was.mode))
        folder = holder.folder(name)
        if owner.uid == 0 or owner.uid == was.uid:
            # Ours to give: just made, empty, and in a folder of root's or of the same owner.
            with suppress(Denied):
                folder.set_self(was.uid, was.gid, was.mode)
        holder.sync()
    return folder, True


# ------------------------------------------------------------------------------------------------------------- links
def _give_links(held: Folder, manifest: Manifest) -> str:
    """Puts the links back that led here. One whose place is taken goes beside; one that cannot is noted."""
    note = ""
    for piece in manifest.pieces[1:]:
        if not held.exists(piece.slot):
            continue
        try:
            with _place(piece, None, held.before) as place:
                note = _give_link(held, piece, place, manifest.id) or note
        except InterdictError:
            note = Detail.UNFINISHED
    return note


def _give_link(held: Folder, piece: Piece, place: Place, cell_id: str) -> str:
    remove_hidden(place.holder, cell_id)
    if _is_back(held, piece, place):
        held.unlink(piece.slot)
        return Detail.NONE
    for name in _names(place, cell_id):
        try:
            _move_link(held, piece, place.holder, name, cell_id)
        except Occupied:
            continue
        place.holder.sync()
        return Detail.NONE if name == os.path.basename(piece.path) else Detail.BESIDE_ORIGINAL
    return Detail.UNFINISHED


def _is_back(held: Folder, piece: Piece, place: Place) -> bool:
    """True after a crash between a copy and the end of what it was made from."""
    if not place.holder.exists(place.name):
        return False
    entries = (piece.entries[0]._replace(facts=_at(piece.top, held.look(piece.slot))),)
    there = place.holder.look(place.name)
    same_times = there.kind is piece.top.kind and there.mtime_ns == piece.top.mtime_ns
    return same_times and same_content(held, piece.slot, place.holder, place.name, entries) is None


def _move_link(held: Folder, piece: Piece, holder: Folder, name: str, cell_id: str) -> None:
    try:
        held.move(piece.slot, holder, name)
    except OtherFilesystem:
        beside, above = hidden_name(cell_id), holder.look_self()
        entries = (piece.entries[0]._replace(facts=_at(piece.top, held.look(piece.slot))),)
        with lent(held, above.uid, above.gid):
            as_owner(above.uid, above.gid, lambda: copy_tree(held, piece.slot, holder, beside, entries))
        holder.move(beside, holder, name)
        held.unlink(piece.slot)


def _at(recorded: Attributes, now: Attributes) -> Attributes:
    return recorded._replace(dev=now.dev, ino=now.ino)
