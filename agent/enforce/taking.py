"""Taking a tree into a vault, step by step, so that each step can be the last one.

prepare   manifest and record on the disk; nothing has moved
take      one rename (or: copy, compare, record, remove the original): before it the original counts, after it the vault
finish    seal against the owner, take the links, hash: can be done again from anywhere, by `recovery` too
undo      back from `prepare`: what was never taken is left as it was

Files are renamed and never touched: not chowned, chmodded, opened for writing. Folders are given to root.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from agent.enforce.cell import HELD, Cell
from agent.enforce.interface import Detail
from agent.enforce.manifest import HeldState, Manifest, Piece, Record, first_record
from agent.errors import Denied, Gone, InterdictError
from agent.host import trees
from agent.host.as_owner import as_owner
from agent.host.copies import as_recorded, copy_tree, loosen, remove_recorded, same_content
from agent.host.faults import MountInside, Occupied, OtherFilesystem
from agent.host.folders import FileKind, Folder, open_above
from agent.host.oserrors import printable
from agent.host.trees import Entry
from agent.host.vault import am_root

MAX_ENTRIES = 100_000
"""Of one package; more is no tool but somebody's data."""


class Swapped(Gone):
    """Another thing stood at that place than the one that was found."""


class CopyDiffers(InterdictError):
    """A copy is not the same as its original, which was left alone."""

    default_advice = "Somebody changed it while it was copied; the agent tries again."


class NothingRemoved(InterdictError):
    """The copy was made and the original cannot be removed; the copy was thrown away."""

    default_advice = "Look at the rights of the folder around it."


def prepare(cell: Cell, manifest: Manifest) -> Record:
    """Writes down everything that is needed to give the tree back. Nothing has moved yet."""
    cell.folder.make_folder(HELD)
    cell.write_manifest(manifest)
    return cell.write(first_record(manifest), HeldState.PREPARED)


def take(cell: Cell, manifest: Manifest, record: Record, holder: Folder) -> tuple[Manifest, Record]:
    """Moves the tree into the cell. When this raises, the original is where it was.

    Raises:
        Swapped: the thing at that place is another one; it was put back.
        CopyDiffers, NothingRemoved, DiskFull, ReadOnly, Denied, …: it stays where it is.
    """
    if not manifest.tree.copied:
        try:
            _rename(cell, manifest.tree, holder)
        except OtherFilesystem:
            # The kernel has the last word on where a rename can lead (an overlay's lower layer, a btrfs subvolume).
            manifest = _with_tree(manifest, manifest.tree._replace(copied=True))
            cell.write_manifest(manifest)
        else:
            after = {"0": holder.look_self().mtime_ns}
            return manifest, record._replace(after=after)
    return _copy(cell, manifest, record, holder)


def finish(cell: Cell, manifest: Manifest, record: Record) -> tuple[Manifest, Record]:
    """Everything after the tree is in the vault; begins anywhere and ends in `sealed`."""
    with cell.held() as held:
        if record.state is HeldState.COPIED:
            record = _remove_original(cell, manifest, record)
        if am_root():
            trees.seal(held, "0", 0, 0)
        if record.state is not HeldState.MOVED:
            record = cell.write(record, HeldState.MOVED)
        after, note = dict(record.after), record.note
        for piece in manifest.pieces[1:]:
            note = _take_link(held, piece, after) or note
            for other in manifest.pieces:
                if os.path.dirname(other.path) == os.path.dirname(piece.path) and piece.slot in after:
                    after[other.slot] = after[piece.slot]
        manifest, changed = _settle(manifest, held)
        cell.write_manifest(manifest)
        note = changed or note or (Detail.OTHER_NAMES_REMAIN if manifest.outside_names else "")
        return manifest, cell.write(record, HeldState.SEALED, after=after, note=str(note))


def undo(cell: Cell, manifest: Manifest, holder: Folder | None) -> None:
    """Back to where nothing was taken: throws a copy away, gives the original its modes back, forgets the cell."""
    tree = manifest.tree
    if cell.holds(tree.slot):
        with cell.held() as held:
            if tree.copied:
                trees.remove(held, tree.slot)
    _undo_links(cell, manifest)
    if holder is not None:
        _tighten(holder, tree)
    cell.discard()


def _undo_links(cell: Cell, manifest: Manifest) -> None:
    """Copies of links that were kept ahead of time: one whose original is gone is put back."""
    for piece in manifest.pieces[1:]:
        if not cell.holds(piece.slot):
            continue
        with cell.held() as held:
            with suppress(InterdictError):
                holder, name = open_above(piece.path, cell.folder.before)
                with holder:
                    held.move(piece.slot, holder, name)
            trees.remove(held, piece.slot)


# ------------------------------------------------------------------------------------------------------- by renaming
def _rename(cell: Cell, tree: Piece, holder: Folder) -> None:
    name = os.path.basename(tree.path)
    if holder.look(name).identity != tree.top.identity:
        raise Swapped(f"{printable(tree.path)} is another thing than the one that was found")
    with cell.held() as held:
        _loosen(holder, tree)
        try:
            holder.move(name, held, tree.slot)
        except OtherFilesystem:
            _tighten(holder, tree)
            raise
        if not is_piece(held, tree):
            put_back(held, tree, holder, cell.id)
            raise Swapped(f"{printable(tree.path)} was replaced while it was taken; what came instead was put back")
        # The thing is in the vault: whatever fails from here on is done again by `finish`, and nothing is undone.
        with suppress(InterdictError):
            if am_root():
                # At once, before anything waits for the disk: who sits inside can carry things out until then.
                trees.seal(held, tree.slot, 0, 0)
            held.sync()
            holder.sync()


def is_piece(held: Folder, piece: Piece) -> bool:
    """True when what lies in the vault is the thing that was surveyed."""
    try:
        return held.look(piece.slot).identity == piece.top.identity
    except MountInside:
        return False


def put_back(held: Folder, piece: Piece, holder: Folder, cell_id: str) -> None:
    """Puts back what was never meant: under its name, or beside it where that is taken already."""
    name = os.path.basename(piece.path)
    try:
        held.move(piece.slot, holder, name)
    except Occupied:
        held.move(piece.slot, holder, f"{name}.restored-{cell_id}")
    holder.sync()


def _loosen(holder: Folder, tree: Piece) -> None:
    """Without root, a folder can only be moved elsewhere by one who may write to it; its mode is in the manifest."""
    if not am_root() and tree.top.kind is FileKind.FOLDER and tree.top.mode & 0o700 != 0o700:
        holder.set_mode(os.path.basename(tree.path), tree.top.mode | 0o700)


def _tighten(holder: Folder, tree: Piece) -> None:
    """Gives the folders of an original that stayed their recorded modes and times."""
    name = os.path.basename(tree.path)
    try:
        if tree.top.kind is FileKind.FOLDER and holder.look(name).identity == tree.top.identity:
            loose = [e for e in tree.entries if e.facts.kind is FileKind.FOLDER and e.facts.mode & 0o700 != 0o700]
            for entry in reversed(loose):
                with trees.holding(holder, name, entry.path) as (folder, leaf):
                    if folder.look(leaf).mode != entry.facts.mode:
                        folder.set_mode(leaf, entry.facts.mode)
    except Gone:
        return  # its owner removed it meanwhile


# -------------------------------------------------------------------------------------------------------- by copying
def _copy(cell: Cell, manifest: Manifest, record: Record, holder: Folder) -> tuple[Manifest, Record]:
    manifest = copy_in(cell, manifest, holder)
    record = cell.write(record, HeldState.COPIED)
    return manifest, _remove_original(cell, manifest, record, holder)


def copy_in(cell: Cell, manifest: Manifest, holder: Folder) -> Manifest:
    """Copies the tree into the cell, whole and compared; the original stays as it is.

    Raises:
        CopyDiffers: somebody changed it meanwhile.
        Gone, Denied, DiskFull, …: a part of a copy may lie in the cell; `undo` throws it away.
    """
    tree, name = manifest.tree, os.path.basename(manifest.tree.path)
    with cell.held() as held:
        trees.remove(held, tree.slot)
        owner = tree.top.uid, tree.top.gid
        with lent(held, *owner):
            lost = as_owner(*owner, lambda: copy_tree(holder, name, held, tree.slot, tree.entries))
        if am_root():
            trees.seal(held, tree.slot, 0, 0)
        _compare(holder, name, held, tree)
        trees.sync_tree(held, tree.slot)
        held.sync()
    manifest = _with_tree(manifest, tree._replace(lost=lost))
    cell.write_manifest(manifest)
    return manifest


def copy_link_in(cell: Cell, piece: Piece, holder: Folder) -> None:
    """The same for a link, or for a hard link's name, that leads into the tree. Raises as `copy_in`."""
    with cell.held() as held:
        trees.remove(held, piece.slot)
        copy_tree(holder, os.path.basename(piece.path), held, piece.slot, piece.entries)
        held.sync()


@contextmanager
def lent(held: Folder, uid: int, gid: int) -> Iterator[None]:
    """Lets the owner's rights write into `held`, which nobody but we can reach, while a copy is made."""
    if not am_root():
        yield
        return
    held.set_self(uid, gid, 0o700)
    try:
        yield
    finally:
        held.set_self(0, 0, 0o700)


def _compare(holder: Folder, name: str, held: Folder, tree: Piece) -> None:
    """Read by us, whoever made the copy. Raises CopyDiffers."""
    made = trees.survey(held, tree.slot, len(tree.entries) + 1)
    wrong = same_content(holder, name, held, tree.slot, tree.entries)
    if wrong is None and [e.path for e in made] != [e.path for e in tree.entries]:
        wrong = ""
    if wrong is None and [e.path for e in trees.survey(holder, name, MAX_ENTRIES)] != [e.path for e in tree.entries]:
        wrong = ""
    if wrong is not None:
        raise CopyDiffers(f"{printable(os.path.join(tree.path, wrong))}: the copy differs from the original")


def _remove_original(cell: Cell, manifest: Manifest, record: Record, holder: Folder | None = None) -> Record:
    """Removes with the rights of the owners; what was changed since the copy stays and is found again."""
    tree = manifest.tree
    if holder is None:
        try:
            opened, _ = open_above(tree.path, cell.folder.before)
        except Gone:
            return cell.write(record, HeldState.MOVED)
        with opened:
            return _remove_original(cell, manifest, record, opened)
    name, above = os.path.basename(tree.path), holder.look_self()
    for uid, gid in _owners_of_folders(tree):
        as_owner(uid, gid, lambda: loosen(holder, name, tree.entries))
        as_owner(uid, gid, lambda: remove_recorded(holder, name, tree.entries[1:]))
    as_owner(above.uid, above.gid, lambda: remove_recorded(holder, name, tree.entries[:1]))
    left, changed = _left(holder, name, tree)
    if len(left) == len(tree.entries):
        cell.write(record, HeldState.PREPARED)
        raise NothingRemoved(f"{printable(tree.path)}: copied, but the original cannot be removed")
    if left and not changed:
        raise Denied(f"{printable(tree.path)}: a part of the original cannot be removed")
    _tighten(holder, tree)
    holder.sync()
    still = holder.exists(name)
    after = {"0": holder.look_self().mtime_ns}
    return cell.write(record, HeldState.MOVED, after=after, note=str(Detail.UNFINISHED) if still else record.note)


def _owners_of_folders(tree: Piece) -> tuple[tuple[int, int], ...]:
    """Whose rights are needed to remove the names in the tree's folders; nobody else can swap those names."""
    folders = (entry.facts for entry in tree.entries if entry.facts.kind is FileKind.FOLDER)
    return tuple(dict.fromkeys((facts.uid, facts.gid) for facts in folders))


def _left(holder: Folder, name: str, tree: Piece) -> tuple[list[Entry], bool]:
    """What of the original is still there, and whether that is because somebody changed something in it since."""
    known = {entry.path: entry for entry in tree.entries}
    try:
        found = trees.survey(holder, name, MAX_ENTRIES)
    except Gone:
        return [], False
    left = [known[e.path] for e in found if e.path in known and as_recorded(e.facts, known[e.path])]
    return left, len(left) < len(found)


# ------------------------------------------------------------------------------------------------- links, then hashes
def _take_link(held: Folder, piece: Piece, after: dict[str, int]) -> str:
    """Takes a link or hard link along. One that cannot be taken leads nowhere now; it is noted, never a failure."""
    try:
        holder, name = open_above(piece.path, held.before)
    except (InterdictError, ValueError):
        return Detail.NONE if held.exists(piece.slot) else Detail.UNFINISHED
    with holder:
        try:
            if holder.look(name).identity != piece.top.identity:
                return Detail.NONE  # somebody made another one meanwhile
            _move_link(held, piece, holder, name)
            holder.sync()
            after[piece.slot] = holder.look_self().mtime_ns
        except Gone:
            if held.exists(piece.slot):
                after[piece.slot] = holder.look_self().mtime_ns  # kept ahead of time; its manager took the original
            return Detail.NONE
        except InterdictError:
            return Detail.UNFINISHED
    return Detail.NONE


def _move_link(held: Folder, piece: Piece, holder: Folder, name: str) -> None:
    try:
        holder.move(name, held, piece.slot)
        if not is_piece(held, piece):
            held.move(piece.slot, holder, name)
    except (OtherFilesystem, Occupied):
        # Occupied: the original is at its place, so what lies in the vault is a part of an interrupted copy of it.
        trees.remove(held, piece.slot)
        copy_tree(holder, name, held, piece.slot, piece.entries)
        held.sync()
        above = holder.look_self()
        as_owner(above.uid, above.gid, lambda: remove_recorded(holder, name, piece.entries))


def _settle(manifest: Manifest, held: Folder) -> tuple[Manifest, str]:
    """The manifest with what really lies in the vault and its hashes, and whether that differs from the survey."""
    tree = manifest.tree
    found = trees.survey(held, tree.slot, MAX_ENTRIES + 1)
    blank = [entry._replace(sha256="") for entry in tree.entries]
    changed = Detail.CHANGED_WHILE_MOVING if trees.differences(blank, found) else Detail.NONE
    entries = tree.entries if tree.copied else _merged(tree.entries, found, bool(changed))
    hashed = trees.digest(held, tree.slot, entries)
    outside = {} if tree.copied else trees.outside_names(found)
    for piece in manifest.pieces[1:]:
        outside = {path: count for path, count in _without(outside, piece, found, held).items() if count > 0}
    return _with_tree(manifest._replace(outside_names=outside), tree._replace(entries=hashed)), changed


def _without(outside: dict[str, int], piece: Piece, found: tuple[Entry, ...], held: Folder) -> dict[str, int]:
    """One further name of a file was taken along too, so it does not count as outside."""
    if piece.top.kind is not FileKind.FILE or not held.exists(piece.slot):
        return outside
    ours = {entry.path for entry in found if entry.facts.identity == piece.top.identity}
    return {path: count - (path in ours) for path, count in outside.items()}


def _merged(recorded: tuple[Entry, ...], found: tuple[Entry, ...], changed: bool) -> tuple[Entry, ...]:
    """What lies there now, folders with the owner, mode and access lists that they had before we sealed them."""
    known = {entry.facts.identity: entry for entry in recorded}
    top = recorded[0].facts
    merged: list[Entry] = []
    for entry in found:
        was = known.get(entry.facts.identity)
        if entry.facts.kind is FileKind.FOLDER and was is not None:
            mtime = entry.facts.mtime_ns if changed else was.facts.mtime_ns
            entry = entry._replace(facts=was.facts._replace(mtime_ns=mtime), xattrs=was.xattrs)
        elif entry.facts.kind is FileKind.FOLDER:
            entry = entry._replace(facts=entry.facts._replace(uid=top.uid, gid=top.gid, mode=0o700), xattrs={})
        merged.append(entry)
    return tuple(merged)


def _with_tree(manifest: Manifest, tree: Piece) -> Manifest:
    return manifest._replace(pieces=(tree, *manifest.pieces[1:]))
