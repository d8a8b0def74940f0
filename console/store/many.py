"""One statement for many rows: PostgreSQL gets a column as one array, SQLite the rows one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Insert, Table, Text, bindparam, cast, column, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import TypeEngine

from console.store.upsert import upsert

Row = Mapping[str, Any]


def given(dialect: str, kinds: Mapping[str, TypeEngine[Any]]) -> Mapping[str, ColumnElement[Any]]:
    """What a statement puts in the place of each value of a row; `parameters` are what it is executed with."""
    if dialect != "postgresql":
        return {name: bindparam(name, type_=kind) for name, kind in kinds.items()}
    arrays = func.unnest(*(cast(bindparam(name, type_=Text()), ARRAY(kind)) for name, kind in kinds.items()))
    rows = arrays.table_valued(*(column(name, kind) for name, kind in kinds.items()), name="given").render_derived()
    return {name: rows.c[name] for name in kinds}


def parameters(dialect: str, rows: Sequence[Row]) -> Any:
    """The rows as the statement wants them: at least one, all with the same names."""
    if dialect != "postgresql":
        return list(rows)
    return {name: array_text([row[name] for row in rows]) for name in rows[0]}


def array_text(values: Iterable[object]) -> str:
    """A column as PostgreSQL writes an array (manual, 8.15.2). psycopg would write it in five times the time."""
    return f"{{{','.join(map(_element, values))}}}"


def _element(value: object) -> str:
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, bytes):
        return f'"\\\\x{value.hex()}"'
    return "NULL" if value is None else str(value)


def upsert_many(dialect: str, table: Table) -> Insert:
    """As `console.store.upsert.upsert`, for rows with every column of the table."""
    statement = upsert(dialect, table)
    if dialect != "postgresql":
        return statement
    values = given(dialect, {one.name: one.type for one in table.columns})
    # Of two rows with one key PostgreSQL would refuse both: the callers have one row a device.
    return statement.from_select([one.name for one in table.columns], select(*values.values()))
