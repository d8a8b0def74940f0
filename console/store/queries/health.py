"""The statements of the page Health: how the agents themselves are doing."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, case, func, select, tuple_

from console.store.queries.fleet import Silence, in_groups
from console.store.tables import device

Groups = frozenset[str] | None


class Trouble(StrEnum):
    """What a device may need somebody for."""

    SILENT = "silent"
    CLONED = "cloned"
    PROBLEM = "policy-problem"
    NOT_UNDERSTOOD = "not-understood"
    PAUSED = "paused-by-hand"
    OBSERVING = "only-watching"
    BRAKING = "holding-back"
    GATE = "gate-down"
    LEFT_OUT = "left-out"
    KEPT = "kept"
    JOURNAL = "journal-lost"


_HEARTBEAT: Final = {
    Trouble.PAUSED: '"paused_until":"',
    Trouble.LEFT_OUT: '"left_out":["',
    Trouble.KEPT: '"kept":["',
}
"""What stands in the JSON of a heartbeat when it is so: msgspec writes it without blanks."""


def _is(trouble: Trouble, silence: Silence) -> ColumnElement[bool]:
    heartbeat = device.c.heartbeat
    heard = device.c.last_report_at >= silence.now - silence.after
    match trouble:
        case Trouble.SILENT:
            return func.coalesce(device.c.last_report_at, device.c.enrolled_at) < silence.now - silence.after
        case Trouble.CLONED:
            return device.c.cloned_at.is_not(None)
        case Trouble.PROBLEM:
            return heard & (device.c.policy_problem != "")
        case Trouble.NOT_UNDERSTOOD:
            return device.c.not_understood != "[]"
        case Trouble.OBSERVING:
            return device.c.mode == "observe"
        case Trouble.BRAKING:
            return device.c.brake.is_(True)
        case Trouble.GATE:
            return heartbeat.contains('"gate":"killed"') | heartbeat.contains('"gate":"absent"')
        case Trouble.JOURNAL:
            return heartbeat.contains('"journals_lost":') & ~heartbeat.contains('"journals_lost":0,')
        case Trouble.PAUSED | Trouble.LEFT_OUT | Trouble.KEPT:
            return heartbeat.contains(_HEARTBEAT[trouble])


def _seen(groups: Groups) -> list[ColumnElement[bool]]:
    there: list[ColumnElement[bool]] = [device.c.removed_at.is_(None)]
    return there if groups is None else [*there, in_groups(device.c.device_id, groups)]


def counts(silence: Silence, groups: Groups) -> Select[Any]:
    """How many devices have each trouble, a column each; and all devices."""
    columns = [func.sum(case((_is(trouble, silence), 1), else_=0)).label(trouble.name.lower()) for trouble in Trouble]
    return select(*columns, func.count().label("devices")).where(*_seen(groups))


def listed(trouble: Trouble, silence: Silence, groups: Groups, after: tuple[str, str] | None, most: int) -> Select[Any]:
    """The devices with a trouble by name, after the one whose key and id are given."""
    key = tuple_(device.c.host_key, device.c.device_id)
    statement = select(
        device.c.device_id,
        device.c.host_key,
        device.c.host_name,
        device.c.os,
        device.c.agent,
        device.c.last_report_at,
        device.c.enrolled_at,
        device.c.cloned_at,
        device.c.policy_problem,
        device.c.policy_version,
        device.c.not_understood,
        device.c.heartbeat,
    ).where(*_seen(groups), _is(trouble, silence))
    if after is not None:
        statement = statement.where(key > tuple_(*after))
    return statement.order_by(device.c.host_key, device.c.device_id).limit(most)


def agents(silence: Silence, groups: Groups) -> Select[Any]:
    """For each version of the agent and system: devices, and how many of them are silent."""
    silent = func.sum(case((_is(Trouble.SILENT, silence), 1), else_=0)).label("silent")
    return (
        select(device.c.agent, device.c.os, func.count().label("devices"), silent)
        .where(*_seen(groups))
        .group_by(device.c.agent, device.c.os)
        .order_by(device.c.agent.desc(), device.c.os)
        .limit(100)
    )


def not_understood(groups: Groups) -> Select[str, int]:
    """For each list of bans that agents are too old for (as JSON): how many devices."""
    return (
        select(device.c.not_understood, func.count().label("devices"))
        .where(*_seen(groups), device.c.not_understood != "[]")
        .group_by(device.c.not_understood)
        .order_by(func.count().desc())
        .limit(100)
    )


def problems(silence: Silence, groups: Groups) -> Select[str, int]:
    """For each reason why a policy could not be refreshed: how many devices that are heard of."""
    return (
        select(device.c.policy_problem, func.count().label("devices"))
        .where(*_seen(groups), _is(Trouble.PROBLEM, silence))
        .group_by(device.c.policy_problem)
        .order_by(func.count().desc())
        .limit(30)
    )


def agent_versions() -> Select[str]:
    """Every version of the agent that there is, for a filter."""
    return (
        select(device.c.agent)
        .where(device.c.removed_at.is_(None))
        .group_by(device.c.agent)
        .order_by(device.c.agent.desc())
        .limit(50)
    )
