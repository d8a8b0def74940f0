"""The page Reports: each format is taken by somebody who is signed in, of what they may see, and put on the record."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pypdf
import pytest
from sqlalchemy import select

from console.schedules.runner import Runner
from console.schedules.settings import Delivering
from console.store.queries import schedules
from console.store.tables import audit
from tests.fakes.fleet_history import Fleet
from tests.fakes.reporting_device import finding
from tests.fakes.running_console import RunningConsole, running


@pytest.fixture
def console(tmp_path: Path) -> Iterator[RunningConsole]:
    with running(tmp_path) as console:
        fleet = Fleet(console.database, console.now)
        for number in range(6):
            fleet.enrol(str(number), groups=("engineering",))
            fleet.report(str(number), findings=(finding(),) if number == 0 else ())
        yield console


def test_every_format_opens_and_says_the_same(console: RunningConsole) -> None:
    with console.signed_in() as browser:
        page = browser.get("/reports")
        assert page.status_code == 200
        taken = {form: browser.get(f"/reports/compliance/{form}") for form in ("json", "csv", "xlsx", "pdf", "text")}
    for form, answer in taken.items():
        assert answer.status_code == 200, answer.text
        assert f'formaction="/reports/compliance/{form}"' in page.text or form == "text"
    document = json.loads(taken["json"].content)
    assert document["groups"][0]["states"]["open"] == 1
    rows = list(csv.DictReader(io.StringIO(taken["csv"].content.decode("utf-8-sig"), newline="")))
    assert sum(row["state"] == "open" for row in rows) == 1
    book = openpyxl.load_workbook(io.BytesIO(taken["xlsx"].content))
    assert next(row[1].value for row in book["Summary"] if row[0].value == "open") == 1
    text = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(taken["pdf"].content)).pages)
    assert document["data_sha256"] in text.replace("\n", "")
    name = 'attachment; filename="compliance-20260712T010000Z.xlsx"'
    assert taken["xlsx"].headers["content-disposition"] == name
    with console.database.read() as connection:
        exports = connection.execute(select(audit.c.detail).where(audit.c.what == "export")).scalars().all()
    assert len(exports) == 5


def test_as_of_a_moment_and_what_is_no_moment(console: RunningConsole) -> None:
    console.pass_time(7200)
    with console.signed_in() as browser:
        then = browser.get("/reports/compliance/json", params={"as_of": "2026-07-12T00:59:59Z"})
        assert then.json()["devices"] == []
        now = browser.get("/reports/compliance/json", params={"as_of": "2026-07-12T09:30+08:00", "ban": "claude-code"})
        assert now.json()["groups"][0]["devices"] == 6
        for wrong in ("yesterday", "2026-07-10T18:00:00", "2027-01-01T00:00:00Z"):
            answer = browser.get("/reports/compliance/json", params={"as_of": wrong})
            assert answer.status_code == 400, wrong
        assert browser.get("/reports/compliance/docx").status_code == 404


def test_an_admin_sees_schedules_and_what_came_of_them(console: RunningConsole) -> None:
    row = {"name": "<weekly>", "kind": "email", "target": "audit@example.com", "format": "pdf", "every": "week"}
    with console.database.write() as connection:
        when = {"day": 1, "minute": 480, "zone": "UTC", "next_at": console.now + 60, "created_at": 0, "created_by": "x"}
        connection.execute(schedules.add({**row, **when}))
    with console.signed_in() as browser:
        page = browser.get("/reports").text
        assert "&lt;weekly&gt;" in page
        assert "audit@example.com" in page
        assert "could not be delivered" not in browser.get("/health").text
        console.pass_time(61)
        at_work = Runner(console.database, delivering=Delivering(), silent_after=86_400, clock=console.clock)
        assert at_work.turn() == 0
        assert "no mail server is set up" in browser.get("/health").text
        assert "is tried again" in browser.get("/reports").text
