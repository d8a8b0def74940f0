"""What is said to people beside the stages: the welcome, reminders, answers, and that something is over.

Belongs to the deciding thread, like the memory that it reads and writes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from agent import lifting, welcome
from agent.case_values import NOTICE_RETRY, Case, Current, Wish
from agent.enforce.interface import Intent
from agent.memory import Memory
from agent.persons import About, Person, told, told_of
from agent.reminders import Coming, Said, gathered, reminded
from policy_schema.rules.instant import Instant, soonest
from policy_schema.rules.rulebook import DeviceRules

Make = Callable[[Current, Wish, Instant], list[Intent]]
"""Intents, with their words, for a wish."""


class Sayings:
    """Gathers what is to be said, and remembers what was."""

    def __init__(self, memory: Memory, quiet: Callable[[Instant], Instant | None], make: Make) -> None:
        """`quiet` tells the end of this machine's quiet hours, within them."""
        self._memory, self.quiet, self._make = memory, quiet, make
        self._reminders: dict[Said, tuple[Current, Wish]] = {}
        self.here: frozenset[int] = frozenset()
        """Who is at the machine now."""
        self.answers: Mapping[str, str] = {}
        """Requests that were refused, with a word for why."""
        self.told_with: dict[tuple[str, str, int], tuple[tuple[str, str], ...]] = {}
        """What else the last reminder of a ban of a tool spoke of to whom."""
        self.wake: Instant | None = None
        """When something else can be due; set by `owed`."""

    def may_tell(self, rules: DeviceRules | None, uid: int) -> bool:
        """Whether reports may speak of what is this person's."""
        kind = rules.device.kind if rules else ""
        return welcome.concerns_nobody(uid, kind) or welcome.seen(self._memory.persons, uid)

    def apart(self, row: Current, wishes: Iterable[Wish]) -> list[Wish]:
        """Keeps reminders, which may go into one notice with others, and gives back the rest."""
        rest: list[Wish] = []
        for wish in wishes:
            if wish.about is About.REMINDER:
                coming = Coming(wish.action, wish.finish_until or Instant(0))
                self._reminders.setdefault(
                    Said(row.subject.uid, row.subject.ban, row.subject.tool, coming), (row, wish)
                )
            else:
                rest.append(wish)
        return rest

    def reminders(self, now: Instant) -> list[Intent]:
        """What is due at once to one person and happens at one moment is said in one notice."""
        rows, self._reminders = self._reminders, {}
        made: list[Intent] = []
        for said, beside in gathered(rows).items():
            row, wish = rows[said]
            self.told_with[said.ban, said.tool, said.uid] = beside
            made += self._make(row, wish._replace(beside=beside), now)
        return made

    def welcomes(self, rules: DeviceRules, owners: Iterable[int], now: Instant) -> list[Intent]:
        """Who has not seen the welcome, and is here or has something that is found."""
        self.wake, quiet = None, self.quiet(now)
        made: list[Intent] = []
        for wish in welcome.due(self._memory.persons, {*self.here, *owners}, rules.device.kind, now):
            self.wake = soonest(self.wake, quiet or Instant(now + NOTICE_RETRY))
            if quiet is None:
                made += self._make(Current(wish.subject, *welcome.standing(wish, now)), wish, now)
                self._tried(welcome.key(wish.subject.uid), now)
        return made

    def owed(self, rules: DeviceRules, names: Mapping[str, str], patience: int, now: Instant) -> list[Intent]:
        """An exception was granted or nobody granted one, a ban rests, is lifted or names less."""
        persons = self._memory.persons
        for key, person in list(lifting.after_lifting(rules, persons, names)):
            self._memory.keep_person(*key, person)
        for key, person in list(lifting.answered(rules, self.answers, persons, now, patience)):
            self._memory.keep_person(*key, person)
        made: list[Intent] = []
        quiet = self.quiet(now)
        for key, wish in list(lifting.owed(rules, persons, now)) if quiet is None else []:
            row = Current(wish.subject, *lifting.standing_of(wish), Case(wish.subject, now))
            made += self._make(row, wish, now)
            self._tried(key, now)
        self.wake = soonest(self.wake, lifting.next_answer(persons, now, patience))
        for tried in [one.tried for one in persons.values() if one.owed is not About.STAGE]:
            self.wake = soonest(self.wake, quiet or Instant(tried + NOTICE_RETRY))
        return made

    def shown(self, intent: Intent, now: Instant) -> None:
        """A notice was shown to its person."""
        for ban, tool in ((intent.ban, intent.tool), *intent.beside):
            person = self._memory.person(ban, tool, intent.uid)
            self._memory.keep_person(ban, tool, intent.uid, _told(person, intent, now))

    def _tried(self, key: tuple[str, str, int], now: Instant) -> None:
        self._memory.keep_person(*key, self._memory.person(*key)._replace(tried=now))


def _told(person: Person, intent: Intent, now: Instant) -> Person:
    until = intent.let_finish_until
    match intent.about:
        case About.STAGE:
            return told(person, intent.action, now)
        case About.WELCOME:
            return welcome.shown(person, now)
        case About.REMINDER:
            return reminded(person, Coming(intent.action, until) if until is not None else None, now)
        case _:
            return told_of(person, intent.about, until, now)
