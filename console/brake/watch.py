"""Looks at the counts every minute, raises alarms, and pauses where the policy allows that without asking."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, Row
from sqlalchemy.exc import SQLAlchemyError

from console import audit, policy
from console.brake.judge import Figures, Kind, grown, judge
from console.brake.tally import SLOT
from console.clock import Clock
from console.decisions import Brake
from console.exceptions.decide import put_pause
from console.exceptions.words import NotDecided
from console.policy import Ban, Policy
from console.schedules.undelivered import Undelivered
from console.store.db import Database
from console.store.queries import brake as queries

EVERY: Final = 60
HOUR: Final = 3600
DAY: Final = 86_400
WEEK: Final = 7 * DAY
WHO: Final = "the brake of the fleet"
log = logging.getLogger(__name__)


class Raised(NamedTuple):
    """An alarm that is new now, for whoever passes it on."""

    ban: str
    kind: Kind
    figures: Figures
    at: int
    paused_until: int | None
    """Set where the brake has paused the ban."""


Tell = Callable[[Raised, int], None]
"""Passes an alarm on at a moment. Raises Undelivered."""


class Watch:
    """A thread that looks. `start` and `stop` it with the console; `look` is one look."""

    def __init__(
        self,
        *,
        database: Database,
        brake: Brake,
        clock: Clock,
        paused: Callable[[], None] = lambda: None,
        tell: Tell | None = None,
    ) -> None:
        """`paused` is called when a pause waits to be published; `tell` for each alarm until it does not raise."""
        self._database, self._brake, self._clock = database, brake, clock
        self._paused, self._tell = paused, tell
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="console-brake", daemon=True)

    def start(self) -> None:
        """Begins to look."""
        self._thread.start()

    def stop(self) -> None:
        """Ends after the look under way."""
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                self.look(EVERY)
            except SQLAlchemyError:
                log.warning("the brake could not look: the database does not answer")
            except Exception:
                log.exception("the brake could not look")
            self._ending.wait(EVERY)

    def look(self, every: int = 0) -> tuple[Raised, ...]:
        """One look, unless another process has looked within `every` seconds. Answers with the new alarms."""
        now = self._clock()
        with self._database.write() as connection:
            if not _claim(connection, now, every):
                return ()
            in_force = policy.current(connection)
            raised = tuple(self._raise(connection, in_force, now))
        for one in raised:
            log.warning("alarm: %s of %s: %s", one.kind, one.ban, one.figures)
        if any(one.paused_until for one in raised):
            self._paused()
        self._tell_all(now)
        return raised

    def _tell_all(self, now: int) -> None:
        """Hands over what nobody was told of; what fails is tried again at the next look, for a day."""
        if self._tell is None:
            return
        with self._database.read() as connection:
            waiting = connection.execute(queries.untold(now - DAY)).all()
        for row in waiting:
            raised = Raised(row.ban, Kind(row.kind), read_figures(row.figures), row.raised_at, row.pause_id)
            try:
                self._tell(raised, now)
            except Undelivered as error:
                log.warning("the alarm of %s could not be handed over: %s", row.ban, error)
                continue
            with self._database.write() as connection:
                connection.execute(queries.set_alarm(row.alarm_id, {"told_at": now}))

    def _raise(self, connection: Connection, in_force: Policy | None, now: int) -> list[Raised]:
        figures = _figures(connection, in_force, self._brake, now)
        known = connection.execute(queries.alarms(now - DAY)).all()
        new: list[Raised] = []
        for ban, seen in figures.items():
            for kind in judge(seen, self._brake):
                before = next((row for row in known if (row.ban, row.kind) == (ban, kind)), None)
                if before is not None and self._is_known(connection, before, seen, now):
                    continue
                new.append(self._new(connection, in_force, Raised(ban, kind, seen, now, None)))
        connection.execute(queries.drop_slots(now - WEEK - 2 * HOUR))
        return new

    def _is_known(self, connection: Connection, row: Row[Any], seen: Figures, now: int) -> bool:
        """An open alarm goes on; one that somebody closed within the day is raised again only when it has grown."""
        if row.closed_at is not None:
            return not grown(read_figures(row.figures), seen, self._brake)
        connection.execute(queries.set_alarm(row.alarm_id, {"last_at": now, "figures": _json(seen)}))
        return True

    def _new(self, connection: Connection, in_force: Policy | None, raised: Raised) -> Raised:
        ban, now = raised.ban, raised.at
        pause_id: int | None = None
        longest = min(in_force.pause_automatic, in_force.pause_max) if in_force is not None else 0
        if longest and raised.figures.acts:
            try:
                reason = f"set by the brake of the fleet: {sentence(raised.kind, raised.figures)}"
                pause_id = put_pause(connection, ban, longest, reason=reason, who=WHO, by_brake=True, now=now)
                audit.record(connection, now, who=WHO, what="paused", detail=reason, about=ban)
                raised = raised._replace(paused_until=now + longest)
            except NotDecided:
                log.info("%s is paused already", ban)
        row = {
            "ban": ban,
            "kind": raised.kind.value,
            "raised_at": now,
            "last_at": now,
            "figures": _json(raised.figures),
            "pause_id": pause_id,
            "closed_by": "",
        }
        connection.execute(queries.add_alarm(), row)
        audit.record(connection, now, who=WHO, what="alarm", detail=sentence(raised.kind, raised.figures), about=ban)
        return raised


def sentence(kind: Kind, figures: Figures) -> str:
    """What jumped, in a sentence."""
    match kind:
        case Kind.HITS:
            past = "too new to have a past" if figures.settling else f"{figures.busiest} in the busiest hour of a week"
            return f"something new on {figures.hour} of {figures.devices} devices within an hour; {past}"
        case Kind.WRONG:
            return f"people on {figures.wrong} devices say within a day that a finding is wrong"


def _claim(connection: Connection, now: int, every: int) -> bool:
    if connection.execute(queries.last_look()).one_or_none() is None:
        connection.execute(queries.put_look(connection.dialect.name), {"one": 1, "at": now})
        return True
    return connection.execute(queries.claim_look(now, now - every)).rowcount == 1


def _figures(connection: Connection, in_force: Policy | None, brake: Brake, now: int) -> Mapping[str, Figures]:
    """Bans that may have jumped, with all that is known of them. Most looks find none, and ask no more."""
    since = now - HOUR
    first = since - since % SLOT
    rows = connection.execute(queries.hits_since(first))
    hours = {row.ban: int(row.hits) for row in rows if row.hits >= brake.least}
    wrong = {row.ban: row.devices for row in connection.execute(queries.wrong_since(now - DAY))}
    wrong = {ban: devices for ban, devices in wrong.items() if devices >= brake.wrong}
    if not hours and not wrong:
        return {}
    busiest = _busiest(connection, list(hours), first)
    devices = connection.execute(queries.reporting(now - DAY)).scalar_one()
    then = _policy_then(connection, now - brake.settle)
    found: dict[str, Figures] = {}
    for ban in sorted(hours.keys() | wrong.keys()):
        today = in_force.ban(ban) if in_force is not None else None
        before = then.ban(ban) if then is not None else None
        found[ban] = Figures(
            hour=hours.get(ban, 0),
            busiest=busiest.get(ban, 0),
            devices=devices,
            settling=today is not None and (before is None or before.targets != today.targets),
            acts=today is not None and _acts(today, now),
            wrong=wrong.get(ban, 0),
        )
    return found


def _busiest(connection: Connection, bans: list[str], before: int) -> dict[str, int]:
    hours: dict[tuple[str, int], int] = {}
    for row in connection.execute(queries.slots(bans, before - WEEK, before)) if bans else ():
        key = (row.ban, (before - 1 - row.slot) // HOUR)
        hours[key] = hours.get(key, 0) + int(row.hits)
    most: dict[str, int] = {}
    for (ban, _), hits in hours.items():
        most[ban] = max(hits, most.get(ban, 0))
    return most


def _policy_then(connection: Connection, when: int) -> Policy | None:
    """The policy that was in force at a moment, as far as this console knows."""
    serial = next((row.serial for row in policy.versions(connection) if row.adopted_at <= when), None)
    return policy.at_version(connection, serial) if serial is not None else None


def _acts(ban: Ban, now: int) -> bool:
    stage = ban.stage(now)
    begun = not ban.rings or any(ring.start <= now for ring in ban.rings)
    return stage is not None and stage.action in ("block", "remove") and begun


def _json(figures: Figures) -> str:
    return msgspec.json.encode(figures._asdict()).decode()


def read_figures(text: str) -> Figures:
    """The figures of an alarm as it is kept; what an older console did not know is nothing."""
    fields: dict[str, Any] = msgspec.json.decode(text)
    return Figures(**{name: fields[name] for name in Figures._fields if name in fields})
