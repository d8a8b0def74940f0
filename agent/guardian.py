"""The deciding thread's side of the gate: writes its orders, and makes of what it refused a case, words and a report.

The gate decides nothing that is not in its orders, and remembers nothing. Orders are written only when they change,
since each change costs the gate a new group.
"""

from __future__ import annotations

import queue
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, Protocol, assert_never

from agent import brake as braking
from agent.cases import Kind
from agent.decider import Current, Decider
from agent.enforce.interface import Intent, Words
from agent.events import Event, EventLog
from agent.findings import shown
from agent.inbox import GateSaid, Inbox
from agent.inventory.entries import Sought, read_entries, sought
from agent.ipc import orders as composing
from agent.ipc.gate_events import EntriesRead, GateCame, GateEnded, GateState, Keeper
from agent.ipc.gate_messages import AllowedLate, OrdersTaken, Refused, Trouble
from agent.ipc.refusals import Refusals
from agent.ipc.widening import Widening
from agent.looker import Looker
from agent.memory import Memory
from agent.notify.terminals import Quiet
from agent.report.journal import Journal
from agent.supervise import Part
from policy_schema.messages.codes import OutcomeCode
from policy_schema.rules.decision import Action
from policy_schema.rules.guard import PROTECTED_PROGRAMS
from policy_schema.rules.instant import Instant, format_instant
from policy_schema.rules.observation import Face
from policy_schema.rules.rulebook import DeviceRules

_SERIAL = "gate-serial"
_REFUSED = "gate-refused"
_MOST_COUNTED = 1000
_MOST_UNPLACED = 100
_WEAK_OUTCOMES = frozenset({"", "told", "not-shown", "refused"})
"""What may be replaced by "refused": anything else says more."""


class Doors(NamedTuple):
    """What the guardian reaches for outside of itself; built in `agent.deps`."""

    keeper: Keeper
    write: Callable[[Mapping[str, object]], None] | None
    """Replaces the file of orders; None where there is no gate."""
    terminal: Callable[[Refused, Words], bool]
    """Writes the short text to the terminal of a refused process; whether it stands there."""
    words: Callable[[str, str, int, Instant], Words]
    """What is said to somebody (uid) about a refused start of a tool, by ban."""
    act: Callable[[Intent], None]
    look_at: Callable[[tuple[int, ...]], None]
    """Has processes looked at, wholly."""
    looker: Looker
    homes: Callable[[], Mapping[str, int]]
    """Every home here, and whose it is."""


class Reading(Protocol):
    """Reads the entry files of installations."""

    def __call__(self, installed: Mapping[str, Sought]) -> dict[str, tuple[str, ...]]:
        """From path and where to look to files."""


class Guardian:
    """Belongs to the deciding thread, but for `read` and what it is told through the inbox."""

    def __init__(
        self,
        *,
        doors: Doors,
        decider: Decider,
        memory: Memory,
        journal: Journal,
        inbox: Inbox,
        log: EventLog,
        clock: Callable[[], float],
        read: Reading = read_entries,
    ) -> None:
        self._d, self._decider, self._memory, self._journal = doors, decider, memory, journal
        self._inbox, self._log, self._clock, self._read = inbox, log, clock, read
        self._written: object = None
        self._protected: tuple[str, ...] = tuple(path for path in PROTECTED_PROGRAMS if path.startswith("/"))
        self._sought: dict[str, Sought] = {}
        self._entries: dict[str, tuple[str, ...]] = {}
        self._wanted: queue.SimpleQueue[dict[str, Sought]] = queue.SimpleQueue()
        self._widening = Widening()
        self._quiet = Quiet()
        self._notices = Quiet(every=600.0)
        self._counts: OrderedDict[str, int] = OrderedDict()
        self._unplaced: deque[Refusals] = deque(maxlen=_MOST_UNPLACED)

    # Orders

    def give_orders(self, now: Instant, floor: Instant) -> None:
        """Writes the orders if they are others than before, and tells the gate. Nothing where there is no gate.

        Raises:
            InterdictError: they cannot be written.
        """
        rules = self._decider.rules
        if rules is None or self._d.write is None:
            return
        self._place(now)
        self._ask_for_entries(rules)
        homes = self._d.homes()
        orders = composing.compose(rules, self._remembered(homes.values(), now), now)
        # A floor under a clock that is right changes nothing for the gate, and moves with every signed timestamp.
        needed = floor if now <= floor else 0
        key = (rules.book.data, rules.device, orders, needed, self._protected, frozenset(homes))
        if key == self._written:
            return
        serial = int(self._journal.meta(_SERIAL) or 0) + 1
        self._journal.set_meta(_SERIAL, str(serial))
        written = composing.document(orders, rules, serial=serial, floor=floor, protected=self._protected, homes=homes)
        self._d.write(written)
        self._written = key
        self._d.keeper.orders(serial)
        self._log.write(
            Event.GATE, what="orders", serial=serial, enforced=len(orders.enforce), spared=len(orders.spare)
        )

    def protect(self, paths: Iterable[str]) -> None:
        """What this machine cannot do without, as it was found: no start of it is ever asked about."""
        self._protected = tuple(sorted(path for path in paths if path.startswith("/")))

    def read(self, stop: threading.Event) -> None:
        """A thread's body: reads the entry files of installations, which may lie in homes that do not answer."""
        while not stop.is_set():
            try:
                wanted = self._wanted.get(timeout=1.0)
            except queue.Empty:
                continue
            self._inbox.put(GateSaid(EntriesRead(self._read(wanted))))

    def parts(self, keeping: Callable[[threading.Event], None] | None) -> tuple[Part, ...]:
        """The threads that belong to a gate, with its keeper's; none where there is none."""
        return () if keeping is None else (Part("gate", keeping), Part("gate-entries", self.read))

    def _ask_for_entries(self, rules: DeviceRules) -> None:
        targeted = {target.tool for ban in rules.book.bans for target in ban.targets}
        wanted = {one.path: sought(one) for one in self._decider.installations if one.tool in targeted}
        if wanted != self._sought:
            self._sought = wanted
            self._wanted.put(wanted)

    def _remembered(self, people: Iterable[int], now: Instant) -> composing.Remembered:
        decider, brake = self._decider, self._memory.brake

        def hold(ban: str, uid: int) -> str:
            return decider.guarded.get(ban) or braking.hold_of(brake, ban, uid, now)

        return composing.Remembered(
            persons=self._memory.persons,
            known_uids=frozenset(people) | {0},
            spared=composing.spared_paths(self._memory.cases.values(), decider.restored),
            entries=self._entries,
            packages={one.path: one.tool for one in decider.installations},
            hold=hold,
            observe=decider.observe,
        )

    # What the gate says

    def said(self, message: GateSaid, now: Instant) -> None:
        """Something was heard from the gate or its keeper."""
        event = message.event
        match event:
            case Refusals():
                self._refused(event, now)
            case AllowedLate():
                self._log.write(Event.GATE, what="allowed-late", pid=event.pid, uid=event.uid)
                self._d.look_at((event.pid,))
            case EntriesRead():
                self._entries = event.entries
            case GateCame():
                self._log.write(Event.GATE, what="came", pid=event.pid, features=event.features)
            case GateEnded():
                self._log.write(Event.GATE_ENDED, **event._asdict())
                # What started while there was none is seen by the watcher; what it missed is looked for.
                self._journal.add_event(now, -1, {"event": "gate-ended", "why": event.why, "uid": event.uid})
            case OrdersTaken():
                what = "orders-taken" if event.ok else "orders-not-taken"
                self._log.write(Event.GATE, what=what, serial=event.serial, why=event.why)
            case Trouble():
                self._log.write(Event.GATE, what="trouble", code=event.code, uid=event.uid)
            case _:
                assert_never(event)

    def _refused(self, refusals: Refusals, now: Instant) -> None:
        event, number = refusals
        row = self._row_of(event)
        self._watch_width(event, row, now)
        finding = row.subject.finding if row is not None else ""
        self._count(finding, number, now)
        words = self._d.words(event.ban, event.tool, event.uid, now)
        told = self._tell(event, words, finding)
        body = {
            "event": "refused",
            "kind": "refuse",
            "finding": finding,
            "ban": event.ban,
            "tool": event.tool,
            "path": event.path,
            "number": number,
            "by": event.by,
            "text": words.brief if told else "",
        }
        self._journal.add_event(now, event.uid, body)
        rest = {key: value for key, value in body.items() if key not in ("event", "kind", "text")}
        rest |= {"path": shown(event.path), "uid": event.uid, "version": event.version, "told": told}
        self._log.write(Event.REFUSED, **rest)
        if row is None:
            # Nobody knew of this place: it is looked at now, and what is found there has been refused.
            self._unplaced.append(refusals)
            if self._d.looker.hint(event.path):
                self._d.looker.ask_everything()
        else:
            self._note(row, now)

    def _note(self, row: Current, now: Instant) -> None:
        if row.case.outcome in _WEAK_OUTCOMES:
            self._decider.note(row.subject.finding, OutcomeCode.REFUSED, now)

    def _place(self, now: Instant) -> None:
        """Refusals of places that nobody knew of, once a look has found what is there."""
        for refusals in list(self._unplaced):
            row = self._row_of(refusals.last)
            if row is not None:
                self._unplaced.remove(refusals)
                self._count_for(row.subject.finding, refusals.number)
                self._note(row, now)

    def _watch_width(self, event: Refused, row: Current | None, now: Instant) -> None:
        """A ban that refuses one program of the system after the other hurts the machine: it goes out of the orders.
        All programs of one installation count as one: otherwise whoever starts each part of a tool gets the tool."""
        thing = row.subject.installation if row is not None and event.file else event.file
        programs = self._widening.add(event.ban, thing, event.owner, self._clock())
        if not programs:
            return
        self._widening.forget(event.ban)
        self._memory.keep_brake(braking.refused_widely(self._memory.brake, event.ban, programs))
        why = self._memory.brake.held[event.ban]
        self._log.write(Event.BRAKE, ban=event.ban, why=why)
        self._journal.add_event(now, -1, {"event": "brake", "ban": event.ban, "why": why})

    def _row_of(self, event: Refused) -> Current | None:
        """The finding that the refused program belongs to: the innermost installation around it."""
        inside = [
            row
            for row in self._decider.current.values()
            if row.subject.face is not Face.PROCESS
            and row.subject.tool == event.tool
            and (event.path in row.subject.links or any(_inside(event.path, part) for part, _ in row.subject.parts))
        ]
        return max(inside, key=lambda row: len(row.subject.path), default=None)

    def _tell(self, event: Refused, words: Words, finding: str) -> str:
        """On the terminal that it was started from, else as a notice: `terminal`, `notice` or nothing."""
        at = self._clock()
        if event.tty and words.brief and self._quiet.may((event.tty, event.tool), at):
            if self._d.terminal(event, words):
                return "terminal"
        elif event.tty:
            return ""
        if not words.body or not self._notices.may((event.uid, event.tool), at):
            return ""
        self._d.act(_notice(event, words, finding))
        return "notice"

    def _count(self, finding: str, number: int, now: Instant) -> None:
        """By finding for whoever asks here, by day for the heartbeat."""
        if finding:
            self._count_for(finding, number)
        self._journal.set_meta(_REFUSED, f"{_day(now)} {self.refused_on(now) + number}")

    def _count_for(self, finding: str, number: int) -> None:
        self._counts[finding] = self._counts.pop(finding, 0) + number
        if len(self._counts) > _MOST_COUNTED:
            self._counts.popitem(last=False)

    # What is shown of it

    def refused_on(self, now: Instant) -> int:
        """How many starts were refused on the day (UTC) of this instant."""
        day, _, number = self._journal.meta(_REFUSED).partition(" ")
        return int(number) if day == _day(now) else 0

    def refused_of(self, finding: str) -> int:
        """How many starts of a finding were refused since the agent began."""
        return self._counts.get(finding, 0)

    def state(self) -> GateState:
        """How the gate is."""
        return self._d.keeper.state()

    def view(self, now: Instant) -> dict[str, object]:
        """How the gate is, for everybody at the machine."""
        return {**self.state()._asdict(), "refused_today": self.refused_on(now)}

    def health(self) -> list[tuple[str, str]]:
        """What is wrong with the gate, as (what, advice)."""
        state = self.state()
        if state.stage == "off" and self._d.write is None:
            return []
        if state.stage != "alive" or state.features == "none":
            why = state.problem or ("this kernel has no door for it" if state.features else "it has not begun yet")
            return [(f"starts are not refused: {why}", "What runs is seen and ended all the same; see `doctor`.")]
        return [(state.problem, "The gate goes on with the orders that it has.")] if state.problem else []

    def leave(self) -> None:
        """The agent is built anew at once: the gate goes on."""
        self._d.keeper.leave()


def _notice(event: Refused, words: Words, finding: str) -> Intent:
    return Intent(
        kind=Kind.NOTIFY,
        finding_id=finding,
        installation_id="",
        case=finding,
        action=Action.BLOCK,
        ban=event.ban,
        tool=event.tool,
        path=event.path,
        uid=event.uid,
        reason=words.body,
        title=words.title,
        body=words.body,
        brief=words.brief,
        plain=words.plain,
    )


def _day(now: Instant) -> str:
    return format_instant(now)[:10]


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
