"""Columns as PostgreSQL's arrays, read back by a real server."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import BigInteger, Boolean, LargeBinary, String, select
from sqlalchemy.exc import DBAPIError

from console.store import many
from console.store.db import Database

KINDS = {"text": String(), "number": BigInteger(), "yes": Boolean(), "body": LargeBinary()}
TEXTS = st.one_of(
    st.none(),
    st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=40),
    st.sampled_from(
        ["", "NULL", "null", '"', "\\", '\\"', "{}", "{,}", ",", " a ", "\n", "'", "$1", "%s", "\\x00", "�"]
    ),
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "text": TEXTS,
            "number": st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
            "yes": st.one_of(st.none(), st.booleans()),
            "body": st.one_of(st.none(), st.binary(max_size=40)),
        }
    ),
    min_size=1,
    max_size=8,
)

ON_POSTGRESQL = pytest.mark.parametrize(
    "store", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)


@ON_POSTGRESQL
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=ROWS)
def test_rows_arrive_as_they_were_given(database: Database, rows: list[dict[str, object]]) -> None:
    given_rows = many.given("postgresql", KINDS)
    with database.read() as connection:
        found = connection.execute(select(*given_rows.values()), many.parameters("postgresql", rows)).all()
    assert [dict(zip(KINDS, row, strict=True)) for row in found] == rows


@ON_POSTGRESQL
def test_what_postgresql_cannot_hold_is_an_error(database: Database) -> None:
    with database.read() as connection, pytest.raises(DBAPIError):
        connection.execute(
            select(many.given("postgresql", {"text": String()})["text"]),
            many.parameters("postgresql", [{"text": "a\0b"}]),
        )
