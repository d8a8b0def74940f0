"""The statements of the policy that the console follows: small tables, no fleet."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Delete, Insert, Select, Update, delete, insert, select, update

from console.store.tables_decisions import policy_file, policy_follow, policy_mark, policy_version
from console.store.upsert import upsert

_HEAD = [column for column in policy_version.columns if column.name != "document"]


def newest(most: int) -> Select[Any]:
    """The versions that were adopted last, newest first, without their documents."""
    return select(*_HEAD).order_by(policy_version.c.serial.desc()).limit(most)


def version_of(version: int, policy_id: str) -> Select[Any]:
    """A version by the numbers that devices report, the last of that kind, without its document."""
    wanted = (policy_version.c.version == version, policy_version.c.policy_id == policy_id)
    return select(*_HEAD).where(*wanted).order_by(policy_version.c.serial.desc()).limit(1)


def head_of(serial: int) -> Select[Any]:
    """A version by the console's own count, without its document."""
    return select(*_HEAD).where(policy_version.c.serial == serial)


def document_of(serial: int) -> Select[bytes]:
    """The compressed document of a version."""
    return select(policy_version.c.document).where(policy_version.c.serial == serial)


def add_version() -> Insert:
    """A policy was adopted."""
    return insert(policy_version)


def confirm(serial: int, values: dict[str, object]) -> Update:
    """The same policy with other signatures around it."""
    return update(policy_version).where(policy_version.c.serial == serial).values(values)


def files() -> Select[str, bytes]:
    """The verified files but the policy."""
    return select(policy_file.c.path, policy_file.c.content)


def put_file(dialect: str) -> Insert:
    """A verified file."""
    return upsert(dialect, policy_file)


def keep_files(paths: list[str]) -> Delete:
    """Forgets all verified files but these."""
    return delete(policy_file).where(policy_file.c.path.not_in(paths))


def marks() -> Select[str, int]:
    """The highest versions ever seen."""
    return select(policy_mark.c.name, policy_mark.c.version)


def put_mark(dialect: str) -> Insert:
    """Raises the highest versions."""
    return upsert(dialect, policy_mark)


def follow() -> Select[Any]:
    """How the last look at the repository ended; no row: nobody ever looked."""
    return select(policy_follow)


def put_follow(dialect: str) -> Insert:
    """How a look ended."""
    return upsert(dialect, policy_follow)


def claim_look(now: int, before: int) -> Update:
    """One process looks: matches nothing while another one has looked since `before`."""
    return update(policy_follow).where(policy_follow.c.asked_at <= before).values(asked_at=now)
