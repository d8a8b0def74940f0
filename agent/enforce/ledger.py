"""What of the machine is our own doing: vaults, and what was restored from them.

So that the agent does not find its own vault, and does not take again what an administrator has just given back: a
restored installation is left alone until another version of the policy comes into force. How often something came back
by itself is counted by the cases, not here.

There is no channel between the `quarantine` command and the daemon: the records in the vaults are it. The command
writes `state: restored`, by whom and when; the daemon calls `refresh` at each look and sees it. A restore on the
command line does not know which policy version is in force, so it writes `restored_under: null`, and the first
refresh afterwards puts the daemon's version there. Signposts stand in the records as well.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from enum import StrEnum
from typing import NamedTuple

from agent.enforce.cell import Cell, Now, open_cell
from agent.enforce.manifest import HeldState, Record
from agent.enforce.signposts import still_there, take_away
from agent.errors import InterdictError
from agent.host.folders import open_above
from agent.host.vault import Vault, find_vaults


class Ours(StrEnum):
    """Why something that was seen is our own doing."""

    VAULT = "vault"
    RESTORED = "restored"
    SIGNPOST = "signpost"


class Entry(NamedTuple):
    """One quarantine as the vaults tell it."""

    record: Record
    vault: str


class Ledger:
    """A picture of all vaults, renewed by `refresh`. Not thread-safe: it belongs to the deciding thread."""

    def __init__(self, *, state_dir: str, now: Now, vault_dir: str = "") -> None:
        self._state_dir = state_dir
        self._vault_dir = vault_dir
        self._now = now
        self._vaults: tuple[str, ...] = ()
        self._restored: dict[str, tuple[int, int]] = {}
        self._signposts: frozenset[str] = frozenset()
        self.entries: tuple[Entry, ...] = ()
        """Every quarantine of this machine, oldest state change first."""
        self.unreadable: tuple[str, ...] = ()
        """Vaults and records that could not be read: not the same as empty."""

    def refresh(self, policy_version: int) -> None:
        """Reads every record anew; a restore that did not know its policy version gets this one."""
        found: list[Entry] = []
        unreadable: list[str] = []
        paths: list[str] = []
        for vault in find_vaults(self._state_dir, self._vault_dir):
            with vault:
                paths.append(vault.path)
                try:
                    found += self._read(vault, policy_version, unreadable)
                except InterdictError:
                    unreadable.append(vault.path)
        self._vaults = tuple(paths)
        self.entries = tuple(sorted(found, key=lambda entry: (entry.record.at, entry.record.id)))
        self.unreadable = tuple(unreadable)
        self._signposts = still_there(entry.record for entry in found)
        self._restored = dict(_still_there(e.record for e in found if e.record.restored_under == policy_version))

    def ours(self, path: str, identity: tuple[int, int] | None = None) -> Ours | None:
        """Whether what lies at a path is our doing; with its identity, a new thing at an old place is not."""
        # By place and owner (`find_vaults`), never by name: anybody can call a folder of theirs like a vault.
        if any(_inside(path, vault) for vault in self._vaults):
            return Ours.VAULT
        if path in self._signposts:
            return Ours.SIGNPOST
        for place, was in self._restored.items():
            if _inside(path, place) and (path != place or identity is None or identity == was):
                return Ours.RESTORED
        return None

    def restored_paths(self) -> frozenset[str]:
        """Installations that were restored under the policy version in force, and still are the restored ones."""
        return frozenset(self._restored)

    def held(self, ban: str = "") -> tuple[Record, ...]:
        """What the vaults hold now, of one ban or of all: what a lifted ban gives back. What was taken in one act comes
        back with one of it."""
        records = (entry.record for entry in self.entries)
        held = [r for r in records if r.state.holds and ban in ("", r.ban)]
        return tuple({r.act or r.id: r for r in reversed(held)}.values())[::-1]

    def sweep_signposts(self, wanted: Callable[[Record], bool]) -> None:
        """Takes away those of what is no longer taken: its ban was lifted, or made narrower."""
        stale = {e.record.id for e in self.entries if e.record.signposts and not wanted(e.record)}
        for vault in find_vaults(self._state_dir, self._vault_dir) if stale else ():
            with vault, vault.locked():
                for name in stale & set(vault.ids()):
                    with suppress(InterdictError), open_cell(vault, name, self._now) as cell:
                        cell.rewrite(take_away(cell.record()))

    def _read(self, vault: Vault, policy_version: int, unreadable: list[str]) -> list[Entry]:
        found: list[Entry] = []
        for name in vault.ids():
            try:
                with open_cell(vault, name, self._now) as cell:
                    record = cell.record()
                    if record.state is HeldState.RESTORED and record.restored_under is None:
                        record = _settle(vault, cell, policy_version)
            except InterdictError:
                unreadable.append(os.path.join(vault.path, name))
                continue
            found.append(Entry(record, vault.path))
        return found


def _settle(vault: Vault, cell: Cell, policy_version: int) -> Record:
    with vault.locked():
        record = cell.record()._replace(restored_under=policy_version)
        cell.rewrite(record)
    return record


def _still_there(records: Iterable[Record]) -> Iterable[tuple[str, tuple[int, int]]]:
    for record in records:
        if record.state is not HeldState.RESTORED or not record.restored_to:
            continue
        try:
            holder, name = open_above(record.restored_to)
            with holder:
                if holder.look(name).identity == record.identity:
                    yield record.restored_to, record.identity
        except (InterdictError, ValueError):
            continue  # removed again, or moved elsewhere: then it is nobody's doing of ours


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
