"""`interdict-console user`, `token` and `audit`, as they are typed."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from console.access.door import Access
from console.cli import main
from console.clock import wall_clock
from console.settings import Settings
from console.store.db import Database

PASSWORD = "several words are easier"


class Typed:
    """A folder of a console, and what its commands say."""

    def __init__(self, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.data = data
        self._capsys = capsys
        self.password = data.parent / "password"
        self.password.write_text(f"{PASSWORD}\n")

    def run(self, *arguments: str, code: int = 0) -> str:
        """What stands on stdout; for a command that could not be carried out the line on stderr."""
        assert main([*arguments, "--data", str(self.data)]) == code
        captured = self._capsys.readouterr()
        return captured.err if code == 2 else captured.out

    def add(self, name: str, *more: str, code: int = 0) -> str:
        return self.run("user", "add", name, "--password-file", str(self.password), *more, code=code)

    def changed(self, sql: str) -> None:
        """As somebody would who has the file."""
        with sqlite3.connect(self.data / "console.sqlite3") as connection:
            connection.execute(sql)
        connection.close()


@pytest.fixture
def typed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Typed:
    return Typed(tmp_path / "data", capsys)


def test_the_first_is_an_admin_and_others_are_viewers_unless_said(typed: Typed) -> None:
    assert typed.add("li") == "li can sign in as admin\n"
    assert typed.add("wang") == "wang can sign in as viewer\n"
    assert typed.add("zhao", "--role", "approver", "--group", "berlin", "--group", "paris").endswith(
        "as approver for berlin, paris\n"
    )
    assert typed.run("user", "list") == "li  admin\nwang  viewer\nzhao  approver for berlin, paris\n"


def test_a_new_password_leaves_the_role_and_ends_the_sessions(typed: Typed) -> None:
    typed.add("li")
    typed.add("zhao", "--role", "approver", "--group", "berlin")
    database = Database(Settings(data=typed.data).database)
    access = Access(database=database, clock=wall_clock)
    token = access.sign_in("zhao", PASSWORD, "192.0.2.7")
    assert token is not None
    assert typed.add("zhao") == "zhao can sign in as approver for berlin\n"
    assert access.viewer(token) is None
    database.close()


def test_an_admin_is_not_narrowed(typed: Typed) -> None:
    assert "an admin sees all devices" in typed.add("li", "--role", "admin", "--group", "berlin", code=2)


def test_an_account_is_taken_away_once(typed: Typed) -> None:
    typed.add("li")
    assert typed.run("user", "remove", "li") == "li can no longer sign in\n"
    assert "nobody is called li" in typed.run("user", "remove", "li", code=2)


def test_a_token_is_printed_once_listed_and_ended(typed: Typed) -> None:
    text = typed.run("token", "new", "grafana", "--scope", "metrics", "--expires", "30d").strip()
    assert text.startswith("interdict_")
    listed = typed.run("token", "list")
    assert text not in listed
    assert listed.startswith("1  grafana  metrics  until ")
    assert typed.run("token", "end", "1") == "token 1 is ended\n"
    assert "there is no open token 1" in typed.run("token", "end", "1", code=2)
    assert "ended" in typed.run("token", "list")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(("new", " "), "needs a name"), (("new", "x", "--expires", "2000d"), "lives 1 to 400 days"), (("end", "x"), "x")],
    ids=["no name", "for years", "no number"],
)
def test_what_makes_no_token_is_said(typed: Typed, arguments: tuple[str, ...], says: str) -> None:
    assert says in typed.run("token", *arguments, code=2)


def test_the_record_is_shown_narrowed_and_as_json(typed: Typed) -> None:
    typed.add("li")
    typed.add("wang")
    assert "user-added  wang  viewer" in typed.run("audit", "show")
    assert "wang" not in typed.run("audit", "show", "--about", "li")
    document = json.loads(typed.run("audit", "show", "--json", "--most", "1"))
    assert [(line["what"], line["about"]) for line in document["lines"]] == [("user-added", "wang")]


def test_an_untouched_record_is_verified_and_anchored(typed: Typed, tmp_path: Path) -> None:
    anchors = tmp_path / "anchors"
    typed.add("li")
    typed.run("audit", "anchor", str(anchors))
    typed.add("wang")
    assert "2 lines, nothing changed, 1 anchors fit" in typed.run("audit", "verify", "--anchor", str(anchors))


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("UPDATE audit SET who = 'nobody' WHERE place = 2", "line 2 was changed"),
        ("DELETE FROM audit WHERE place = 2", "line 2 is gone"),
        ("DELETE FROM audit WHERE place = 3", "line 3 is gone"),
        ("UPDATE audit SET place = 5 - place WHERE place IN (2, 3)", "line 2 was changed"),
    ],
    ids=["changed", "taken out", "cut off", "changed places"],
)
def test_a_record_that_was_touched_is_exit_code_1(typed: Typed, sql: str, says: str) -> None:
    for name in ("li", "wang", "zhao"):
        typed.add(name)
    if "5 - place" in sql:
        typed.changed("DROP INDEX ix_audit_place")
    typed.changed(sql)
    assert says in typed.run("audit", "verify", code=1)


def test_a_settings_file_that_cannot_be_used_is_said_before_anything_listens(typed: Typed, tmp_path: Path) -> None:
    file = tmp_path / "console.toml"
    file.write_text("[oidc]\nissuer = 'http://login.example.com'\n")
    assert "client_id in [oidc] is missing" in typed.run("serve", "--config", str(file), code=2)
