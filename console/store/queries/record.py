"""The statements of the audit record: one chain of lines, its head, and what pages and checks read of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Insert, Select, Update, bindparam, insert, select, update

from console.store.tables import audit
from console.store.tables_access import audit_head

COLUMNS = (audit.c.audit_id, audit.c.at, audit.c.who, audit.c.what, audit.c.about, audit.c.detail)


class Lines(NamedTuple):
    """Which lines are asked for; what is empty asks for all."""

    who: str = ""
    what: str = ""
    about: str = ""
    since: int = 0
    until: int = 2**62


def add_line(line: Mapping[str, Any]) -> Insert:
    """One line, without a place in the chain yet."""
    return insert(audit).values(**line)


def lock_head() -> Select[int, str]:
    """Place and hash of the chain's last line. Other processes wait here until we commit."""
    return select(audit_head.c.place, audit_head.c.digest).with_for_update()


def head() -> Select[int, str]:
    """The same, for who only looks."""
    return select(audit_head.c.place, audit_head.c.digest)


def unsealed() -> Select[Any]:
    """Lines without a place: this transaction's, and what somebody wrote who did not seal."""
    return select(*COLUMNS).where(audit.c.place.is_(None)).order_by(audit.c.audit_id)


def seal_line() -> Update:
    """Gives lines their places; for many rows `{"line", "at_place", "hashed"}` at once."""
    return (
        update(audit)
        .where(audit.c.audit_id == bindparam("line"))
        .values(place=bindparam("at_place"), digest=bindparam("hashed"))
    )


def set_head(place: int, digest: str) -> Update:
    """The chain's new last line."""
    return update(audit_head).values(place=place, digest=digest)


def chain(after: int, most: int) -> Select[Any]:
    """The lines of the chain in its order, from behind a place on."""
    return (
        select(*COLUMNS, audit.c.place, audit.c.digest).where(audit.c.place > after).order_by(audit.c.place).limit(most)
    )


def newest(lines: Lines, before: int, most: int) -> Select[Any]:
    """A page of the record, the newest first, from before a line's id on."""
    statement = select(*COLUMNS).where(audit.c.audit_id < before, audit.c.at >= lines.since, audit.c.at < lines.until)
    for condition in _conditions(lines):
        statement = statement.where(condition)
    return statement.order_by(audit.c.audit_id.desc()).limit(most)


def looks_at(about: str, most: int) -> Select[Any]:
    """Who looked at a device's or a person's data, the newest first."""
    looked = ("viewed", "person-exported")
    return (
        select(*COLUMNS)
        .where(audit.c.about == about, audit.c.what.in_(looked))
        .order_by(audit.c.audit_id.desc())
        .limit(most)
    )


def lately(what: str, since: int, most: int) -> Select[Any]:
    """The newest lines of one kind."""
    return (
        select(*COLUMNS).where(audit.c.what == what, audit.c.at >= since).order_by(audit.c.audit_id.desc()).limit(most)
    )


def _conditions(lines: Lines) -> list[ColumnElement[bool]]:
    asked = ((audit.c.who, lines.who), (audit.c.what, lines.what), (audit.c.about, lines.about))
    return [column == value for column, value in asked if value]
