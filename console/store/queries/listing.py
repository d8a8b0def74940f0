"""The list of devices, a state at a time: an index gives the order in each, so that a page reads a page of rows."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, exists, func, literal, or_, select, tuple_

from console.state import SHOWN_FIRST, DeviceState
from console.store.queries.fleet import Place, Silence, Wanted, in_groups
from console.store.tables import DAY, device, expected_device, finding, host_key, move

OVER_THE_FLEET: Final = {
    "enrolled": "the list itself, a state at a time by key",
    "missing": "the list of who is expected, by key",
}


def enrolled(state: DeviceState, silence: Silence, wanted: Wanted, after: Place | None, most: int) -> Select[Any]:
    """Enrolled devices in one state, by name; `after` is a place within that state."""
    statement = select(
        device.c.device_id,
        device.c.host_name,
        device.c.host_key,
        literal(state.value).label("state"),
        literal(SHOWN_FIRST.index(state)).label("rank"),
    ).where(*_in_state(state, silence), *_wanted(wanted))
    if after is not None:
        statement = statement.where(
            tuple_(device.c.host_key, device.c.device_id) > tuple_(literal(after.host_key), literal(after.device_id))
        )
    return statement.order_by(device.c.host_key, device.c.device_id).limit(most)


def missing(wanted: Wanted, after: Place | None, most: int) -> Select[Any]:
    """Devices that are expected and have no agent. They are in no group, and nothing was found on them."""
    there = exists().where(device.c.host_key == expected_device.c.host_key)
    state = DeviceState.NEVER_ENROLLED
    statement = select(
        literal("").label("device_id"),
        expected_device.c.host_name,
        expected_device.c.host_key,
        literal(state.value).label("state"),
        literal(SHOWN_FIRST.index(state)).label("rank"),
    ).where(~expected_device.c.enrolled, ~there)
    if wanted.search:
        statement = statement.where(expected_device.c.host_key.contains(host_key(wanted.search), autoescape=True))
    if after is not None:
        statement = statement.where(expected_device.c.host_key > after.host_key)
    return statement.order_by(expected_device.c.host_key).limit(most)


def _in_state(state: DeviceState, silence: Silence) -> list[ColumnElement[bool]]:
    """`console.store.queries.fleet.state_of`, as conditions that an index can serve."""
    heard = func.coalesce(device.c.last_report_at, device.c.enrolled_at)
    since = silence.now - silence.after
    match state:
        case DeviceState.REMOVED:
            return [device.c.removed_at.is_not(None)]
        case DeviceState.SILENT:
            return [device.c.removed_at.is_(None), device.c.heard_on <= since // DAY, heard < since]
        case _:
            return [device.c.removed_at.is_(None), heard >= since, device.c.standing == state.value]


def _wanted(wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.ban:
        conditions.append(exists().where(and_(finding.c.device_id == device.c.device_id, finding.c.ban == wanted.ban)))
    if wanted.moved:
        conditions.append(exists().where(and_(move.c.device_id == device.c.device_id, move.c.gone_at.is_(None))))
    if wanted.groups is not None:
        conditions.append(in_groups(device.c.device_id, wanted.groups))
    if wanted.group:
        conditions.append(in_groups(device.c.device_id, frozenset({wanted.group})))
    if wanted.os:
        conditions.append(device.c.os == wanted.os)
    if wanted.agent:
        conditions.append(device.c.agent == wanted.agent)
    if wanted.search:
        key = device.c.host_key.contains(host_key(wanted.search), autoescape=True)
        conditions.append(or_(key, device.c.device_id == wanted.search))
    return conditions
