"""After a crash, a full disk or a read-only filesystem: every quarantine is finished or undone, from any step.

What lies on the disk has the last word, the record only tells what was meant:

prepared   tree in the vault → finish;  not → undo (a part of a copy is thrown away)
copied     the copy is whole → remove what is left of the original, finish
moved      finish
restoring  tree no longer in the vault, or whole at its place → restored;  else sealed again
restored   a copy that is still held is thrown away: the restored one was compared before
purging    was asked for by a person → finish
"""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

from agent.enforce.cell import Cell, Now, open_cell
from agent.enforce.giving import finish_giving, remove_hidden
from agent.enforce.interface import Detail
from agent.enforce.manifest import HeldState, Manifest, Record, first_record
from agent.enforce.taking import NothingRemoved, finish, is_piece, put_back, undo
from agent.errors import Gone, InterdictError
from agent.host import trees
from agent.host.folders import Folder, open_above
from agent.host.vault import Vault, am_root


class Recovered(NamedTuple):
    """What became of one interrupted quarantine."""

    id: str
    was: HeldState
    now: HeldState | None
    """None: it was undone, and nothing is left of it."""
    path: str
    error: InterdictError | None = None
    """Why it is as it was before; the next start tries again."""


def recover(vault: Vault, now: Now) -> list[Recovered]:
    """Finishes or undoes whatever was interrupted in a vault; what is in order is not mentioned."""
    found: list[Recovered] = []
    with vault.locked():
        for name in sorted(vault.ids()):
            with open_cell(vault, name, now) as cell:
                done = recover_cell(cell)
                if done is not None:
                    found.append(done)
    return found


def recover_cell(cell: Cell) -> Recovered | None:
    """The same for one, whose vault is locked by the caller; None when there was nothing to do."""
    try:
        manifest = cell.manifest()
    except Gone:
        return _forget(cell)
    except InterdictError as error:
        return Recovered(cell.id, HeldState.PREPARED, HeldState.PREPARED, "", error)
    try:
        record = cell.record()
    except Gone:
        record = first_record(manifest)  # killed between the two files; the manifest alone is enough
    except InterdictError as error:
        # Not to be able to read is not "nothing was taken": a guess here could throw the only copy away.
        return Recovered(cell.id, HeldState.PREPARED, HeldState.PREPARED, manifest.tree.path, error)
    try:
        state = _recover(cell, manifest, record)
    except InterdictError as error:
        return Recovered(cell.id, record.state, record.state, record.path, error)
    if state is record.state:
        return None
    return Recovered(cell.id, record.state, state, record.path)


def purge(cell: Cell) -> Record:
    """Removes for good what is held. Only ever asked for by a person: no policy leads here.

    Raises:
        Denied, ReadOnly, …: a part may remain; asking again, or the next start, goes on.
    """
    record = cell.record()
    record = cell.write(record, HeldState.PURGING)
    return _purge(cell, record)


def _purge(cell: Cell, record: Record) -> Record:
    with cell.held() as held:
        for slot in held.names():
            trees.remove(held, slot)
    return cell.write(record, HeldState.PURGED)


def _forget(cell: Cell) -> Recovered | None:
    """Killed before the manifest was there: nothing can have moved, and an empty folder is all there is."""
    try:
        cell.discard()
    except InterdictError as error:
        return Recovered(cell.id, HeldState.PREPARED, HeldState.PREPARED, "", error)
    return Recovered(cell.id, HeldState.PREPARED, None, "")


def _recover(cell: Cell, manifest: Manifest, record: Record) -> HeldState | None:
    state = record.state
    if state is HeldState.PREPARED:
        return _recover_prepared(cell, manifest, record)
    if state in (HeldState.COPIED, HeldState.MOVED):
        return _finish(cell, manifest, record)
    if state is HeldState.RESTORING:
        return _recover_restoring(cell, manifest, record)
    if state is HeldState.RESTORED and record.note == Detail.UNFINISHED:
        with cell.held() as held:
            finish_giving(cell, held, manifest, record, Detail.NONE)
    elif state is HeldState.RESTORED and cell.holds("0"):
        with cell.held() as held:
            trees.remove(held, "0")
    if state is HeldState.PURGING:
        return _purge(cell, record).state
    return state


def _recover_prepared(cell: Cell, manifest: Manifest, record: Record) -> HeldState | None:
    tree = manifest.tree
    if not tree.copied and cell.holds(tree.slot):
        with cell.held() as held:
            if is_piece(held, tree):
                return _finish(cell, manifest, record)
            holder, _ = open_above(tree.path, cell.folder.before)
            with holder:
                put_back(held, tree, holder, cell.id)
    if tree.copied and cell.holds(tree.slot) and not _is_at_its_place(cell, manifest):
        return _finish(cell, manifest, record)  # whatever happened to the original, this copy is what is left of it
    _undo(cell, manifest)
    return None


def _is_at_its_place(cell: Cell, manifest: Manifest) -> bool:
    """Raises when it cannot be told."""
    try:
        holder, name = open_above(manifest.tree.path, cell.folder.before)
        with holder:
            return holder.look(name).identity == manifest.tree.top.identity
    except Gone:
        return False


def _finish(cell: Cell, manifest: Manifest, record: Record) -> HeldState | None:
    try:
        return finish(cell, manifest, record)[1].state
    except NothingRemoved:
        _undo(cell, manifest)
        return None


def _undo(cell: Cell, manifest: Manifest) -> None:
    holder: Folder | None = None
    with suppress(InterdictError):
        holder, _ = open_above(manifest.tree.path, cell.folder.before)
    try:
        undo(cell, manifest, holder)
    finally:
        if holder is not None:
            holder.close()


def _recover_restoring(cell: Cell, manifest: Manifest, record: Record) -> HeldState:
    """Back if it is whole at its place; else the vault still has all of it, and it is sealed again."""
    place = _look_at(record, cell)
    if not cell.holds("0") or (place is not None and place == record.identity):
        if place is not None and not am_root():
            holder, name = open_above(record.restored_to, cell.folder.before)
            with holder:
                trees.give_back(holder, name, manifest.tree.entries)
        with cell.held() as held:
            note = Detail.NONE if place is not None else Detail.ALREADY_GONE
            finish_giving(cell, held, manifest, record._replace(identity=place or record.identity), note)
        return HeldState.RESTORED
    _remove_hidden(record, cell)
    if am_root():
        with cell.held() as held:
            trees.seal(held, "0", 0, 0)
    cell.write(record, HeldState.SEALED, restored_to="", identity=manifest.tree.top.identity)
    return HeldState.SEALED


def _look_at(record: Record, cell: Cell) -> tuple[int, int] | None:
    try:
        holder, name = open_above(record.restored_to, cell.folder.before)
    except InterdictError:
        return None
    with holder:
        try:
            return holder.look(name).identity
        except InterdictError:
            return None


def _remove_hidden(record: Record, cell: Cell) -> None:
    """A part of a copy beside the place it was meant for."""
    try:
        holder, _ = open_above(record.restored_to, cell.folder.before)
    except Gone:
        return
    with holder:
        remove_hidden(holder, cell.id)
