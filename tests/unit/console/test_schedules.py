"""When scheduled reports are due, and that each goes out once, however many processes there are and whatever fails."""

from __future__ import annotations

import hashlib
import hmac
import io
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pypdf
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from hypothesis import given
from hypothesis import strategies as st

from console.schedules.mail import MailServer
from console.schedules.runner import GIVE_UP_AFTER, LEASE, Runner
from console.schedules.settings import Delivering
from console.schedules.webhook import check_target, signature
from console.schedules.when import Every, When, next_due
from console.store.db import Database
from console.store.queries import schedules
from policy_schema.rules.instant import Instant, format_instant, parse_instant
from tests.fakes.authority import Authority
from tests.fakes.fleet_history import SILENT_AFTER, Fleet
from tests.fakes.reporting_device import finding

pytestmark = pytest.mark.loopback
BEGIN = 1_783_818_000
SECRET = b"a secret of sixteen characters or more"
ZONES = ("UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Kiritimati")

DUE = {
    "today": (When(Every.DAY, 1, 8 * 60, "UTC"), "2026-07-12T01:00:00Z", "2026-07-12T08:00:00Z"),
    "just now is over": (When(Every.DAY, 1, 8 * 60, "UTC"), "2026-07-12T08:00:00Z", "2026-07-13T08:00:00Z"),
    "in its zone": (When(Every.DAY, 1, 8 * 60, "Asia/Shanghai"), "2026-07-12T01:00:00Z", "2026-07-13T00:00:00Z"),
    "on Monday": (When(Every.WEEK, 1, 0, "UTC"), "2026-07-12T01:00:00Z", "2026-07-13T00:00:00Z"),
    "at the end of a short month": (When(Every.MONTH, 31, 0, "UTC"), "2027-02-01T00:00:00Z", "2027-02-28T00:00:00Z"),
    "at an hour that is left out": (
        When(Every.DAY, 1, 150, "Europe/Berlin"),
        "2027-03-28T00:00:00Z",
        "2027-03-28T01:30:00Z",
    ),
    "at an hour that comes twice": (
        When(Every.DAY, 1, 150, "Europe/Berlin"),
        "2026-10-24T12:00:00Z",
        "2026-10-25T00:30:00Z",
    ),
}


@pytest.mark.parametrize(("when", "after", "due"), DUE.values(), ids=DUE.keys())
def test_a_report_is_due(when: When, after: str, due: str) -> None:
    assert format_instant(next_due(when, parse_instant(after))) == due


@given(
    every=st.sampled_from(Every),
    day=st.integers(1, 31),
    minute=st.integers(0, 1439),
    zone=st.sampled_from(ZONES),
    after=st.integers(BEGIN, BEGIN + 4 * 366 * 86_400),
)
def test_the_next_one_is_later_and_not_too_late(every: Every, day: int, minute: int, zone: str, after: int) -> None:
    when = When(every, min(day, 7) if every is Every.WEEK else day, minute, zone)
    due = next_due(when, after)
    assert after < due <= after + 33 * 86_400
    local = datetime.fromtimestamp(due, UTC).astimezone(ZoneInfo(zone))
    assert abs(local.hour * 60 + local.minute - minute) in (0, 30, 60)


class Mailbox:
    """What a mail server took. It refuses the first so many."""

    def __init__(self, refuses: int = 0) -> None:
        self.letters: list[EmailMessage] = []
        self.people: list[bytes] = []
        self.refuses = refuses

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.refuses:
            self.refuses -= 1
            return "451 come back later"
        letter = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        return "250 taken"

    def check(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        fine = isinstance(data, LoginPassword) and (data.login, data.password) == (b"interdict", SECRET)
        self.people.append(data.login)
        return AuthResult(success=fine)


class Post(NamedTuple):
    """A real mail server with STARTTLS and passwords, and how to reach it."""

    box: Mailbox
    server: MailServer


@contextmanager
def mail_server(folder: Path, refuses: int = 0) -> Iterator[Post]:
    authority = Authority(folder, "mail authority")
    box = Mailbox(refuses)
    password = folder / "password"
    password.write_bytes(SECRET + b"\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(
        box,
        hostname="127.0.0.1",
        port=port,
        tls_context=authority.server("127.0.0.1"),
        require_starttls=True,
        auth_required=True,
        authenticator=box.check,
    )
    controller.start()
    try:
        server = MailServer("127.0.0.1", port, "console@example.com", "interdict", password, "starttls", authority.file)
        yield Post(box, server)
    finally:
        controller.stop()


@pytest.fixture
def fleet(database: Database) -> Fleet:
    fleet = Fleet(database, BEGIN)
    fleet.enrol("0")
    fleet.report("0", findings=(finding(),))
    return fleet


def scheduled(fleet: Fleet, **changes: object) -> None:
    row = {
        "name": "weekly",
        "kind": "email",
        "target": "audit@example.com,dpo@example.com",
        "format": "pdf",
        "every": "day",
        "day": 1,
        "minute": 480,
        "zone": "UTC",
        "next_at": parse_instant("2026-07-12T08:00:00Z"),
        "created_at": fleet.now,
        "created_by": "a test",
    }
    with fleet.database.write() as connection:
        connection.execute(schedules.add({**row, **changes}))


def runner(fleet: Fleet, delivering: Delivering) -> Runner:
    return Runner(fleet.database, delivering=delivering, silent_after=SILENT_AFTER, clock=lambda: Instant(fleet.now))


def deliveries(fleet: Fleet) -> list[Any]:
    with fleet.database.read() as connection:
        return list(connection.execute(schedules.newest(100)).all())


def test_the_report_arrives_by_mail_with_its_hash_and_as_of_its_time(fleet: Fleet, tmp_path: Path) -> None:
    scheduled(fleet)
    with mail_server(tmp_path) as post:
        at_work = runner(fleet, Delivering(mail=post.server))
        assert at_work.turn() == 0
        fleet.now = parse_instant("2026-07-12T08:00:07Z")
        assert at_work.turn() == 1
        assert at_work.turn() == 0
    (letter,) = post.box.letters
    assert letter["To"] == "audit@example.com, dpo@example.com"
    (attached,) = letter.iter_attachments()
    assert attached.get_filename() == "compliance-20260712T080000Z.pdf"
    content = attached.get_content()
    assert pypdf.PdfReader(io.BytesIO(content)).metadata.title == "Compliance as of 2026-07-12T08:00:00Z"  # type: ignore[union-attr]
    text = letter.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert hashlib.sha256(content).hexdigest() in text
    assert "Findings are no proof of use." in text
    assert post.box.people == [b"interdict"]
    assert deliveries(fleet)[0].digest == hashlib.sha256(content).hexdigest()


def test_of_several_processes_one_delivers(fleet: Fleet, tmp_path: Path) -> None:
    for number in range(4):
        scheduled(fleet, name=f"report-{number}", format="csv")
    fleet.now = parse_instant("2026-07-12T09:00:00Z")
    with mail_server(tmp_path) as post:
        start = threading.Barrier(4)
        counted: list[int] = []

        def process() -> None:
            mine = runner(fleet, Delivering(mail=post.server))
            start.wait()
            counted.append(mine.turn())

        threads = [threading.Thread(target=process) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        while runner(fleet, Delivering(mail=post.server)).turn():
            pass
    assert len(post.box.letters) == 4
    assert len({letter["Message-ID"] for letter in post.box.letters}) == 4
    assert len(deliveries(fleet)) == 4


def test_a_failure_is_shown_tried_again_later_and_delivered_as_of_the_same_time(fleet: Fleet, tmp_path: Path) -> None:
    scheduled(fleet, format="json")
    fleet.now = parse_instant("2026-07-12T08:00:00Z")
    with mail_server(tmp_path, refuses=1) as post:
        at_work = runner(fleet, Delivering(mail=post.server))
        assert at_work.turn() == 0
        with fleet.database.read() as connection:
            (failed,) = connection.execute(schedules.troubled(10)).all()
        assert "451" in failed.problem
        assert at_work.turn() == 0
        fleet.now += 61
        fleet.report("0", findings=(finding(gone=True),))
        assert at_work.turn() == 1
    (letter,) = post.box.letters
    (attached,) = letter.iter_attachments()
    assert '"as_of":"2026-07-12T08:00:00Z"' in str(attached.get_content())
    assert '"open":1' in str(attached.get_content())


def test_what_cannot_be_delivered_for_a_day_is_given_up_and_stays_to_be_seen(fleet: Fleet) -> None:
    scheduled(fleet, format="json")
    fleet.now = parse_instant("2026-07-12T08:00:00Z")
    at_work = runner(fleet, Delivering())
    assert at_work.turn() == 0
    fleet.now += GIVE_UP_AFTER
    assert at_work.turn() == 0
    with fleet.database.read() as connection:
        rows = connection.execute(schedules.troubled(10)).all()
    assert [row.given_up for row in rows if row.due_at == parse_instant("2026-07-12T08:00:00Z")] == [True]
    assert "no mail server is set up" in rows[-1].problem


def test_a_process_that_died_with_the_lease_is_taken_over_when_it_is_over(fleet: Fleet, tmp_path: Path) -> None:
    scheduled(fleet, format="json")
    fleet.now = due = parse_instant("2026-07-12T08:00:00Z")
    with mail_server(tmp_path) as post:
        at_work = runner(fleet, Delivering(mail=post.server))
        at_work._owe()
        with fleet.database.write() as connection:
            (row,) = connection.execute(schedules.owed(fleet.now, 10)).all()
            connection.execute(schedules.lease(row.schedule_id, due, fleet.now, fleet.now + LEASE, "somebody dead"))
        assert at_work.turn() == 0
        fleet.now += LEASE
        assert at_work.turn() == 1
    assert len(post.box.letters) == 1


def test_what_was_missed_while_nothing_ran_is_sent_once(fleet: Fleet, tmp_path: Path) -> None:
    scheduled(fleet, format="json")
    fleet.now = parse_instant("2026-07-20T12:00:00Z")
    with mail_server(tmp_path) as post:
        assert runner(fleet, Delivering(mail=post.server)).turn() == 1
        assert runner(fleet, Delivering(mail=post.server)).turn() == 0


class Hook(BaseHTTPRequestHandler):
    """Takes what is posted, or sends elsewhere."""

    taken: list[tuple[dict[str, str], bytes]]
    status = 204

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.taken.append((dict(self.headers), body))
        self.send_response(self.status)
        self.send_header("Location", f"http://127.0.0.1:{self.server.server_address[1]}/inside")
        self.end_headers()

    def log_message(self, *rest: object) -> None:
        pass


@contextmanager
def hook(status: int) -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    taken: list[tuple[dict[str, str], bytes]] = []
    with HTTPServer(("127.0.0.1", 0), type("One", (Hook,), {"taken": taken, "status": status})) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/hook", taken
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "delivered"), [(204, 1), (302, 0), (500, 0)], ids=["taken", "sent elsewhere", "an error"]
)
def test_a_webhook_is_signed_and_never_followed(fleet: Fleet, tmp_path: Path, status: int, delivered: int) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(SECRET + b"\n")
    with hook(status) as (address, taken):
        scheduled(fleet, kind="webhook", target=address, format="json")
        fleet.now = parse_instant("2026-07-12T08:00:00Z")
        assert runner(fleet, Delivering(secret=secret)).turn() == delivered
    ((headers, body),) = taken
    moment = headers["Interdict-Signature"].partition(",")[0].removeprefix("t=")
    again = hmac.new(SECRET, f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["Interdict-Signature"] == f"t={moment},v1={again}" == signature(SECRET, int(moment), body)
    assert headers["Idempotency-Key"].endswith(".interdict")


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://hooks.example.com/x", ""),
        ("http://127.0.0.1:8080/x", ""),
        ("http://hooks.example.com/x", "is not https"),
        ("https://user:pass@hooks.example.com/", "has a password in it: put a secret into a file"),
        ("file:///etc/passwd", "is no address of a web server"),
        ("https://", "is no address of a web server"),
        ("https://[::1", "is no address"),
    ],
)
def test_addresses_that_a_webhook_may_have(url: str, problem: str) -> None:
    assert check_target(url) == problem
