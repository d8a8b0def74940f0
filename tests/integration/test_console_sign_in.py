"""Signing in by a real identity provider: who gets in, as what, and everything that must not work."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from sqlalchemy import delete, select, update

from console.access import Role
from console.access.oidc.settings import Mapped, OidcSettings
from console.access.sessions import Person, Sessions
from console.access.settings import AccessSettings
from console.store.tables import audit, session
from console.store.tables_access import identity, sign_in
from policy_schema.rules.instant import Instant
from tests.fakes.identity_provider import SECRET, IdentityProvider, identity_provider, signed_in_there
from tests.fakes.running_console import NAME, PASSWORD, RunningConsole, running

pytestmark = [pytest.mark.online, pytest.mark.node]

ROLES = (
    Mapped("interdict-admins", Role.ADMIN, None),
    Mapped("it", Role.VIEWER, None),
    Mapped("it-berlin", Role.APPROVER, frozenset({"berlin"})),
    Mapped("it-paris", Role.APPROVER, frozenset({"paris"})),
)
WANG = {"preferred_username": "wang", "groups": ["everybody", "it"]}
SKEW = 60


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    with identity_provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def started(provider: IdentityProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningConsole]:
    with running(tmp_path_factory.mktemp("console"), access=partial(told_of, provider)) as console:
        provider.for_console(console.address)
        yield console


@pytest.fixture(autouse=True)
def no_thread_left() -> None:
    """Console and provider of this module live longer than a test."""


@pytest.fixture
def console(started: RunningConsole, provider: IdentityProvider) -> RunningConsole:
    """The console at the provider's time, with nobody signed in and one person known there."""
    started.now = Instant(int(time.time()))
    provider.accounts(wang=WANG)
    with started.database.write() as connection:
        for table in (session, identity, sign_in):
            connection.execute(delete(table))
    return started


@pytest.fixture
def browser(console: RunningConsole) -> Iterator[httpx.Client]:
    with console.client() as browser:
        yield browser


def told_of(provider: IdentityProvider, address: str) -> AccessSettings:
    settings = OidcSettings(
        issuer=provider.issuer,
        client_id="interdict",
        client_secret=SECRET,
        public_url=address,
        roles=ROLES,
        clock_skew=SKEW,
        timeout=2,
    )
    return AccessSettings(oidc=settings)


def back_from(browser: httpx.Client, name: str = "wang", wanted: str = "/") -> str:
    """The address that the provider sends the browser back to, not yet asked."""
    sent = browser.get("/login/oidc", params={"next": wanted})
    assert sent.status_code == 303, sent.text
    return signed_in_there(browser, sent.headers["location"], name)


def come_in(browser: httpx.Client, name: str = "wang", wanted: str = "/") -> httpx.Response:
    """The whole way."""
    return browser.get(back_from(browser, name, wanted))


def changed(address: str, **values: str) -> str:
    """The address with other values; an empty one is left out."""
    parts = urlsplit(address)
    query = {name: found[0] for name, found in parse_qs(parts.query).items()} | values
    return parts._replace(query=urlencode({name: value for name, value in query.items() if value})).geturl()


def record(console: RunningConsole) -> list[tuple[str, str, str]]:
    with console.database.read() as connection:
        lines = select(audit.c.who, audit.c.what, audit.c.detail).order_by(audit.c.audit_id)
        return [tuple(row) for row in connection.execute(lines)]


def is_in(browser: httpx.Client) -> bool:
    return browser.get("/").status_code == 200


def test_who_signs_in_is_back_where_they_were_with_their_name(console: RunningConsole, browser: httpx.Client) -> None:
    wanted = "/export/compliance.json?state=open"
    to_login = browser.get(wanted)
    page = browser.get(to_login.headers["location"])
    assert f'href="/login/oidc?next={wanted.replace("?", "%3F").replace("=", "%3D")}"' in page.text
    answer = come_in(browser, wanted=wanted)
    assert (answer.status_code, answer.headers["location"]) == (303, wanted)
    assert browser.get(wanted).status_code == 200
    assert "wang" in browser.get("/").text
    assert ("wang", "login", "as viewer from 127.0.0.1") in record(console)


@pytest.mark.parametrize(
    ("groups", "role", "devices"),
    [
        (["it"], "viewer", None),
        (["interdict-admins", "it-berlin"], "admin", None),
        (["it-berlin"], "approver", frozenset({"berlin"})),
        (["it-berlin", "it-paris"], "approver", frozenset({"berlin", "paris"})),
        (["it", "it-berlin"], "approver", frozenset({"berlin"})),
        ("it", "viewer", None),
    ],
    ids=["a viewer", "the highest role counts", "one place", "two places", "a higher role does not widen", "one text"],
)
def test_groups_of_the_provider_are_a_role_here(
    console: RunningConsole,
    provider: IdentityProvider,
    browser: httpx.Client,
    groups: object,
    role: str,
    devices: frozenset[str] | None,
) -> None:
    provider.accounts(wang={**WANG, "groups": groups})
    assert come_in(browser).status_code == 303
    viewer = Sessions(database=console.database, clock=console.clock).viewer(browser.cookies["interdict_session"])
    assert viewer is not None
    assert (viewer.name, viewer.role.value, viewer.groups, viewer.local) == ("wang", role, devices, False)


@pytest.mark.parametrize("groups", [[], ["everybody"], ["IT"], None], ids=["none", "others", "by case", "no claim"])
def test_who_has_no_role_gets_no_session_and_loses_those_that_are_open(
    console: RunningConsole, provider: IdentityProvider, browser: httpx.Client, groups: object
) -> None:
    assert come_in(browser).status_code == 303
    provider.accounts(wang={**WANG, "groups": groups})
    with console.client() as elsewhere:
        answer = come_in(elsewhere)
        assert answer.status_code == 403
        assert "none of your groups has a role here" in answer.text
        assert not is_in(elsewhere)
    assert not is_in(browser), "their other session is over as well"


def test_a_role_that_was_taken_away_is_gone_at_the_next_sign_in_everywhere(
    console: RunningConsole, provider: IdentityProvider, browser: httpx.Client
) -> None:
    provider.accounts(wang={**WANG, "groups": ["interdict-admins"]})
    come_in(browser)
    provider.accounts(wang=WANG)
    with console.client() as elsewhere:
        come_in(elsewhere)
    with console.database.read() as connection:
        assert set(connection.execute(select(session.c.role)).scalars()) == {"viewer"}


Tamper = Callable[[RunningConsole, httpx.Client, str], str]


def with_other(**values: str) -> Tamper:
    """The provider's answer, with other values in it."""
    return lambda console, browser, back: changed(back, **values)


def kept_as(**values: str) -> Tamper:
    """What the console kept of the sign-in is another's."""

    def tamper(console: RunningConsole, browser: httpx.Client, back: str) -> str:
        with console.database.write() as connection:
            connection.execute(update(sign_in).values(**values))
        return back

    return tamper


def later(seconds: int) -> Tamper:
    """The console's clock has gone on meanwhile, or back."""

    def tamper(console: RunningConsole, browser: httpx.Client, back: str) -> str:
        console.pass_time(seconds)
        return back

    return tamper


def elsewhere(console: RunningConsole, browser: httpx.Client, back: str) -> str:
    """The answer comes with another browser."""
    browser.cookies.delete("interdict_sign_in")
    return back


TAMPERED: dict[str, tuple[Tamper, str]] = {
    "another state": (with_other(state="x" * 43), "state"),
    "no state": (with_other(state=""), "state"),
    "another browser": (elsewhere, "state"),
    "an answer of another provider": (with_other(iss="https://evil.example"), "state"),
    "an answer without its provider": (with_other(iss=""), "state"),
    "a nonce of another sign-in": (kept_as(nonce="of another sign-in"), "nonce"),
    "another PKCE verifier": (kept_as(verifier="x" * 64), "code"),
    "a made-up code": (with_other(code="x" * 43), "code"),
    "no code": (with_other(code=""), "provider-refused"),
    "a refusal": (with_other(code="", error="access_denied"), "provider-refused"),
    "a sign-in of a while ago": (later(601), "state"),
    "a token that has run out": (later(60 + SKEW + 60), "id-token-expired"),
    "a token from the future": (later(-SKEW - 60), "id-token"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_no_session_comes_of(console: RunningConsole, browser: httpx.Client, name: str) -> None:
    tamper, why = TAMPERED[name]
    answer = browser.get(tamper(console, browser, back_from(browser)))
    assert answer.status_code == 403, answer.text
    assert 'role="alert"' in answer.text
    assert not is_in(browser)
    who, what, detail = record(console)[-1]
    assert (who, what, detail.split()[0]) == ("", "login-refused", why)


@pytest.mark.parametrize("seconds", [SKEW - 20, -SKEW + 20], ids=["ahead", "behind"])
def test_a_clock_that_is_a_little_off_does_no_harm(
    console: RunningConsole, browser: httpx.Client, seconds: int
) -> None:
    console.pass_time(seconds)
    assert come_in(browser).status_code == 303


def test_the_same_answer_twice_opens_one_session(console: RunningConsole, browser: httpx.Client) -> None:
    back = back_from(browser)
    kept = browser.cookies["interdict_sign_in"]
    assert browser.get(back).status_code == 303
    with console.client() as thief:
        thief.cookies.set("interdict_sign_in", kept)
        assert thief.get(back).status_code == 403
        assert not is_in(thief)


def test_a_code_that_was_used_is_refused_by_the_provider_in_another_sign_in(
    console: RunningConsole, browser: httpx.Client
) -> None:
    used = back_from(browser)
    assert browser.get(used).status_code == 303
    again = changed(back_from(browser), code=parse_qs(urlsplit(used).query)["code"][0])
    answer = browser.get(again)
    assert answer.status_code == 403
    assert "was used before" in answer.text


def test_keys_that_were_changed_are_fetched_anew(
    console: RunningConsole, provider: IdentityProvider, browser: httpx.Client
) -> None:
    assert come_in(browser).status_code == 303
    provider.new_keys()
    console.pass_time(31)
    with console.client() as fresh:
        assert come_in(fresh).status_code == 303


def test_a_new_sign_in_has_a_new_session_and_ends_the_one_before(
    console: RunningConsole, browser: httpx.Client
) -> None:
    come_in(browser)
    first = browser.cookies["interdict_session"]
    come_in(browser)
    assert browser.cookies["interdict_session"] != first
    with console.client() as thief:
        thief.cookies.set("interdict_session", first)
        assert not is_in(thief)


def test_signing_out_ends_the_session_here_and_leads_to_the_providers(
    console: RunningConsole, provider: IdentityProvider, browser: httpx.Client
) -> None:
    come_in(browser)
    token = browser.get("/").text.split('name="csrf" value="')[1].split('"')[0]
    answer = browser.post("/logout", data={"csrf": token})
    page = browser.get(answer.headers["location"]).text
    assert f'href="{provider.issuer}/session/end?client_id=interdict' in page
    assert not is_in(browser)


def test_a_name_belongs_to_one_account_and_a_local_one_is_nobody_elses(
    console: RunningConsole, provider: IdentityProvider, browser: httpx.Client
) -> None:
    come_in(browser)
    provider.accounts(wang=WANG, mallory={**WANG}, chen={"preferred_username": NAME, "groups": ["it"]})
    for name in ("mallory", "chen"):
        with console.client() as other:
            answer = come_in(other, name)
            assert answer.status_code == 403
            assert "has had your name here" in answer.text
            assert not is_in(other)


@pytest.mark.parametrize("name", ["", "x" * 101, "a\u202eb", "a\nb", 7, None], ids=repr)
def test_a_name_that_is_none_is_refused(
    console: RunningConsole, provider: IdentityProvider, browser: httpx.Client, name: object
) -> None:
    provider.accounts(wang={**WANG, "preferred_username": name})
    answer = come_in(browser)
    assert answer.status_code == 403
    assert "no name for you" in answer.text


@contextmanager
def gone(provider: IdentityProvider) -> Iterator[None]:
    provider.stop()
    yield
    provider.start()


@contextmanager
def silent(provider: IdentityProvider) -> Iterator[None]:
    provider.freeze()
    yield
    provider.thaw()


@pytest.mark.parametrize("trouble", [gone, silent], ids=["is gone", "says nothing"])
def test_when_the_provider(
    console: RunningConsole,
    provider: IdentityProvider,
    browser: httpx.Client,
    trouble: Callable[[IdentityProvider], object],
) -> None:
    """The page says so, and the account for emergencies works; that it was used stands on every page for a day."""
    back = back_from(browser)
    with trouble(provider):  # type: ignore[attr-defined]
        answer = browser.get(back)
        assert answer.status_code == 503
        assert "does not answer" in answer.text
        token = answer.text.split('name="token" value="')[1].split('"')[0]
        form = {"token": token, "name": NAME, "password": PASSWORD, "next": "/"}
        assert browser.post("/login", data=form).status_code == 303
    assert (NAME, "break-glass", "from 127.0.0.1") in record(console)
    for seconds, shown in ((0, True), (86_300, True), (101, False)):
        console.pass_time(seconds)
        with console.client() as other:
            other.cookies.set("interdict_session", begun(console))
            assert ("signed in with a local account for emergencies" in other.get("/").text) is shown


def begun(console: RunningConsole) -> str:
    """A session of somebody else, at the console's time."""
    with console.database.write() as connection:
        sessions = Sessions(database=console.database, clock=console.clock)
        return sessions.begin(connection, Person("li", Role.VIEWER, None, "oidc"), "192.0.2.7")
