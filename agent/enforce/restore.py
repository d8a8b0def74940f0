"""`restore`: gives a quarantined installation back, by its id."""

from __future__ import annotations

import os
from collections.abc import Iterable

from agent.cases import Kind
from agent.enforce import signposts
from agent.enforce.cell import Cell, Now, open_cell
from agent.enforce.faults import detail_of
from agent.enforce.giving import give
from agent.enforce.interface import Detail, Intent, Outcome, OutcomeCode
from agent.enforce.manifest import HeldState, Record
from agent.enforce.recovery import recover_cell
from agent.errors import Gone, InterdictError
from agent.host.folders import Before, nothing
from agent.host.vault import Vault, find_vaults
from policy_schema.rules.decision import Action
from policy_schema.rules.instant import Instant

KIND = Kind.RESTORE


class Restorer:
    """The actor."""

    def __init__(self, *, state_dir: str, now: Now, vault_dir: str = "", before: Before = nothing) -> None:
        self._state_dir = state_dir
        self._vault_dir = vault_dir
        self._now = now
        self._before = before

    def act(self, intent: Intent) -> Outcome:
        """Restores what the intent names."""
        try:
            record = self.restore(intent.quarantine_id, None, "interdict", intent.policy_version)
        except Gone:
            return Outcome(intent, OutcomeCode.FAILED, Detail.UNKNOWN_ID, Instant(self._now()))
        except InterdictError as error:
            return Outcome(intent, OutcomeCode.FAILED, detail_of(error), Instant(self._now()))
        where = record.restored_to
        again = (os.path.dirname(where),)
        note = Detail(record.note)
        return Outcome(intent, OutcomeCode.RESTORED, note, Instant(self._now()), again, where, intent.quarantine_id)

    def restore(self, quarantine_id: str, to: str | None, by: str, under: int | None) -> Record:
        """Restores by id, to another folder if `to` names one.

        Raises:
            Gone: no vault that we can open has that id.
            AlreadyBack, Denied, Occupied, DiskFull, …: it stays in the vault.
        """
        vaults = find_vaults(self._state_dir, self._vault_dir, self._before)
        try:
            places = self._together(vaults, quarantine_id)
            done: dict[str, Record] = {}
            errors: list[InterdictError] = []
            for vault, name in places:
                try:
                    done[name] = self._restore(vault, name, to, by, under)
                except InterdictError as error:
                    errors.insert(0 if name == quarantine_id else len(errors), error)
            if errors:
                raise errors[0]
            return done[quarantine_id]
        finally:
            for vault in vaults:
                vault.folder.close()

    def _together(self, vaults: Iterable[Vault], quarantine_id: str) -> list[tuple[Vault, str]]:
        """It and what else was taken in the same act, the first of them first: its record knows the signposts.

        Raises:
            Gone: there is none of that id.
        """
        mine = next((vault for vault in vaults if quarantine_id in vault.ids()), None)
        if mine is None:
            raise Gone(f"there is no quarantine {quarantine_id!r} here", "See `interdict quarantine list`.")
        act = self._act_of(mine, quarantine_id)[0]
        found = [(mine, quarantine_id)]
        for vault in vaults if act else ():
            names = [name for name in vault.ids() if name != quarantine_id]
            found += [(vault, name) for name in names if self._act_of(vault, name) == (act, True)]
        return sorted(found, key=lambda place: (place[1] != act, place[1]))

    def _act_of(self, vault: Vault, name: str) -> tuple[str, bool]:
        """(the act it belongs to, whether it is still held); nothing for one whose record cannot be read."""
        try:
            with open_cell(vault, name, self._now) as cell:
                record = cell.record()
        except InterdictError:
            return "", False
        return record.act, record.state.holds

    def _restore(self, vault: Vault, quarantine_id: str, to: str | None, by: str, under: int | None) -> Record:
        with vault.locked(), open_cell(vault, quarantine_id, self._now) as cell:
            self._settle(cell)
            manifest, record = cell.manifest(), cell.record()
            if record.signposts:
                record = signposts.take_away(record, self._before)
                cell.rewrite(record)
            try:
                return give(cell, manifest, record, to, by, under)[0]
            except InterdictError:
                # The same rules as after a crash: it is back and said to be so, or sealed again.
                recover_cell(cell)
                if cell.record().state is HeldState.RESTORED:
                    return cell.record()
                raise

    def _settle(self, cell: Cell) -> None:
        """What was interrupted is finished first."""
        recovered = recover_cell(cell)
        if recovered is not None and recovered.now is None:
            raise Gone(f"{cell.id} had only been prepared; nothing of it was ever taken", "Nothing to do.")
        if recovered is not None and recovered.error is not None:
            raise recovered.error


def restore_intent(record: Record, policy_version: int) -> Intent:
    """The intent that gives back what one record tells of, because its ban was lifted."""
    return Intent(
        kind=KIND,
        finding_id=record.finding,
        installation_id=record.installation,
        case=record.finding,
        action=Action.REPORT,
        ban=record.ban,
        tool=record.tool,
        path=record.path,
        uid=record.uid,
        purl=record.purl,
        policy_version=policy_version,
        quarantine_id=record.id,
    )
