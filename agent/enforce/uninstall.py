"""`uninstall`: asks the package manager that installed it, as the owner of the installation, after keeping a copy.

looked at    what belongs to it, where it lies, in whose hands manager and prefix are
asked        the manager's dry run: refused when anything else would go or come
kept         everything is in the vault, compared; nothing has changed yet (`agent.enforce.keeping`)
uninstalled  by the manager, without a terminal, settings, scripts or a home where it can be
looked again what it left is taken by us; a signpost stands in the place of each command

Where the manager is missing, refuses or fails, what is kept is taken without it where that is all of it; else nothing
happens and the case falls back to `quarantine`. Never in a project.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import NamedTuple

from agent.cases import Kind
from agent.enforce.cell import Now
from agent.enforce.comeback import traced
from agent.enforce.faults import detail_of
from agent.enforce.holdings import Holdings, TakesOthers, holdings, names_in
from agent.enforce.interface import Detail, Intent, Outcome, OutcomeCode
from agent.enforce.keeping import GuardRefuses, Keeper, Kept, exists
from agent.enforce.managers import plan_for
from agent.enforce.managers.interface import Command, Facts, Keeps, Plan
from agent.enforce.quarantine import Quarantiner, leave_signposts
from agent.enforce.taking import Swapped
from agent.errors import Gone, InterdictError, ToolMissing
from agent.host.command import Account, Output, Tool, find_tool, run_tool
from agent.host.folders import Before, nothing, open_above
from agent.host.trusted import in_hands_of
from agent.host.vault import am_root, my_uid
from policy_schema.rules.instant import Instant

KIND = Kind.UNINSTALL
_MOST_LISTED = 32 << 20

Run = Callable[[Tool, Command, Account | None], Output]


class Refused(InterdictError):
    """The manager is not asked, or not obeyed; `detail` says why."""

    def __init__(self, detail: Detail, message: str) -> None:
        super().__init__(message)
        self.detail = detail


class _Job(NamedTuple):
    """One installation with its plan and the account that its manager runs as (None: our own)."""

    intent: Intent
    facts: Facts
    plan: Plan
    account: Account | None


class Uninstaller:
    """The actor. `quarantiner` knows the guard and the vaults; `run` starts the manager's program."""

    def __init__(self, *, quarantiner: Quarantiner, now: Now, before: Before = nothing, run: Run | None = None) -> None:
        self._quarantiner = quarantiner
        self._keeper = Keeper(quarantiner, now, before)
        self._now = now
        self._before = before
        self._run = run or run_manager

    def act(self, intent: Intent) -> Outcome:
        """Uninstalls the installation of an intent; a refusal of any kind is an outcome."""
        if intent.project:
            return self._quarantiner.act(intent)
        try:
            return traced(self._act(self._job(intent)))
        except Refused as error:
            return self._outcome(intent, OutcomeCode.FAILED, error.detail)
        except TakesOthers:
            return self._outcome(intent, OutcomeCode.FAILED, Detail.TAKES_OTHERS)
        except GuardRefuses as error:
            return self._outcome(intent, OutcomeCode.REFUSED_BY_GUARD, error.detail)
        except Swapped:
            return self._outcome(intent, OutcomeCode.FAILED, Detail.CHANGED_SINCE_FOUND)
        except Gone:
            there = exists(intent.path)
            code, detail = (OutcomeCode.FAILED, Detail.CHANGED_WHILE_MOVING) if there else _ALREADY_GONE
            return self._outcome(intent, code, detail)
        except InterdictError as error:
            return self._outcome(intent, OutcomeCode.FAILED, detail_of(error))

    # looking

    def _job(self, intent: Intent) -> _Job:
        facts = facts_of(intent)
        plan = plan_for(facts)
        if plan is None:
            raise Refused(Detail.NO_MANAGER, f"nobody is known who could uninstall {intent.purl or intent.path}")
        if plan.as_root:
            if not am_root():
                raise Refused(Detail.DENIED, f"only root can ask {plan.tool.name}")
            return _Job(intent, facts, plan, None)
        return _Job(intent, facts, plan, self._account(intent))

    def _account(self, intent: Intent) -> Account | None:
        """Whose installation it is. Raises Gone, Denied."""
        holder, name = open_above(intent.path, self._before)
        with holder:
            top = holder.look(name)
        if not am_root():
            if top.uid != my_uid():
                raise Refused(Detail.DENIED, f"{intent.path} belongs to somebody else")
            return None
        return None if top.uid == 0 else Account(top.uid, top.gid)

    def _act(self, job: _Job) -> Outcome:
        held = holdings(job.plan, job.facts, self._listed(job))
        if not held.roots and job.plan.keeps is not Keeps.NOTHING:
            raise Gone(f"nothing of {job.facts.name} is there")
        why = self._may(job)
        if why is not None and not _alone(job.plan):
            raise why
        with self._keeper.keeping(job.intent, held) as kept:
            return self._take(job, held, kept, why)

    def _listed(self, job: _Job) -> list[str]:
        """What the manager's own database names. Raises Refused."""
        if job.plan.listing is None:
            return []
        tool, command = job.plan.listing
        try:
            written = self._run(tool, command, None).stdout
        except InterdictError as error:
            raise Refused(Detail.MANAGER_FAILED, str(error)) from error
        return written.decode("utf-8", "surrogateescape").splitlines()

    def _may(self, job: _Job) -> Refused | None:
        """Why the manager is not asked to do it, or None. Raises TakesOthers."""
        plan, facts = job.plan, job.facts
        try:
            program = find_tool(plan.tool)
        except ToolMissing as error:
            return Refused(Detail.NO_MANAGER, str(error))
        unsafe = self._unsafe(job, program)
        if unsafe:
            return Refused(Detail.UNSAFE_PREFIX, f"others than its owner can change {unsafe}")
        if plan.lone and (more := names_in(facts.path, plan.lone, (f"{facts.name}-",))):
            raise TakesOthers(f"{plan.tool.name} would take {sorted(more)[0]} along")
        if plan.dry_run is None:
            return None
        try:
            written = self._run(plan.tool, plan.dry_run, job.account).stdout
        except InterdictError as error:
            return Refused(Detail.MANAGER_FAILED, str(error))
        others = plan.others(written, facts)
        if others is None:
            return Refused(Detail.MANAGER_FAILED, f"{plan.tool.name} did not say what it would do")
        if others:
            raise TakesOthers(f"{plan.tool.name} would take {sorted(others)[0]} as well")
        return None

    def _unsafe(self, job: _Job, program: str) -> str:
        """What others could change of that which is about to run with these rights; empty when nothing."""
        if not am_root():
            return ""
        uid = job.account.uid if job.account else 0
        places = [program, *job.plan.runs]
        if uid == 0:
            # Where a manager of the system keeps its record is its own affair; what it takes lies all over the system.
            own = job.facts.path if not job.plan.as_root else ""
            places += [place for place in (job.facts.prefix, own) if place]
        return next((place for place in places if not in_hands_of(place, {0, uid})), "")

    # acting

    def _take(self, job: _Job, held: Holdings, kept: list[Kept], why: Refused | None) -> Outcome:
        plan = job.plan
        if plan.whole:
            kept = self._keeper.commit(kept)
        if why is None:
            why = self._uninstall(job)
        if why is None and plan.keeps is not Keeps.SYSTEM and kept and all(exists(one.path) for one in kept):
            why = Refused(Detail.MANAGER_FAILED, f"{plan.tool.name} said that it worked and left everything")
        if plan.whole:
            left = [one for one in kept if not self._keeper.settle(one)]
        else:
            left = [one for one in kept if exists(one.path)]
            self._keeper.undo(left)
            gone = self._keeper.commit([one for one in kept if one not in left])
            if not gone and (why is not None or kept):
                raise why or Refused(Detail.MANAGER_FAILED, f"{plan.tool.name} left everything where it was")
            for one in gone:
                self._keeper.settle(one)
        return self._ended(job, held, kept, [one for one in left if plan.whole], why)

    def _uninstall(self, job: _Job) -> Refused | None:
        try:
            self._run(job.plan.tool, job.plan.uninstall, job.account)
        except InterdictError as error:
            return Refused(Detail.MANAGER_FAILED, str(error))
        return None

    def _ended(self, job: _Job, held: Holdings, kept: list[Kept], left: list[Kept], why: Refused | None) -> Outcome:
        intent = job.intent
        if kept and left == kept:
            return self._outcome(intent, OutcomeCode.FAILED, Detail.DENIED)
        code = OutcomeCode.QUARANTINED if why is not None else OutcomeCode.UNINSTALLED
        detail = Detail.UNFINISHED if left else why.detail if why is not None else Detail.NONE
        if kept:
            self._keeper.note_times([one for one in kept if one not in left])
            leave_signposts(kept[0].cell, intent, held.commands, self._before)
        again = [os.path.dirname(path) for path in (*held.roots, *held.links, intent.path)]
        return Outcome(
            intent,
            code,
            detail,
            Instant(self._now()),
            look_again=tuple(dict.fromkeys(again)),
            where=job.plan.undo if not kept else "",
            quarantine_id=kept[0].cell.id if kept else "",
        )

    def _outcome(self, intent: Intent, result: OutcomeCode, detail: Detail) -> Outcome:
        above = (os.path.dirname(intent.path),) if intent.path else ()
        return Outcome(intent, result, detail, Instant(self._now()), look_again=above)


_ALREADY_GONE = (OutcomeCode.GONE, Detail.ALREADY_GONE)


def _alone(plan: Plan) -> bool:
    """Whether it is taken by us where the manager is not there: what a quarantine could not find by itself."""
    return plan.whole and (plan.keeps is Keeps.RECORD or bool(plan.roots))


def facts_of(intent: Intent) -> Facts:
    """What the managers need to know."""
    return Facts(
        manager=intent.manager,
        purl=intent.purl,
        path=intent.path,
        prefix=intent.prefix,
        home=intent.home,
        links=intent.links,
        parts=tuple(path for path, _ in intent.parts if path != intent.path),
        extension=intent.extension,
    )


def run_manager(tool: Tool, command: Command, account: Account | None) -> Output:
    """Starts a manager's program. Raises as `run_tool`."""
    environment = dict(command.environment)
    if sys.platform == "win32":
        environment |= {name: os.environ[name] for name in ("SYSTEMROOT", "PROGRAMDATA") if name in os.environ}
    return run_tool(
        tool,
        command.arguments,
        timeout=command.seconds,
        environment=environment,
        account=account,
        most=_MOST_LISTED,
        good=command.good,
    )
