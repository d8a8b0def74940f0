"""What a policy that asks for less than the one before gives back, and to whom it is said. Pure.

A ban that is lifted says itself what happens to what was put aside (`restore`, `offer`, `keep`). One that was made
narrower gives back by itself what it no longer names: nobody has to ask for what is not forbidden. A ban that merely
vanished is neither: it stays (`policy_schema.rules.vanished`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from agent.cases import NOTICE_RETRY, Case, Kind, Standing, Subject, Wish
from agent.enforce.manifest import Record
from agent.inventory.installations import Installation
from agent.persons import DAY, About, Person, released, unanswered
from policy_schema.rules.decision import Action, Decision, Identity, State
from policy_schema.rules.identity import finding_id, parse_purl
from policy_schema.rules.instant import Instant
from policy_schema.rules.observation import Confidence, Face, Match, Observation
from policy_schema.rules.rulebook import DeviceRules

Key = tuple[str, str, int]
"""Ban, tool, user id."""
_NOTHING = Identity("", "", (), Confidence.WEAK)


def given_back(rules: DeviceRules, held: Iterable[Record], now: Instant) -> Iterator[tuple[Record, About]]:
    """What of that which vaults hold is put back by itself, and why: its ban was lifted, or made narrower."""
    for record in held:
        lifted = rules.book.lifted.get(record.ban)
        if lifted is not None and lifted.get("quarantine") == "restore":
            yield record, About.LIFTED
        elif lifted is None and no_longer_named(rules, record, now):
            yield record, About.NARROWED


def no_longer_named(rules: DeviceRules, record: Record, now: Instant) -> bool:
    """Whether the ban that took it is in force, but names its tool or its version no more.

    A version that is not known, and a ban that nobody knows, say nothing: then it stays where it is.
    """
    ban = next((one for one in rules.book.bans if one.id == record.ban), None)
    if ban is None:
        return False
    if all(target.tool != record.tool for target in ban.targets):
        return True
    version = version_of(record)
    if not version:
        return False
    seen = Observation("vault", Face.PACKAGE, record.path, uid=record.uid, purl=record.purl)
    known = Identity(record.tool, version, (Match.PACKAGE_IDENTITY,), Confidence.EXACT)
    return all(decision.ban != record.ban for decision in rules.decisions(seen, now, known))


def version_of(record: Record) -> str:
    """Which version a quarantine holds, if its package says so."""
    try:
        return parse_purl(record.purl).version if record.purl else ""
    except ValueError:
        return ""


def is_allowed_now(case: Case, rules: DeviceRules, installations: Iterable[Installation]) -> bool:
    """Whether what a case was about is there as it was, and the ban that named it goes on without naming it."""
    subject = case.subject
    if all(ban.id != subject.ban for ban in rules.book.bans):
        return False
    same = (subject.path, subject.tool, subject.version)
    return any((one.path, one.tool, one.version) == same for one in installations)


def after_lifting(
    rules: DeviceRules, persons: Mapping[Key, Person], names: Mapping[str, str]
) -> Iterator[tuple[Key, Person]]:
    """Everybody who was told of a ban that is lifted by now: they are owed a word, and what was told before is over.

    `names` of tools are those of the former policy: one that bans a tool no more need not know it either.
    """
    for key, person in persons.items():
        if key[0] in rules.book.lifted and person.owed is not About.LIFTED:
            freed = released(person, About.LIFTED, names.get(key[1], ""))
            if freed != person:
                yield key, freed


def owed(rules: DeviceRules, persons: Mapping[Key, Person], now: Instant) -> Iterator[tuple[Key, Wish]]:
    """What is to be said beside the stages, to whom it could not be said yet; tried again every few minutes."""
    for key, person in persons.items():
        if person.owed is not About.STAGE and (now >= person.tried + NOTICE_RETRY or person.tried > now):
            until = _until(rules, key, person)
            after = About.HELD if person.owed is About.EXCEPTED and person.asked else About.STAGE
            yield key, Wish(Kind.NOTIFY, _subject(key, person), Action.NOTIFY, until, about=person.owed, after=after)


def answered(
    rules: DeviceRules, answers: Mapping[str, str], persons: Mapping[Key, Person], now: Instant, patience: int
) -> Iterator[tuple[Key, Person]]:
    """Everybody whose request has its answer by now: an exception that names their ban, a refusal (`answers`: why, by
    request), or `patience` seconds (a day at least) without either."""
    for key, person in persons.items():
        granted = any(one.ban == key[0] and one.until > now for one in rules.exceptions)
        if person.asked and granted and person.owed is not About.EXCEPTED:
            yield key, person._replace(owed=About.EXCEPTED)
        elif not granted and person.request in answers and person.owed is not About.REFUSED:
            yield key, person._replace(owed=About.REFUSED, detail=answers[person.request])
        elif not granted and unanswered(person, now, max(patience, DAY)):
            yield key, person._replace(owed=About.UNANSWERED, asked=Instant(0), request="", after=About.STAGE)


def next_answer(persons: Mapping[Key, Person], now: Instant, patience: int) -> Instant | None:
    """When the next request that has no answer can be said to have none."""
    waits = (max(one.held_until, one.asked + max(patience, DAY)) for one in persons.values() if one.asked)
    return min((Instant(at) for at in waits if at > now), default=None)


def standing_of(wish: Wish) -> tuple[Decision, Standing]:
    """How what is only to be said stands: nothing applies to it."""
    identity = _NOTHING._replace(tool=wish.subject.tool)
    nothing = Decision(wish.subject.ban, identity, State.LIFTED, Action.REPORT, None, None, None, None, 0, None, ())
    return nothing, Standing(State.LIFTED, Action.REPORT, ())


def _subject(key: Key, person: Person) -> Subject:
    ban, tool, uid = key
    about = finding_id(ban, tool, Face.PACKAGE, f"{person.owed} {uid}", None, None)
    return Subject(about, "", ban, tool, Face.PACKAGE, "", uid, version=person.detail)


def _until(rules: DeviceRules, key: Key, person: Person) -> Instant | None:
    """The end of what they are told of."""
    match person.owed:
        case About.HELD:
            return person.held_until
        case About.REFUSED:
            return person.held_until or None
        case About.EXCEPTED:
            return max((one.until for one in rules.exceptions if one.ban == key[0]), default=None)
        case About.PAUSED:
            return max((one.until for one in rules.pauses if one.ban == key[0]), default=None)
        case _:
            return None
