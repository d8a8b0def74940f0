"""What an uninstallation keeps: a copy of every tree in the vault, whole and compared, before its manager is let at it.

prepared   the copy is being made, or is whole and the manager of the system has not answered yet: the original counts
copied     just before the manager begins (where what is kept is all there is): from here on it is finished, not undone
sealed     the original is gone, by the manager or by us
The states are those of a quarantine by copy, so `recovery` finishes or undoes it after a crash as it does any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import NamedTuple

from agent.enforce.cell import Cell, Now
from agent.enforce.holdings import Holdings
from agent.enforce.interface import Detail, Intent
from agent.enforce.manifest import HeldState, Manifest, Piece, Record
from agent.enforce.plan import plan_links, plan_tree
from agent.enforce.quarantine import Quarantiner
from agent.enforce.recovery import recover_cell
from agent.enforce.taking import MAX_ENTRIES, Swapped, copy_in, copy_link_in, finish, prepare, undo
from agent.errors import Gone, InterdictError
from agent.host.folders import Before, Folder, nothing, open_above
from agent.host.oserrors import printable
from agent.host.vault import Vault


class GuardRefuses(InterdictError):
    """A path that no policy may touch; `detail` says why."""

    default_advice = "It is left alone."
    detail: Detail = Detail.SYSTEM_FOLDER


class Kept(NamedTuple):
    """One tree in the vault while its original is still there."""

    cell: Cell
    manifest: Manifest
    record: Record

    @property
    def path(self) -> str:
        """Where the original is."""
        return self.manifest.tree.path


class Keeper:
    """Makes and settles the copies of one act."""

    def __init__(self, quarantiner: Quarantiner, now: Now, before: Before = nothing) -> None:
        self._quarantiner = quarantiner
        self._now = now
        self._before = before

    @contextmanager
    def keeping(self, intent: Intent, held: Holdings) -> Iterator[list[Kept]]:
        """Copies everything; the vaults stay locked until the end. When this raises, nothing has happened.

        Raises:
            Swapped: another thing stands there than the one that was found.
            GuardRefuses, DiskFull, CopyDiffers, Denied, …: as a quarantine by copy.
        """
        kept: list[Kept] = []
        with ExitStack() as stack:
            vaults: dict[tuple[int, int], Vault] = {}
            try:
                for path in held.roots:
                    kept.append(self._keep(intent, path, held.links, kept, vaults, stack))
            except BaseException:
                self.undo(kept)
                raise
            yield kept

    def undo(self, kept: list[Kept]) -> None:
        """Throws copies away whose originals are still there."""
        for one in kept:
            self._undo(one.cell, one.manifest)

    def commit(self, kept: list[Kept]) -> list[Kept]:
        """From here on what is interrupted is finished."""
        return [one._replace(record=one.cell.write(one.record, HeldState.COPIED)) for one in kept]

    def settle(self, one: Kept) -> bool:
        """Removes what its manager left of an original, seals the copy; False when the original is still there."""
        try:
            finish(one.cell, one.manifest, one.record)
        except InterdictError:
            with suppress(InterdictError):
                recover_cell(one.cell)
        return not exists(one.path)

    def note_times(self, kept: list[Kept]) -> None:
        """Once everything is gone: one act takes from the same folder several times, and only the last time counts."""
        for one in kept:
            with suppress(InterdictError):
                record, after = one.cell.record(), {}
                for piece in one.manifest.pieces:
                    holder, _ = open_above(piece.path, self._before)
                    with holder:
                        after[piece.slot] = holder.look_self().mtime_ns
                one.cell.rewrite(record._replace(after=after))

    def _keep(
        self,
        intent: Intent,
        path: str,
        links: tuple[str, ...],
        kept: list[Kept],
        vaults: dict[tuple[int, int], Vault],
        stack: ExitStack,
    ) -> Kept:
        refused = self._quarantiner.refuse(path)
        if refused is not None:
            error = GuardRefuses(f"{printable(path)}: {refused.value}")
            error.detail = refused
            raise error
        holder, name = open_above(path, self._before)
        with holder:
            pieces = self._pieces(intent, holder, name, path, links)
            vault = self._vault(holder, vaults, stack)
            cell_id, folder = vault.make()
            cell = stack.enter_context(Cell(vault, cell_id, folder, self._now))
            own = intent._replace(path=path)
            manifest = self._quarantiner.manifest_of(own, cell_id, pieces)
            try:
                record = prepare(cell, manifest)
                record = record._replace(act=kept[0].record.act if kept else cell_id)
                cell.rewrite(record)
                manifest = copy_in(cell, manifest, holder)
                for piece in pieces[1:]:
                    above, _ = open_above(piece.path, self._before)
                    with above:
                        copy_link_in(cell, piece, above)
            except BaseException:
                self._undo(cell, manifest)
                raise
            return Kept(cell, manifest, record)

    def _pieces(
        self, intent: Intent, holder: Folder, name: str, path: str, links: tuple[str, ...]
    ) -> tuple[Piece, ...]:
        tree = plan_tree(holder, name, path, MAX_ENTRIES, copied=True)
        found = dict(intent.parts).get(path)
        if found is not None and tree.top.identity != found:
            raise Swapped(f"{printable(path)} is another thing than the one that was found")
        return (tree, *plan_links(tree, links, self._before))

    def _vault(self, holder: Folder, vaults: dict[tuple[int, int], Vault], stack: ExitStack) -> Vault:
        """Each vault is opened and locked once: its lock would wait for ourselves."""
        vault, _ = self._quarantiner.vault_for(holder)
        identity = vault.folder.look_self().identity
        if identity in vaults:
            vault.folder.close()
            return vaults[identity]
        stack.enter_context(vault)
        stack.enter_context(vault.locked())
        vaults[identity] = vault
        return vault

    def _undo(self, cell: Cell, manifest: Manifest) -> None:
        with suppress(InterdictError):
            holder, _ = open_above(manifest.tree.path, self._before)
            with holder:
                undo(cell, manifest, holder)


def exists(path: str) -> bool:
    """Whether anything stands at a path; what cannot be looked at counts as there."""
    try:
        holder, name = open_above(path)
        with holder:
            return holder.exists(name)
    except (Gone, ValueError):
        return False
    except InterdictError:
        return True
