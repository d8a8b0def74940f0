"""`quarantine`: takes an installation out of its owner's reach, so that it can be given back exactly as it was."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from importlib.resources import files

import agent
from agent.cases import Kind
from agent.enforce import guard, project, signposts
from agent.enforce.cell import Cell, Now
from agent.enforce.comeback import traced
from agent.enforce.faults import detail_of
from agent.enforce.interface import Detail, Intent, Occupant, Outcome, OutcomeCode
from agent.enforce.manifest import HeldState, Manifest, Piece
from agent.enforce.plan import plan_links, plan_tree
from agent.enforce.recovery import recover_cell
from agent.enforce.taking import MAX_ENTRIES, Swapped, finish, prepare, take
from agent.errors import Gone, InterdictError
from agent.host.folders import Before, Folder, nothing, open_above
from agent.host.mounts import list_mounts, mount_of
from agent.host.occupants import occupants
from agent.host.oserrors import printable
from agent.host.vault import Vault, am_root, state_vault, vault_near
from policy_schema.rules.identity import DISTRIBUTION_TYPES
from policy_schema.rules.instant import Instant, format_instant

KIND = Kind.QUARANTINE
_RESTORING = ("restore_script.py", "restore_records.py")
_AMONG_OTHERS = (".dist-info", ".egg-info")
"""The record of a PyPI package, whose files lie among those of others in `site-packages`: taken alone it is half."""
PROGRAM_FOLDERS = frozenset({"bin", "sbin", "shims"})
_OF_A_MANAGER = frozenset(f"pkg:{kind}" for kind in (*DISTRIBUTION_TYPES, "flatpak", "nix", "snap"))
"""What such a manager installed is spread over the system, or mounted: only the manager itself can take it out."""


class Quarantiner:
    """The actor. `homes`: every user's; `own`: further folders of Interdict; `before`: see `agent.host.folders`."""

    def __init__(
        self,
        *,
        state_dir: str,
        now: Now,
        vault_dir: str = "",
        homes: tuple[str, ...] = (),
        own: tuple[str, ...] = (),
        version: str = "",
        before: Before = nothing,
    ) -> None:
        self._state_dir = os.path.realpath(state_dir)
        self._vault_dir = vault_dir
        self._now = now
        self._homes = homes
        self._own = (*own, self._state_dir, os.path.dirname(os.path.realpath(agent.__file__)))
        self._version = version
        self._before = before

    def act(self, intent: Intent) -> Outcome:
        """Takes the installation of an intent; a refusal of any kind is an outcome."""
        if intent.project:
            return self._left_in_project(intent)
        if intent.path.endswith(_AMONG_OTHERS) or intent.purl.partition("/")[0] in _OF_A_MANAGER:
            return self._outcome(intent, OutcomeCode.REFUSED_BY_GUARD, Detail.NEEDS_UNINSTALL)
        refused = self.refuse(intent.path)
        if refused is not None:
            return self._outcome(intent, OutcomeCode.REFUSED_BY_GUARD, refused)
        try:
            return traced(self._take(intent))
        except Swapped:
            return self._outcome(intent, OutcomeCode.FAILED, Detail.CHANGED_SINCE_FOUND)
        except Gone:
            return self._gone(intent)
        except InterdictError as error:
            return self._outcome(intent, OutcomeCode.FAILED, detail_of(error))

    def _gone(self, intent: Intent) -> Outcome:
        """Something vanished: the installation, or only a part of it under the hands of somebody who is busy there."""
        try:
            holder, name = open_above(intent.path)
            with holder:
                there = holder.exists(name)
        except InterdictError:
            there = False
        if there:
            return self._outcome(intent, OutcomeCode.FAILED, Detail.CHANGED_WHILE_MOVING)
        return self._outcome(intent, OutcomeCode.GONE, Detail.ALREADY_GONE)

    def _left_in_project(self, intent: Intent) -> Outcome:
        package = package_name(intent.purl)
        line = project.find_line(intent.path, package) if package else None
        where = f"{printable(line[0])}:{line[1]}" if line else ""
        return Outcome(intent, OutcomeCode.LEFT_IN_PROJECT, Detail.IN_PROJECT, Instant(self._now()), where=where)

    def refuse(self, path: str) -> Detail | None:
        """Why this path must not be taken, or None."""
        mounts = list_mounts()
        refused = guard.refuse(path, self._homes, self._own, (mount.point for mount in mounts))
        mount = mount_of(path, mounts)
        if refused is None and am_root() and mount is not None and not mount.local:
            return Detail.NOT_LOCAL
        return refused

    def _take(self, intent: Intent) -> Outcome:
        holder, name = open_above(intent.path, self._before)
        with holder:
            vault, copied = self.vault_for(holder)
            with vault:
                limit = MAX_ENTRIES if intent.package else guard.MAX_LOOSE_ENTRIES
                tree = plan_tree(holder, name, intent.path, limit, copied)
                # The survey is what the rename is checked against, so it is the survey that is compared here.
                if intent.identity is not None and tree.top.identity != intent.identity:
                    raise Swapped(f"{printable(intent.path)} is another thing than the one that was found")
                pieces = (tree, *plan_links(tree, intent.links, self._before))
                with vault.locked():
                    return self._carry_out(intent, vault, pieces, holder)

    def vault_for(self, holder: Folder) -> tuple[Vault, bool]:
        """Where something goes from there, and whether it must be copied."""
        near = vault_near(holder, self._state_dir, self._vault_dir, furniture())
        if near is not None:
            return near, False
        return state_vault(self._state_dir, furniture(), self._before), True

    def _carry_out(self, intent: Intent, vault: Vault, pieces: tuple[Piece, ...], holder: Folder) -> Outcome:
        name, folder = vault.make()
        with Cell(vault, name, folder, self._now) as cell:
            manifest = self.manifest_of(intent, name, pieces)
            try:
                record = prepare(cell, manifest)
                manifest, record = take(cell, manifest, record, holder)
                manifest, record = finish(cell, manifest, record)
            except InterdictError as error:
                # The same rules as after a crash: taken means taken, and is finished now or at the next start.
                recovered = recover_cell(cell)
                if not _is_held(cell):
                    raise
                unfinished = recovered is not None and recovered.error is not None
                detail = Detail.UNFINISHED if unfinished else detail_of(error)
                return self._quarantined(intent, cell, pieces, detail)
            return self._quarantined(intent, cell, pieces, Detail(record.note))

    def _quarantined(self, intent: Intent, cell: Cell, pieces: tuple[Piece, ...], detail: Detail) -> Outcome:
        leave_signposts(cell, intent, (piece.path for piece in pieces), self._before)
        return Outcome(
            intent,
            OutcomeCode.QUARANTINED,
            detail,
            Instant(self._now()),
            look_again=tuple(dict.fromkeys(os.path.dirname(piece.path) for piece in pieces)),
            quarantine_id=cell.id,
            occupants=tuple(Occupant(*one) for one in occupants(cell.held_path)),
        )

    def manifest_of(self, intent: Intent, name: str, pieces: tuple[Piece, ...]) -> Manifest:
        """The manifest of a quarantine that has not begun yet."""
        return Manifest(
            id=name,
            made_at=format_instant(self._now()),
            agent=self._version,
            finding=intent.finding_id,
            installation=intent.installation_id,
            ban=intent.ban,
            tool=intent.tool,
            purl=intent.purl,
            reason=intent.reason,
            policy_version=intent.policy_version,
            uid=pieces[0].top.uid,
            pieces=pieces,
            outside_names={},
        )

    def _outcome(self, intent: Intent, result: OutcomeCode, detail: Detail) -> Outcome:
        above = (os.path.dirname(intent.path),) if intent.path else ()
        return Outcome(intent, result, detail, Instant(self._now()), look_again=above)


def leave_signposts(cell: Cell, intent: Intent, taken: Iterable[str], before: Before = nothing) -> None:
    """Puts signposts in the place of the commands among what was taken. A comfort: nothing fails for its sake."""
    with suppress(InterdictError):
        record = cell.record()
        posts = signposts.planned(intent.signpost, (path for path in taken if is_command(path)))
        if not posts or record.state is not HeldState.SEALED:
            return
        record = record._replace(signposts=posts)
        cell.rewrite(record)
        times = signposts.put(intent.signpost, posts, before)
        slots = {piece.slot: os.path.dirname(piece.path) for piece in cell.manifest().pieces}
        after = {slot: times.get(slots[slot], mtime) for slot, mtime in record.after.items() if slot in slots}
        cell.rewrite(record._replace(after=after))


def is_command(path: str) -> bool:
    """Whether something is started by this name: it stands in a folder of programs."""
    return os.path.basename(os.path.dirname(path)) in PROGRAM_FOLDERS


def _is_held(cell: Cell) -> bool:
    """True when the vault is where the thing lies now."""
    try:
        record = cell.record()
        return cell.holds("0") and (record.state.holds or not cell.manifest().tree.copied)
    except InterdictError:
        return False


def package_name(purl: str) -> str:
    """The registry's name of a purl: `@anthropic-ai/claude-code` of `pkg:npm/%40anthropic-ai/claude-code@2.1.197`."""
    rest = purl.partition("/")[2].partition("?")[0].partition("#")[0]
    return rest.rpartition("@")[0].replace("%40", "@") if "@" in rest else rest.replace("%40", "@")


@cache
def furniture() -> Mapping[str, bytes]:
    """The files that lie in every vault, for the day when the agent is gone."""
    readme = files("agent.enforce").joinpath("vault_readme.txt").read_bytes()
    return {"README.txt": readme, "restore.py": restore_program().encode()}


def restore_program() -> str:
    """`restore.py`: one file out of two modules, since it lies alone beside what it gives back."""
    script, text = (files("agent.enforce").joinpath(name).read_text("utf-8") for name in _RESTORING)
    (line,) = re.findall(r"^from agent\..*\n", script, re.MULTILINE)
    return script.replace(line, text.partition("from __future__ import annotations\n")[2].strip() + "\n")
