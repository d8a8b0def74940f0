"""Who may call what: every route of the console, asked for as everybody there is.

The table stands in docs/access.md, for people; this file reads it from there. A route that is in the program and not in
the table, or the other way round, or that the table gives to somebody else, fails.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import msgspec
import pypdf
import pytest
from sqlalchemy import delete, select

from console.access import Role, Scope
from console.access.sessions import Person, Sessions
from console.access.tokens import Tokens
from console.store.tables import audit, user
from console.web.guard import Rule, Who
from console.web.routes import RULES
from tests.fakes.reporting_device import ReportingDevice, coverage, facts
from tests.fakes.reporting_device import finding as a_finding
from tests.fakes.reporting_device import request as a_request
from tests.fakes.running_console import RunningConsole, post, running

PAGE = Path(__file__).parents[2] / "docs" / "access.md"
TABLE = {
    (method, path): (Who(who), Scope(scope) if scope else Scope.READ)
    for method, path, who, scope in re.findall(
        r"^\| ([A-Z]+) \| `([^`]+)` \| ([a-z]+)(?: \(([a-z]+)\))? \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
}
OURS, THEIRS = "secret-host-of-ours", "secret-host-of-theirs"
ASKED = "q-1234"
ROLES = {Who.VIEWER: Role.VIEWER, Who.APPROVER: Role.APPROVER, Who.ADMIN: Role.ADMIN}
REFUSALS = re.compile(
    r"Your role does not allow this|This form is not yours|This needs a token|This token is not good for"
)


class Actor(NamedTuple):
    """Somebody who asks."""

    name: str
    role: Role | None = None
    groups: frozenset[str] | None = None
    scope: Scope | None = None
    over: bool = False
    """What they hold was ended."""


ACTORS = (
    Actor("anybody"),
    Actor("a device with its key"),
    Actor("a viewer", Role.VIEWER),
    Actor("an approver", Role.APPROVER),
    Actor("an admin", Role.ADMIN),
    Actor("a viewer of another group", Role.VIEWER, frozenset({"theirs"})),
    Actor("an admin of no group at all", Role.ADMIN, frozenset()),
    Actor("somebody whose session was ended", Role.ADMIN, over=True),
    Actor("a program that may read", scope=Scope.READ),
    Actor("a program that may read metrics", scope=Scope.METRICS),
    Actor("a program whose token was ended", scope=Scope.READ, over=True),
)


class World:
    """A console with a device of each of two groups, and ways to be somebody."""

    def __init__(self, console: RunningConsole) -> None:
        self.console = console
        self._sessions = Sessions(database=console.database, clock=console.clock)
        self._tokens = Tokens(database=console.database, clock=console.clock)
        self._open: dict[str, tuple[httpx.Client, str]] = {}
        with console.client() as client:
            self.ours, self.theirs = (
                self._device(client, name, group) for name, group in ((OURS, "ours"), (THEIRS, "theirs"))
            )

    def _device(self, client: httpx.Client, name: str, group: str) -> ReportingDevice:
        device = self.console.device(client, name)
        told = msgspec.structs.replace(facts(name), groups=(group,))
        sealed = device.send(
            device.report(
                facts=told,
                coverage=(coverage(),),
                findings=(a_finding(id=f"f-{group}"),),
                requests=(a_request(id=ASKED),),
            )
        )
        assert post(client, sealed).status_code == 200
        return device

    def become(self, client: httpx.Client, actor: Actor) -> str:
        """Gives a client what this actor holds; returns the token of their forms."""
        if actor.scope is not None:
            text = self._tokens.make("a test", "a program", frozenset({actor.scope}), actor.groups, 86_400)
            if actor.over:
                self._tokens.end("a test", self._tokens.listed()[0].id)
            client.headers["Authorization"] = f"Bearer {text}"
        if actor.role is None:
            return ""
        person = Person(actor.name, actor.role, actor.groups, "oidc")
        with self.console.database.write() as connection:
            token = self._sessions.begin(connection, person, "127.0.0.1")
        client.cookies.set("interdict_session", token)
        viewer = self._sessions.viewer(token)
        assert viewer is not None
        if actor.over:
            with self.console.database.write() as connection:
                connection.execute(delete(user))
                self._sessions.begin(connection, person, "127.0.0.1", replaces=token)
        return viewer.csrf

    def held(self, actor: Actor) -> tuple[httpx.Client, str]:
        """An actor's client and the token of their forms; they keep what they hold from one route to the next."""
        if actor.name not in self._open:
            client = self.console.client()
            self._open[actor.name] = client, self.become(client, actor)
        return self._open[actor.name]

    def asked(self, rule: Rule, actor: Actor) -> httpx.Response:
        """What an actor gets. Whoever signs out holds something new afterwards."""
        client, csrf = self.held(actor)
        answer = ask(self, rule, actor, client, csrf)
        if rule.path == "/logout":
            self._open.pop(actor.name)[0].close()
        return answer

    def close(self) -> None:
        """Everybody goes."""
        for client, _ in self._open.values():
            client.close()

    def address(self, rule: Rule, device: ReportingDevice, format_: str = "csv") -> str:
        """A path of the rule that leads somewhere."""
        parts = {
            "device": device.id,
            "epoch": device.epoch,
            "sequence": "1",
            "file": "console.css",
            "ban": "claude-code",
            "request": ASKED,
            "exception": "x-00000000",
            "serial": "1",
            "format": format_,
            "schedule": "1",
        }
        return re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: parts[found[1]], rule.path)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("console")) as console:
        world = World(console)
        yield world
        world.close()


@pytest.fixture(autouse=True)
def no_thread_left() -> None:
    """The console of this module lives longer than a test."""


def test_the_table_and_the_program_have_the_same_routes() -> None:
    built = {(rule.method, rule.path): (rule.who, rule.scope) for rule in RULES}
    assert built == TABLE, "docs/access.md says who may call what: a route needs its row there"


def test_every_page_about_a_device_is_put_on_the_record() -> None:
    assert [rule.path for rule in RULES if "{device}" in rule.path and rule.views != "device"] == []


def test_what_changes_something_is_no_get() -> None:
    """`SameSite` and form tokens guard forms alone."""
    assert {rule.method for rule in RULES} <= {"GET", "POST"}


def ask(world: World, rule: Rule, actor: Actor, client: httpx.Client, csrf: str) -> httpx.Response:
    address = world.address(rule, world.ours)
    if actor.name == "a device with its key":
        sealed = world.ours.signed(address, b"{}", 1)
        return client.request(rule.method, address, content=sealed.body, headers=sealed.headers)
    return client.get(address) if rule.method == "GET" else client.post(address, data={"csrf": csrf})


def turned_away(answer: httpx.Response) -> bool:
    """By the guard, not by what stands behind it."""
    to_login = answer.status_code == 303 and answer.headers["location"].startswith("/login?next=")
    return to_login or (answer.status_code in (401, 403) and REFUSALS.search(answer.text) is not None)


def may(rule: Rule, actor: Actor) -> bool:
    """What the table says."""
    who, scope = TABLE[rule.method, rule.path]
    if who in (Who.ANYBODY, Who.AGENT):
        return True
    if actor.over:
        return False
    if who is Who.TOKEN:
        return actor.scope is scope
    return actor.role is not None and actor.role.may(ROLES[who]) and (who is not Who.ADMIN or actor.groups is None)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.method} {rule.path}")
def test_who_may_call(world: World, rule: Rule) -> None:
    answers = {actor.name: world.asked(rule, actor) for actor in ACTORS}
    assert {name: answer.status_code for name, answer in answers.items() if answer.status_code >= 500} == {}
    let_in = {name for name, answer in answers.items() if not turned_away(answer)}
    assert let_in == {actor.name for actor in ACTORS if may(rule, actor)}
    if rule.who is Who.AGENT:
        assert {answer.status_code // 100 for answer in answers.values()} == {4}, "no session or token is a report"


FORMS = [rule for rule in RULES if rule.method == "POST" and rule.who in ROLES]
ADMIN = next(actor for actor in ACTORS if actor.name == "an admin")
OTHER = ADMIN._replace(name="an admin at another screen")
WRONG: dict[str, tuple[str | None, str]] = {
    "none": (None, "same-origin"),
    "an empty one": ("", "same-origin"),
    "a made-up one": ("x" * 43, "same-origin"),
    "another session's": ("of another session", "same-origin"),
    "another site's": ("right", "cross-site"),
    "a neighbouring site's": ("right", "same-site"),
}


@pytest.mark.parametrize("rule", FORMS, ids=lambda rule: rule.path)
def test_a_form_needs_the_token_of_its_own_session(world: World, rule: Rule) -> None:
    (client, right), (_, other) = world.held(ADMIN), world.held(OTHER)
    texts = {"right": right, "of another session": other}
    for name, (token, site) in WRONG.items():
        sent = {} if token is None else {"csrf": texts.get(token, token)}
        answer = client.post(world.address(rule, world.ours), data=sent, headers={"Sec-Fetch-Site": site})
        assert answer.status_code == 403, name
        assert "This form is not yours" in answer.text, name


READ = [rule for rule in RULES if rule.method == "GET" and rule.who in (*ROLES, Who.TOKEN)]


@pytest.mark.parametrize("rule", READ, ids=lambda rule: rule.path)
@pytest.mark.parametrize("groups", [("theirs",), ("of nobody",), ()], ids=["another", "nobody's", "none"])
def test_nothing_of_our_group_is_shown_to_who_sees(world: World, rule: Rule, groups: tuple[str, ...]) -> None:
    """Every page, list, total and export, in whatever form, for whoever may open it and sees other groups alone."""
    scope = rule.scope if rule.who is Who.TOKEN else None
    actor = Actor(f"narrowed to {groups} {rule.who} {scope}", ROLES.get(rule.who), frozenset(groups), scope)
    client, _ = world.held(actor)
    about_us, about_them = (client.get(world.address(rule, device)) for device in (world.ours, world.theirs))
    for shown in (words(about_us), words(about_them)):
        assert OURS not in shown
        assert world.ours.id not in shown.replace(str(about_us.url.path), "")
        if "theirs" not in groups:
            assert THEIRS not in shown
    if rule.views:
        assert about_us.status_code == 404
        assert about_them.status_code == (200 if "theirs" in groups else 404)


def words(answer: httpx.Response) -> str:
    """What somebody reads in an answer: of a workbook its cells, of a PDF its text."""
    body = answer.content
    if body.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(body)) as book:
            return "".join(book.read(name).decode("utf-8", "replace") for name in book.namelist())
    if body.startswith(b"%PDF"):
        return "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(body)).pages)
    return answer.text


BOOKS = [rule for rule in RULES if "{format}" in rule.path]


@pytest.mark.parametrize("rule", BOOKS, ids=lambda rule: rule.path)
@pytest.mark.parametrize("format_", ["xlsx", "pdf"])
def test_a_workbook_and_a_paper_are_narrowed_too(world: World, rule: Rule, format_: str) -> None:
    shown = {}
    for groups in (None, frozenset({"theirs"})):
        client, _ = world.held(Actor(f"reads {groups}", ROLES.get(rule.who), groups))
        answer = client.get(world.address(rule, world.ours, format_))
        assert answer.status_code == 200
        shown[groups] = words(answer)
    assert OURS in shown[None], "what everybody may see is there: this test sees something"
    assert OURS not in shown[frozenset({"theirs"})]
    assert THEIRS in shown[frozenset({"theirs"})]


def test_who_is_not_narrowed_sees_both(world: World) -> None:
    with world.console.client() as client:
        world.become(client, Actor("a viewer", Role.VIEWER))
        shown = client.get("/devices").text
    assert OURS in shown
    assert THEIRS in shown


VIEWS = [rule for rule in RULES if rule.views and rule.method == "GET"]


@pytest.mark.parametrize("rule", VIEWS, ids=lambda rule: rule.path)
def test_who_looked_stands_on_the_record(world: World, rule: Rule) -> None:
    actor = Actor(f"who looks at {rule.path}", ROLES.get(rule.who), None, rule.scope if rule.who is Who.TOKEN else None)
    with world.console.client() as client:
        answer = ask(world, rule, actor, client, world.become(client, actor))
        assert answer.status_code == 200
    with world.console.database.read() as connection:
        line = connection.execute(select(audit).order_by(audit.c.audit_id.desc())).first()
    assert line is not None
    who = actor.name if actor.role else "token a program"
    assert (line.who, line.what, line.about) == (who[:120], "viewed", world.ours.id)


def test_a_look_that_showed_nothing_is_no_line(world: World) -> None:
    with world.console.client() as client:
        world.become(client, Actor("who saw nothing", Role.VIEWER, frozenset({"theirs"})))
        client.get(f"/devices/{world.ours.id}")
        client.get("/devices/d-000000000000000000000000")
    with world.console.database.read() as connection:
        assert "who saw nothing" not in set(connection.execute(select(audit.c.who)).scalars())
