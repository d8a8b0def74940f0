"""The statements of requests, exceptions and pauses. Those over the fleet are narrowed to what a viewer may see."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Delete,
    Insert,
    Select,
    Update,
    and_,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy import tuple_ as row_of

from console.store.queries.fleet import in_groups
from console.store.tables import device, finding, host_key, request
from console.store.tables_decisions import (
    device_person,
    exception_device,
    exception_grant,
    pause,
    publication,
    publisher,
    request_decision,
)
from console.store.upsert import upsert


class Queued(NamedTuple):
    """The last request of a page: the next one begins after it."""

    received_at: int
    device_id: str
    request_id: str


class Granted(NamedTuple):
    """The last exception of a page."""

    until: int
    exception_id: str


_SAME = and_(request_decision.c.device_id == request.c.device_id, request_decision.c.request_id == request.c.request_id)
_OPEN = and_(request.c.kind.in_(("exception", "wrong")), ~exists().where(_SAME))


def queue(groups: frozenset[str] | None, since: int, after: Queued | None, most: int) -> Select[Any]:
    """What waits for an answer, the oldest first."""
    statement = (
        select(request, device.c.host_name)
        .join(device, device.c.device_id == request.c.device_id)
        .where(_OPEN, request.c.received_at >= since, *_seen(request.c.device_id, groups))
    )
    place = (request.c.received_at, request.c.device_id, request.c.request_id)
    if after is not None:
        statement = statement.where(row_of(*place) > row_of(*after))
    return statement.order_by(*place).limit(most)


def count_queue(groups: frozenset[str] | None, since: int) -> Select[int]:
    """How many requests wait."""
    wanted = (_OPEN, request.c.received_at >= since, *_seen(request.c.device_id, groups))
    return select(func.count()).select_from(request).where(*wanted)


def request_of(device_id: str, request_id: str) -> Select[Any]:
    """One request, with the name of its device."""
    return (
        select(request, device.c.host_name)
        .join(device, device.c.device_id == request.c.device_id)
        .where(request.c.device_id == device_id, request.c.request_id == request_id)
    )


def decision_of(device_id: str, request_id: str) -> Select[Any]:
    """What became of a request; no row: it waits."""
    return select(request_decision).where(
        request_decision.c.device_id == device_id, request_decision.c.request_id == request_id
    )


def add_decision() -> Insert:
    """What became of a request."""
    return insert(request_decision)


def decided(groups: frozenset[str] | None, after: Queued | None, most: int) -> Select[Any]:
    """Requests that were answered, the newest first."""
    statement = (
        select(request_decision, device.c.host_name, request.c.reason.label("said"), request.c.asked_on)
        .join(device, device.c.device_id == request_decision.c.device_id)
        .outerjoin(request, _SAME)
        .where(*_seen(request_decision.c.device_id, groups))
    )
    place = (request_decision.c.decided_at, request_decision.c.device_id, request_decision.c.request_id)
    if after is not None:
        statement = statement.where(row_of(*place) < row_of(*after))
    return statement.order_by(*(column.desc() for column in place)).limit(most)


def some_devices(names: Collection[str], groups: frozenset[str] | None) -> Select[Any]:
    """The devices of these ids or host names that a viewer may see."""
    keys = [host_key(name) for name in names]
    return select(device.c.device_id, device.c.host_name).where(
        or_(device.c.device_id.in_(names), device.c.host_key.in_(keys)), *_seen(device.c.device_id, groups)
    )


def seen_devices(ids: Collection[str], groups: frozenset[str] | None) -> Select[str]:
    """Which of these devices a viewer may see."""
    return select(device.c.device_id).where(device.c.device_id.in_(ids), *_seen(device.c.device_id, groups))


def owners(ids: Collection[str]) -> Select[Any]:
    """Whose these devices are, of those who sign in here."""
    return select(device_person).where(device_person.c.device_id.in_(ids))


def put_owner(dialect: str) -> Insert:
    """Somebody says whose a device is."""
    return upsert(dialect, device_person)


def drop_owner(device_id: str, name: str) -> Delete:
    """A device is not theirs any more."""
    return delete(device_person).where(device_person.c.device_id == device_id, device_person.c.name == name)


def add_exception() -> Insert:
    """A new exception."""
    return insert(exception_grant)


def add_exception_devices() -> Insert:
    """The devices of an exception."""
    return insert(exception_device)


def exception_of(name: str) -> Select[Any]:
    """One exception."""
    return select(exception_grant).where(exception_grant.c.exception_id == name)


def withdraw(name: str, now: int, who: str, why: str) -> Update:
    """Takes an exception back; matches nothing when it was taken back already, or is over."""
    row = exception_grant.c
    return (
        update(exception_grant)
        .where(row.exception_id == name, row.withdrawn_at.is_(None), row.until > now)
        .values(withdrawn_at=now, withdrawn_by=who, withdrawn_why=why)
    )


def exceptions(
    now: int, groups: frozenset[str] | None, after: Granted | None, most: int, *, ended: bool = False, ban: str = ""
) -> Select[Any]:
    """Exceptions that hold, the one that lapses next first; or those that are over, the last first."""
    row = exception_grant.c
    holds = and_(row.withdrawn_at.is_(None), row.until > now)
    statement = select(exception_grant).where(~holds if ended else holds)
    if ban:
        statement = statement.where(row.ban == ban)
    if groups is not None:
        mine = exception_device.c.exception_id == row.exception_id
        statement = statement.where(exists().where(mine, in_groups(exception_device.c.device_id, groups)))
    place = (row.until, row.exception_id)
    if after is not None:
        statement = statement.where(row_of(*place) < row_of(*after) if ended else row_of(*place) > row_of(*after))
    return statement.order_by(*((column.desc() if ended else column) for column in place)).limit(most)


def exception_devices(names: Collection[str]) -> Select[Any]:
    """The devices of these exceptions, with their names."""
    return (
        select(exception_device.c.exception_id, exception_device.c.device_id, device.c.host_name)
        .outerjoin(device, device.c.device_id == exception_device.c.device_id)
        .where(exception_device.c.exception_id.in_(names))
        .order_by(exception_device.c.exception_id, exception_device.c.device_id)
    )


def in_force(ids: Collection[str], names: Collection[str]) -> Select[Any]:
    """On which of these devices the agents themselves say that one of these exceptions holds."""
    wanted = (finding.c.device_id.in_(ids), finding.c.exception.in_(names), finding.c.gone_at.is_(None))
    return select(finding.c.device_id, finding.c.exception).where(*wanted).distinct()


def holding(now: int) -> Select[Any]:
    """Every exception that holds, for the documents that are signed."""
    row = exception_grant.c
    return select(exception_grant).where(row.withdrawn_at.is_(None), row.until > now).order_by(row.exception_id)


def holding_devices(now: int) -> Select[Any]:
    """The devices of every exception that holds."""
    row = exception_grant.c
    return (
        select(exception_device.c.exception_id, exception_device.c.device_id)
        .join(exception_grant, row.exception_id == exception_device.c.exception_id)
        .where(row.withdrawn_at.is_(None), row.until > now)
        .order_by(exception_device.c.device_id, exception_device.c.exception_id)
    )


def forget_asker(ids: Collection[str], person: str = "") -> Update:
    """Takes from exceptions of these devices who asked and why: of one person, or of whoever it was. That they were
    given, by whom and until when, stays."""
    row = exception_grant.c
    theirs = select(exception_device.c.exception_id).where(exception_device.c.device_id.in_(ids))
    whose = (row.person == person,) if person else ()
    values = {"person": "", "asked_by": "(erased)", "reason": "(erased)"}
    return update(exception_grant).where(row.exception_id.in_(theirs), *whose).values(values)


def known_exceptions() -> Select[str]:
    """The ids of all exceptions that were ever decided here."""
    return select(exception_grant.c.exception_id)


def refusals(since: int) -> Select[Any]:
    """Requests that were refused since: people hear of them."""
    row = request_decision.c
    return select(row.device_id, row.request_id, row.ban, row.code, row.decided_at, row.published_at).where(
        row.verdict == "refused", row.decided_at > since
    )


def to_publish(now: int) -> Select[str]:
    """Exceptions that hold and do not stand in the repository yet."""
    row = exception_grant.c
    return select(row.exception_id).where(row.published_at.is_(None), row.withdrawn_at.is_(None), row.until > now)


def to_take_back() -> Select[str]:
    """Exceptions that were taken back and still stand in the repository."""
    row = exception_grant.c
    return select(row.exception_id).where(
        row.published_at.is_not(None), row.withdrawn_at.is_not(None), row.taken_back_at.is_(None)
    )


def pauses_to_take_back() -> Select[int]:
    """Pauses that were lifted and still stand in the repository."""
    row = pause.c
    return select(row.pause_id).where(
        row.published_at.is_not(None), row.ended_at.is_not(None), row.taken_back_at.is_(None)
    )


def mark_published(names: Collection[str], now: int) -> Update:
    """These exceptions stand in the repository."""
    row = exception_grant.c
    return (
        update(exception_grant).where(row.exception_id.in_(names), row.published_at.is_(None)).values(published_at=now)
    )


def mark_taken_back(names: Collection[str], now: int) -> Update:
    """These exceptions stand in the repository no more."""
    return update(exception_grant).where(exception_grant.c.exception_id.in_(names)).values(taken_back_at=now)


def mark_answer(device_id: str, request_id: str, now: int) -> Update:
    """An answer stands in the repository."""
    row = request_decision.c
    return (
        update(request_decision)
        .where(row.device_id == device_id, row.request_id == request_id)
        .values(published_at=now)
    )


def mark_pauses(numbers: Collection[int], now: int) -> Update:
    """These pauses stand in the repository."""
    return update(pause).where(pause.c.pause_id.in_(numbers), pause.c.published_at.is_(None)).values(published_at=now)


def mark_pauses_taken_back(numbers: Collection[int], now: int) -> Update:
    """These pauses stand in the repository no more."""
    return update(pause).where(pause.c.pause_id.in_(numbers)).values(taken_back_at=now)


def add_pause() -> Insert:
    """A ban is put to rest."""
    return insert(pause)


def end_pauses(ban: str, now: int, who: str) -> Update:
    """Lifts the pauses of a ban that hold."""
    wanted = (pause.c.ban == ban, pause.c.ended_at.is_(None), pause.c.until > now)
    return update(pause).where(*wanted).values(ended_at=now, ended_by=who)


def pauses(now: int) -> Select[Any]:
    """The pauses that hold."""
    return select(pause).where(pause.c.ended_at.is_(None), pause.c.until > now).order_by(pause.c.ban)


def past_pauses(now: int, most: int) -> Select[Any]:
    """The pauses that are over, the last first."""
    over = or_(pause.c.ended_at.is_not(None), pause.c.until <= now)
    return select(pause).where(over).order_by(pause.c.pause_id.desc()).limit(most)


def known_pauses() -> Select[Any]:
    """Ban and beginning of all pauses that were ever set here."""
    return select(pause.c.ban, pause.c.start)


def add_publication() -> Insert:
    """A file of the role was published."""
    return insert(publication)


def last_publication() -> Select[Any]:
    """The newest file of the role that this console published."""
    return select(publication).order_by(publication.c.publication_id.desc()).limit(1)


def publishing() -> Select[Any]:
    """How the last publication ended; no row: none was tried."""
    return select(publisher)


def put_publishing(dialect: str) -> Insert:
    """How a publication ended."""
    return upsert(dialect, publisher)


def _seen(device_id: ColumnElement[str], groups: frozenset[str] | None) -> tuple[ColumnElement[bool], ...]:
    return () if groups is None else (in_groups(device_id, groups),)
