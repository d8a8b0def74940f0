"""`interdict-console schedule` and `events`, as somebody types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from console.cli import main
from console.store.db import Database
from console.store.migrate import migrate
from tests.fakes.fleet_history import Fleet
from tests.fakes.reporting_device import finding

ADD = ("schedule", "add", "weekly", "--to", "mailto:audit@example.com", "--zone", "Asia/Shanghai")


def said(capsys: pytest.CaptureFixture[str], data: Path, *arguments: str) -> tuple[int, str]:
    code = main([*arguments, "--data", str(data)])
    captured = capsys.readouterr()
    return code, captured.out + captured.err


def test_a_schedule_is_added_listed_run_and_removed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert said(capsys, tmp_path, *ADD)[0] == 0
    assert "there is a schedule weekly already" in said(capsys, tmp_path, *ADD)[1]
    assert "pdf to audit@example.com" in said(capsys, tmp_path, "schedule", "list")[1]
    code, text = said(capsys, tmp_path, "schedule", "run", "weekly")
    assert (code, "no mail server is set up: [mail] in the settings file" in text) == (2, True)
    assert "no mail server" in said(capsys, tmp_path, "schedule", "list")[1]
    assert said(capsys, tmp_path, "schedule", "remove", "weekly") == (0, "weekly is removed\n")
    assert "there is no schedule weekly" in said(capsys, tmp_path, "schedule", "remove", "weekly")[1]


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (("--to", "mailto:nobody"), "is no address"),
        (("--to", "http://hooks.example.com/"), "is not https"),
        (("--at", "25:00"), "is no time of the day"),
        (("--on", "8"), "is no day of a week"),
        (("--zone", "Asia/Nowhere"), "is not known"),
        (("--zone", "../../etc/passwd"), "is not known"),
    ],
)
def test_what_cannot_be_scheduled_is_said(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, more: tuple[str, ...], text: str
) -> None:
    code, told = said(capsys, tmp_path, *ADD, *more)
    assert (code, told.count("\n"), text in told) == (2, 1, True), told


def test_events_go_to_a_file_and_only_once(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'console.sqlite3'}")
    migrate(database)
    fleet = Fleet(database, 1_783_818_000)
    fleet.enrol("0")
    fleet.report("0", findings=(finding(),))
    database.close()
    events = ("events", "--to", f"file://{tmp_path / 'events.ndjson'}")
    assert said(capsys, tmp_path, *events) == (0, "2 events handed over\n")
    assert said(capsys, tmp_path, *events) == (0, "0 events handed over\n")
    kinds = [json.loads(line)["class_uid"] for line in (tmp_path / "events.ndjson").read_bytes().splitlines()]
    assert kinds == [2003, 5001]
