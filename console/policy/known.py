"""The policies that this console has adopted, out of the database, and what is wrong with following them."""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row

from console.policy.interface import Policy, Trouble, Version
from console.policy.read import read_policy
from console.store.queries import brake, decisions, policies

ALL: Final = 10_000
SOON: Final = 14 * 86_400
"""Seconds before the end of what people sign at which the page says so."""
BY_TIMERS: Final = ("timestamp", "snapshot")
_KEPT: Final = 4
_read: OrderedDict[tuple[str, int, int], Policy] = OrderedDict()
_lock = threading.Lock()


def current(connection: Connection) -> Policy | None:
    """The policy in force; None where the console follows none, or has not seen one yet."""
    row = connection.execute(policies.newest(1)).one_or_none()
    return None if row is None else _policy(connection, version_of(row))


def versions(connection: Connection, most: int = ALL) -> tuple[Version, ...]:
    """What was adopted, newest first."""
    return tuple(version_of(row) for row in connection.execute(policies.newest(most)))


def at_version(connection: Connection, serial: int) -> Policy | None:
    """The policy of a version, by the console's own count."""
    row = connection.execute(policies.head_of(serial)).one_or_none()
    return None if row is None else _policy(connection, version_of(row))


def reported(connection: Connection, version: int, policy_id: str) -> Version | None:
    """The version that devices name by these two; None where this console never saw it."""
    row = connection.execute(policies.version_of(version, policy_id)).one_or_none()
    return None if row is None else version_of(row)


def troubles(connection: Connection, now: int) -> tuple[Trouble, ...]:
    """What is wrong with the policy as this console sees it; empty when nothing is."""
    follow = connection.execute(policies.follow()).one_or_none()
    if follow is None or not follow.source:
        advice = "Name source and trust_root under [policy] in console.toml, as docs/exceptions.md says."
        return (
            Trouble("not-set-up", "This console follows no policy", advice, None, ""),
            *_of_decisions(connection, now),
        )
    found: list[Trouble] = []
    if follow.problem:
        found.append(Trouble(follow.problem, follow.message, follow.advice, follow.problem_since, follow.source))
    row = connection.execute(policies.newest(1)).one_or_none()
    if row is not None:
        found += _of_version(row, follow.source, now)
    elif not follow.problem:
        found.append(Trouble("never-asked", "The policy was not looked at yet", "Wait a minute.", None, follow.source))
    return (*found, *_of_decisions(connection, now))


def _of_decisions(connection: Connection, now: int) -> Iterator[Trouble]:
    """What was decided about it and needs somebody: not published, an alarm of the brake, a ban at rest."""
    row = connection.execute(decisions.publishing()).one_or_none()
    if row is not None and row.problem:
        yield Trouble("not-published", row.problem, row.advice, row.problem_since, "exceptions")
    look = "Look at it on the page Exceptions."
    for alarm in connection.execute(brake.alarms(now)):
        if alarm.closed_at is None:
            yield Trouble("alarm", f"The brake of the fleet: {alarm.ban}", look, alarm.raised_at, "brake")
    for one in connection.execute(decisions.pauses(now)):
        yield Trouble("paused", f"{one.ban} is paused for everybody", look, one.start, "exceptions")


def _of_version(row: Row[Any], source: str, now: int) -> list[Trouble]:
    found: list[Trouble] = []
    for role, end in version_of(row).expires.items():
        if role not in BY_TIMERS and now < end <= now + SOON:
            days = (end - now) // 86_400
            advice = "Sign and publish again: docs/publishing.md."
            found.append(Trouble("expires-soon", f"The {role} signatures end in {days} days", advice, None, source))
    if row.granted_trouble:
        advice = "Devices keep the exceptions they know. See `interdict-policy verify`."
        found.append(Trouble("exceptions-refused", row.granted_trouble, advice, None, source))
    return found


def version_of(row: Row[Any]) -> Version:
    """A row of the versions."""
    return Version(
        serial=row.serial,
        version=row.version,
        policy_id=row.policy_id,
        organisation=row.organisation,
        signers=msgspec.json.decode(row.signers, type=tuple[str, ...]),
        threshold=row.threshold,
        solo=row.solo,
        signed_at=row.signed_at,
        adopted_at=row.adopted_at,
        confirmed_at=row.confirmed_at,
        expires=msgspec.json.decode(row.expires, type=dict[str, int]),
        expires_at=row.expires_at,
        granted_version=row.granted_version,
    )


def _policy(connection: Connection, version: Version) -> Policy:
    """A large policy is read once: its content never changes, its dates do."""
    key = (version.policy_id, version.version, version.serial)
    with _lock:
        known = _read.get(key)
    if known is None:
        packed = connection.execute(policies.document_of(version.serial)).scalar_one()
        known = read_policy(version, zlib.decompress(packed))
        with _lock:
            _read[key] = known
            while len(_read) > _KEPT:
                _read.popitem(last=False)
    return known._replace(version=version)
