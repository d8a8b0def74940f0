"""The statements of pages and exports. Those over the whole fleet count or page; the others are about some devices."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Select,
    Subquery,
    and_,
    case,
    distinct,
    exists,
    func,
    literal,
    or_,
    select,
    tuple_,
    union_all,
)

from console.state import DOES_NOT_COUNT, NO_COPY, SHOWN_FIRST, DeviceState
from console.store.tables import (
    coverage,
    device,
    expected_device,
    finding,
    finding_event,
    host_key,
    move,
    report,
    request,
)
from console.store.tables_fleet import device_group

FINDINGS_SHOWN = 50
"""Findings a device in a list; its own page has more."""


class Silence(NamedTuple):
    """When a device counts as silent. Seconds."""

    now: int
    after: int


class Place(NamedTuple):
    """The last row of a page: the next one begins after it."""

    rank: int
    host_key: str
    device_id: str


class Wanted(NamedTuple):
    """What a list is narrowed to; empty means everything."""

    state: DeviceState | None = None
    ban: str = ""
    search: str = ""
    moved: bool = False
    groups: frozenset[str] | None = None
    """The groups that a viewer may see; None: everything. A device without groups is in none of them."""
    group: str = ""
    os: str = ""
    agent: str = ""
    """The version of the agent."""


def in_groups(device_id: ColumnElement[str], groups: frozenset[str]) -> ColumnElement[bool]:
    """True for devices that are in at least one of the groups."""
    return device_id.in_(select(device_group.c.device_id).where(device_group.c.group.in_(sorted(groups))))


def state_of(silence: Silence) -> ColumnElement[str]:
    """`console.state.device_state` in SQL; a test compares the two over all cases."""
    last_heard = func.coalesce(device.c.last_report_at, device.c.enrolled_at)
    return case(
        (device.c.removed_at.is_not(None), DeviceState.REMOVED.value),
        (last_heard < silence.now - silence.after, DeviceState.SILENT.value),
        else_=device.c.standing,
    )


def fleet(silence: Silence) -> Subquery:
    """Every device that is enrolled or expected, each in one state."""
    enrolled = select(
        device.c.device_id,
        device.c.host_name,
        device.c.host_key,
        state_of(silence).label("state"),
        device.c.os,
        device.c.agent,
    )
    missing = select(
        literal("").label("device_id"),
        expected_device.c.host_name,
        expected_device.c.host_key,
        literal(DeviceState.NEVER_ENROLLED.value).label("state"),
        literal("").label("os"),
        literal("").label("agent"),
    ).where(~expected_device.c.enrolled, ~exists().where(device.c.host_key == expected_device.c.host_key))
    rows = union_all(enrolled, missing).subquery("everything")
    rank = case({state.value: place for place, state in enumerate(SHOWN_FIRST)}, value=rows.c.state, else_=99)
    return select(rows, rank.label("rank")).subquery("fleet")


def page(silence: Silence, wanted: Wanted, after: Place | None, most: int) -> Select[Any]:
    """One page of the list, what needs somebody first. Ordered by a key, so no page costs more than another."""
    rows = fleet(silence)
    key = tuple_(rows.c.rank, rows.c.host_key, rows.c.device_id)
    statement = select(rows.c.device_id, rows.c.host_name, rows.c.host_key, rows.c.state, rows.c.rank)
    if after is not None:
        statement = statement.where(
            key > tuple_(literal(after.rank), literal(after.host_key), literal(after.device_id))
        )
    for condition in _conditions(rows, wanted):
        statement = statement.where(condition)
    return statement.order_by(rows.c.rank, rows.c.host_key, rows.c.device_id).limit(most)


def count(silence: Silence, wanted: Wanted) -> Select[Any]:
    """How many devices there are in each state."""
    rows = fleet(silence)
    statement = select(rows.c.state, func.count())
    for condition in _conditions(rows, wanted):
        statement = statement.where(condition)
    return statement.group_by(rows.c.state)


def _conditions(rows: Subquery, wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.state is not None:
        conditions.append(rows.c.state == wanted.state.value)
    if wanted.ban:
        same = and_(finding.c.device_id == rows.c.device_id, finding.c.ban == wanted.ban)
        conditions.append(exists().where(same))
    if wanted.moved:
        conditions.append(exists().where(and_(move.c.device_id == rows.c.device_id, move.c.gone_at.is_(None))))
    if wanted.groups is not None:
        conditions.append(in_groups(rows.c.device_id, wanted.groups))
    if wanted.group:
        conditions.append(in_groups(rows.c.device_id, frozenset({wanted.group})))
    if wanted.os:
        conditions.append(rows.c.os == wanted.os)
    if wanted.agent:
        conditions.append(rows.c.agent == wanted.agent)
    if wanted.search:
        key = rows.c.host_key.contains(host_key(wanted.search), autoescape=True)
        conditions.append(or_(key, rows.c.device_id == wanted.search))
    return conditions


def devices(ids: Collection[str]) -> Select[Any]:
    """All columns of some devices."""
    return select(device).where(device.c.device_id.in_(ids))


def findings(ids: Collection[str], each: int = FINDINGS_SHOWN) -> Select[Any]:
    """Findings of some devices, the present ones first, at most so many a device, with the number of all."""
    present_first = case((finding.c.gone_at.is_(None), 0), else_=1)
    place = func.row_number().over(
        partition_by=finding.c.device_id, order_by=(present_first, finding.c.since, finding.c.finding_id)
    )
    total = func.count().over(partition_by=finding.c.device_id)
    numbered = (
        select(finding, place.label("place"), total.label("total")).where(finding.c.device_id.in_(ids)).subquery()
    )
    return select(numbered).where(numbered.c.place <= each).order_by(numbered.c.device_id, numbered.c.place)


def moves(ids: Collection[str]) -> Select[Any]:
    """Alternatives that are there on some devices."""
    return (
        select(move).where(move.c.device_id.in_(ids), move.c.gone_at.is_(None)).order_by(move.c.device_id, move.c.tool)
    )


def coverage_of(ids: Collection[str]) -> Select[Any]:
    """What some devices looked at."""
    return select(coverage).where(coverage.c.device_id.in_(ids)).order_by(coverage.c.device_id, coverage.c.source)


def history(device_id: str, most: int) -> Select[Any]:
    """The newest events of one device."""
    return (
        select(finding_event)
        .where(finding_event.c.device_id == device_id)
        .order_by(finding_event.c.at.desc(), finding_event.c.sequence.desc(), finding_event.c.finding_id)
        .limit(most)
    )


def requests(device_id: str, most: int) -> Select[Any]:
    """The newest of what people at one device asked for."""
    return (
        select(request)
        .where(request.c.device_id == device_id)
        .order_by(request.c.received_at.desc(), request.c.request_id)
        .limit(most)
    )


def newest_requests(since: int, most: int, groups: frozenset[str] | None = None) -> Select[Any]:
    """The newest of what people asked for anywhere, with the names of their devices."""
    seen = [] if groups is None else [in_groups(request.c.device_id, groups)]
    return (
        select(request, device.c.host_name)
        .join(device, device.c.device_id == request.c.device_id)
        .where(request.c.received_at >= since, *seen)
        .order_by(request.c.received_at.desc(), request.c.device_id, request.c.request_id)
        .limit(most)
    )


def reports(device_id: str, most: int) -> Select[Any]:
    """The newest reports of one device, without their bodies."""
    return (
        select(report.c.epoch, report.c.sequence, report.c.received_at, func.length(report.c.body).label("bytes"))
        .where(report.c.device_id == device_id)
        .order_by(report.c.received_at.desc(), report.c.sequence.desc())
        .limit(most)
    )


def report_body(device_id: str, epoch: str, sequence: int) -> Select[bytes]:
    """One report as it was received."""
    return select(report.c.body).where(
        report.c.device_id == device_id, report.c.epoch == epoch, report.c.sequence == sequence
    )


def _seen(groups: frozenset[str] | None) -> list[ColumnElement[bool]]:
    """What the devices must fulfil that a viewer may see."""
    return [] if groups is None else [in_groups(device.c.device_id, groups)]


def bans(groups: frozenset[str] | None = None) -> Select[str, int, int]:
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
        .where(device.c.removed_at.is_(None), finding.c.gone_at.is_(None), finding.c.state.not_in(DOES_NOT_COUNT))
        .where(*_seen(groups))
        .group_by(finding.c.ban)
    )


def outcomes(groups: frozenset[str] | None = None) -> Select[str, str, int, int]:
    """For each ban and the last thing that was done: on how many devices, and whether it is still there."""
    gone = case((finding.c.gone_at.is_(None), 0), else_=1)
    return (
        select(
            finding.c.ban,
            finding.c.outcome,
            gone.label("gone"),
            func.count(distinct(finding.c.device_id)).label("devices"),
        )
        .join(device, device.c.device_id == finding.c.device_id)
        .where(device.c.removed_at.is_(None), finding.c.state.not_in(DOES_NOT_COUNT), *_seen(groups))
        .group_by(finding.c.ban, finding.c.outcome, gone)
        .order_by(finding.c.ban, func.count(distinct(finding.c.device_id)).desc(), finding.c.outcome)
    )


def policies(silence: Silence, groups: frozenset[str] | None = None) -> Select[Any]:
    """Which policies are in force on the devices that are heard of, on how many."""
    return (
        select(
            device.c.policy_id,
            device.c.policy_version,
            device.c.policy_trust,
            device.c.policy_solo,
            device.c.policy_signers,
            device.c.policy_problem,
            func.count().label("devices"),
            func.min(device.c.policy_age_s + (silence.now - device.c.last_report_at)).label("age_s"),
        )
        .where(device.c.removed_at.is_(None), device.c.last_report_at >= silence.now - silence.after, *_seen(groups))
        .group_by(
            device.c.policy_id,
            device.c.policy_version,
            device.c.policy_trust,
            device.c.policy_solo,
            device.c.policy_signers,
            device.c.policy_problem,
        )
        .order_by(func.count().desc(), device.c.policy_version.desc())
        .limit(50)
    )


def moved(groups: frozenset[str] | None = None) -> Select[str, int]:
    """For each alternative: on how many devices it is."""
    return (
        select(move.c.tool, func.count(distinct(move.c.device_id)))
        .join(device, device.c.device_id == move.c.device_id)
        .where(move.c.gone_at.is_(None), device.c.removed_at.is_(None), *_seen(groups))
        .group_by(move.c.tool)
        .order_by(func.count(distinct(move.c.device_id)).desc())
        .limit(50)
    )


def found(name: str) -> Select[str, str]:
    """The devices of this id or host name."""
    return (
        select(device.c.device_id, device.c.host_name)
        .where(or_(device.c.device_id == name, device.c.host_key == host_key(name)))
        .limit(10)
    )


def flagged(groups: frozenset[str] | None = None) -> Select[int, int, int]:
    """How many devices share a key, only watch, or hold back."""
    return select(
        func.count(device.c.cloned_at),
        func.sum(case((device.c.mode == "observe", 1), else_=0)),
        func.sum(case((device.c.brake, 1), else_=0)),
    ).where(device.c.removed_at.is_(None), *_seen(groups))
