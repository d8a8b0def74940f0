"""`interdict-console exceptions`, as it is typed: what the page does, said on a terminal and kept in the record."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from console import cli_exceptions, commands_exceptions
from console.cli import main
from console.store.tables import audit
from policy_schema.rules.relief import Because
from tests.fakes.deciding import DAY, Asked, DecidingConsole, new_sqlite

WHO = f"uid {os.getuid()}" if hasattr(os, "getuid") else ""
pytestmark = pytest.mark.skipif(not WHO, reason="the record names a uid")


class Typed:
    """A console with the keys that sign exceptions, and what its commands say at its time."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.console = DecidingConsole(folder, new_sqlite(folder))
        self._folder, self._capsys = folder, capsys

    def run(self, *arguments: str, code: int = 0) -> str:
        assert main(["exceptions", *arguments, "--data", str(self._folder)]) == code
        captured = self._capsys.readouterr()
        assert captured.err.count("\n") == (1 if code else 0), captured.err
        return captured.err if code else captured.out

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json"))

    def day(self, days: int) -> str:
        return datetime.fromtimestamp(self.console.now + days * DAY, UTC).date().isoformat()

    def approve(self, request: str = "li-laptop/r-00c0ffee", *more: str, code: int = 0, days: int = 20) -> str:
        until = ("--until", self.day(days), "--reason", "a contract", "--not-mine")
        return self.run("approve", request, *until, *more, code=code)

    def record(self) -> list[tuple[str, str, str]]:
        with self.console.database.read() as connection:
            lines = select(audit.c.who, audit.c.what, audit.c.about).order_by(audit.c.audit_id)
            return [tuple(row) for row in connection.execute(lines)]


@pytest.fixture
def typed(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Typed]:
    made = Typed(tmp_path, capsys)
    monkeypatch.setattr(commands_exceptions, "wall_clock", lambda: made.console.now)
    yield made
    made.console.database.close()


@pytest.fixture
def asked(typed: Typed) -> Asked:
    """Somebody at li-laptop asks for an exception."""
    return typed.console.ask(typed.console.enrol())


def test_what_is_approved_reaches_the_device_and_what_is_taken_back_leaves_it(typed: Typed, asked: Asked) -> None:
    assert typed.run("list").startswith("li-laptop/r-00c0ffee  claude-code  ")
    name = typed.approve().split()[0]
    assert typed.console.deciding.publisher.publish()
    assert [one.id for one in typed.console.relief(asked.device_id).exceptions] == [name]
    assert typed.run("list") == "none\n"
    assert f"{name}  claude-code  until {typed.day(20)}T" in typed.run("list", "--show", "in-force")
    assert f"approved {name}  by {WHO} at " in typed.run("list", "--show", "answered")
    assert typed.run("withdraw", name, "--reason", "it is over").startswith(f"{name} is taken back")
    assert typed.console.deciding.publisher.publish()
    assert typed.console.relief(asked.device_id).exceptions == ()
    assert f"taken back by {WHO}: it is over" in typed.run("list", "--show", "over")
    decided = [(who, what) for who, what, about in typed.record() if about == name]
    assert decided == [(WHO, "exception-approved"), (WHO, "exception-withdrawn")]


def test_a_refusal_is_heard_as_a_code_and_its_reason_stays_here(typed: Typed, asked: Asked) -> None:
    told = typed.json("refuse", f"{asked.device_id}/{asked.request_id}", "--because", "risk", "--reason", "secrets")
    assert told == {"schema": 1, "request": asked.request_id, "device_id": asked.device_id, "because": "risk"}
    assert typed.console.deciding.publisher.publish()
    assert [one.because for one in typed.console.relief(asked.device_id).answers] == [Because.RISK]
    assert b"secrets" not in b"".join(typed.console.read().values())
    assert (WHO, "exception-refused", asked.request_id) in typed.record()


def test_other_devices_of_the_person_come_with_it(typed: Typed, asked: Asked) -> None:
    second = typed.console.enrol("li-desktop")
    typed.approve("li-laptop/r-00c0ffee", "--device", "LI-DESKTOP")
    (given,) = typed.json("list", "--show", "in-force")["exceptions"]
    assert {one["device_id"] for one in given["devices"]} == {asked.device_id, second.id}
    assert (given["approved_by"], given["published"], given["lapses_soon"]) == (WHO, False, False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("approve", "li-laptop/r-00c0ffee", "--until", "2026-08-01", "--reason", "x"), "Say so with --not-mine."),
        (
            ("approve", "li-laptop/r-00c0ffee", "--until", "soon", "--reason", "x", "--not-mine"),
            "Write the last day as",
        ),
        (("approve", "li-laptop/r-00c0ffee", "--until", "2020-01-01", "--reason", "x", "--not-mine"), "over already"),
        (
            ("approve", "li-laptop/r-00c0ffee", "--until", "2099-01-01", "--reason", "x", "--not-mine"),
            "90 days at most",
        ),
        (
            ("approve", "li-laptop/r-00c0ffee", "--until", "2099-01-01", "--reason", " ", "--not-mine"),
            "90 days at most",
        ),
        (("refuse", "li-laptop", "--because", "risk"), "'li-laptop' is no DEVICE/REQUEST"),
        (("refuse", "nobody/r-00c0ffee", "--because", "risk"), "There is no device nobody that you may decide on"),
        (("refuse", "li-laptop/r-1", "--because", "risk"), "There is no such request that you may decide on"),
        (("refuse", "li-laptop/r-00c0ffee", "--because", "mood"), "invalid choice: 'mood'"),
        (("refuse", "li-laptop/\x1b[2J", "--because", "risk"), "There is no such request"),
        (("withdraw", "x-0", "--reason", "x"), "There is no exception x-0 that you may decide on"),
        (("withdraw", "x-0", "--reason", " "), "Say why"),
        (("list", "--most", "0"), "Take 1 to 10000."),
    ],
    ids=[
        "nothing stated",
        "no day",
        "a day that is over",
        "a day too far",
        "a day too far without a reason",
        "no request",
        "a device that is not there",
        "a request that is not there",
        "a reason that nobody knows",
        "a request that moves the cursor",
        "an exception that is not there",
        "taken back without a reason",
        "a list of nothing",
    ],
)
def test_what_cannot_be_decided_is_one_line_and_changes_nothing(
    typed: Typed, asked: Asked, arguments: tuple[str, ...], said: str
) -> None:
    before = typed.record()
    line = typed.run(*arguments, code=2)
    assert said in line
    assert "\x1b" not in line
    assert typed.record() == before
    assert len(typed.json("list")["exceptions"]) == 1


def test_nobody_decides_twice_and_an_objection_is_not_refused(typed: Typed, asked: Asked) -> None:
    typed.approve()
    assert f"{WHO} has decided already: approved; Nothing was changed." in typed.approve(code=2)
    typed.console.ask(typed.console.enrol("wang-laptop"), "r-2", kind="wrong")
    assert "says that the finding is wrong" in typed.run("list")
    assert "An objection is not refused" in typed.run("refuse", "wang-laptop/r-2", "--because", "risk", code=2)


def test_a_longer_list_is_cut_at_what_was_asked_for(typed: Typed) -> None:
    for number in range(3):
        typed.console.ask(typed.console.enrol(f"device-{number}"), f"r-{number}")
        typed.approve(f"device-{number}/r-{number}", days=10 - number)
    lines = typed.run("list", "--show", "in-force", "--most", "2").splitlines()
    assert [line.split("until ")[1][:10] for line in lines] == [typed.day(8), typed.day(9)]


def test_the_command_line_knows_every_reason() -> None:
    assert set(cli_exceptions.BECAUSE) == set(Because)
    assert set(cli_exceptions.LISTS) == set(commands_exceptions._LISTS)
