"""The statements of what goes up and down: devices hit day by day, who moved, which versions are in force, what comes.

Each counts over the fleet and takes `groups`: those that a viewer may see, None for everything.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Subquery, and_, case, distinct, func, or_, select

from console.state import DOES_NOT_COUNT, NO_COPY
from console.store.queries.fleet import in_groups
from console.store.tables import device, finding, move, request
from console.store.tables_decisions import exception_device, exception_grant
from console.store.tables_fleet import device_group
from console.store.tables_schedules import device_past

DAY: Final = 86_400
Groups = frozenset[str] | None


def _seen(groups: Groups, device_id: ColumnElement[str]) -> list[ColumnElement[bool]]:
    return [] if groups is None else [in_groups(device_id, groups)]


def _there(groups: Groups, ban: str = "") -> list[ColumnElement[bool]]:
    """Findings that are there and count, of devices in the fleet."""
    conditions = [
        device.c.removed_at.is_(None),
        finding.c.gone_at.is_(None),
        finding.c.state.not_in(DOES_NOT_COUNT),
        *_seen(groups, finding.c.device_id),
    ]
    return [*conditions, finding.c.ban == ban] if ban else conditions


def _spans(ban: str, groups: Groups) -> Subquery:
    """For each device: when something banned was first reported, and when the last of it was gone."""
    ended = case((func.count(finding.c.gone_at) == func.count(), func.max(finding.c.gone_at)), else_=None)
    statement = (
        select(finding.c.device_id, func.min(finding.c.first_reported_at).label("began"), ended.label("ended"))
        .join(device, device.c.device_id == finding.c.device_id)
        .where(device.c.removed_at.is_(None), finding.c.state.not_in(DOES_NOT_COUNT))
        .where(*_seen(groups, finding.c.device_id))
        .group_by(finding.c.device_id)
    )
    return (statement.where(finding.c.ban == ban) if ban else statement).subquery("spans")


def appeared(ban: str, groups: Groups) -> Select[int, int]:
    """For each day (as its first second): on how many devices something banned was reported for the first time."""
    spans = _spans(ban, groups)
    day = (spans.c.began - spans.c.began % DAY).label("day")
    return select(day, func.count()).group_by(day)


def vanished(ban: str, groups: Groups) -> Select[int, int]:
    """For each day: from how many devices the last of it was gone."""
    spans = _spans(ban, groups)
    day = (spans.c.ended - spans.c.ended % DAY).label("day")
    return select(day, func.count()).where(spans.c.ended.is_not(None)).group_by(day)


def moved(groups: Groups, tool: str = "") -> Select[str, int]:
    """For each day as devices wrote it: on how many of them an alternative was seen for the first time."""
    first = (
        select(move.c.device_id, func.min(move.c.seen_at).label("day"))
        .join(device, device.c.device_id == move.c.device_id)
        .where(move.c.gone_at.is_(None), device.c.removed_at.is_(None), *_seen(groups, move.c.device_id))
        .where(*([move.c.tool == tool] if tool else []))
        .group_by(move.c.device_id)
        .subquery()
    )
    return select(first.c.day, func.count()).group_by(first.c.day)


def moved_between(groups: Groups) -> Select[str, str, int]:
    """From which tool to which, on how many devices."""
    return (
        select(move.c.from_tool, move.c.tool, func.count(distinct(move.c.device_id)).label("devices"))
        .join(device, device.c.device_id == move.c.device_id)
        .where(move.c.gone_at.is_(None), device.c.removed_at.is_(None), *_seen(groups, move.c.device_id))
        .group_by(move.c.from_tool, move.c.tool)
        .order_by(func.count(distinct(move.c.device_id)).desc(), move.c.tool)
        .limit(50)
    )


def moved_or_not(groups: Groups) -> Select[int, int, int, int]:
    """How many devices have an alternative and something banned, which of the two alone, and how many there are."""
    # Joined and not asked for with IN inside the sum: PostgreSQL would look through the whole list for each device.
    counts = and_(finding.c.gone_at.is_(None), finding.c.state.not_in(DOES_NOT_COUNT))
    having = select(finding.c.device_id).where(counts).distinct().subquery("having")
    moving = select(move.c.device_id).where(move.c.gone_at.is_(None)).distinct().subquery("moving")
    found, alternative = having.c.device_id.is_not(None), moving.c.device_id.is_not(None)
    return (
        select(
            func.sum(case((and_(alternative, found), 1), else_=0)).label("both"),
            func.sum(case((and_(alternative, ~found), 1), else_=0)).label("moved"),
            func.sum(case((and_(~alternative, found), 1), else_=0)).label("banned"),
            func.count().label("devices"),
        )
        .select_from(device)
        .outerjoin(having, having.c.device_id == device.c.device_id)
        .outerjoin(moving, moving.c.device_id == device.c.device_id)
        .where(device.c.removed_at.is_(None), *_seen(groups, device.c.device_id))
    )


def versions_by_day(groups: Groups) -> Select[int, int, int, int]:
    """Day, policy version, how many devices took it up, how many left it."""
    before = func.lag(device_past.c.policy_version).over(
        partition_by=device_past.c.device_id, order_by=device_past.c.at
    )
    rows = (
        select(device_past.c.at, device_past.c.policy_version.label("version"), before.label("before"))
        .where(*_seen(groups, device_past.c.device_id))
        .subquery()
    )
    day = (rows.c.at - rows.c.at % DAY).label("day")
    return (
        select(day, rows.c.version, rows.c.before, func.count().label("devices"))
        .where(or_(rows.c.before.is_(None), rows.c.before != rows.c.version))
        .group_by(day, rows.c.version, rows.c.before)
    )


def versions_now(groups: Groups, heard_since: int) -> Select[Any]:
    """The policy versions in force, with the devices that were heard of lately and those that were not."""
    lately = func.sum(case((device.c.last_report_at >= heard_since, 1), else_=0)).label("lately")
    return (
        select(device.c.policy_version, device.c.policy_id, func.count().label("devices"), lately)
        .where(device.c.removed_at.is_(None), device.c.last_report_at.is_not(None))
        .where(*_seen(groups, device.c.device_id))
        .group_by(device.c.policy_version, device.c.policy_id)
        .order_by(device.c.policy_version.desc(), func.count().desc())
        .limit(50)
    )


def coming(now: str, until: str, groups: Groups) -> Select[Any]:
    """Which rung of which ban comes when for what is there, on how many devices. Instants as devices write them."""
    return (
        select(
            finding.c.ban,
            finding.c.next_action,
            finding.c.next_from,
            func.count(distinct(finding.c.device_id)).label("devices"),
        )
        .join(device, device.c.device_id == finding.c.device_id)
        .where(*_there(groups), finding.c.next_from > now, finding.c.next_from <= until)
        .group_by(finding.c.ban, finding.c.next_action, finding.c.next_from)
        .order_by(finding.c.next_from, finding.c.ban)
        .limit(20)
    )


def holds_ending(now: str, until: str, groups: Groups) -> Select[str, str, int]:
    """Requests whose hold ends, by ban: the first instant and how many."""
    return (
        select(request.c.ban, func.min(request.c.held_until).label("first"), func.count().label("requests"))
        .where(request.c.held_until > now, request.c.held_until <= until, *_seen(groups, request.c.device_id))
        .group_by(request.c.ban)
        .order_by(func.min(request.c.held_until))
        .limit(20)
    )


def exceptions_lapsing(now: int, until: int, groups: Groups) -> Select[str, int, int]:
    """Exceptions that end, by ban: the first instant and how many devices they cover."""
    return (
        select(
            exception_grant.c.ban,
            func.min(exception_grant.c.until).label("first"),
            func.count(distinct(exception_device.c.device_id)).label("devices"),
        )
        .join(exception_device, exception_device.c.exception_id == exception_grant.c.exception_id)
        .where(exception_grant.c.until > now, exception_grant.c.until <= until)
        .where(exception_grant.c.withdrawn_at.is_(None), *_seen(groups, exception_device.c.device_id))
        .group_by(exception_grant.c.ban)
        .order_by(func.min(exception_grant.c.until))
        .limit(20)
    )


def bans(groups: Groups) -> Select[str, int, int]:
    """For each ban: on how many devices something of it is there, and how many installations.

    A setting that names the tool or a banned model counts for the device, and is no installation.
    """
    one = case((finding.c.installation == "", finding.c.finding_id), else_=finding.c.installation)
    copy = case((finding.c.face.not_in(NO_COPY), finding.c.device_id + "/" + one), else_=None)
    return (
        select(
            finding.c.ban,
            func.count(distinct(finding.c.device_id)).label("devices"),
            func.count(distinct(copy)).label("installations"),
        )
        .join(device, device.c.device_id == finding.c.device_id)
        .where(*_there(groups))
        .group_by(finding.c.ban)
    )


def treated(ban: str, groups: Groups) -> Select[Any]:
    """What a ban found, by how it is treated and what comes next: devices, and whether it is there."""
    gone = case((finding.c.gone_at.is_(None), 0), else_=1).label("gone")
    return (
        select(
            finding.c.state,
            finding.c.action,
            finding.c.next_action,
            finding.c.next_from,
            gone,
            func.count(distinct(finding.c.device_id)).label("devices"),
        )
        .join(device, device.c.device_id == finding.c.device_id)
        .where(device.c.removed_at.is_(None), finding.c.ban == ban, *_seen(groups, finding.c.device_id))
        .group_by(finding.c.state, finding.c.action, finding.c.next_action, finding.c.next_from, gone)
        .order_by(func.count(distinct(finding.c.device_id)).desc())
    )


def outcomes(ban: str, groups: Groups) -> Select[str, int]:
    """What was done last about a ban's findings, on how many devices."""
    return (
        select(finding.c.outcome, func.count(distinct(finding.c.device_id)).label("devices"))
        .join(device, device.c.device_id == finding.c.device_id)
        .where(device.c.removed_at.is_(None), finding.c.ban == ban, finding.c.outcome != "")
        .where(finding.c.state.not_in(DOES_NOT_COUNT), *_seen(groups, finding.c.device_id))
        .group_by(finding.c.outcome)
        .order_by(func.count(distinct(finding.c.device_id)).desc(), finding.c.outcome)
    )


def versions_found(ban: str, groups: Groups) -> Select[str, str, int]:
    """Which versions of which tools of a ban are there, on how many devices."""
    return (
        select(finding.c.tool, finding.c.version, func.count(distinct(finding.c.device_id)).label("devices"))
        .join(device, device.c.device_id == finding.c.device_id)
        .where(*_there(groups, ban), finding.c.face != "process")
        .group_by(finding.c.tool, finding.c.version)
        .order_by(func.count(distinct(finding.c.device_id)).desc(), finding.c.tool, finding.c.version)
        .limit(12)
    )


def groups_hit(ban: str, groups: Groups) -> Select[str, int]:
    """For each group of devices: on how many of them something of a ban (empty: of any) is there."""
    return (
        select(device_group.c.group, func.count(distinct(finding.c.device_id)).label("devices"))
        .join(finding, finding.c.device_id == device_group.c.device_id)
        .join(device, device.c.device_id == finding.c.device_id)
        .where(*_there(groups, ban))
        .where(*([] if groups is None else [device_group.c.group.in_(sorted(groups))]))
        .group_by(device_group.c.group)
    )


def groups_moved(groups: Groups) -> Select[str, int]:
    """For each group of devices: how many of them have an alternative."""
    return (
        select(device_group.c.group, func.count(distinct(move.c.device_id)).label("devices"))
        .join(move, move.c.device_id == device_group.c.device_id)
        .join(device, device.c.device_id == move.c.device_id)
        .where(move.c.gone_at.is_(None), device.c.removed_at.is_(None))
        .where(*([] if groups is None else [device_group.c.group.in_(sorted(groups))]))
        .group_by(device_group.c.group)
    )


def groups(seen: Groups) -> Select[str, int]:
    """Every group with the number of its devices, the largest first."""
    return (
        select(device_group.c.group, func.count().label("devices"))
        .join(device, device.c.device_id == device_group.c.device_id)
        .where(device.c.removed_at.is_(None))
        .where(*([] if seen is None else [device_group.c.group.in_(sorted(seen))]))
        .group_by(device_group.c.group)
        .order_by(func.count().desc(), device_group.c.group)
        .limit(200)
    )


def device_exceptions(device_id: str) -> Select[Any]:
    """The exceptions that were ever given to one device, the newest first."""
    return (
        select(exception_grant)
        .join(exception_device, exception_device.c.exception_id == exception_grant.c.exception_id)
        .where(exception_device.c.device_id == device_id)
        .order_by(exception_grant.c.approved_at.desc())
        .limit(50)
    )
