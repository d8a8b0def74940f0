"""Insert or update in one statement: the only place where the two dialects are told apart."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Insert, Table
from sqlalchemy.dialects import postgresql, sqlite


@cache
def upsert(dialect: str, table: Table, keep: tuple[str, ...] = ()) -> Insert:
    """Inserts a row, or updates the one with the same primary key in all columns but the key and those to `keep`."""
    statement: Any = (postgresql if dialect == "postgresql" else sqlite).insert(table)
    keys = [column.name for column in table.primary_key.columns]
    changing = {
        column.name: statement.excluded[column.name]
        for column in table.columns
        if column.name not in keys and column.name not in keep
    }
    updated: Insert = statement.on_conflict_do_update(index_elements=keys, set_=changing)
    return updated


@cache
def insert_missing(dialect: str, table: Table) -> Insert:
    """Inserts a row, or leaves the one with the same primary key as it is."""
    statement: Any = (postgresql if dialect == "postgresql" else sqlite).insert(table)
    missing: Insert = statement.on_conflict_do_nothing()
    return missing
