"""The day of each role, in a real browser: signed in by a real identity provider, over a fleet with a real agent in it.

The approver sees who is hit and approves what a person asked for, which reaches that person's machine; the viewer
takes every file and opens it; the admin gives access and sees who looked at whom; somebody narrowed to one group sees
that one.
"""

from __future__ import annotations

import csv
import io
import json
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec
import openpyxl
import pypdf
import pytest
from playwright.sync_api import Browser, Page
from sqlalchemy import select

from console.access import Role
from console.access.oidc.settings import Mapped, OidcSettings
from console.access.settings import AccessSettings
from console.cli import main
from console.store.tables import device as device_table
from policy_schema.messages import local
from policy_schema.rules.instant import Instant
from policy_schema.trust.layout import TIMESTAMP_PATH
from tests.fakes.company import Company, press
from tests.fakes.console_browser import Look, chromium, looking
from tests.fakes.identity_provider import PASSWORD as ANY_PASSWORD
from tests.fakes.identity_provider import SECRET as CLIENT_SECRET
from tests.fakes.identity_provider import IdentityProvider, identity_provider
from tests.fakes.reporting_device import coverage, facts, finding, request
from tests.fakes.running_console import SECRET, RunningConsole, post, running
from tests.fakes.synthetic import synthetic_npm_install
from tests.fakes.workstation import Workstation

pytestmark = [
    pytest.mark.online,
    pytest.mark.node,
    pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix"),
]

CLAUDE = "@anthropic-ai/claude-code"
FINANCE = tuple(f"finance-{number}" for number in range(6))
RESEARCH = tuple(f"research-{number}" for number in range(6))
HIT = ("finance-0", "research-0", "research-1")
ASKING = "finance-0"
ROLES = (
    Mapped("security", Role.ADMIN, None),
    Mapped("approvers", Role.APPROVER, None),
    Mapped("auditors", Role.VIEWER, None),
    Mapped("finance-it", Role.VIEWER, frozenset({"finance"})),
)
PEOPLE = {"sun": "security", "wang": "approvers", "zhao": "auditors", "lin": "finance-it"}
PATIENCE = 20.0


class World(NamedTuple):
    """Everything that the day takes place in."""

    company: Company
    agent: Workstation
    console: RunningConsole
    browser: Browser

    @contextmanager
    def as_(self, name: str) -> Iterator[Page]:
        """A window of somebody who has just signed in by the identity provider."""
        with looking(self.browser, self.console.address, Look()) as page:
            page.goto("/")
            page.click("text=Sign in with Example")
            page.fill("input[name=login]", name)
            page.fill("input[name=password]", ANY_PASSWORD)
            page.click("button[type=submit]")
            page.click("button:has-text('Continue')")
            page.wait_for_url(f"{self.console.address}/")
            assert page.inner_text("header .name") == name
            yield page

    def states(self, *groups: str) -> Counter[str]:
        """What the database itself says: devices by their state, of these groups or all."""
        with self.console.database.read() as connection:
            rows = connection.execute(select(device_table.c.standing, device_table.c.groups)).all()
        kept = [row.standing for row in rows if not groups or set(json.loads(row.groups or "[]")) & set(groups)]
        return Counter(kept)


@pytest.fixture(autouse=True)
def no_thread_left() -> None:
    """Console, provider and agent of this module live longer than a test."""


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    with identity_provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def world(provider: IdentityProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("day")
    (folder / "station").mkdir()
    company = Company(folder)
    with Workstation(folder / "station", groups=["research"]) as agent, chromium() as browser:
        decisions = company.publish(agent)
        access = _told_of(provider)
        with running(folder / "data", decisions=decisions, access=access) as console:
            console.now = Instant(int(time.time()))
            provider.for_console(console.address)
            provider.accounts(**{name: _claims(name, group) for name, group in PEOPLE.items()})
            agent._console, agent._secret = console.address, SECRET
            _fleet(console)
            yield World(company, agent, console, browser)


def _claims(name: str, group: str) -> dict[str, object]:
    return {"preferred_username": name, "groups": ["everybody", group]}


def _told_of(provider: IdentityProvider) -> Callable[[str], AccessSettings]:
    def access(address: str) -> AccessSettings:
        return AccessSettings(
            oidc=OidcSettings(
                issuer=provider.issuer,
                client_id="interdict",
                client_secret=CLIENT_SECRET,
                public_url=address,
                name="Example",
                roles=ROLES,
            )
        )

    return access


def _fleet(console: RunningConsole) -> None:
    """Twelve devices of two groups; three have what is banned, and on one of them somebody asks for an exception."""
    with console.client() as client:
        for host_name in (*FINANCE, *RESEARCH):
            device = console.device(client, host_name)
            report = device.report(
                facts=msgspec.structs.replace(facts(host_name), groups=(host_name.split("-")[0],)),
                findings=(finding(),) if host_name in HIT else (),
                requests=(request(id="r-the-other"),) if host_name == ASKING else (),
                coverage=(coverage(),),
            )
            assert post(client, device.send(report)).status_code == 200


def _until(so: Callable[[], bool], what: str) -> None:
    ends = time.monotonic() + PATIENCE
    while not so():
        assert time.monotonic() < ends, what
        threading.Event().wait(0.05)


def _shows(page: Page, path: str, text: str) -> bool:
    page.goto(path)
    return text in page.inner_text("main")


def _real_one(world: World) -> tuple[str, ...]:
    """The name of the real agent's device, where an earlier part of the day has started it."""
    return (socket.gethostname(),) if world.agent.is_alive else ()


def _refused(page: Page, path: str) -> None:
    """The page is refused, and no link leads to it."""
    assert page.locator(f'a[href="{path}"]').count() == 0
    answer = page.goto(path)
    assert answer is not None
    assert answer.status == 403, path


def _sent_anyway(page: Page, path: str, **form: str) -> int:
    """What a form is answered that the page does not show, sent with the viewer's own form token."""
    token = page.locator('input[name="csrf"]').first.get_attribute("value") or ""
    return page.request.post(path, form={"csrf": token, **form}, max_redirects=0).status


def test_the_approver_sees_who_is_hit_and_what_they_approve_reaches_the_machine(world: World) -> None:
    agent, host_name = world.agent, socket.gethostname()
    synthetic_npm_install(agent.prefix, CLAUDE, "2.1.197", "native")
    agent.start()
    agent.wait_for(event="outcome", kind="notify", result="told", ban="claude-code")
    press(agent, local.notice_id(agent.home.stat().st_uid, "claude-code", "claude-code"))
    agent.wait_for(event="asked", ban="claude-code")

    with world.as_("wang") as page:
        _until(lambda: _shows(page, "/exceptions", host_name), "nobody asked at the console")
        page.click("nav.main >> text=Devices")
        page.select_option("main select[name=ban]", "claude-code")
        page.wait_for_selector(".narrowed .chip")
        hit = page.locator("#list tbody th a").all_inner_texts()
        assert sorted(hit) == sorted([*HIT, host_name])

        page.click("nav.main >> text=Exceptions")
        page.click(f"tbody th >> text={host_name}")
        page.fill("textarea[name=reason]", "the contract with a customer")
        page.fill("input[name=until]", (datetime.now(UTC) + timedelta(days=20)).date().isoformat())
        page.click("main button:has-text('Approve')")
        assert "Whoever approves states" in page.inner_text("[role=alert]")
        page.check("input[name=statement]")
        stamp = world.company.files / TIMESTAMP_PATH
        before = stamp.read_bytes()
        page.click("main button:has-text('Approve')")
        assert "Approved. It is signed and published now" in page.inner_text("[role=status]")

        # The timestamp is written last: what it names is there.
        _until(lambda: stamp.read_bytes() != before, "nothing was published")
        assert list(stamp.parent.glob("1.exceptions.json"))
        mark = agent.mark()
        world.company.upload(agent)
        agent.wait_for(mark, event="finding-changed", ban="claude-code", state="excepted")
        started = subprocess.Popen([str(agent.prefix / "bin" / "claude")], start_new_session=True)
        try:
            agent.wait_for(mark, event="finding", ban="claude-code", pid=started.pid)
            mark = agent.mark()
            agent.wait_for(mark, event="report-sent")
            assert started.poll() is None, "what is excepted may run"
        finally:
            started.kill()
            started.wait()
        _until(lambda: _shows(page, "/exceptions?show=held", "in force on 1 of 1"), "it never arrived")
        assert "approved by wang" in page.inner_text("tbody")

        page.goto("/settings")
        assert page.locator("form[action='/settings/tokens']").count() == 0
        assert _sent_anyway(page, "/settings/tokens", name="mine", scope="read", days="7") == 403
        page.goto("/exceptions?show=pauses")
        assert page.locator("form[action='/exceptions/pauses']").count() == 0
        assert _sent_anyway(page, "/exceptions/pauses", ban="claude-code", hours="1", reason="x") == 403
        _refused(page, "/audit")


def test_the_viewer_takes_each_file_and_it_says_what_the_database_says(world: World, tmp_path: Path) -> None:
    expected = world.states()
    with world.as_("zhao") as page:
        page.click("nav.main >> text=Reports")
        files = {form: _downloaded(page, form, tmp_path) for form in ("csv", "json", "xlsx", "pdf")}
        for form, read in READERS.items():
            assert read(files[form]) == expected, form
        digest = json.loads(files["json"].read_bytes())["data_sha256"]
        assert digest in _text(files["pdf"])
        page.goto("/devices")
        with page.expect_download() as listed:
            page.click("main a[href^='/export/compliance.csv']")
        rows = _rows(listed.value.path())
        assert Counter({row["device"]: row["state"] for row in rows}.values()) == expected

        page.goto("/exceptions")
        assert ASKING in page.inner_text("tbody")
        assert page.locator("main button, main input[type=checkbox]").count() == 0
        page.click(f"tbody th >> text={ASKING}")
        assert page.locator("main form, main button").count() == 0
        assert _sent_anyway(page, page.url, do="approve", reason="x", until="2030-01-01", statement="yes") == 403
        assert _sent_anyway(page, "/exceptions/decide", do="refuse", because="risk", reason="x") == 403
        _refused(page, "/exceptions/new")
        page.goto("/")
        _refused(page, "/audit")


@pytest.mark.slow
def test_the_admin_gives_access_and_sees_who_looked_at_a_device(world: World, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("several words are easier\n")
    added = ["user", "add", "deng", "--password-file", str(password), "--data", str(world.console.settings.data)]
    assert main(added) == 0
    with world.as_("zhao") as page:
        page.goto("/devices")
        page.click("#list tbody th >> text=research-1")
        page.wait_for_selector("h1:has-text('research-1')")
        device = page.url.rsplit("/", 1)[1]
    with world.as_("sun") as page:
        page.click("nav.main >> text=Settings")
        row = page.locator("tr", has=page.locator("input[value=deng]"))
        row.locator("select[name=role]").select_option("approver")
        row.locator("input[name=groups]").fill("research")
        row.locator("button:has-text('Change')").click()
        assert "The role is changed." in page.inner_text("[role=status]")
        assert _read_by_a_new_token(world, page) == len((*FINANCE, *RESEARCH)) + len(_real_one(world))

        page.click("nav.main >> text=Audit")
        page.fill("main input[name=about]", device)
        page.click("main form button")
        looked = page.locator("tbody tr").all_inner_texts()
        assert any("zhao" in line for line in looked), looked
        page.goto("/audit?about=deng")
        assert "sun" in page.inner_text("tbody")
    with looking(world.browser, world.console.address, Look()) as page:
        page.goto("/login")
        page.click("summary")
        page.fill("input[name=name]", "deng")
        page.fill("input[name=password]", "several words are easier")
        page.click("form button:has-text('Sign in')")
        page.goto("/devices")
        shown = set(page.locator("#list tbody th a").all_inner_texts())
        assert shown == {*RESEARCH, *_real_one(world)}


def _read_by_a_new_token(world: World, page: Page) -> int:
    """Makes a token, reads the devices with it, ends it, and reads no more."""
    page.fill("form[action='/settings/tokens'] input[name=name]", "siem")
    page.click("form[action='/settings/tokens'] button")
    token = page.inner_text("[role=status] code")
    with world.console.client() as program:
        headers = {"Authorization": f"Bearer {token}"}
        read = program.get("/api/v1/devices", headers=headers)
        assert read.status_code == 200, read.text
        page.click("tr:has-text('siem') button")
        assert "The token is ended." in page.inner_text("[role=status]")
        assert program.get("/api/v1/devices", headers=headers).status_code == 401
    return len(read.json()["items"])


@pytest.mark.slow
def test_somebody_of_one_group_sees_that_group_alone_on_every_page_and_in_every_file(
    world: World, tmp_path: Path
) -> None:
    others = {*RESEARCH, "research", *_real_one(world)}
    with world.as_("lin") as page:
        addresses = [link.get_attribute("href") or "" for link in page.locator("nav.main a").all()]
        assert "/devices" in addresses
        assert "/audit" not in addresses
        for address in [*addresses, "/devices?search=arch-0", "/exceptions?show=held", "/bans/claude-code"]:
            answer = page.goto(address)
            assert answer is not None
            assert answer.status == 200, address
            shown = page.inner_text("body")
            assert not {name for name in others if name in shown}, address
        page.goto("/devices")
        assert set(page.locator("#list tbody th a").all_inner_texts()) == set(FINANCE)
        for form, read in READERS.items():
            page.goto("/reports")
            taken = _downloaded(page, form, tmp_path)
            assert read(taken) == world.states("finance"), form
        with world.console.database.read() as connection:
            query = select(device_table.c.device_id).where(device_table.c.host_name == "research-0")
            theirs = connection.execute(query).scalar_one()
        answer = page.goto(f"/devices/{theirs}")
        assert answer is not None
        assert answer.status == 404


def _downloaded(page: Page, form: str, folder: Path) -> Path:
    with page.expect_download() as taken:
        page.click(f"button:has-text('{form.upper()}')")
    path = folder / taken.value.suggested_filename
    taken.value.save_as(path)
    return path


def _rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))


def _by_csv(path: Path) -> Counter[str]:
    return Counter({row["device"]: row["state"] for row in _rows(path)}.values())


def _by_json(path: Path) -> Counter[str]:
    document = json.loads(path.read_bytes())
    listed = Counter(device["state"] for device in document["devices"])
    assert +Counter(document["groups"][0]["states"]) == listed, "the totals are those of the devices"
    return listed


def _by_xlsx(path: Path) -> Counter[str]:
    book = openpyxl.load_workbook(path)
    summary = {str(row[0].value): row[1].value for row in book["Summary"]}
    return +Counter({state: int(str(summary[state])) for state in STATES if state in summary})


def _by_pdf(path: Path) -> Counter[str]:
    found: Counter[str] = Counter()
    for line in _text(path, "\n").splitlines():
        words = line.split()
        if words and words[0] in STATES and words[-1].isdecimal():
            found.setdefault(words[0], int(words[-1]))
    return +found


def _text(path: Path, between: str = "") -> str:
    pages = pypdf.PdfReader(path).pages
    return "".join(page.extract_text() + "\n" for page in pages).replace("\n", between)


STATES = ("open", "held", "excepted", "clean", "partial", "silent", "paused")
READERS: dict[str, Callable[[Path], Counter[str]]] = {
    "csv": _by_csv,
    "json": _by_json,
    "xlsx": _by_xlsx,
    "pdf": _by_pdf,
}
