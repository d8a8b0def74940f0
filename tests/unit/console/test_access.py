"""Passwords, sessions, guessing."""

from __future__ import annotations

import pytest
from sqlalchemy import insert, select

from console.access import SESSION_LASTS, Access, Guesses, hash_password, same
from console.errors import BadCommand
from console.store.db import Database
from console.store.tables import audit, session, user
from policy_schema.rules.instant import Instant

PASSWORD = "several words are easier"
ADDRESS = "192.0.2.7"


class Door:
    """The access to a console with one user, and a clock to move."""

    def __init__(self, database: Database) -> None:
        self.now = 1_000
        self.access = Access(database=database, clock=lambda: Instant(self.now))
        with database.write() as connection:
            connection.execute(insert(user).values(name="chen", password=HASH, created_at=0))


HASH = hash_password(PASSWORD)


@pytest.fixture
def door(database: Database) -> Door:
    return Door(database)


def test_the_right_password_opens_a_session_until_it_runs_out(door: Door) -> None:
    token = door.access.sign_in("chen", PASSWORD, ADDRESS)
    assert token is not None
    viewer = door.access.viewer(token)
    assert viewer is not None
    assert viewer.name == "chen"
    door.now += SESSION_LASTS
    assert door.access.viewer(token) is None


@pytest.mark.parametrize(
    ("name", "password"),
    [("chen", "wrong"), ("chen", ""), ("wang", PASSWORD), ("", ""), ("chen", "x" * 100_000), ("CHEN", PASSWORD)],
    ids=["wrong", "empty", "another name", "nothing", "endless", "another spelling"],
)
def test_nobody_else_gets_in(door: Door, name: str, password: str) -> None:
    assert door.access.sign_in(name, password, ADDRESS) is None


@pytest.mark.parametrize("token", ["", "x", "x" * 1000, "'; --"])
def test_what_is_no_token_is_no_session(door: Door, token: str) -> None:
    assert door.access.viewer(token) is None


def test_signing_out_ends_the_session_at_the_server(door: Door) -> None:
    token = door.access.sign_in("chen", PASSWORD, ADDRESS)
    assert token is not None
    door.access.sign_out(token, "chen")
    assert door.access.viewer(token) is None


def test_after_five_wrong_guesses_even_the_right_password_waits(door: Door) -> None:
    for _ in range(Guesses.FOR_A_NAME):
        assert door.access.sign_in("chen", "wrong", ADDRESS) is None
    assert door.access.sign_in("chen", PASSWORD, ADDRESS) is None
    assert door.access.sign_in("chen", PASSWORD, "198.51.100.1") is not None, "who sits elsewhere is not locked out"
    door.now += Guesses.WITHIN
    assert door.access.sign_in("chen", PASSWORD, ADDRESS) is not None


def test_one_address_cannot_try_many_names() -> None:
    guesses = Guesses()
    for number in range(Guesses.FOR_AN_ADDRESS):
        keys = ("a", f"n{number}")
        assert guesses.allowed(keys, 0)
        guesses.failed(keys, 0)
    assert not guesses.allowed(("a", "another"), 0)
    assert guesses.allowed(("a", "another"), Guesses.WITHIN)


def test_what_is_remembered_of_guesses_is_bounded() -> None:
    guesses = Guesses()
    for number in range(Guesses.REMEMBERED + 100):
        guesses.failed((f"a{number}", f"n{number}"), 0)
    assert len(guesses._failures) == Guesses.REMEMBERED


def test_neither_passwords_nor_tokens_lie_in_the_database(door: Door, database: Database) -> None:
    token = door.access.sign_in("chen", PASSWORD, ADDRESS)
    with database.read() as connection:
        stored = str(connection.execute(select(user)).all()) + str(connection.execute(select(session)).all())
    assert token is not None
    assert token not in stored
    assert PASSWORD not in stored
    assert "$argon2id$" in stored


def test_signing_in_and_failing_to_stand_in_the_record(door: Door, database: Database) -> None:
    door.access.sign_in("chen", "wrong", ADDRESS)
    door.access.sign_in("chen", PASSWORD, ADDRESS)
    with database.read() as connection:
        assert connection.execute(select(audit.c.what).order_by(audit.c.audit_id)).scalars().all() == [
            "login-refused",
            "login",
        ]


@pytest.mark.parametrize("password", ["", "short", "x" * 11, "x" * 1001])
def test_a_password_that_is_too_short_or_endless_is_not_taken(password: str) -> None:
    with pytest.raises(BadCommand, match="characters"):
        hash_password(password)


@pytest.mark.parametrize(
    ("one", "other", "equal"), [("a", "a", True), ("a", "b", False), ("", "", False), ("ä", "ä", True)]
)
def test_tokens_are_compared(one: str, other: str, equal: bool) -> None:
    assert same(one, other) is equal
