"""What people at the machine ask for, by a button or a command: taken, refused, and answered in a sentence.

Whoever asks is known by the kernel's word (`agent.ipc.people`). They may ask for what is theirs: that it is removed
now, that it is held while somebody decides on an exception, that a finding is looked at again. Things of the system
concern everybody, so one person's wish is written down, and holds nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from typing import NamedTuple

from agent.cases import held
from agent.decider import Current, Decider
from agent.events import Event, EventLog
from agent.host.users import FIRST_UID
from agent.ipc.people import PersonSaid
from agent.memory import Memory
from agent.notice_answers import NoticeAnswers
from agent.reminders import MOST_PUT_OFF, not_put_off, put_off
from agent.report.journal import Journal
from policy_schema.messages import local
from policy_schema.messages.report import RequestLine
from policy_schema.messages.wire import clean
from policy_schema.rules.instant import Instant, format_instant

_GREETED_EVERY = 60.0
"""Seconds: a notifier that comes and goes does not have notices tried again each time."""
_MOST_REASON = 1000
_DAY = 86_400.0
_MOST_A_DAY = 20
"""Requests and objections of one person."""
_LANGUAGES = "languages {}"
_STAYS = "What happens when stays as it is, and the last hour before it is always said."
_UNDONE = "You are reminded when it is due."
_TOO_OFTEN = "You have asked for a lot today; ask again tomorrow, or ask your administrators directly."


class _Asked(NamedTuple):
    """What somebody asked for: `exception`, `wrong`, or `remove`, which concerns nobody else."""

    kind: str
    ban: str
    finding: str
    reason: str
    held_until: Instant | None


class Desk:
    """Owned by the deciding thread."""

    def __init__(
        self,
        *,
        decider: Decider,
        memory: Memory,
        journal: Journal,
        log: EventLog,
        clock: Callable[[], float],
        here: Callable[[], Iterable[int]],
        queue: Callable[[Iterable[RequestLine]], None],
        pseudonym: Callable[[int], str],
        cover: Callable[[str], str],
        answers: NoticeAnswers,
    ) -> None:
        """`clock` in monotonic seconds; `here`: who is logged in; `queue` takes what is reported."""
        self._decider, self._memory, self._journal, self._log, self._clock = decider, memory, journal, log, clock
        self._queue, self._pseudonym, self._cover = queue, pseudonym, cover
        self._answers = answers
        self._here, self._notified = here, frozenset[int]()
        self._greeted: dict[int, float] = {}
        self._asked: dict[int, list[float]] = {}

    def said(self, said: PersonSaid, now: Instant) -> bool:
        """Takes what a person's program said; whether everything is to be judged anew, and reported soon."""
        if isinstance(said.message, local.Pressed) and self._of_notice(said.uid, said.message.notice):
            self._answers.count(said.message.key if said.message.key != local.LATER else "")
        match said.message:
            case local.Hello(what="notifier", languages=languages):
                self._journal.set_meta(
                    _LANGUAGES.format(said.uid), " ".join(tag for tag in languages if " " not in tag)
                )
                return self._came(said.uid) | self._is_here(said.uid)
            case local.Pressed(notice=notice, key=local.REMOVE):
                return self._remove(said.uid, notice, now)
            case local.Pressed(notice=notice, key=local.ASK):
                rows = self._of_notice(said.uid, notice)
                return bool(rows) and self._ask(said.uid, rows[0].subject.ban, "", now)[0]
            case local.Pressed(notice=notice, key=local.LATER):
                return self._put_off_notice(said.uid, notice, now)
            case local.Later(ban=ban, undo=undo):
                rows = [row for row in self._decider.current.values() if row.subject.ban == ban]
                tools = {(ban, row.subject.tool) for row in rows if _concerns(row, said.uid)}
                changed, text = self._put_off(said.uid, tools, undo, now)
                said.reply(local.Answer(ok=bool(tools), text=text or f"No ban {ban!r} concerns you on this machine."))
                return changed
            case local.AskException(ban=ban, reason=reason):
                changed, text = self._ask(said.uid, ban, reason[:_MOST_REASON], now)
                said.reply(local.Answer(ok=bool(text), text=text or f"No ban {ban!r} concerns you on this machine."))
                return changed
            case local.ReportWrong(finding=finding, reason=reason):
                changed, text = self._wrong(said.uid, finding, reason[:_MOST_REASON], now)
                said.reply(local.Answer(ok=bool(text), text=text or f"You have no finding {finding!r}."))
                return changed
            case _:
                return False

    def look_who_is_here(self) -> bool:
        """Whether somebody is here who was not before: they may have to be welcomed."""
        before, sayings = self._decider.sayings.here, self._decider.sayings
        sayings.here = frozenset(self._here()) | self._notified
        return bool(sayings.here - before)

    def _is_here(self, uid: int) -> bool:
        new = uid not in self._decider.sayings.here
        self._notified |= {uid}
        self._decider.sayings.here |= {uid}
        return new

    def _put_off_notice(self, uid: int, notice: str, now: Instant) -> bool:
        """Everything that the notice spoke of."""
        rows = self._of_notice(uid, notice)
        about = {(row.subject.ban, row.subject.tool) for row in rows}
        with_it = self._decider.sayings.told_with
        return self._put_off(uid, about.union(*(with_it.get((*one, uid), ()) for one in about)), False, now)[0]

    def _put_off(self, uid: int, about: set[tuple[str, str]], undo: bool, now: Instant) -> tuple[bool, str]:
        """Puts reminders off until tomorrow, or wants them after all; what happens when stays as it is."""
        changed, text = False, ""
        for ban, tool in sorted(about):
            person = self._memory.person(ban, tool, uid)
            other = not_put_off(person, now) if undo else put_off(person, now)
            if other is None:
                text = text or f"You have put this off {MOST_PUT_OFF} times: the next reminder comes when it is due."
                continue
            if other != person:
                changed = True
                self._answers.count(local.LATER, -1 if undo else 1)
                self._memory.keep_person(ban, tool, uid, other)
                what = "undone" if undo else format_instant(other.later)
                self._journal.add_event(now, uid, {"event": "put-off", "ban": ban, "tool": tool, "until": what})
                self._log.write(Event.PUT_OFF, uid=uid, ban=ban, tool=tool, until=what)
            text = _UNDONE if undo else f"You are reminded on {format_instant(other.later)}. {_STAYS}"
        return changed, text

    def _came(self, uid: int) -> bool:
        """Somebody can be told now who could not be before."""
        at = self._clock()
        if at - self._greeted.get(uid, -_GREETED_EVERY) < _GREETED_EVERY:
            return False
        self._greeted[uid] = at
        waiting = [
            (key, person)
            for key, person in self._memory.persons.items()
            if person.tried and (key[2] == uid or key[2] < FIRST_UID)
        ]
        for key, person in waiting:
            self._memory.keep_person(*key, person._replace(tried=Instant(0)))
        return bool(waiting)

    def _remove(self, uid: int, notice: str, now: Instant) -> bool:
        """What is theirs and can be removed is removed at the next step, whatever the stage."""
        rows = [row for row in self._of_notice(uid, notice) if row.subject.uid == uid and row.subject.pid is None]
        for row in rows:
            self._memory.keep_case(row.case._replace(wished=True))
            self._note(now, uid, _Asked("remove", row.subject.ban, row.subject.finding, "", None))
        return bool(rows)

    def _ask(self, uid: int, ban: str, reason: str, now: Instant) -> tuple[bool, str]:
        rows = [row for row in self._decider.current.values() if row.subject.ban == ban and _concerns(row, uid)]
        if not rows:
            return False, ""
        if not self._may_ask(uid):
            return False, _TOO_OFTEN
        tools = {row.subject.tool for row in rows if row.subject.uid == uid}
        before = self._held_until(ban, tools, uid)
        request = _request()
        self._decider.requested(ban, uid, now, request)
        until = self._held_until(ban, tools, uid)
        self._note(now, uid, _Asked("exception", ban, "", reason, until if until > now else None), request)
        if until > max(now, before):
            return True, f"Your request is written down. Until {format_instant(until)} nothing of yours is blocked."
        if until > now:
            return True, f"You have asked before: nothing of yours is blocked until {format_instant(until)}."
        return True, "Your request is written down. It came too late, or is too general, to hold anything meanwhile."

    def _held_until(self, ban: str, tools: Iterable[str], uid: int) -> Instant:
        return max((self._memory.person(ban, tool, uid).held_until for tool in tools), default=Instant(0))

    def _wrong(self, uid: int, finding: str, reason: str, now: Instant) -> tuple[bool, str]:
        row = self._decider.current.get(finding)
        if row is None or not _concerns(row, uid):
            return False, ""
        if not self._may_ask(uid):
            return False, _TOO_OFTEN
        hold = self._decider.pending_hold()
        once = row.subject.uid == uid and not row.case.held_until and hold > 0
        until = Instant(now + hold) if once else None
        self._note(now, uid, _Asked("wrong", row.subject.ban, finding, reason, until))
        if until is None:
            return True, "Thank you: it is written down for your administrators. Nothing is held for it."
        self._memory.keep_case(held(row.case, until))
        return True, f"Thank you: it is written down. Until {format_instant(until)} this one is left alone."

    def _may_ask(self, uid: int) -> bool:
        """Whether they have asked for little enough today: what is asked for is kept, and sent."""
        now = self._clock()
        recent = [at for at in self._asked.get(uid, []) if now - at < _DAY]
        may = len(recent) < _MOST_A_DAY
        self._asked[uid] = [*recent, now] if may else recent
        return may

    def _of_notice(self, uid: int, notice: str) -> list[Current]:
        rows = self._decider.current.values()
        return [
            row
            for row in rows
            if _concerns(row, uid) and local.notice_id(uid, row.subject.ban, row.subject.tool) == notice
        ]

    def _note(self, now: Instant, uid: int, asked: _Asked, request: str = "") -> None:
        """Writes it into the journal, and queues it for the administrators."""
        until = format_instant(asked.held_until) if asked.held_until else None
        request = request or _request()
        body = {"event": "asked", "request": request, **asked._asdict(), "held_until": until}
        self._journal.add_event(now, uid, body)
        self._log.write(Event.ASKED, what=asked.kind, uid=uid, ban=asked.ban, finding=asked.finding or None)
        if asked.kind == "remove":
            return
        line = RequestLine(
            id=request,
            kind=asked.kind,
            ban=asked.ban,
            finding=self._cover(asked.finding) if asked.finding else "",
            at=format_instant(now)[:10],
            reason=clean(asked.reason, _MOST_REASON),
            held_until=until,
            person=self._pseudonym(uid),
        )
        self._queue([line])


def _request() -> str:
    """The id of a request, new."""
    return "r-" + secrets.token_hex(8)


def spoken(journal: Journal, uid: int) -> tuple[str, ...]:
    """The languages that a person's notifier last named."""
    return tuple(journal.meta(_LANGUAGES.format(uid)).split())


def _concerns(row: Current, uid: int) -> bool:
    """Whether it is this person's, or the system's."""
    return row.subject.uid == uid or row.subject.uid < FIRST_UID
