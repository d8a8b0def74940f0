"""Cases and persons in memory, written through to the journal. The deciding thread alone owns them."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from agent.brake import Brake
from agent.cases import Case
from agent.persons import Person
from agent.report.journal import Journal
from policy_schema.rules.instant import Instant

T = TypeVar("T")
KEEP_GONE = 90 * 86400
"""How long a case that is gone is remembered, in seconds: what comes back within it is counted."""
KEEP_ENDED = 3600
"""… and that of a process, which cannot come back: long enough for whoever looks at `status` afterwards."""
MOST_GONE = 2000
"""Cases that are gone and remembered at most, the newest: anybody can make and delete folders all day."""


class Memory:
    """What this machine remembers of its findings and of what it told whom."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.cases: dict[str, Case] = {}
        self.persons: dict[tuple[str, str, int], Person] = {}
        self.brake = Brake()
        self.reload()

    def reload(self) -> None:
        """Reads everything from the journal: also after a write that failed, so that both say the same again."""
        journal = self._journal
        self.cases.clear()
        self.persons.clear()
        for key, body in journal.bodies("cases"):
            case = _read(body, Case)
            if case is not None:
                self.cases[key] = case
        for key, body in journal.bodies("persons"):
            person = _read(body, Person)
            ban, _, rest = key.partition("\0")
            tool, _, uid = rest.partition("\0")
            if person is not None:
                self.persons[ban, tool, int(uid)] = person
        self.brake = _read(_json(journal.meta("brake")), Brake) or Brake()

    def person(self, ban: str, tool: str, uid: int) -> Person:
        """What this person has been told about this ban of this tool."""
        return self.persons.get((ban, tool, uid), Person())

    def running(self) -> list[tuple[int, float, str]]:
        """Processes that were findings and had not ended when this was last written: (pid, start, file)."""
        subjects = (case.subject for case in self.cases.values() if case.gone_at is None)
        return [(one.pid, one.started or 0.0, one.path) for one in subjects if one.pid is not None]

    def keep_case(self, case: Case) -> bool:
        """Writes a case if it changed; says whether it did."""
        key = case.subject.finding
        if self.cases.get(key) == case:
            return False
        self.cases[key] = case
        self._journal.put_case(key, _row(case), case.gone_at)
        return True

    def keep_person(self, ban: str, tool: str, uid: int, person: Person) -> None:
        """Writes what a person has been told, if it changed."""
        if self.persons.get((ban, tool, uid)) != person:
            self.persons[ban, tool, uid] = person
            self._journal.put_person(ban, tool, uid, _row(person))

    def keep_brake(self, brake: Brake) -> None:
        """Writes the brake, if it changed."""
        if brake != self.brake:
            self.brake = brake
            self._journal.set_meta("brake", msgspec.json.encode(_row(brake)).decode())

    def forget(self, now: Instant) -> None:
        """Drops what has been gone for three months, processes that have ended, and what is too much of it."""
        gone = sorted((case.gone_at, key) for key, case in self.cases.items() if case.gone_at is not None)
        too_many = len(gone) - MOST_GONE
        for number, (at, key) in enumerate(gone):
            keep = KEEP_GONE if self.cases[key].subject.pid is None else KEEP_ENDED
            if number < too_many or at < now - keep:
                del self.cases[key]
                self._journal.drop_case(key)


def _row(value: tuple[object, ...]) -> dict[str, object]:
    """Named tuples as a JSON object with one list, so that later versions can add fields at the end."""
    return {"t": msgspec.to_builtins(value)}


def _read(body: dict[str, object] | None, kind: type[T]) -> T | None:
    """A damaged or foreign row is forgotten: the next look makes a new case of it."""
    try:
        return msgspec.convert((body or {}).get("t"), kind)
    except msgspec.ValidationError:
        return None


def _json(text: str) -> dict[str, object] | None:
    try:
        value = msgspec.json.decode(text.encode()) if text else None
    except msgspec.DecodeError:
        return None
    return value if isinstance(value, dict) else None
