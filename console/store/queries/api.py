"""The statements of the read API: pages by key."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, case, distinct, func, literal, select, tuple_

from console.store.queries.fleet import in_groups
from console.store.tables import device, device_epoch, finding, finding_event
from console.store.tables_schedules import delivery

Scope = frozenset[str] | None


def findings_page(ban: str, scope: Scope, after: tuple[str, str], most: int) -> Select[Any]:
    """Findings that are there, of one ban or all, by device."""
    key = tuple_(finding.c.device_id, finding.c.finding_id)
    statement = (
        select(finding)
        .join(device, device.c.device_id == finding.c.device_id)
        .where(key > tuple_(*map(literal, after)), finding.c.gone_at.is_(None), device.c.removed_at.is_(None))
    )
    if ban:
        statement = statement.where(finding.c.ban == ban)
    if scope is not None:
        statement = statement.where(in_groups(finding.c.device_id, scope))
    return statement.order_by(finding.c.device_id, finding.c.finding_id).limit(most)


def events_page(device_id: str, since: int, scope: Scope, after: tuple[str, str, int, str], most: int) -> Select[Any]:
    """Changes of findings since an instant, of one device or all, by device and number."""
    columns = (
        finding_event.c.device_id,
        finding_event.c.epoch,
        finding_event.c.sequence,
        finding_event.c.finding_id,
    )
    statement = (
        select(finding_event)
        .join(device, device.c.device_id == finding_event.c.device_id)
        .where(tuple_(*columns) > tuple_(*map(literal, after)), finding_event.c.at >= since)
    )
    if device_id:
        statement = statement.where(finding_event.c.device_id == device_id)
    if scope is not None:
        statement = statement.where(in_groups(finding_event.c.device_id, scope))
    return statement.order_by(*columns).limit(most)


def finding_counts() -> Select[Any]:
    """For each ban, rung and state: on how many devices."""
    return (
        select(
            finding.c.ban, finding.c.action, finding.c.state, func.count(distinct(finding.c.device_id)).label("devices")
        )
        .join(device, device.c.device_id == finding.c.device_id)
        .where(finding.c.gone_at.is_(None), device.c.removed_at.is_(None))
        .group_by(finding.c.ban, finding.c.action, finding.c.state)
        .order_by(finding.c.ban, finding.c.action, finding.c.state)
    )


def reports_stored() -> Select[Any]:
    """How many reports were ever stored of the devices that are there, and when the last one came."""
    return select(func.sum(device_epoch.c.last_sequence), func.max(device_epoch.c.last_at))


def problems_of_schedules() -> Select[Any]:
    """How many reports are late, and how many were given up."""
    late = case((delivery.c.done_at.is_(None) & delivery.c.given_up.is_(False) & (delivery.c.tries > 0), 1), else_=0)
    return select(func.sum(late), func.sum(case((delivery.c.given_up, 1), else_=0)))
