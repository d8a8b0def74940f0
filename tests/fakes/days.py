"""One device, one person and one tool under a policy, day by day on a virtual clock.

What decides is the real thing: the policy closed and compiled from its YAML, the rulebook, the deciding part with its
journal on disk, and the words of the notices. Only the machine is made up: it is switched on at eight and off at seven
each day (and starts the agent anew each morning), somebody starts the tool at half past eight and leaves it at six,
and every act works at once.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from agent.cases import Kind
from agent.decider import Decider, Process
from agent.enforce.interface import Detail, Intent, Outcome, OutcomeCode
from agent.enforce.manifest import HeldState, Record
from agent.events import EventLog
from agent.host.clock import Now, judge_time
from agent.lifting import given_back, version_of
from agent.memory import Memory
from agent.persons import About
from agent.quiet_hours import quiet_until
from agent.report.journal import Journal
from agent.settings import Settings
from agent.wording import Wording
from policy_schema.document.catalogue import load_catalogue
from policy_schema.document.close import close_policy
from policy_schema.document.compile import compile_policy
from policy_schema.document.load import parse_policy
from policy_schema.rules.instant import Instant
from policy_schema.rules.observation import Face, Observation
from policy_schema.rules.rulebook import Device, DeviceRules, ExceptionGrant, Pause, Rulebook

ZONE = ZoneInfo("Asia/Shanghai")
FIRST, LAST = date(2026, 7, 2), date(2026, 8, 20)
ON, STARTS, LEAVES, OFF = "08:00", "08:30", "18:00", "19:00"
PREFIX = "/home/li/.npm-global/lib/node_modules/@anthropic-ai/claude-code"
HOUR = 3600
DONE = {
    Kind.NOTIFY: OutcomeCode.TOLD,
    Kind.STOP: OutcomeCode.STOPPED,
    Kind.UNINSTALL: OutcomeCode.UNINSTALLED,
    Kind.QUARANTINE: OutcomeCode.QUARANTINED,
    Kind.RESTORE: OutcomeCode.RESTORED,
}


def at(day: date, clock: str) -> Instant:
    """An instant from a local day and `HH:MM`."""
    hours, minutes = map(int, clock.split(":"))
    return Instant(int(datetime(day.year, day.month, day.day, hours, minutes, tzinfo=ZONE).timestamp()))


def on(text: str) -> Instant:
    """An instant of 2026 from `10 July 09:00`, local time."""
    return Instant(int(datetime.strptime(f"2026 {text}", "%Y %d %B %H:%M").replace(tzinfo=ZONE).timestamp()))


def install(version: str = "2.1.197") -> Observation:
    """Claude Code from npm in a home."""
    return Observation(
        "npm", Face.PACKAGE, PREFIX, owner="li", uid=1000, name="@anthropic-ai/claude-code", version=version,
        purl=f"pkg:npm/%40anthropic-ai/claude-code@{version}", home="/home/li", manager="npm",
    )  # fmt: skip


def book(text: str, version: int) -> Rulebook:
    """A policy's text, closed and compiled as it is when it is published and adopted."""
    document = close_policy(parse_policy(text, "policy.yaml"), load_catalogue()).document
    return Rulebook(compile_policy(document, version))


def _record(intent: Intent) -> Record:
    """What a vault writes down of what it took."""
    return Record(
        id="q-1", state=HeldState.SEALED, at="", by="interdict", path=intent.path, identity=(0, 0),
        finding=intent.finding_id, installation=intent.installation_id, ban=intent.ban, tool=intent.tool,
        purl=intent.purl, uid=intent.uid, policy_version=intent.policy_version, entries=1, bytes=1,
    )  # fmt: skip


@dataclass
class Published:
    """What the world publishes from an instant on; what is None stays as it was."""

    when: Instant
    text: str | None = None
    exceptions: Sequence[tuple[str, Instant]] | None = None
    pauses: Sequence[Pause] | None = None
    answers: Mapping[str, str] | None = None
    """Requests that are refused, with the word for why."""


@dataclass
class Life:
    """What happens to one device. `steps` are done at their instant when the machine is on, else when it next is."""

    folder: Path
    published: Sequence[Published]
    device: Device
    installed: Observation | None = field(default_factory=install)
    first_day: date = FIRST
    away: tuple[date, date] | None = None
    at_night: bool = False
    steps: Mapping[Instant, Callable[[Life], str]] = field(default_factory=dict)
    language: str = "en"
    quiet_hours: str = ""
    clock_offset: int = 0
    """Seconds that the machine's clock is wrong by."""

    def __post_init__(self) -> None:
        self.now = at(FIRST, "00:00")
        self.rows: list[str] = []
        self.journal: Journal
        self.memory: Memory
        self.decider: Decider
        self._floor = Instant(0)
        self._version = 0
        self._book: Rulebook | None = None
        self._grants: tuple[tuple[str, Instant], ...] = ()
        self._pauses: tuple[Pause, ...] = ()
        self._answers: Mapping[str, str] = {}
        self._taken: list[tuple[Record, Observation]] = []
        self._pid = 100
        self._running: tuple[int, float] | None = None
        self._seen: set[int] = set()
        self._done: set[Instant] = set()
        self._why: tuple[str, ...] = ()

    # Days

    def table(self) -> str:
        """Every day from the first to the last: how the finding stands at its end, since when the reason is another one
        also why, then what happened when; of a notice every line."""
        day = FIRST
        while day <= LAST:
            self._day(day)
            day += timedelta(days=1)
        return "\n".join(self.rows) + "\n"

    def _day(self, day: date) -> None:
        head = f"{day:%a} {day.day:>2} {day:%B}"
        if day < self.first_day:
            self.rows.append(f"{head}: the machine is not there yet")
            return
        if self.away and self.away[0] <= day <= self.away[1]:
            self.rows.append(f"{head}: switched off")
            return
        happened: dict[str, list[str]] = {}
        for clock, what in self._hours(day):
            happened.setdefault(clock, []).append(what)
        if happened.get(STARTS) == ["starts it"]:
            # It runs as on any other day.
            del happened[STARTS]
        self.rows += [f"{head}: {self._stands()}", *self._because()]
        self.rows += [line for when, all in happened.items() for line in _lines(when, all)]
        self.journal.close()

    def _stands(self) -> str:
        if self.decider.rules is None:
            return "no policy"
        rows = [row for row in self.decider.current.values() if row.subject.pid is None]
        if not rows:
            outcomes = {case.outcome for case in self.memory.cases.values() if case.subject.pid is None}
            gone = f"gone, {' '.join(sorted(outcomes))}" if self.installed is None and outcomes else ""
            return gone or ("nothing is said about it" if self.installed else "nothing is there")
        (row,) = rows
        outcome = f", {row.case.outcome}" if row.case.outcome else ""
        return f"{row.standing.state}, {row.standing.action}{outcome}"

    def _because(self) -> Iterator[str]:
        """Why, where it is not as on the day before."""
        why = tuple(why for row in self.decider.current.values() if row.subject.pid is None for why in row.standing.why)
        if why and why != self._why:
            yield from (f"    = {sentence}" for sentence in why)
        self._why = why

    def _hours(self, day: date) -> Iterator[tuple[str, str]]:
        """What happens between switching on and off, as (clock, what)."""
        self.now = at(day, ON)
        self._boot()
        yield from self._turn()
        plan = {at(day, STARTS): self._start, at(day, LEAVES): self._leave}
        while True:
            end = at(day, OFF)
            todo = [when for when in (*plan, *self._coming()) if self.now < when <= end]
            wake = self.decider.wake
            self.now = min([*todo, end, *([wake] if wake is not None and wake > self.now else [])])
            if self.now >= end:
                return
            if self.now in plan:
                yield from self._say(plan[self.now]())
            yield from self._turn()

    def _coming(self) -> Iterable[Instant]:
        polls = (Instant(self.now - self.now % HOUR + HOUR),)
        return (*polls, *(one.when for one in self.published), *self.steps)

    # The machine

    def _boot(self) -> None:
        """The agent starts: it knows what its journal says, and the policy that it had."""
        self._running = None
        self.journal = Journal(str(self.folder / "journal.db"))
        self.memory = Memory(self.journal)
        rules = lambda: self.decider.rules  # noqa: E731  # read anew at each notice
        told = lambda ban, tool, uid: min(self.memory.person(ban, tool, uid).told.values(), default=None)  # noqa: E731
        wording = Wording(settings=Settings(language=self.language), rules=rules, told=told, places=lambda ban, tool: 1)
        self.decider = Decider(
            journal=self.journal, memory=self.memory, log=EventLog(io.StringIO()), compose=wording,
            queue=lambda lines: None, observe=False, quiet=quiet_until(self.quiet_hours, lambda at: 8 * HOUR),
        )  # fmt: skip
        self.decider.sayings.answers = self._answers
        if self._book is not None:
            self.decider.adopt(self._rules())
        self._look()

    def _turn(self) -> Iterator[tuple[str, str]]:
        """A poll, what the person or the world does now, and what the agent makes of it."""
        for step in [when for when in self.steps if when <= self.now and when not in self._done]:
            self._done.add(step)
            yield from self._say(self.steps[step](self))
        yield from self._poll()
        for _ in range(9):
            intents = self.decider.judge(self._clock(), looked_everywhere=True)
            if not intents:
                return
            for intent in intents:
                yield from self._say(self._carry_out(intent))
            self._look()
        raise AssertionError(f"it does not come to rest at {self.now}: {intents}")

    def _poll(self) -> Iterator[tuple[str, str]]:
        """What was published since the last poll; the newest signed time is the floor of the clock."""
        self._floor = max(self._floor, Instant(self.now - 3600))
        fresh = [n for n, one in enumerate(self.published) if one.when <= self.now and n not in self._seen]
        for number in fresh:
            self._seen.add(number)
            one = self.published[number]
            if one.text is not None:
                self._version += 1
                self._book = book(one.text, self._version)
            if one.exceptions is not None:
                self._grants = tuple(one.exceptions)
            if one.pauses is not None:
                self._pauses = tuple(one.pauses)
            if one.answers is not None:
                self._answers = self.decider.sayings.answers = one.answers
        if fresh and self._book is not None:
            self.decider.adopt(self._rules())
            said = "policy" if any(self.published[number].text for number in fresh) else "exceptions and pauses for"
            yield from self._say(f"{said} version {self._version}")
            yield from self._give_back()

    def _give_back(self) -> Iterator[tuple[str, str]]:
        assert self.decider.rules is not None
        held = [record for record, _ in self._taken]
        for record, why in list(given_back(self.decider.rules, held, self._clock().instant)):
            if why is About.NARROWED:
                self.decider.allow(record.ban, record.tool, record.uid, version_of(record))
            (self.installed,) = [seen for one, seen in self._taken if one is record]
            self._taken = [(one, seen) for one, seen in self._taken if one is not record]
            yield from self._say("put back")
            self._look()

    def _rules(self) -> DeviceRules:
        assert self._book is not None
        grants = [
            ExceptionGrant(f"x-{n}", ban, self.device.id, until) for n, (ban, until) in enumerate(self._grants, 1)
        ]
        return self._book.for_device(self.device, grants, self._pauses)

    def _look(self) -> None:
        self.decider.looked({"npm": [self.installed] if self.installed else []}, {})

    def _clock(self) -> Now:
        return judge_time(self.now + self.clock_offset, self._floor, self._floor)

    def _start(self) -> str:
        if self.installed is None:
            return ""
        self._pid += 1
        seen = self.installed._replace(
            source="processes", face=Face.PROCESS, path=f"{PREFIX}/cli.js", pid=self._pid, started=float(self.now)
        )
        known = self.decider.identify_running(seen) if self.decider.rules else None
        if known is not None:
            self._running = (self._pid, float(self.now))
            self.decider.running(self._running, Process(seen, *known))
        return "starts it"

    def _leave(self) -> str:
        if self._running is not None:
            self.decider.ended([self._running])
            self._running = None
        return ""

    def _carry_out(self, intent: Intent) -> str:
        self.decider.outcome(
            Outcome(intent, DONE[intent.kind], Detail.NONE, self._clock().instant), self._clock().instant
        )
        match intent.kind:
            case Kind.NOTIFY:
                return "\n".join([f"told: {intent.title}", *intent.body.splitlines()])
            case Kind.STOP:
                self._running = None
                return "stopped"
            case Kind.UNINSTALL | Kind.QUARANTINE:
                assert self.installed is not None
                self._taken.append((_record(intent), self.installed))
                self.installed = None
                return f"{DONE[intent.kind]}: {intent.title}"
            case Kind.RESTORE:
                raise AssertionError("nothing is put back by a case")

    def _say(self, what: str) -> Iterator[tuple[str, str]]:
        if what:
            yield datetime.fromtimestamp(self.now, ZONE).strftime("%H:%M"), what


def _lines(when: str, happened: Sequence[str]) -> Iterator[str]:
    """What happened at one time: short things on one line, each notice on lines of its own."""
    short = [what for what in happened if "\n" not in what]
    if short:
        yield f"    {when}  {'; '.join(short)}"
    for notice in (what for what in happened if "\n" in what):
        title, *text = notice.splitlines()
        yield f"    {when}  {title}"
        yield from (f"           | {line}" for line in text)
