"""Sessions, tokens, limits and accounts: what ends them, what they may see, what is kept of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select

from console.access import Limit, Rates, Role, Scope, Viewer
from console.access.passwords import digest
from console.access.people import People
from console.access.roles import fitting, pack, role_named, unpack
from console.access.sessions import IDLE, SESSION_LASTS, TOUCHED_EVERY, Person, Sessions
from console.access.tokens import LONGEST_LIFE, Tokens
from console.audit_check import verify
from console.store.db import Database
from console.store.tables import audit, session, user
from console.store.tables_access import api_token
from policy_schema.rules.instant import Instant

BERLIN = frozenset({"berlin"})
CHEN = Person("chen", Role.APPROVER, BERLIN, "oidc")
ADMIN = Viewer("li", "csrf", Role.ADMIN)


class Parts:
    """The parts of access around one database, and a clock to move."""

    def __init__(self, database: Database) -> None:
        self.now = 1_000
        self.database = database
        self.sessions = Sessions(database=database, clock=self.clock)
        self.tokens = Tokens(database=database, clock=self.clock)
        self.people = People(database=database, clock=self.clock)

    def clock(self) -> Instant:
        return Instant(self.now)

    def begin(self, person: Person = CHEN, replaces: str = "") -> str:
        with self.database.write() as connection:
            return self.sessions.begin(connection, person, "192.0.2.7", replaces)

    def local(self, name: str, role: Role = Role.VIEWER) -> None:
        with self.database.write() as connection:
            row = {"name": name, "password": "x", "role": role.value, "created_at": 0}
            connection.execute(insert(user).values(**row))

    def token(self, scope: Scope = Scope.READ, groups: frozenset[str] | None = None, lasts: int = 60) -> str:
        return self.tokens.make("li", "grafana", frozenset({scope}), groups, lasts)

    def recorded(self) -> list[tuple[str, str, str]]:
        with self.database.read() as connection:
            rows = connection.execute(select(audit.c.who, audit.c.what, audit.c.about).order_by(audit.c.audit_id))
            assert verify(connection).problems == ()
            return [tuple(row) for row in rows]


@pytest.fixture
def parts(database: Database) -> Parts:
    return Parts(database)


class TestSessions:
    def test_a_viewer_is_what_they_were_at_the_sign_in(self, parts: Parts) -> None:
        viewer = parts.sessions.viewer(parts.begin())
        assert viewer is not None
        assert (viewer.name, viewer.role, viewer.groups, viewer.local) == ("chen", Role.APPROVER, BERLIN, False)

    def test_it_ends_after_its_longest_life_however_busy_it_is(self, parts: Parts) -> None:
        token = parts.begin()
        for _ in range(SESSION_LASTS // 3600 - 1):
            parts.now += 3600
            assert parts.sessions.viewer(token) is not None
        parts.now += 3600
        assert parts.sessions.viewer(token) is None

    @pytest.mark.parametrize(("idle", "open_"), [(IDLE - 1, True), (IDLE, False)], ids=["nearly", "too long"])
    def test_it_ends_when_nobody_used_it(self, parts: Parts, idle: int, open_: bool) -> None:
        token = parts.begin()
        parts.now += idle
        assert (parts.sessions.viewer(token) is not None) is open_

    def test_use_keeps_it_open_and_is_written_once_a_minute(self, parts: Parts) -> None:
        token, seen = parts.begin(), []
        for _ in range(4):
            parts.now += TOUCHED_EVERY // 2
            parts.sessions.viewer(token)
            seen.append(parts.sessions.listed()[0].seen_at)
        assert seen == [1_000, 1_060, 1_060, 1_120]

    def test_a_new_sign_in_ends_the_one_before_in_that_browser_alone(self, parts: Parts) -> None:
        elsewhere, here = parts.begin(), parts.begin()
        again = parts.begin(replaces=here)
        assert [parts.sessions.viewer(token) is not None for token in (elsewhere, here, again)] == [True, False, True]

    def test_who_has_a_local_account_is_what_the_account_says_now(self, parts: Parts) -> None:
        parts.local("wang", Role.ADMIN)
        token = parts.begin(Person("wang", Role.ADMIN, None, "local"))
        assert parts.people.change(ADMIN, "wang", Role.VIEWER, BERLIN)
        viewer = parts.sessions.viewer(token)
        assert viewer is not None
        assert (viewer.role, viewer.groups) == (Role.VIEWER, BERLIN)
        assert parts.people.remove(ADMIN, "wang")
        assert parts.sessions.viewer(token) is None

    def test_the_tokens_themselves_are_not_kept(self, parts: Parts) -> None:
        token = parts.begin()
        with parts.database.read() as connection:
            assert token not in str(connection.execute(select(session)).all())

    def test_a_list_shows_those_that_are_open(self, parts: Parts) -> None:
        parts.begin()
        parts.now += IDLE
        token = parts.begin()
        assert [one.id for one in parts.sessions.listed()] == [digest(token)]
        assert parts.sessions.listed("nobody") == []


class TestTokens:
    def test_it_sees_what_a_viewer_of_its_groups_sees(self, parts: Parts) -> None:
        holder = parts.tokens.holder(parts.token(groups=BERLIN))
        assert holder is not None
        assert (holder.viewer.name, holder.viewer.role, holder.viewer.groups) == ("token grafana", Role.VIEWER, BERLIN)
        assert holder.scopes == {Scope.READ}

    def test_it_runs_out(self, parts: Parts) -> None:
        text = parts.token(lasts=60)
        parts.now += 59
        assert parts.tokens.holder(text) is not None
        parts.now += 1
        assert parts.tokens.holder(text) is None

    def test_it_can_be_ended_once(self, parts: Parts) -> None:
        text = parts.token()
        number = parts.tokens.listed()[0].id
        assert [parts.tokens.end("li", number) for _ in range(2)] == [True, False]
        assert parts.tokens.holder(text) is None
        assert parts.recorded() == [("li", "token-made", "grafana"), ("li", "token-ended", "grafana")]

    @pytest.mark.parametrize(
        "text", ["", "interdict_", "x", "interdict_" + "x" * 43, "interdict_" + "x" * 1000, "\x00"]
    )
    def test_what_is_none_opens_nothing(self, parts: Parts, text: str) -> None:
        parts.token()
        assert parts.tokens.holder(text) is None

    def test_only_its_hash_is_kept_and_its_last_use(self, parts: Parts) -> None:
        text = parts.token()
        assert parts.tokens.listed()[0].used_at is None
        parts.tokens.holder(text)
        assert parts.tokens.listed()[0].used_at == parts.now
        with parts.database.read() as connection:
            assert text not in str(connection.execute(select(api_token)).all())

    @pytest.mark.parametrize(
        ("name", "scopes", "lasts"),
        [
            ("", {Scope.READ}, 60),
            (" ", {Scope.READ}, 60),
            ("x" * 101, {Scope.READ}, 60),
            ("x", set(), 60),
            ("x", {Scope.READ}, 0),
            ("x", {Scope.READ}, LONGEST_LIFE + 1),
        ],
        ids=["no name", "blanks", "an endless name", "no scope", "no life", "a life of years"],
    )
    def test_it_is_not_made_with(self, parts: Parts, name: str, scopes: set[Scope], lasts: int) -> None:
        with pytest.raises(ValueError, match="token"):
            parts.tokens.make("li", name, frozenset(scopes), None, lasts)


class TestAccounts:
    def test_nobody_changes_or_removes_themselves(self, parts: Parts) -> None:
        parts.local("li", Role.ADMIN)
        assert not parts.people.change(ADMIN, "li", Role.VIEWER, None)
        assert not parts.people.remove(ADMIN, "li")
        assert [(one.name, one.role) for one in parts.people.listed()] == [("li", "admin")]

    def test_who_is_not_there_cannot_be_changed(self, parts: Parts) -> None:
        assert not parts.people.change(ADMIN, "wang", Role.VIEWER, None)
        assert not parts.people.remove(ADMIN, "wang")
        assert not parts.people.let_go(ADMIN, "wang")
        assert parts.recorded() == []

    def test_a_change_stands_on_the_record(self, parts: Parts) -> None:
        parts.local("wang")
        parts.people.change(ADMIN, "wang", Role.APPROVER, BERLIN)
        parts.people.remove(ADMIN, "wang")
        assert parts.recorded() == [("li", "role-changed", "wang"), ("li", "user-removed", "wang")]

    def test_an_admin_is_never_narrowed(self) -> None:
        with pytest.raises(ValueError, match="admin"):
            fitting(Role.ADMIN, BERLIN)
        assert fitting(Role.ADMIN, None) == (Role.ADMIN, None)
        assert fitting(Role.VIEWER, BERLIN) == (Role.VIEWER, BERLIN)


class TestRates:
    def test_so_many_at_once_and_then_one_after_the_other(self) -> None:
        rates, (at_once, every) = Rates(), Limit.EXPORT.value
        assert [rates.wait(Limit.EXPORT, "chen", 0) for _ in range(at_once)] == [0] * at_once
        assert rates.wait(Limit.EXPORT, "chen", 0) == every
        assert rates.wait(Limit.EXPORT, "li", 0) == 0, "another person has their own"
        assert rates.wait(Limit.API, "chen", 0) == 0, "another thing has its own"
        assert rates.wait(Limit.EXPORT, "chen", int(every)) == 0
        assert rates.wait(Limit.EXPORT, "chen", int(every)) > 0

    def test_a_clock_that_goes_back_gives_nothing_and_takes_nothing(self) -> None:
        rates = Rates()
        for now in (100, 0, -1_000):
            assert rates.wait(Limit.EXPORT, "chen", now) == 0

    def test_what_is_remembered_is_bounded(self) -> None:
        rates = Rates()
        for number in range(Rates.REMEMBERED + 100):
            rates.wait(Limit.SIGN_IN, str(number), 0)
        assert len(rates._spent) == Rates.REMEMBERED

    @given(st.lists(st.integers(0, 600), max_size=80))
    def test_whoever_waits_as_long_as_was_said_gets_one(self, steps: list[int]) -> None:
        rates, now = Rates(), 0
        for step in steps:
            now += step
            if wait := rates.wait(Limit.SIGN_IN, "x", now):
                now += wait
                assert rates.wait(Limit.SIGN_IN, "x", now) == 0


GROUPS = st.none() | st.frozensets(st.text(max_size=20), max_size=5)


@given(GROUPS)
def test_groups_survive_the_database(groups: frozenset[str] | None) -> None:
    assert unpack(pack(groups)) == groups


@pytest.mark.parametrize(
    ("sees", "has", "may"),
    [
        (None, set(), True),
        (None, {"a"}, True),
        ({"a"}, {"a", "b"}, True),
        ({"a"}, {"b"}, False),
        ({"a"}, set(), False),
        (set(), {"a"}, False),
    ],
)
def test_who_sees_which_device(sees: set[str] | None, has: set[str], may: bool) -> None:
    viewer = Viewer("x", "", Role.VIEWER, None if sees is None else frozenset(sees))
    assert viewer.sees(frozenset(has)) is may


@pytest.mark.parametrize(
    ("has", "needs", "may"),
    [
        ("viewer", "viewer", True),
        ("viewer", "approver", False),
        ("approver", "viewer", True),
        ("approver", "admin", False),
        ("admin", "approver", True),
    ],
)
def test_a_role_may_what_those_below_may(has: str, needs: str, may: bool) -> None:
    assert role_named(has).may(role_named(needs)) is may


def test_a_role_that_is_none_is_said() -> None:
    with pytest.raises(ValueError, match="there are viewer, approver, admin"):
        role_named("root")
