"""The pages Settings and Audit over real HTTP: what an admin can do there, what everybody can, what stands there."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from sqlalchemy import delete, insert, select

from console import audit
from console.access import Role
from console.access.sessions import Person, Sessions
from console.access.tokens import Tokens
from console.store.tables import audit as lines
from console.store.tables import session, user
from console.store.tables_access import identity
from tests.fakes.running_console import RunningConsole, running


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningConsole]:
    with running(tmp_path_factory.mktemp("console")) as console:
        yield console


@pytest.fixture(autouse=True)
def no_thread_left() -> None:
    """The console of this module lives longer than a test."""


@pytest.fixture
def console(started: RunningConsole) -> RunningConsole:
    with started.database.write() as connection:
        for table in (session, identity, user):
            connection.execute(delete(table))
        row = {"name": "wang", "password": "x", "role": "viewer", "created_at": 0}
        connection.execute(insert(user).values(**row))
    return started


class Desk:
    """Somebody at their browser."""

    def __init__(self, console: RunningConsole, name: str, role: Role) -> None:
        self.client = console.client()
        sessions = Sessions(database=console.database, clock=console.clock)
        with console.database.write() as connection:
            token = sessions.begin(connection, Person(name, role, None, "oidc"), "192.0.2.7")
        self.client.cookies.set("interdict_session", token)

    def see(self, path: str = "/settings") -> str:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    def send(self, path: str, **form: object) -> httpx.Response:
        csrf = self.see().split('name="csrf" value="')[1].split('"')[0]
        return self.client.post(path, data={"csrf": csrf, **form})

    def done(self, path: str, **form: object) -> str:
        """What the page says after a form."""
        answer = self.send(path, **form)
        assert answer.status_code == 303, answer.text
        found = re.search(r'role="status">([^<]+)<', self.see(answer.headers["location"]))
        assert found
        return found[1]


@pytest.fixture
def admin(console: RunningConsole) -> Iterator[Desk]:
    desk = Desk(console, "li", Role.ADMIN)
    yield desk
    desk.client.close()


@pytest.fixture
def viewer(console: RunningConsole) -> Iterator[Desk]:
    desk = Desk(console, "zhao", Role.VIEWER)
    yield desk
    desk.client.close()


def session_of(desk: Desk, name: str) -> str:
    row = next(part for part in desk.see().split("<tr>") if f">{name}" in part and "sessions/end" in part)
    return row.split('name="session" value="')[1].split('"')[0]


class TestSessions:
    def test_everybody_sees_and_ends_their_own(self, viewer: Desk, admin: Desk) -> None:
        assert not re.search(r">li\W", viewer.see().split("<footer>")[0])
        assert viewer.send("/settings/sessions/end", session=session_of(viewer, "zhao")).status_code == 303
        assert viewer.client.get("/settings").status_code == 303

    def test_a_viewer_cannot_end_anothers(self, viewer: Desk, admin: Desk) -> None:
        assert "Nothing was changed" in viewer.done("/settings/sessions/end", session=session_of(admin, "li"))
        admin.see()

    def test_an_admin_ends_anybodys_and_it_is_recorded(
        self, console: RunningConsole, viewer: Desk, admin: Desk
    ) -> None:
        assert admin.done("/settings/sessions/end", session=session_of(admin, "zhao")) == "The session is ended."
        assert viewer.client.get("/settings").status_code == 303
        assert "ended a session" in admin.see("/audit?about=zhao")


class TestAccounts:
    def test_a_role_and_its_groups_are_set(self, admin: Desk) -> None:
        form = {"name": "wang", "act": "change", "role": "approver", "groups": "berlin, paris ,"}
        assert admin.done("/settings/users", **form) == "The role is changed."
        assert "berlin, paris" in admin.see()

    @pytest.mark.parametrize("role", ["root", "", "ADMIN"])
    def test_a_role_that_is_none_is_refused(self, admin: Desk, role: str) -> None:
        assert admin.send("/settings/users", name="wang", act="change", role=role).status_code == 400

    def test_an_admin_with_groups_is_refused(self, admin: Desk) -> None:
        answer = admin.send("/settings/users", name="wang", act="change", role="admin", groups="berlin")
        assert (answer.status_code, "An admin sees all devices" in answer.text) == (400, True)

    def test_an_account_is_removed_once(self, admin: Desk) -> None:
        form = {"name": "wang", "act": "remove"}
        assert admin.done("/settings/users", **form) == "The account is removed."
        assert "Nothing was changed" in admin.done("/settings/users", **form)

    def test_a_name_is_let_go_and_its_sessions_end(self, console: RunningConsole, admin: Desk, viewer: Desk) -> None:
        with console.database.write() as connection:
            row = {"subject": "x", "name": "zhao", "role": "viewer", "first_at": 0, "last_at": 0}
            connection.execute(insert(identity).values(**row))
        assert admin.done("/settings/identities/let-go", name="zhao") == "The name is free for another account."
        assert viewer.client.get("/settings").status_code == 303


class TestTokens:
    def test_one_is_made_shown_once_used_and_ended(self, console: RunningConsole, admin: Desk) -> None:
        answer = admin.send("/settings/tokens", name="grafana", scope=["read", "metrics"], days="30", groups="berlin")
        (text,) = re.findall(r"<code>(interdict_[\w-]{43})</code>", answer.text)
        assert text not in admin.see()
        holder = Tokens(database=console.database, clock=console.clock).holder(text)
        assert holder is not None
        assert (sorted(holder.scopes), holder.viewer.groups) == (["metrics", "read"], frozenset({"berlin"}))
        number = admin.see().split('name="token" value="')[1].split('"')[0]
        assert admin.done("/settings/tokens/end", token=number) == "The token is ended."
        assert Tokens(database=console.database, clock=console.clock).holder(text) is None

    @pytest.mark.parametrize(
        "form",
        [
            {"name": "x", "scope": "read", "days": "9999"},
            {"name": "x", "scope": "write", "days": "30"},
            {"name": "x", "days": "30"},
            {"name": " ", "scope": "read", "days": "30"},
            {"name": "x" * 101, "scope": "read", "days": "30"},
            {},
        ],
        ids=["an endless life", "a scope that is none", "no scope", "no name", "an endless name", "nothing"],
    )
    def test_one_is_not_made_of(self, admin: Desk, form: dict[str, str]) -> None:
        answer = admin.send("/settings/tokens", **form)
        assert answer.status_code == 400
        assert "interdict_" not in answer.text

    @pytest.mark.parametrize("number", ["", "x", "-1", "999999", "9" * 30, "٣"])
    def test_one_that_is_not_there_is_not_ended(self, admin: Desk, number: str) -> None:
        assert "Nothing was changed" in admin.done("/settings/tokens/end", token=number)


def test_a_viewer_sees_neither_accounts_nor_tokens(viewer: Desk) -> None:
    page = viewer.see()
    assert "wang" not in page
    assert "/settings/tokens" not in page


class TestAudit:
    @pytest.fixture(autouse=True)
    def many(self, console: RunningConsole) -> None:
        """250 lines of several people about several devices, on two days."""
        with console.database.write() as connection:
            for number in range(250):
                who, what = ("chen", "viewed") if number % 5 else ("<script>wang", "export")
                audit.record(connection, 86_400 + number * 400, who=who, what=what, about=f"d-{number % 7}")

    def seen(self, desk: Desk, query: str) -> list[tuple[str, str]]:
        """Who did what, over all pages."""
        found: list[tuple[str, str]] = []
        address: str | None = f"/audit?{query}"
        while address:
            page = desk.see(address)
            for row in page.split("<tbody>")[-1].split("<tr>")[1:] if "<tbody>" in page else []:
                cells = [re.sub(r"<[^>]+>", "", cell).strip() for cell in row.split("</td>")]
                found.append((cells[1], cells[2]))
            following = re.search(r'href="([^"]+)" rel="next"', page)
            address = following[1].replace("&amp;", "&") if following else None
        return found

    def test_pages_follow_each_other_without_loss_or_repetition(self, console: RunningConsole, admin: Desk) -> None:
        with console.database.read() as connection:
            number = len(connection.execute(select(lines.c.audit_id)).all())
        assert len(self.seen(admin, "")) == number

    @pytest.mark.parametrize(
        ("query", "count"),
        [
            ("who=chen", 200),
            ("what=export&until=1970-01-03", 50),
            ("about=d-0&until=1970-01-03", 36),
            ("who=chen&what=viewed&about=d-1", 29),
            ("since=1970-01-02&until=1970-01-02", 216),
            ("who=nobody", 0),
            ("who=chen&since=nonsense&before=nonsense", 200),
            ("who=%27%3B+DROP+TABLE+audit%3B--", 0),
        ],
    )
    def test_it_is_narrowed(self, console: RunningConsole, admin: Desk, query: str, count: int) -> None:
        with console.database.write() as connection:
            kept = select(lines.c.audit_id).order_by(lines.c.audit_id.desc()).limit(250)
            connection.execute(delete(lines).where(lines.c.audit_id.not_in(kept)))
        assert len(self.seen(admin, query)) == count

    def test_nothing_of_a_name_becomes_part_of_the_page(self, admin: Desk) -> None:
        page = admin.see("/audit?what=export")
        assert "&lt;script&gt;wang" in page
        assert "<script>wang" not in page
