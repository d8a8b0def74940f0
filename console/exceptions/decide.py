"""Deciding: approving, refusing, taking back, pausing. Each is one transaction with its line in the record.

Nobody approves their own. People at machines are known here by pseudonyms that differ from device to device, so three
things stand between somebody and their own request: devices that are known to be theirs (claimed by them, or written
down by an admin), a name that they give as the asker's and that is their own, and a statement that they tick, which
stands in the record with their name.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from console import audit
from console.access import Viewer
from console.exceptions.words import STATEMENT, NotDecided
from console.policy import Ban, Policy
from console.store.queries import decisions
from policy_schema.rules.relief import DAY, Because

MOST_DEVICES: Final = 50
LONGEST_REASON: Final = 1000


class Wish(NamedTuple):
    """An exception that somebody wants to give. `until` in seconds."""

    ban: str
    devices: tuple[str, ...]
    until: int
    reason: str
    asked_by: str
    """Who asked, as people say it; for a request from a device it may be empty."""
    stated: bool
    """The statement was ticked."""


class Asked(NamedTuple):
    """A request from a device."""

    device_id: str
    request_id: str


def approve_request(
    connection: Connection, policy: Policy | None, viewer: Viewer, asked: Asked, wish: Wish, now: int
) -> str:
    """Approves what was asked for at a device, for that device and others of the same person. The exception's id.

    Raises:
        NotDecided: it may not be given, or somebody has decided already.
    """
    row = _waiting(connection, asked, viewer)
    _not_own(connection, viewer, (asked.device_id,))
    devices = tuple(dict.fromkeys((asked.device_id, *wish.devices)))
    wish = wish._replace(ban=row.ban, devices=devices)
    name = _grant(connection, policy, viewer, wish, now, person=row.person, asked_at=row.received_at)
    _decided(connection, row, viewer, now, {"verdict": "approved", "exception_id": name, "reason": wish.reason})
    return name


def give(connection: Connection, policy: Policy | None, viewer: Viewer, wish: Wish, now: int) -> str:
    """Gives an exception that was asked for on another way. Answers with its id.

    Raises:
        NotDecided: it may not be given.
    """
    if not wish.asked_by.strip():
        raise NotDecided("asker")
    return _grant(connection, policy, viewer, wish, now, person="", asked_at=now)


def _grant(
    connection: Connection, policy: Policy | None, viewer: Viewer, wish: Wish, now: int, *, person: str, asked_at: int
) -> str:
    in_force = _allowed(policy, wish, now)
    if not wish.stated:
        raise NotDecided("statement", statement=STATEMENT)
    if wish.asked_by.strip().casefold() == viewer.name.casefold():
        raise NotDecided("own-name")
    seen = set(connection.execute(decisions.seen_devices(wish.devices, viewer.groups)).scalars())
    if missing := [device for device in wish.devices if device not in seen]:
        raise NotDecided("device", device=missing[0])
    _not_own(connection, viewer, wish.devices)
    name = f"x-{secrets.token_hex(5)}"
    row = {
        "exception_id": name,
        "ban": in_force.id,
        "person": person,
        "asked_by": wish.asked_by.strip()[:120],
        "reason": wish.reason.strip(),
        "asked_at": asked_at,
        "approved_by": viewer.name,
        "statement": STATEMENT,
        "approved_at": now,
        "until": wish.until,
        "withdrawn_by": "",
        "withdrawn_why": "",
    }
    connection.execute(decisions.add_exception(), row)
    rows = [{"device_id": device, "exception_id": name} for device in wish.devices]
    connection.execute(decisions.add_exception_devices(), rows)
    detail = f"{in_force.id} on {len(wish.devices)} device(s) until {wish.until}: {wish.reason.strip()}"
    audit.record(connection, now, who=viewer.name, what="exception-approved", detail=detail, about=name)
    return name


def _allowed(policy: Policy | None, wish: Wish, now: int) -> Ban:
    """Whether the policy in force lets such an exception be given."""
    ban = policy.ban(wish.ban) if policy is not None else None
    if policy is None or ban is None:
        raise NotDecided("ban", ban=wish.ban)
    if not wish.until > now:
        raise NotDecided("over")
    if wish.until > now + policy.max_days * DAY:
        raise NotDecided("days", days=policy.max_days)
    if not 0 < len(wish.reason.strip()) <= LONGEST_REASON:
        raise NotDecided("reason", most=LONGEST_REASON)
    if not 1 <= len(wish.devices) <= MOST_DEVICES:
        raise NotDecided("devices", most=MOST_DEVICES)
    return ban


def refuse_request(
    connection: Connection, viewer: Viewer, asked: Asked, because: Because, reason: str, now: int
) -> None:
    """Refuses a request. The person hears that it was refused and the code why; `reason` stays in the record.

    Raises:
        NotDecided: somebody has decided already, or it is no request for an exception.
    """
    row = _waiting(connection, asked, viewer)
    if row.kind != "exception":
        raise NotDecided("objection")
    given = {"verdict": "refused", "code": because.value, "reason": _said(reason)}
    _decided(connection, row, viewer, now, given)
    detail = f"{row.ban} on {asked.device_id}, {because.value}: {reason}"
    audit.record(connection, now, who=viewer.name, what="exception-refused", detail=detail, about=asked.request_id)


def note_objection(connection: Connection, viewer: Viewer, asked: Asked, reason: str, now: int) -> None:
    """Somebody looked at a finding that a person says is wrong.

    Raises:
        NotDecided: it is none, or somebody else has looked already.
    """
    row = _waiting(connection, asked, viewer)
    if row.kind != "wrong":
        raise NotDecided("wish")
    _decided(connection, row, viewer, now, {"verdict": "noted", "reason": _said(reason)})
    detail = f"{row.ban} on {asked.device_id}: {reason}"
    audit.record(connection, now, who=viewer.name, what="objection-noted", detail=detail, about=asked.request_id)


def withdraw(connection: Connection, viewer: Viewer, name: str, why: str, now: int) -> None:
    """Takes an exception back before its end.

    Raises:
        NotDecided: it is over, or on a device that the viewer may not see.
    """
    if not why.strip():
        raise NotDecided("reason", most=LONGEST_REASON)
    row = connection.execute(decisions.exception_of(name)).one_or_none()
    devices = [one.device_id for one in connection.execute(decisions.exception_devices([name]))]
    seen = set(connection.execute(decisions.seen_devices(devices, viewer.groups)).scalars())
    if row is None or not set(devices) <= seen:
        raise NotDecided("exception", name=name)
    if connection.execute(decisions.withdraw(name, now, viewer.name, _said(why))).rowcount == 0:
        raise NotDecided("withdrawn", name=name)
    detail = f"{row.ban}: {why.strip()}"
    audit.record(connection, now, who=viewer.name, what="exception-withdrawn", detail=detail, about=name)


def set_pause(
    connection: Connection, policy: Policy | None, viewer: Viewer, ban: str, seconds: int, reason: str, now: int
) -> None:
    """Puts a ban to rest for everybody.

    Raises:
        NotDecided: the policy does not allow it, it is paused already, or the viewer is of some groups only.
    """
    if viewer.groups is not None:
        raise NotDecided("some-groups")
    if policy is None or policy.ban(ban) is None:
        raise NotDecided("ban", ban=ban)
    if not 0 < seconds <= policy.pause_max:
        raise NotDecided("hours", hours=policy.pause_max // 3600)
    if not reason.strip():
        raise NotDecided("reason", most=LONGEST_REASON)
    put_pause(connection, ban, seconds, reason=_said(reason), who=viewer.name, by_brake=False, now=now)
    detail = f"{ban} for {seconds // 60} minutes: {reason.strip()}"
    audit.record(connection, now, who=viewer.name, what="paused", detail=detail, about=ban)


def put_pause(
    connection: Connection, ban: str, seconds: int, *, reason: str, who: str, by_brake: bool, now: int
) -> int:
    """Writes a pause down. Answers with its number.

    Raises:
        NotDecided: the ban is paused already.
    """
    if any(row.ban == ban for row in connection.execute(decisions.pauses(now))):
        raise NotDecided("paused", ban=ban)
    row = {
        "ban": ban,
        "reason": reason,
        "set_by": who,
        "by_brake": by_brake,
        "start": now,
        "until": now + seconds,
        "ended_by": "",
    }
    made = connection.execute(decisions.add_pause(), row)
    return int(made.inserted_primary_key[0]) if made.inserted_primary_key else 0


def lift_pause(connection: Connection, viewer: Viewer, ban: str, now: int) -> None:
    """Ends the pause of a ban.

    Raises:
        NotDecided: it is not paused, or the viewer is of some groups only.
    """
    if viewer.groups is not None:
        raise NotDecided("some-groups")
    if connection.execute(decisions.end_pauses(ban, now, viewer.name)).rowcount == 0:
        raise NotDecided("not-paused", ban=ban)
    audit.record(connection, now, who=viewer.name, what="pause-lifted", detail=ban, about=ban)


def claim_device(connection: Connection, viewer: Viewer, device_id: str, name: str, now: int) -> None:
    """Writes down whose a device is, of those who sign in here: they then cannot approve anything on it.

    Raises:
        NotDecided: there is no such device that the viewer may see.
    """
    if not connection.execute(decisions.seen_devices([device_id], viewer.groups)).scalars().all():
        raise NotDecided("device", device=device_id)
    row = {"device_id": device_id, "name": name[:120], "said_by": viewer.name, "said_at": now}
    connection.execute(decisions.put_owner(connection.dialect.name), row)
    audit.record(connection, now, who=viewer.name, what="device-claimed", detail=name, about=device_id)


def find_devices(connection: Connection, viewer: Viewer, names: Sequence[str]) -> tuple[str, ...]:
    """The ids of devices that are named by id or host name.

    Raises:
        NotDecided: one is not there, or its name is that of several.
    """
    found: list[str] = []
    for name in names:
        rows = connection.execute(decisions.some_devices([name], viewer.groups)).all()
        if not rows:
            raise NotDecided("device", device=name)
        if len(rows) > 1:
            raise NotDecided("name", number=len(rows), device=name)
        found.append(rows[0].device_id)
    return tuple(dict.fromkeys(found))


def _waiting(connection: Connection, asked: Asked, viewer: Viewer) -> Any:
    """A request that nobody has decided, on a device that the viewer may see."""
    row = connection.execute(decisions.request_of(asked.device_id, asked.request_id)).one_or_none()
    seen = connection.execute(decisions.seen_devices([asked.device_id], viewer.groups)).scalars().all()
    if row is None or not seen or row.kind not in ("exception", "wrong"):
        raise NotDecided("request")
    before = connection.execute(decisions.decision_of(asked.device_id, asked.request_id)).one_or_none()
    if before is not None:
        raise NotDecided("decided", who=before.decided_by, verdict=before.verdict)
    return row


def _not_own(connection: Connection, viewer: Viewer, devices: Sequence[str]) -> None:
    for row in connection.execute(decisions.owners(devices)):
        if row.name.casefold() == viewer.name.casefold():
            raise NotDecided("own", device=row.device_id)


def _decided(connection: Connection, row: Any, viewer: Viewer, now: int, given: dict[str, str]) -> None:
    usual = {"exception_id": "", "code": "", "reason": ""}
    head = {"device_id": row.device_id, "request_id": row.request_id, "ban": row.ban}
    by = {"decided_by": viewer.name, "decided_at": now}
    connection.execute(decisions.add_decision(), {**usual, **head, **by, **given})


def _said(text: str) -> str:
    return text.strip()[:LONGEST_REASON]
