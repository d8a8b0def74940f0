"""Enrolment in the database: the secret is counted, the key is bound."""

from __future__ import annotations

import hashlib

import msgspec
from sqlalchemy import Connection

from console import audit
from console.ingest.verify import AcceptedEnrolment, Refused
from console.state import Looked, standing_of, why_partial
from console.store import past
from console.store.queries import ingest, seen
from console.store.tables import DAY, host_key
from policy_schema.messages.enrol import DeviceFacts
from policy_schema.messages.wire import clean

NOTHING_YET = Looked(trust="none", unknown=(), sources=0, not_understood=())


def store_enrolment(connection: Connection, accepted: AcceptedEnrolment, now: int) -> None:
    """Binds the key. The same key again costs no use of the secret, so that a lost answer can be asked for again.

    Raises:
        Refused: 403, the secret is unknown, used up or expired.
    """
    secret_id = _good_secret(connection, accepted.request.secret, now)
    enrolled = connection.execute(ingest.enrolled(accepted.device)).one_or_none()
    facts = facts_columns(accepted.request.facts)
    put_groups(connection, accepted.device, accepted.request.facts)
    if enrolled is not None:
        connection.execute(ingest.set_device(accepted.device, {**facts, "removed_at": None}))
        connection.execute(seen.note([enrolled.host_key, str(facts["host_key"])]))
        past.note_enrolled(connection, accepted.device, facts, now)
        return
    if connection.execute(ingest.use_secret(secret_id)).rowcount == 0:
        raise _refused("used up")
    connection.execute(ingest.add_device({**_new_device(accepted, secret_id, now), **facts}))
    connection.execute(seen.note([str(facts["host_key"])]))
    connection.execute(ingest.begin_epoch(accepted.device, accepted.request.epoch, now))
    past.note_enrolled(connection, accepted.device, facts, now)
    audit.record(connection, now, who=accepted.device, what="enrolled", detail=f"with secret {secret_id}")


def facts_columns(facts: DeviceFacts) -> dict[str, object]:
    """A device's facts as columns, cleaned: they come from a machine."""
    host_name = clean(facts.host_name) or "(no name)"
    return {
        "host_name": host_name,
        "host_key": host_key(host_name),
        "os": facts.os,
        "os_version": clean(facts.os_version),
        "kind": facts.kind,
        "ownership": facts.ownership,
        "region": None if facts.region is None else clean(facts.region),
        "groups": None
        if facts.groups is None
        else msgspec.json.encode([clean(group) for group in facts.groups]).decode(),
        "agent": clean(facts.agent),
    }


def put_groups(connection: Connection, device: str, facts: DeviceFacts) -> None:
    """The device's groups as rows, for lists and for the scopes of viewers."""
    connection.execute(ingest.drop_groups(device))
    rows = [{"device_id": device, "group": name} for name in sorted({clean(group) for group in facts.groups or ()})]
    if rows:
        connection.execute(ingest.add_groups(), rows)


def secret_digest(secret: str) -> str:
    """How an enrolment secret is stored. It is 256 random bits, so a plain hash cannot be guessed backwards."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _good_secret(connection: Connection, secret: str, now: int) -> int:
    row = connection.execute(ingest.secret(secret_digest(secret))).one_or_none()
    if row is None:
        raise _refused("unknown")
    if row.expires_at <= now:
        raise _refused("expired")
    return int(row.secret_id)


def _refused(why: str) -> Refused:
    return Refused(
        403, "secret-refused", f"the secret is {why}", "Ask for a new one: interdict-console enroll-secret new."
    )


def _new_device(accepted: AcceptedEnrolment, secret_id: int, now: int) -> dict[str, object]:
    return {
        "device_id": accepted.device,
        "public_key": accepted.public_key,
        "enrolled_at": now,
        "heard_on": now // DAY,
        "secret_id": secret_id,
        "epoch": accepted.request.epoch,
        "standing": standing_of((), NOTHING_YET).value,
        "why": msgspec.json.encode(why_partial(NOTHING_YET)).decode(),
    }
