"""What was decided at a moment: the policy in force, its bans in its own words, and the exceptions from them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from console.policy import interface as of_policy
from console.policy import known
from console.reports.shapes import Ban, Claim, Granted, Policy
from console.store.queries import past
from policy_schema.rules.instant import format_instant

LANGUAGES: Final = ("en", "zh-Hans")


def policy_at(connection: Connection, moment: int) -> of_policy.Policy | None:
    """The policy that the console had adopted last by then; None where it followed none."""
    adopted = next((one for one in known.versions(connection) if one.adopted_at <= moment), None)
    return None if adopted is None else known.at_version(connection, adopted.serial)


def head_of(policy: of_policy.Policy | None) -> Policy | None:
    """What the report says of the policy."""
    if policy is None:
        return None
    version = policy.version
    return Policy(
        id=version.policy_id,
        version=version.version,
        signers=version.signers,
        one_signer=version.solo,
        adopted_at=format_instant(version.adopted_at),
    )


def bans_of(policy: of_policy.Policy | None, only: str) -> dict[str, Ban]:
    """The bans of the policy by id, or the one that is asked for."""
    bans = () if policy is None else policy.bans
    return {ban.id: _ban(ban) for ban in bans if not only or ban.id == only}


def granted_at(connection: Connection, moment: int, only: str) -> tuple[Granted, ...]:
    """The exceptions that had been approved by then, newest first."""
    return tuple(
        Granted(
            id=row.exception_id,
            ban=row.ban,
            person=row.person,
            asked_at=format_instant(row.asked_at),
            approved_by=row.approved_by,
            approved_at=format_instant(row.approved_at),
            until=format_instant(row.until),
            devices=row.devices,
            state=_state(row.withdrawn_at, row.until, moment),
        )
        for row in connection.execute(past.exceptions_as_of(moment, only))
    )


def _state(withdrawn_at: int | None, until: int, moment: int) -> str:
    if withdrawn_at is not None and withdrawn_at <= moment:
        return "withdrawn"
    return "in-force" if moment < until else "ended"


def _ban(ban: of_policy.Ban) -> Ban:
    names = [target.name for target in ban.targets] or list(ban.families)
    return Ban(
        id=ban.id,
        name=", ".join(names),
        decided_by=ban.decision.by,
        decided_on=ban.decision.date,
        reference=ban.decision.reference,
        review_by=ban.decision.review_by,
        claims=tuple(Claim(text=one.claim, standing=one.standing, source=one.source) for one in ban.claims),
    )
