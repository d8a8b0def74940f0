"""The list of devices, a state at a time: an index gives the order in each, so that a page reads a page of rows."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    FromClause,
    Select,
    and_,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    tuple_,
    union_all,
)

from console.state import SHOWN_FIRST, DeviceState
from console.store.queries.fleet import Place, Silence, Wanted, in_groups, state_of
from console.store.tables import DAY, device, expected_device, finding, host_key, move
from console.store.tables_fleet import device_group

OVER_THE_FLEET: Final = {
    "enrolled": "the list itself, a state at a time by key",
    "few": "the list itself, where a filter leaves a bounded number of devices",
    "count_missing": "how many are expected and not there, by their own index",
    "missing": "the list of who is expected, by key",
    "few_counted": "the same, with how many of them are in each state",
    "up_to": "whether a filter leaves few devices: a bounded number of rows of an index",
}

NUMBER: Final = -1
"""The rank of a row that is no device: it tells how many there are in a state."""


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


def filters(wanted: Wanted) -> list[Select[str]]:
    """The devices that each filter leaves which has an index of its own."""
    found = [select(device.c.device_id).where(condition) for condition in _by_columns(wanted)]
    if wanted.ban:
        found.append(select(finding.c.device_id).where(finding.c.ban == wanted.ban))
    if wanted.group:
        found.append(select(device_group.c.device_id).where(device_group.c.group == wanted.group))
    if wanted.groups is not None:
        found.append(select(device_group.c.device_id).where(device_group.c.group.in_(sorted(wanted.groups))))
    return found


def up_to(ids: Select[str], most: int) -> Select[int]:
    """How many rows these are, counted no further than `most`."""
    return select(func.count()).select_from(ids.limit(most).subquery())


def few(ids: Select[str], silence: Silence, wanted: Wanted, after: Place | None, most: int) -> Select[Any]:
    """The list over all states at once: each of these devices is looked at, however rare what is wanted is."""
    return _behind(_looked_at(ids, silence, wanted).subquery(), after, most)


def few_counted(
    ids: Select[str], silence: Silence, wanted: Wanted, after: Place | None, most: int
) -> CompoundSelect[Any]:
    """The same, and before it a row for each state with the `number` of devices in it; looked at once for both."""
    left = _looked_at(ids, silence, wanted).cte("looked_at")
    rows = _behind(left, after, most).subquery()
    none = literal("")
    numbers = select(
        none.label("device_id"),
        none.label("host_name"),
        none.label("host_key"),
        left.c.state,
        literal(NUMBER).label("rank"),
        func.count().label("number"),
    ).group_by(left.c.state)
    both = union_all(numbers, select(*rows.c, literal(1).label("number")))
    return both.order_by("rank", "host_key", "device_id")


def _looked_at(ids: Select[str], silence: Silence, wanted: Wanted) -> Select[Any]:
    state = state_of(silence)
    rank = case({one.value: place for place, one in enumerate(SHOWN_FIRST)}, value=state, else_=99)
    statement = select(
        device.c.device_id, device.c.host_name, device.c.host_key, state.label("state"), rank.label("rank")
    ).where(device.c.device_id.in_(ids), *_wanted(wanted))
    return statement if wanted.state is None else statement.where(state == wanted.state.value)


def _behind(left: FromClause, after: Place | None, most: int) -> Select[Any]:
    key = (left.c.rank, left.c.host_key, left.c.device_id)
    statement = select(*left.c)
    if after is not None:
        place = tuple_(literal(after.rank), literal(after.host_key), literal(after.device_id))
        statement = statement.where(tuple_(*key) > place)
    return statement.order_by(*key).limit(most)


def missing(wanted: Wanted, after: Place | None, most: int) -> Select[Any]:
    """Devices that are expected and have no agent. They are in no group, and nothing was found on them."""
    state = DeviceState.NEVER_ENROLLED
    statement = select(
        literal("").label("device_id"),
        expected_device.c.host_name,
        expected_device.c.host_key,
        literal(state.value).label("state"),
        literal(SHOWN_FIRST.index(state)).label("rank"),
    ).where(*_NOT_THERE)
    if wanted.search:
        statement = statement.where(_called(wanted))
    if after is not None:
        statement = statement.where(expected_device.c.host_key > after.host_key)
    return statement.order_by(expected_device.c.host_key).limit(most)


def count_missing(wanted: Wanted) -> Select[int]:
    """How many of them there are."""
    statement = select(func.count()).select_from(expected_device).where(*_NOT_THERE)
    return statement.where(_called(wanted)) if wanted.search else statement


_NOT_THERE: Final = (
    ~expected_device.c.enrolled,
    ~exists().where(device.c.host_key == expected_device.c.host_key),
)


def _called(wanted: Wanted) -> ColumnElement[bool]:
    return expected_device.c.host_key.contains(host_key(wanted.search), autoescape=True)


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
    return conditions + _by_columns(wanted)


def _by_columns(wanted: Wanted) -> list[ColumnElement[bool]]:
    """The filters that are about the device's own columns."""
    conditions: list[ColumnElement[bool]] = []
    if wanted.search:
        key = device.c.host_key.contains(host_key(wanted.search), autoescape=True)
        conditions.append(or_(key, device.c.device_id == wanted.search))
    if wanted.agent:
        conditions.append(device.c.agent == wanted.agent)
    if wanted.os:
        conditions.append(device.c.os == wanted.os)
    return conditions
