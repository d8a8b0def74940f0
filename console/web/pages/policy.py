"""The policy: which versions there were, who signed them, what each one changed, and which devices follow which."""

from __future__ import annotations

import importlib
from typing import Any, Final

from sqlalchemy import Connection
from starlette.responses import Response

from console import policy as policies
from console.policy import Policy, Version
from console.store.queries import trends
from console.store.queries.fleet import Silence
from console.web import figures
from console.web.context import Context, Visit

SHOWN: Final = 30
DIFFERENCES: Final = "policy_schema.document.diff"
CLOSED: Final = "policy_schema.document.closed"


def show(context: Context, visit: Visit) -> Response:
    """Versions and their adoption."""
    silence, groups = context.silence(), visit.viewer.groups
    counted = context.counted(("policy", groups), lambda connection: _counted(connection, context.silence(), groups))
    with context.database.read() as connection:
        versions = policies.versions(connection, SHOWN)
        return context.page(
            visit,
            "policy.html",
            title="Policy",
            charts=True,
            policy=policies.current(connection),
            troubles=policies.troubles(connection, silence.now),
            versions=versions,
            known={(one.version, one.policy_id): one for one in versions},
            as_of=counted.as_of,
            **counted.value,
        )


def _counted(connection: Connection, silence: Silence, groups: frozenset[str] | None) -> dict[str, Any]:
    """Which devices follow which version, now and by day."""
    rows = [
        (row.day, row.version, row.before, row.devices) for row in connection.execute(trends.versions_by_day(groups))
    ]
    return {
        "in_force": connection.execute(trends.versions_now(groups, silence.now - silence.after)).all(),
        "adoption": figures.versions(rows, silence.now),
    }


def version(context: Context, visit: Visit) -> Response:
    """One version: who signed it, and what it changed, in words."""
    serial = int(visit.part("serial"))
    with context.database.read() as connection:
        policy = policies.at_version(connection, serial) if serial < 2**31 else None
        if policy is None:
            return context.nothing(visit, "There is no such version of the policy.")
        before = policies.at_version(connection, serial - 1) if serial > 1 else None
        return context.page(
            visit,
            "policy_version.html",
            title=f"Policy version {policy.version.version}",
            policy=policy,
            version=policy.version,
            before=before.version if before else None,
            changes=changes(before, policy),
            newest=_newest(connection),
        )


def _newest(connection: Connection) -> Version | None:
    return next(iter(policies.versions(connection, 1)), None)


def changes(before: Policy | None, after: Policy) -> tuple[Any, ...]:
    """What a version changed, sentence by sentence. Loads the models of documents, which nothing else here needs."""
    closed: Any = importlib.import_module(CLOSED)
    differ: Any = importlib.import_module(DIFFERENCES)
    old = closed.parse_closed(before.document) if before else None
    found: tuple[Any, ...] = differ.differences(old, closed.parse_closed(after.document))
    return found
