"""The deciding part of the daemon: what is known, what follows from it now. No thread, no clock, no system call.

One thread calls it. It owns the cases and the journal; it is told what was seen and what came of acts, and answers
with intents. A test drives it with a clock of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from agent import brake as braking
from agent import findings as shaping
from agent import lifting
from agent.case_values import Current as Current
from agent.cases import Case, Conditions, Kind, Subject, Wish, came_back, concluded, step
from agent.enforce.interface import Detail, Intent, Outcome, OutcomeCode, Words
from agent.events import Event, EventLog
from agent.findings import (
    finding_json,
    gone_line,
    identity_of,
    intent_of,
    notice_key,
    primary,
    process_subject,
    subject_of,
)
from agent.history import finding_event, outcome_event
from agent.host.clock import Now
from agent.inventory.installations import Installation, group
from agent.memory import Memory
from agent.moves import Moves
from agent.persons import About, asking, released, requested
from agent.reminders import spread_of
from agent.report.journal import Journal
from agent.report.outbox import Whole
from agent.report_lines import Lines
from agent.sayings import Sayings
from agent.underway import Underway, inside, key_of
from policy_schema.messages.report import FindingLine, MoveLine, WithheldLine
from policy_schema.rules.decision import Action, Decision, Identity, State
from policy_schema.rules.instant import Instant, soonest
from policy_schema.rules.observation import Observation, Unknown
from policy_schema.rules.rulebook import DeviceRules

ProcessKey = tuple[int, float]


class Process(NamedTuple):
    """A running process that was recognised as one of the policy's tools."""

    seen: Observation
    identity: Identity
    installation: str
    """Id of the installation it runs from; empty when that is not known."""


Compose = Callable[[Current, Wish, Instant], Words]
"""Words for a finding and what is wished for it, in the language of the person whom it concerns."""


class Counters:
    """Figures for the heartbeat."""

    def __init__(self) -> None:
        self.decisions = 0
        self.acts = 0


class Decider:
    """Owns cases, brake and journal lines. All methods are called by the deciding thread."""

    def __init__(
        self,
        *,
        journal: Journal,
        memory: Memory,
        log: EventLog,
        compose: Compose,
        queue: Callable[[Iterable[FindingLine | MoveLine]], None],
        observe: bool,
        pseudonym: Callable[[int], str] = lambda uid: "",
        cover: Callable[[str], str] = lambda name: name,
        quiet: Callable[[Instant], Instant | None] = lambda now: None,
    ) -> None:
        """`quiet` tells the end of this machine's quiet hours, within them."""
        self._journal = journal
        self._memory = memory
        self._log = log
        self._compose = compose
        self.sayings = Sayings(memory, quiet, self._intents)
        self._lines = Lines(queue, pseudonym, cover, self._may_tell)
        self.observe = observe
        self.counters = Counters()
        self.rules: DeviceRules | None = None
        self.installations: list[Installation] = []
        self.signs: list[Observation] = []
        """Settings and residue: what speaks of a tool and is none."""
        self.processes: dict[ProcessKey, Process] = {}
        self.restored: frozenset[str] = frozenset()
        """Paths that somebody restored under the policy version in force: held until it changes."""
        self.is_ours: Callable[[str], bool] = lambda path: False
        """Whether something lies in one of our own vaults: that is no installation."""
        self.guarded: dict[str, str] = {}
        """Bans that the guard holds, with the sentence that says why."""
        self.current: dict[str, Current] = {}
        self.wake: Instant | None = None
        self.waiting = 0  # acts that the brake leaves for the next minute
        self._observations: dict[str, tuple[Observation, ...]] = {}
        self._unknown: dict[str, tuple[Unknown, ...]] = {}
        self._underway = Underway()
        self._fresh_policy = self._looked = False
        self._names: dict[str, str] = {}
        """Of every tool that a policy of this run named: one that lifts a ban may know the tool no more."""
        self._moves = Moves(journal=journal, queue=queue, log=log, may_tell=self._may_tell)

    # What the daemon tells it

    def adopt(self, rules: DeviceRules) -> None:
        """A policy is in force from now on. The first whole look under it is compared by the brake."""
        changed = self.rules is None or self.rules.book.policy_id != rules.book.policy_id
        self.rules = rules
        self._names |= {tool.id: tool.name for tool in rules.book.tools.values()}
        self._fresh_policy = self._fresh_policy or changed
        self._regroup()

    def looked(self, seen: Mapping[str, Sequence[Observation]], unknown: Mapping[str, Sequence[Unknown]]) -> None:
        """A look by some sources ended: their former observations are replaced."""
        for source, observations in seen.items():
            self._observations[source] = tuple(observations)
        for source, places in unknown.items():
            self._unknown[source] = tuple(places)
        self._regroup()

    def running(self, key: ProcessKey, process: Process) -> None:
        """A process was recognised."""
        self.processes[key] = process

    def ended(self, keys: Iterable[ProcessKey]) -> None:
        """Processes are gone."""
        for key in keys:
            self.processes.pop(key, None)

    def outcome(self, outcome: Outcome, now: Instant) -> None:
        """An act ended."""
        intent = outcome.intent
        if outcome.result is not OutcomeCode.FINISHING:
            self._underway.ended(intent)
        if outcome.detail is Detail.POLICY_CHANGED:
            return
        self._remember(outcome, now)
        if outcome.result in (OutcomeCode.QUARANTINED, OutcomeCode.UNINSTALLED):
            for path in {intent.path, *(path for path, _ in intent.parts)}:
                self._forget_below(path, intent.links)
        if outcome.result in (OutcomeCode.STOPPED, OutcomeCode.KILLED, OutcomeCode.GONE) and intent.pid is not None:
            self.ended([(intent.pid, intent.started or 0.0)])

    def note(self, finding: str, outcome: OutcomeCode, now: Instant) -> None:
        """Something happened to a finding that was no act of ours."""
        row = self.current[finding]
        self.current[finding] = self._keep(row._replace(case=row.case._replace(outcome=outcome.value, outcome_at=now)))

    def remember_again(self) -> None:
        """A write failed: what is remembered is again what the journal says, and everything is judged anew."""
        self._memory.reload()
        self._moves = Moves(journal=self._journal, queue=self._lines.queue, log=self._log, may_tell=self._may_tell)

    def requested(self, ban: str, uid: int, now: Instant, request: str = "") -> None:
        """A person asked for an exception: made in time, it holds everything of theirs once for the policy's
        `pending_hold`. What is the system's is held for nobody; whoever asked hears the answer all the same."""
        tools = {row.subject.tool for row in self.current.values() if row.subject.ban == ban}
        for tool in tools:
            known = (ban, tool, uid) in self._memory.persons
            person = asking(self._memory.person(ban, tool, uid), now, request)
            self._memory.keep_person(ban, tool, uid, requested(person, now, self.pending_hold()) if known else person)

    def allow(self, ban: str, tool: str, uid: int, version: str) -> None:
        """A ban no longer names a version: whoever was told of it hears so."""
        person = self._memory.person(ban, tool, uid)
        self._memory.keep_person(ban, tool, uid, released(person, About.NARROWED, version))

    # What it answers

    def judge(self, now: Now, looked_everywhere: bool = False) -> list[Intent]:
        """Decides everything anew and answers with what shall be done now."""
        self.wake = braking.next_change(self._memory.brake, now.instant)
        if self.rules is None:
            return []
        self._looked |= looked_everywhere
        with self._journal.together():
            candidates = self._candidates(now.instant)
            if self._fresh_policy:
                self._watch_growth(candidates, looked_everywhere, now.instant)
            self.wake = soonest(self.wake, self.rules.next_change(now.instant))
            before, self.current = self.current, {}
            said, when = self.sayings, now.instant
            intents = said.welcomes(self.rules, (subject.uid for subject, _ in candidates), when)
            for subject, decision in candidates:
                intents += self._one(subject, decision, now)
            intents += said.reminders(when)
            self._close_absent(when)
            intents += said.owed(self.rules, self._names, self.pending_hold(), when)
            self.wake = soonest(self.wake, said.wake)
            self._moves.update(self.installations, self.rules.book, now.instant)
            self._log_changes(before)
            self._memory.forget(now.instant)
        return self._admit(intents, now.instant)

    def identify_running(self, seen: Observation) -> tuple[Identity, str] | None:
        """Whose a running process is: the installation that it runs from, else its own faces."""
        home_of = self._installation_at(seen.path)
        if home_of is not None:
            return identity_of(home_of), home_of.id
        identity = self.rules.identify(seen) if self.rules else None
        return (identity, "") if identity else None

    def findings(self) -> list[tuple[int, dict[str, object]]]:
        """Every finding as (uid, JSON) for the views."""
        return [(row.subject.uid, self.as_json(row)) for row in self.current.values()]

    def as_json(self, row: Current) -> dict[str, object]:
        """One finding as the views and `scan --json` show it."""
        told = self.ban_text(row.subject.ban), row.case.first_seen, row.case.outcome
        person = self._memory.person(row.subject.ban, row.subject.tool, row.subject.uid)
        return finding_json(row.subject, row.decision, row.standing, *told) | shaping.ends_json(
            row.case, person.held_until
        )

    def ban_text(self, ban: str) -> Mapping[str, object]:
        """The closed policy's own words about a ban."""
        bans = self.rules.book.bans if self.rules else ()
        return next((one.text for one in bans if one.id == ban), {})

    def whole(self) -> Whole:
        """The whole state, for the first report of an epoch: what is here, and how what is remembered as gone ended."""
        here = ((row.case, row.decision) for row in self.current.values())
        others = (case for key, case in self._memory.cases.items() if key not in self.current)
        return Whole(self._lines.whole(here, others), self._moves.lines())

    def withheld(self) -> tuple[WithheldLine, ...]:
        """How much is not reported yet, since the people whose it is have not been welcomed."""
        return self._lines.withheld(row.case for row in self.current.values())

    def unknown_count(self) -> int:
        """Places that the last looks could not look at."""
        return sum(len(places) for places in self._unknown.values())

    # How it gets there

    def _regroup(self) -> None:
        if self.rules is None:
            return
        everything = [seen for rows in self._observations.values() for seen in rows if not self.is_ours(seen.path)]
        embeds = {tool.id: tool.embeds for tool in self.rules.book.tools.values()}
        self.installations = group(everything, self.rules.identify, embeds)
        self.signs = [seen for seen in everything if shaping.is_sign(seen)]

    def _candidates(self, now: Instant) -> list[tuple[Subject, Decision]]:
        assert self.rules is not None
        made: list[tuple[Subject, Decision]] = []
        for installation in self.installations:
            decision = self.rules.decide(primary(installation), now, identity_of(installation))
            subject = subject_of(installation, decision.ban) if decision else None
            if decision and subject and not self._underway.takes(subject):
                made.append((subject, decision))
        for process in self.processes.values():
            decision = self.rules.decide(process.seen, now, process.identity)
            if decision:
                made.append(
                    (process_subject(process.seen, process.identity, decision.ban, process.installation), decision)
                )
        made += shaping.sign_findings(self.rules, self.signs, now)
        self.counters.decisions += len(self.installations) + len(self.processes) + len(self.signs)
        return made

    def _one(self, subject: Subject, decision: Decision, now: Now) -> list[Intent]:
        assert self.rules is not None
        case = self._case(subject, now.instant)
        person = self._memory.person(subject.ban, subject.tool, subject.uid)
        decision, asked = self._unless_paused(decision, now.instant), decision
        result = step(case, decision, person, self._conditions(subject, now))
        self.wake = soonest(self.wake, result.wake)
        row = Current(subject, decision, result.standing, result.case)
        # That this machine rests is no word of the policy's: nobody gets a notice of it.
        after = result.person if decision is asked else result.person._replace(owed=person.owed, after=person.after)
        self._memory.keep_person(subject.ban, subject.tool, subject.uid, after)
        self.current[subject.finding] = self._keep(row)
        wishes = self.sayings.apart(row, result.wishes)
        return [intent for wish in wishes for intent in self._intents(row, wish, now.instant)]

    def _may_tell(self, uid: int) -> bool:
        return self.sayings.may_tell(self.rules, uid)

    def _case(self, subject: Subject, now: Instant) -> Case:
        assert self.rules is not None
        version = self.rules.book.version
        known = self._memory.cases.get(subject.finding)
        if known is None:
            return Case(subject, first_seen=now, policy_version=version)
        case = known._replace(subject=subject)
        removed = (OutcomeCode.QUARANTINED.value, OutcomeCode.UNINSTALLED.value)
        if case.gone_at is not None:
            case = came_back(case, now) if case.outcome in removed else case._replace(gone_at=None, outcome="")
        if case.policy_version != version:
            case = case._replace(policy_version=version, tries=0, settled=False, by_hand=False)
        return case

    def _unless_paused(self, decision: Decision, now: Instant) -> Decision:
        """While an administrator has paused this machine a ban in force stands as one that the policy pauses."""
        sentence = braking.pause_sentence(self._memory.brake, now)
        if not sentence or decision.state is not State.ACTIVE:
            return decision
        why = (*decision.why, sentence)
        return decision._replace(state=State.PAUSED, action=Action.REPORT, stage=None, why=why)

    def _conditions(self, subject: Subject, now: Now) -> Conditions:
        running = any(p.installation == subject.installation for p in self.processes.values())
        return Conditions(
            now=now.instant,
            believable=now.believable,
            observe=self.observe,
            running=running,
            hold=self.guarded.get(subject.ban) or self._held(subject, now.instant),
            restored=any(inside(subject.path, place) for place in self.restored),
            pending_hold=self.pending_hold(),
            quiet_until=self.sayings.quiet(now.instant),
            spread=spread_of(self.rules.device.id, subject.ban) if self.rules else 0,
        )

    def pending_hold(self) -> int:
        """For how long, in seconds, a request or an objection holds what it is about, once."""
        exceptions = self.rules.book.data.get("exceptions") if self.rules else None
        hold = exceptions.get("pending_hold") if isinstance(exceptions, Mapping) else 0
        return hold if isinstance(hold, int) else 0

    def _keep(self, row: Current) -> Current:
        """Writes the case, and queues a line for the console when it says something new."""
        row = row._replace(case=self._lines.news(row.case, row.decision))
        self._memory.keep_case(row.case)
        return row

    def _intents(self, row: Current, wish: Wish, now: Instant) -> list[Intent]:
        """What an actor shall do for one wish: for a quarantine one intent for each part of the installation."""
        subject = wish.subject
        words = self._compose(row, wish, now) if wish.kind is not Kind.STOP else Words()
        apart = wish.kind in (Kind.QUARANTINE, Kind.STOP) and subject.parts
        parts = subject.parts if apart else ((subject.path, dict(subject.parts).get(subject.path)),)
        version = self.rules.book.version if self.rules else 0
        made = [intent_of(wish, words, path, inode, version) for path, inode in parts]
        return [intent for intent in made if not self._underway.has(intent)]

    def _admit(self, intents: list[Intent], now: Instant) -> list[Intent]:
        """The brake's share: notices always, acts up to its measure; what is left waits for the next minute."""
        unique = {notice_key(i) if i.kind is Kind.NOTIFY else key_of(i): i for i in intents}
        notices = [i for i in unique.values() if i.kind is Kind.NOTIFY]
        acts = [i for i in unique.values() if i.kind is not Kind.NOTIFY]
        wanted = [braking.Wanted(i.uid, i.installation_id if i.kind is Kind.STOP else "") for i in acts]
        state, answers = braking.admit(self._memory.brake, wanted, now)
        self._memory.keep_brake(state)
        allowed = [act for act, may in zip(acts, answers, strict=True) if may]
        self.waiting = len(acts) - len(allowed)
        if self.waiting:
            self.wake = soonest(self.wake, Instant(now + 60))
        chosen = [*notices, *allowed]
        self._underway.begun(chosen)
        self.counters.acts += len(allowed)
        return chosen

    def _held(self, subject: Subject, now: Instant) -> str:
        return braking.hold_of(self._memory.brake, subject.ban, subject.uid, now)

    def _remember(self, outcome: Outcome, now: Instant) -> None:
        """Writes an outcome into case, person, history and report line, all or nothing."""
        intent = outcome.intent
        row = self.current.get(intent.finding_id)
        with self._journal.together():
            self._history(outcome, now)
            if intent.kind is Kind.NOTIFY and outcome.result is OutcomeCode.TOLD:
                self.sayings.shown(intent, now)
            case = self._memory.cases.get(intent.finding_id)
            if case is None or (intent.kind is Kind.NOTIFY and case.outcome not in ("", "told", "not-shown")):
                return
            worked = outcome.result.done or outcome.result is OutcomeCode.FINISHING or intent.kind is Kind.NOTIFY
            case = concluded(case, outcome.result.value, now, worked)
            settled = outcome.result in (OutcomeCode.LEFT_IN_PROJECT, OutcomeCode.REFUSED_BY_GUARD)
            case = case._replace(settled=case.settled or settled)
            case = case._replace(brought_by=outcome.brought_by or case.brought_by)
            if intent.kind is Kind.UNINSTALL and outcome.result is OutcomeCode.FAILED:
                # Not to be waited for: what its manager cannot do is done by moving it away, now.
                case = case._replace(by_hand=True, tries=0)
            if row is not None:
                self.current[intent.finding_id] = self._keep(row._replace(case=case))
            else:
                self._memory.keep_case(case)

    def _history(self, outcome: Outcome, now: Instant) -> None:
        intent = outcome.intent
        body = outcome_event(outcome)
        self._journal.add_event(now, intent.uid, body)
        shown = {key: body[key] for key in ("kind", "finding", "ban", "tool", "result", "detail", "path")}
        self._log.write(Event.OUTCOME, **shown, pid=intent.pid, quarantine=outcome.quarantine_id or None)

    def _close_absent(self, now: Instant) -> None:
        """Cases whose subject is no longer seen are gone, unless the place could not be looked at."""
        for key, case in list(self._memory.cases.items()):
            if key in self.current or case.gone_at is not None:
                continue
            if self._underway.acts_on(key):
                # A look can be faster than the answer of what took it away; `gone` would then say "by itself".
                continue
            if case.subject.pid is None and self._could_not_look(case.subject.path):
                continue
            if self.rules is not None and lifting.is_allowed_now(case, self.rules, self.installations):
                self.allow(case.subject.ban, case.subject.tool, case.subject.uid, case.subject.version)
            lifted = self.rules is not None and case.subject.ban in self.rules.book.lifted
            state = State.LIFTED if lifted else case.state
            ended = ("", "finishing", "told", "not-shown", "refused")
            outcome = OutcomeCode.GONE.value if case.outcome in ended else case.outcome
            case = case._replace(gone_at=now, state=state, action=Action.REPORT, outcome=outcome)
            if case.line is not None:
                last = gone_line(case.line, case)
                case = case._replace(line=last)
                self._lines.queue([last])
            self._memory.keep_case(case)
            self._log.write(Event.FINDING_GONE, finding=key, tool=case.subject.tool, outcome=outcome)

    def _could_not_look(self, path: str) -> bool:
        wheres = (place.where for places in self._unknown.values() for place in places)
        return not self._looked or any(inside(path, where) for where in wheres)

    def _watch_growth(self, candidates: Sequence[tuple[Subject, Decision]], whole: bool, now: Instant) -> None:
        """From the first moment under a new policy on, and once more when everything was looked at."""
        self._fresh_policy = not whole
        before = braking.held_bans(self._memory.brake)
        state = braking.judge_matches(self._memory.brake, shaping.matched_things(candidates), whole)
        for ban, why in braking.held_bans(state).items():
            if ban not in before:
                self._log.write(Event.BRAKE, ban=ban, why=why)
                self._journal.add_event(now, -1, {"event": "brake", "ban": ban, "why": why})
        self._memory.keep_brake(state)

    def _log_changes(self, before: Mapping[str, Current]) -> None:
        for key, row in self.current.items():
            old = before.get(key)
            stand = (row.standing.state, row.standing.action)
            if old is not None and (old.standing.state, old.standing.action) == stand:
                continue
            fields = finding_event(key, row.subject, row.decision, row.standing, row.case)
            self._log.write(Event.FINDING if old is None else Event.FINDING_CHANGED, **fields)

    def _forget_below(self, path: str, links: Sequence[str]) -> None:
        """What was just taken away is not seen again before somebody looks."""
        gone = set(links)
        for source, rows in self._observations.items():
            kept = tuple(s for s in rows if not inside(s.path, path) and s.path not in gone)
            self._observations[source] = kept
        self._regroup()

    def _installation_at(self, path: str) -> Installation | None:
        around = [one for one in self.installations if inside(path, one.path)]
        return max(around, key=lambda one: len(one.path), default=None)
