"""What the agent says about itself: reports to the console, views for the people at the machine.

Runs on the deciding thread; sending itself happens in the messenger, whose answers come back through the inbox.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

import psutil

from agent import brake as braking
from agent.decider import Decider
from agent.events import Event, EventLog
from agent.findings import shown
from agent.guardian import Guardian
from agent.inbox import Answered, Enrolled, Inbox, Looked
from agent.memory import Memory
from agent.messenger import Messenger
from agent.notice_answers import NoticeAnswers
from agent.policy_in_force import PolicyInForce
from agent.report.journal import Journal
from agent.report.mending import SET_ASIDE, TIMES
from agent.report.outbox import Moment, Outbox, device_facts
from agent.report.reasons import reason_code
from agent.report.views import Views, person_view
from agent.settings import Settings, os_name
from agent.supervise import Supervisor
from agent.version import VERSION
from policy_schema.messages.heartbeat import Heartbeat
from policy_schema.messages.kinds import MAX_LINES
from policy_schema.messages.report import CoverageLine
from policy_schema.messages.wire import clean
from policy_schema.rules.instant import Instant, format_instant
from policy_schema.rules.observation import Coverage, Unknown

_RETRY_LAST = 600.0
"""Seconds between two tries at the most; the first one comes after `report_delay`, and each wait is twice the last."""
_INTERVALS = 4
"""So many intervals a console with much to do may ask us to wait between two heartbeats."""
_PERMANENT = frozenset({400, 413, 415})
_ANYBODY = -2
"""Nobody's user id."""
_UNKNOWN_KEY = "signature-unknown-key"
_WHY = ("reason", "claims", "decision")
_ORGANISATION = ("name", "default_language", "contacts", "time_zone")


class Health(NamedTuple):
    """Something that is wrong with the agent or the machine, and what to do."""

    what: str
    advice: str


class Sources(NamedTuple):
    """Where the reporter reads its figures."""

    settings: Settings
    decider: Decider
    policy: PolicyInForce
    memory: Memory
    journal: Journal
    outbox: Outbox
    supervisor: Supervisor
    messenger: Messenger
    inbox: Inbox
    views: Views
    log: EventLog
    watch_health: Callable[[], list[tuple[str, str]]]
    guardian: Guardian
    answers: NoticeAnswers
    homes: Callable[[], Mapping[str, int]]
    """Every home of this machine, and whose it is (uid)."""


class Reporter:
    """Makes views and reports. `views_due` says that something changed since the last writing."""

    def __init__(self, sources: Sources, started_at: Instant) -> None:
        self._s = sources
        self._started_at = started_at
        self._coverage: dict[str, Coverage] = {}
        self._homes: Mapping[str, int] = {}
        self._looks = 0
        self._look_ms = 0
        self._health: dict[str, Health] = {}
        self._told: object = None
        self._waiting_for: int | None = None
        self._retry = float(sources.settings.report_delay)
        self.views_due = True
        self.not_before = 0.0
        """A console that had no room has named a time: until then (monotonic) even news wait in the journal."""

    def changed(self) -> None:
        """Something that views show has changed; what changes a device's state at the console is told soon too."""
        self.views_due = True
        state = self._state()
        if state != self._told:
            self._told = state
            self._s.outbox.state_changed()

    def looked(self, message: Looked) -> None:
        """A look ended: its coverage replaces that of the same sources."""
        for row in message.coverage:
            self._coverage[row.source] = row
        self._homes = self._s.homes()
        if message.everywhere:
            self._looks += 1
            self._look_ms = message.ms
        self.views_due = True

    def health(self, key: str, what: str, advice: str) -> None:
        """Notes that something is wrong, until `healthy` is called with the same key."""
        self._health[key] = Health(what, advice)

    def healthy(self, key: str) -> None:
        """It is mended."""
        self._health.pop(key, None)

    # Reports

    def ready(self) -> bool:
        """Whether a report could be sent now: there is a server and none is under way."""
        return bool(self._s.settings.server) and self._waiting_for is None

    def send(self, now: Instant, at: float) -> float:
        """Hands the next report to the messenger, or asks for enrolment first. Returns when to look again."""
        device = self._s.messenger.device
        if not self._s.messenger.enrolled:
            self._waiting_for = 0
            self._s.messenger.enrol(device_facts(self._s.settings, VERSION), self._s.outbox.epoch)
            return at + self._s.settings.report_interval
        sequence, body = self._s.outbox.next(lambda: self._moment(now, device))
        self._waiting_for = sequence
        self._s.messenger.send(sequence, body)
        return at + self._s.settings.report_interval

    def answered(self, message: Answered, now: Instant, at: float) -> float:
        """The console answered. Returns when to send next, on the monotonic clock."""
        self._waiting_for = None
        if message.stored_up_to is not None and message.status == 200:
            done = self._s.outbox.stored(message.stored_up_to, now)
            self._s.log.write(Event.REPORT_SENT, stored_up_to=message.stored_up_to, reports=done)
            self._retry = float(self._s.settings.report_delay)
            self.healthy("console")
            self.views_due = True
            soon = self._s.settings.report_delay
            wait = max(soon, min(message.next_in, _INTERVALS * self._s.settings.report_interval))
            return at + (soon if self._s.outbox.waiting() else wait)
        self._s.log.write(
            Event.REPORT_REFUSED,
            sequence=message.sequence,
            status=message.status,
            code=message.code,
            problem=message.problem,
        )
        if message.status == 409:
            self._s.outbox.new_epoch()
            return at + self._s.settings.report_delay
        if message.status in _PERMANENT:
            # The same bytes would be refused for ever and keep everything behind them waiting: the whole state instead.
            self._s.outbox.new_epoch()
        if message.code == _UNKNOWN_KEY:
            # The console has lost its devices: this one makes itself known again, if its secret still holds.
            self._s.messenger.forget_enrolment()
        return self._later(message.problem, message.next_in, at)

    def enrolled(self, message: Enrolled, at: float) -> float:
        """The console knows this device now, or says why not."""
        self._waiting_for = None
        if not message.problem:
            self._s.log.write(Event.ENROLLED, device=self._s.messenger.device)
            self._retry = float(self._s.settings.report_delay)
            self.healthy("console")
            return at
        self._s.log.write(Event.ENROL_REFUSED, problem=message.problem, final=message.final)
        return self._later(message.problem, _RETRY_LAST if message.final else 0.0, at)

    def _later(self, problem: str, wanted: float, at: float) -> float:
        # A console may ask for patience, and not for silence.
        wait = max(self._retry, min(wanted, max(_RETRY_LAST, self._s.settings.report_interval)))
        if wanted > 0:
            self.not_before = at + wait
        self._retry = min(self._retry * 2, _RETRY_LAST)
        server = self._s.settings.server
        self.health(
            "console", f"reports to {server} do not arrive: {problem}", "They are kept and sent again by themselves."
        )
        self.views_due = True
        return at + wait

    def _state(self) -> object:
        """What a console judges a device by beside its findings. No ages and no amounts: those change all the time."""
        book = self._s.policy.rules.book if self._s.policy.rules else None
        standing = self._s.policy.standing
        places = sorted((name, len(row.unknown)) for name, row in self._coverage.items())
        policy = (book.policy_id, book.version) if book else ()
        held = sorted(self._s.memory.brake.held), self._s.memory.brake.pause, sorted(self._s.decider.guarded)
        told = self._s.policy.not_understood(), self._s.decider.withheld()
        return policy, standing.trust, standing.problem, told, places, held

    def _moment(self, now: Instant, device: str) -> Moment:
        return Moment(
            now=now,
            device=device,
            agent=VERSION,
            policy=self._s.policy.line(now),
            heartbeat=self._heartbeat(now),
            coverage=tuple(_coverage_line(row) for row in self._coverage.values()),
            facts=device_facts(self._s.settings, VERSION),
            not_understood=self._s.policy.not_understood(),
            withheld=self._s.decider.withheld(),
        )

    def _heartbeat(self, now: Instant) -> Heartbeat:
        s = self._s
        gate, paused = s.guardian.state(), braking.paused_until(s.memory.brake, now)
        return Heartbeat(
            started_at=format_instant(self._started_at),
            uptime_s=max(0, now - self._started_at),
            looks=self._looks,
            decisions=s.decider.counters.decisions,
            look_ms=self._look_ms,
            acts=s.decider.counters.acts,
            dropped=s.inbox.dropped,
            restarts=s.supervisor.restarts,
            journal_rows=s.journal.row_count(),
            rss_kb=psutil.Process().memory_info().rss // 1024,
            mode=s.settings.mode,
            brake=bool(s.memory.brake.held) or braking.resting_until(s.memory.brake, now) > now,
            gate=clean(gate.features if gate.stage == "alive" else gate.stage, 40),
            gate_ends=gate.deaths,
            refused=s.guardian.refused_on(now),
            paused_until=format_instant(paused) if paused else None,
            left_out=tuple(sorted(s.decider.guarded))[:MAX_LINES],
            journals_lost=int(s.journal.meta(TIMES) or 0),
            kept=s.policy.kept[:MAX_LINES],
            answers=s.answers.sent(),
        )

    # Views

    def sentence(self) -> str:
        """How it stands, for the service manager: no finding is named there."""
        rules, gate = self._s.policy.rules, self._s.guardian.state()
        policy = f"policy {rules.book.policy_id} version {rules.book.version}" if rules else "no policy"
        return f"{policy}, {len(self._s.decider.current)} findings, gate {gate.stage}"

    def write_views(self, now: Instant) -> None:
        """Replaces what others may read."""
        self.views_due = False
        s = self._s
        s.views.machine(self._machine_view(now))
        rows = s.decider.findings()
        history = [(row.uid, {"at": format_instant(row.at), **_shown_values(row.body)}) for row in s.journal.events()]
        reports = [(format_instant(at), json.loads(body)) for _, body, at in s.journal.sent(100)]
        mine = {case.line.id: case.subject.uid for case in s.memory.cases.values() if case.line is not None}
        mine |= {str(row.body["request"]): row.uid for row in s.journal.events() if "request" in row.body}
        everyone = s.policy.reader_of_everything()
        persons = {uid for uid, _ in rows} | {uid for uid, _ in history if uid >= 0} | {everyone}
        persons |= owners_of_places(self._coverage.values(), self._homes)
        views: dict[int, Mapping[str, object]] = {}
        for uid in persons:
            keep = uid == everyone
            theirs = [row for owner, row in rows if keep or owner == uid]
            views[uid] = self._reasons(theirs) | person_view(
                uid,
                theirs,
                [row for owner, row in history if keep or owner == uid],
                [{"sent_at": at, "report": body if keep else _only(body, uid, mine)} for at, body in reports],
                self._coverage_for(None if keep else uid),
            )
        s.views.persons(views)

    def _reasons(self, findings: Iterable[Mapping[str, object]]) -> dict[str, object]:
        """Why what was found is banned, in the signed policy's own words: reason, claims, who decided."""
        rules = self._s.policy.rules
        bans = sorted({str(row["ban"]) for row in findings})
        texts = [(ban, self._s.decider.ban_text(ban)) for ban in bans]
        rows = [{"id": ban, **{key: text[key] for key in _WHY if key in text}} for ban, text in texts]
        organisation = rules.book.organisation if rules else {}
        tools = {str(row["tool"]) for row in findings} & set(rules.book.tools if rules else ())
        names = {tool: rules.book.tools[tool].name for tool in sorted(tools)} if rules else {}
        return {"bans": rows, "tools": names, "organisation": {key: organisation.get(key) for key in _ORGANISATION}}

    def _machine_view(self, now: Instant) -> dict[str, object]:
        s = self._s
        wrong = [*self._health.values(), *(Health(*row) for row in s.watch_health())]
        return {
            "schema": 1,
            "generated_at": format_instant(now),
            "agent": VERSION,
            "device": {"id": s.messenger.device or None, "os": os_name(), "kind": s.settings.kind},
            "mode": s.settings.mode,
            "policy": s.policy.view(now),
            "complete": not any(row.unknown for row in self._coverage.values()),
            "coverage": self._coverage_for(_ANYBODY),
            "health": [{"what": row.what, "advice": row.advice} for row in wrong],
            "notes": self._notes(now),
            "counts": {"findings": len(s.decider.current), "unsent": s.journal.pending_count()},
            "brake": braking.held_bans(s.memory.brake),
            "waiting": s.decider.waiting,
            "left_out": s.decider.guarded,
            "rests_until": _moment(braking.resting_until(s.memory.brake, now), now),
            "paused_until": _moment(braking.paused_until(s.memory.brake, now), now),
            "paused_by": s.memory.brake.pause.by if braking.paused_until(s.memory.brake, now) else None,
            "journal_set_aside": s.journal.meta(SET_ASIDE) or None,
            "gate": s.guardian.view(now),
            "next_change": format_instant(s.decider.wake) if s.decider.wake is not None else None,
        }

    def _notes(self, now: Instant) -> list[str]:
        """Sentences that everybody at the machine may read."""
        s = self._s
        brake, rests = s.memory.brake, braking.resting_until(s.memory.brake, now)
        rows = [braking.pause_sentence(brake, now)]
        if rests > now:
            rows.append(f"{braking.REST} It acts again at {format_instant(rests)}.")
        if s.decider.waiting:
            rows.append(f"{s.decider.waiting} acts wait for the next minute: only so many are done in one.")
        rows += [f"Ban {ban}: {why}" for ban, why in braking.held_bans(brake).items()]
        rows += [f"Ban {ban}: {why}" for ban, why in s.decider.guarded.items()]
        return [*(row for row in rows if row), *s.policy.notes(now)]

    def _coverage_for(self, uid: int | None) -> list[dict[str, object]]:
        """The coverage as one person may see it: names in others' homes are not told. None: all of it."""
        others = [home for home, owner in self._homes.items() if uid is not None and owner != uid]
        return [coverage_json(without_homes(row, others)) for row in self._coverage.values()]


def _moment(until: Instant, now: Instant) -> str | None:
    return format_instant(until) if until > now else None


def without_homes(row: Coverage, homes: Collection[str]) -> Coverage:
    """A source's coverage in which places within these homes are called by the home alone."""

    def place(path: str) -> str:
        return next((home for home in homes if path.startswith(home.rstrip("/") + "/")), path)

    unknown = dict.fromkeys(Unknown(place(one.where), _cut(one, place(one.where))) for one in row.unknown)
    return row._replace(roots=tuple(dict.fromkeys(place(root) for root in row.roots)), unknown=tuple(unknown))


def owners_of_places(rows: Iterable[Coverage], homes: Mapping[str, int]) -> set[int]:
    """Whose homes hold a place that was looked at, or could not be."""
    paths = [path for row in rows for path in (*row.roots, *(one.where for one in row.unknown))]
    return {uid for home, uid in homes.items() if any(path.startswith(home.rstrip("/") + "/") for path in paths)}


def _cut(one: Unknown, where: str) -> str:
    """Its reason; only the kind of it where the place itself is not told, since a reason may quote a name."""
    return one.reason if where == one.where else reason_code(one.reason).value


def coverage_json(row: Coverage) -> dict[str, object]:
    """One source's coverage as `scan --json` and `status --json` show it."""
    return {
        "source": row.source,
        "roots": [shown(root) for root in row.roots],
        "items": row.items,
        "unknown": [{"where": shown(place.where), "reason": place.reason} for place in row.unknown],
        "ms": row.ms,
    }


def _coverage_line(row: Coverage) -> CoverageLine:
    reasons = tuple(sorted({reason_code(place.reason).value for place in row.unknown}))
    return CoverageLine(
        source=clean(row.source, 40),
        roots=len(row.roots),
        items=row.items,
        unknown=len(row.unknown),
        reasons=reasons,
        ms=row.ms,
    )


def _only(report: Mapping[str, object], uid: int, mine: Mapping[str, int]) -> dict[str, object]:
    """A report without the lines that concern others."""
    kept: dict[str, object] = {}
    for name in ("findings", "requests"):
        lines = report.get(name)
        kept[name] = [row for row in lines if mine.get(str(row.get("id"))) == uid] if isinstance(lines, list) else []
    return {**report, **kept}


def _shown_values(body: Mapping[str, object]) -> dict[str, object]:
    return {key: shown(value) if isinstance(value, str) else value for key, value in body.items()}
