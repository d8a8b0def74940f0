"""What was granted: exceptions and pauses with who asked, who decided and why. One file beside the repository.

`DIR/granted.json` is the record; what agents read is made from it and holds no names and no reasons. A row is never
taken out: what was revoked or has ended stays, for whoever asks later who allowed what.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from policy_schema.authoring.files import write_file
from policy_schema.document.source import read_document
from policy_schema.errors import BadCommand, BadFile
from policy_schema.rules import granted
from policy_schema.rules.instant import Instant, format_instant, parse_instant
from policy_schema.rules.relief import DAY, Because, device_hash

NAME = "granted.json"
LIMIT = 64 << 20
MAX_DEVICES = 50
"""Devices of one person in one exception."""


class ExceptionRow(Struct, frozen=True, kw_only=True):
    """One exception, for the devices of one person."""

    id: str
    ban: str
    devices: tuple[str, ...]
    reason: str
    asked_by: str
    approved_by: str
    granted: str
    until: str
    revoked: str = ""
    """When it was taken back; empty if it was not."""
    by_console: bool = False
    """A console decided it, and `take` brought it here."""


class PauseRow(Struct, frozen=True, kw_only=True):
    """One ban put to rest for everybody."""

    ban: str
    reason: str
    approved_by: str
    start: str = msgspec.field(name="from")
    until: str
    ended: str = ""
    by_console: bool = False


class AnswerRow(Struct, frozen=True, kw_only=True):
    """A request that a console refused."""

    request: str
    ban: str
    device: str
    because: str
    at: str


class Ledger(Struct, frozen=True):
    """Everything that was ever granted, and the answers of the last weeks."""

    exceptions: tuple[ExceptionRow, ...] = ()
    pauses: tuple[PauseRow, ...] = ()
    answers: tuple[AnswerRow, ...] = ()


class Rules(Struct, frozen=True):
    """What the policy in force allows."""

    bans: frozenset[str]
    max_days: int
    longest_pause: int


def read_ledger(folder: Path) -> Ledger:
    """The record; an empty one where there is none yet.

    Raises:
        BadFile: it cannot be read, or is no record.
    """
    path = folder / NAME
    return read_decided(path) if path.exists() else Ledger()


def read_decided(path: Path) -> Ledger:
    """A record, such as the file that a console wrote.

    Raises:
        BadFile: it cannot be read, or is no record.
    """
    try:
        return msgspec.json.decode(read_document(path, LIMIT), type=Ledger)
    except msgspec.MsgspecError as error:
        raise BadFile(f"{path}: is not a record of grants: {error}", "take the last good one out of git") from error


def write_ledger(folder: Path, ledger: Ledger) -> None:
    """Replaces the record.

    Raises:
        BadFile: the disk refuses.
    """
    write_file(folder / NAME, msgspec.json.format(msgspec.json.encode(ledger), indent=1) + b"\n")


def grant(
    ledger: Ledger,
    rules: Rules,
    *,
    ban: str,
    devices: Sequence[str],
    reason: str,
    asked_by: str,
    approved_by: str,
    until: Instant,
    now: Instant,
) -> tuple[Ledger, ExceptionRow]:
    """The record with one more exception.

    Raises:
        BadCommand: the ban is not in the policy, it lasts too long, or somebody approves their own.
    """
    _known(ban, rules)
    if asked_by.strip().casefold() == approved_by.strip().casefold():
        raise BadCommand("nobody approves their own exception", "somebody else decides: --approved-by NAME")
    if not until > now:
        raise BadCommand("--until is not in the future", "name the last day")
    if until > now + rules.max_days * DAY:
        raise BadCommand(
            f"--until is more than {rules.max_days} days away",
            "the policy's exceptions.max_days says so: name an earlier day",
        )
    if not 1 <= len(set(devices)) <= MAX_DEVICES:
        raise BadCommand(f"an exception is for 1 to {MAX_DEVICES} devices of one person", "name them with --device")
    made = ExceptionRow(
        id=f"x-{secrets.token_hex(5)}",
        ban=ban,
        devices=tuple(dict.fromkeys(devices)),
        reason=reason,
        asked_by=asked_by,
        approved_by=approved_by,
        granted=format_instant(now),
        until=format_instant(until),
    )
    return msgspec.structs.replace(ledger, exceptions=(*ledger.exceptions, made)), made


def revoke(ledger: Ledger, name: str, now: Instant) -> Ledger:
    """The record with an exception taken back.

    Raises:
        BadCommand: there is none of that id, or it has ended.
    """
    if not any(one.id == name and active(one, now) for one in ledger.exceptions):
        raise BadCommand(f"there is no exception {name} that still holds", "see `interdict-policy exceptions list`")
    stamp = format_instant(now)
    rows = (msgspec.structs.replace(one, revoked=stamp) if one.id == name else one for one in ledger.exceptions)
    return msgspec.structs.replace(ledger, exceptions=tuple(rows))


def pause(
    ledger: Ledger, rules: Rules, *, ban: str, reason: str, approved_by: str, seconds: int, now: Instant
) -> tuple[Ledger, PauseRow]:
    """The record with a ban put to rest.

    Raises:
        BadCommand: the ban is not in the policy, it is paused already, or it would last too long.
    """
    _known(ban, rules)
    if any(one.ban == ban and active(one, now) for one in ledger.pauses):
        raise BadCommand(f"{ban} is paused already", "end that one first: --end")
    if not 0 < seconds <= rules.longest_pause:
        hours = rules.longest_pause // 3600
        raise BadCommand(f"a pause lasts {hours}h at most", "the policy's pause.max says so: name a shorter time")
    until = format_instant(Instant(now + seconds))
    made = PauseRow(ban=ban, reason=reason, approved_by=approved_by, start=format_instant(now), until=until)
    return msgspec.structs.replace(ledger, pauses=(*ledger.pauses, made)), made


class Taken(Struct, frozen=True):
    """What a console's file changes, in sentences, and the record with it."""

    ledger: Ledger
    changes: tuple[str, ...]


def take(ledger: Ledger, rules: Rules, decided: Ledger, now: Instant) -> Taken:
    """The record with everything that a console has decided: what is new in its file, and without what is gone from it.

    Raises:
        BadCommand: something in it may not be granted.
    """
    stamp, changes = format_instant(now), []
    known = {one.id for one in ledger.exceptions}
    still = {one.id for one in decided.exceptions}
    rows = []
    for one in ledger.exceptions:
        gone = one.by_console and one.id not in still and active(one, now)
        changes += [f"take back {one.id}: {one.ban} for {len(one.devices)} device(s)"] if gone else []
        rows.append(msgspec.structs.replace(one, revoked=stamp) if gone else one)
    for one in (one for one in decided.exceptions if one.id not in known):
        _may_take(one, rules, now)
        who = f"asked by {one.asked_by}, approved by {one.approved_by}"
        changes.append(f"grant {one.id}: {one.ban} for {len(one.devices)} device(s) until {one.until}; {who}")
        rows.append(msgspec.structs.replace(one, by_console=True, revoked=""))
    pauses = _taken_pauses(ledger, rules, decided, now, changes)
    old = {one.request for one in ledger.answers}
    changes += [f"answer {one.request}: {one.ban} refused" for one in decided.answers if one.request not in old]
    return Taken(Ledger(tuple(rows), tuple(pauses), decided.answers), tuple(changes))


def _may_take(one: ExceptionRow, rules: Rules, now: Instant) -> None:
    _known(one.ban, rules)
    if one.asked_by.strip().casefold() == one.approved_by.strip().casefold():
        raise BadCommand(f"{one.id}: nobody approves their own exception", "somebody else decides at the console")
    try:
        granted_at, until = parse_instant(one.granted), parse_instant(one.until)
    except ValueError as error:
        raise BadCommand(f"{one.id}: {error}", "take the file as the console wrote it") from None
    if until > granted_at + rules.max_days * DAY or granted_at > now + DAY:
        raise BadCommand(f"{one.id} lasts more than {rules.max_days} days", "the policy's exceptions.max_days says so")
    if not 1 <= len(set(one.devices)) <= MAX_DEVICES:
        raise BadCommand(f"{one.id} is for {len(one.devices)} devices", f"1 to {MAX_DEVICES} of one person")


def _taken_pauses(ledger: Ledger, rules: Rules, decided: Ledger, now: Instant, changes: list[str]) -> list[PauseRow]:
    stamp = format_instant(now)
    known = {(one.ban, one.start) for one in ledger.pauses}
    still = {(one.ban, one.start) for one in decided.pauses}
    rows = []
    for one in ledger.pauses:
        gone = one.by_console and (one.ban, one.start) not in still and active(one, now)
        changes += [f"lift the pause of {one.ban}"] if gone else []
        rows.append(msgspec.structs.replace(one, ended=stamp) if gone else one)
    for one in (one for one in decided.pauses if (one.ban, one.start) not in known):
        _known(one.ban, rules)
        if parse_instant(one.until) - parse_instant(one.start) > rules.longest_pause:
            hours = rules.longest_pause // 3600
            raise BadCommand(f"a pause lasts {hours}h at most", "the policy's pause.max says so")
        changes.append(f"pause {one.ban} until {one.until}, by {one.approved_by}")
        rows.append(msgspec.structs.replace(one, by_console=True, ended=""))
    return rows


def end_pause(ledger: Ledger, ban: str, now: Instant) -> Ledger:
    """The record with a pause ended.

    Raises:
        BadCommand: the ban is not paused.
    """
    if not any(one.ban == ban and active(one, now) for one in ledger.pauses):
        raise BadCommand(f"{ban} is not paused", "see `interdict-policy exceptions list`")
    stamp = format_instant(now)
    rows = (
        msgspec.structs.replace(one, ended=stamp) if one.ban == ban and active(one, now) else one
        for one in ledger.pauses
    )
    return msgspec.structs.replace(ledger, pauses=tuple(rows))


def active(row: ExceptionRow | PauseRow, now: Instant) -> bool:
    """Whether it holds now."""
    over = row.revoked if isinstance(row, ExceptionRow) else row.ended
    return not over and parse_instant(row.until) > now


def documents(ledger: Ledger, now: Instant) -> dict[str, bytes]:
    """What the role signs: the pauses, and a document for each bin that has an exception."""
    return granted.documents(
        [
            granted.GrantedException(
                one.id,
                one.ban,
                tuple(map(device_hash, one.devices)),
                parse_instant(one.granted),
                parse_instant(one.until),
            )
            for one in ledger.exceptions
            if active(one, now)
        ],
        [
            granted.GrantedPause(one.ban, parse_instant(one.start), parse_instant(one.until))
            for one in ledger.pauses
            if active(one, now)
        ],
        [
            granted.GivenAnswer(
                one.request, one.ban, device_hash(one.device), Because(one.because), parse_instant(one.at)
            )
            for one in ledger.answers
            if one.because in set(Because)
        ],
    )


def _known(ban: str, rules: Rules) -> None:
    if ban not in rules.bans:
        known = ", ".join(sorted(rules.bans)) or "none"
        raise BadCommand(f"the policy in force has no ban {ban!r}", f"its bans: {known}")
