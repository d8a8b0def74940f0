"""Settings files of two tools: what is merged, what is left, and homes whose owner is not to be trusted."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.errors import Gone, InterdictError, StateBroken
from agent.moving.home import Home
from agent.moving.plan import Plan, Planner, places_of
from agent.moving.writing import undo, write

SOURCE = {
    "mcp-servers": "~/.old.json",
    "instructions": "~/.old/NOTES.md",
    "permissions": "~/.old/settings.json",
}
TARGET = {
    "mcp-servers": "~/.new/settings.json",
    "instructions": "~/.new/NOTES.md",
    "permissions": "~/.new/settings.json",
}
ONE = '{"mcpServers": {"one": {"command": "npx", "args": ["one-mcp"]}}}'


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".old").mkdir()
    (tmp_path / ".new").mkdir()
    (tmp_path / ".old.json").write_text(ONE)
    return tmp_path


def _plan(folder: Path) -> Plan:
    with Home(str(folder)) as home:
        return Planner(home, SOURCE, TARGET).plan()


def _write(folder: Path, plan: Plan) -> None:
    with Home(str(folder)) as home:
        write(home, plan.changes)


def test_what_is_there_stays_in_its_order(home: Path) -> None:
    target = home / ".new/settings.json"
    target.write_text('{\n    "z": [1, 2.5, null],\n    "mcpServers": {"mine": {"command": "m"}},\n    "a": "ä"\n}\n')
    _write(home, _plan(home))
    text = target.read_text()
    assert text.startswith('{\n    "z": [')
    assert json.loads(text) == {
        "z": [1, 2.5, None],
        "mcpServers": {"mine": {"command": "m"}, "one": {"command": "npx", "args": ["one-mcp"]}},
        "a": "ä",
    }
    assert "ä" in text


def test_the_diff_is_of_the_added_lines(home: Path) -> None:
    (home / ".new/settings.json").write_text('{\n  "mine": "value"\n}\n')
    (change,) = _plan(home).changes
    assert change.shown.splitlines()[:2] == ["--- ~/.new/settings.json", "+++ ~/.new/settings.json"]
    added = [line[1:].strip() for line in change.shown.splitlines() if line.startswith("+") and "++" not in line]
    assert '"one": {' in added
    assert "value" not in change.shown


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ('{\n  // mine\n  "a": 1\n}', "is not plain JSON"),
        ('{"a": 1, "a": 2}', "has a key twice"),
        ('{"a": NaN}', "which is not JSON"),
        ('{"a": 1.10}', "a number that would be written differently"),
        ("[]", "is not a JSON object"),
        ("[" * 100_000, "is not plain JSON|nested too deeply"),
        ('{"a": ' * 60 + "1" + "}" * 60, "nested too deeply"),
        ('{"a": "\\ud800"}', "half a character"),
        ('{"mcpServers": []}', "something else than a table"),
        (b"\xff\xfe{}", "not written in UTF-8"),
    ],
    ids=["comments", "a key twice", "no number", "a number kept as written", "a list", "an endless list", "deep",
         "half a character", "another kind of list", "no text"],
)  # fmt: skip
def test_a_target_that_cannot_be_kept_whole_is_left(home: Path, target: str | bytes, why: str) -> None:
    file = home / ".new/settings.json"
    file.write_bytes(target if isinstance(target, bytes) else target.encode())
    before = file.read_bytes()
    plan = _plan(home)
    assert plan.changes == ()
    assert any(word in sentence for sentence in plan.left for word in why.split("|")), plan.left
    assert file.read_bytes() == before


def _link_outside(home: Path, place: str) -> None:
    outside = home.parent / "outside"
    outside.mkdir(exist_ok=True)
    (outside / "f").write_text(ONE)
    (home / place).unlink(missing_ok=True)
    (home / place).symlink_to(outside / "f")


SOURCES: dict[str, Callable[[Path], object]] = {
    "a pipe": lambda home: ((home / ".old.json").unlink(), os.mkfifo(home / ".old.json")),
    "a folder": lambda home: ((home / ".old.json").unlink(), (home / ".old.json").mkdir()),
    "a link out of the home": lambda home: _link_outside(home, ".old.json"),
    "a link to itself": lambda home: ((home / ".old.json").unlink(), (home / ".old.json").symlink_to(".old.json")),
    "a huge sparse file": lambda home: os.truncate(home / ".old.json", 1 << 40),
    "a million brackets": lambda home: (home / ".old.json").write_text("[" * 1_000_000),
    "no JSON": lambda home: (home / ".old.json").write_text("hello"),
    "a list": lambda home: (home / ".old.json").write_text('{"mcpServers": [1]}'),
    "too many servers": lambda home: (home / ".old.json").write_text(
        json.dumps({"mcpServers": {f"s{n}": {"command": "x"} for n in range(201)}})
    ),
    "servers that are none": lambda home: (home / ".old.json").write_text(
        json.dumps({"mcpServers": {"a": 1, "b": {}, "c": {"command": 3}, "d": {"command": "x", "args": "y"}}})
    ),
    "names that a terminal would obey": lambda home: (home / ".old.json").write_text(
        json.dumps({"mcpServers": {"\x1b]0;x\x07": {"command": "x"}, "a\u202eb": {"command": "x"}}})
    ),
}


@pytest.mark.parametrize("what", SOURCES)
def test_a_hostile_source_is_said_and_nothing_is_written(home: Path, what: str) -> None:
    SOURCES[what](home)
    plan = _plan(home)
    assert plan.changes == ()
    assert plan.left
    assert all(sentence.isprintable() for sentence in plan.left)


TARGETS: dict[str, Callable[[Path], object]] = {
    "a link": lambda home: _link_outside(home, ".new/settings.json"),
    "a link inside the home": lambda home: (home / ".new/settings.json").symlink_to(home / "x"),
    "a pipe": lambda home: os.mkfifo(home / ".new/settings.json"),
    "a folder": lambda home: (home / ".new/settings.json").mkdir(),
    "a folder that is a link": lambda home: ((home / ".new").rmdir(), (home / ".new").symlink_to("/tmp")),
    "a file with a second name": lambda home: (
        (home / ".new/settings.json").write_text("{}"),
        os.link(home / ".new/settings.json", home / "second"),
    ),
    "a huge file": lambda home: ((home / ".new/settings.json").touch(),
                                 os.truncate(home / ".new/settings.json", 1 << 40)),
}  # fmt: skip


@pytest.mark.parametrize("what", TARGETS)
def test_a_target_that_is_not_the_persons_own_file_is_refused(home: Path, what: str) -> None:
    TARGETS[what](home)
    plan = _plan(home)
    assert plan.changes == ()
    assert any("mcp-servers" in sentence for sentence in plan.left)


def test_a_link_inside_the_home_is_read(home: Path) -> None:
    (home / ".old.json").rename(home / "dotfiles.json")
    (home / ".old.json").symlink_to("dotfiles.json")
    assert _plan(home).carried == {"mcp-servers": 1}


def test_what_changes_meanwhile_is_not_written(home: Path) -> None:
    (home / ".new/settings.json").write_text("{}")
    (home / ".old/NOTES.md").write_text("Use tabs.")
    plan = _plan(home)
    (home / ".new/settings.json").write_text('{"a": 1}')
    with pytest.raises(StateBroken, match="was changed meanwhile"):
        _write(home, plan)
    assert not (home / ".new/NOTES.md").exists()
    assert (home / ".new/settings.json").read_text() == '{"a": 1}'


def test_a_second_move_adds_nothing(home: Path) -> None:
    (home / ".old/NOTES.md").write_text("Use tabs.")
    (home / ".old/settings.json").write_text('{"permissions": {"allow": ["Bash(git log:*)"]}}')
    _write(home, _plan(home))
    again = _plan(home)
    assert again.changes == ()
    assert "MCP server one: there is one of that name already; it stays as it is." in again.left


def test_undo_leaves_what_was_changed_since(home: Path) -> None:
    (home / ".new/settings.json").write_text("{}")
    _write(home, _plan(home))
    (home / ".new/settings.json").write_text('{"mine": 1}')
    with Home(str(home)) as own:
        back, kept = undo(own)
    assert back == []
    assert kept == [
        "~/.new/settings.json was changed since, so it stays. What it was lies in ~/.new/settings.json.before-move."
    ]


@pytest.mark.parametrize(
    "record",
    ['{"files": [{"place": "~/.new/settings.json", "copy": "/etc/shadow", "sha256": ""}]}', '{"files": 1}', "[]", "x",
     '{"files": [{"place": "~/../../etc/x.json", "copy": "", "sha256": ""}]}'],
    ids=["a copy elsewhere", "no list", "no table", "no JSON", "a place outside"],
)  # fmt: skip
def test_a_forged_record_gives_nothing_back(home: Path, record: str) -> None:
    path = home / ".local/state/interdict/move.json"
    path.parent.mkdir(parents=True)
    path.write_text(record)
    with Home(str(home)) as own, pytest.raises(InterdictError):
        undo(own)


def test_without_a_move_there_is_nothing_to_undo(home: Path) -> None:
    with Home(str(home)) as own, pytest.raises(Gone, match="no move"):
        undo(own)


@pytest.mark.parametrize(
    "place",
    [
        "~/.ssh/authorized_keys",
        "~/.bashrc",
        "/etc/x.json",
        "~/../x/.y.json",
        "~/x.json",
        "~/.a/../b.json",
        "~/.a/\n.md",
    ],
)
def test_only_settings_files_are_opened(home: Path, place: str) -> None:
    with Home(str(home)) as own, pytest.raises(InterdictError, match="no settings file"):
        own.read_target(place, 100)


def test_a_form_that_is_not_known_is_passed_over() -> None:
    entry = {
        "portable": {
            "mcp-servers": {"file": "~/.a.json", "form": "mcp-json"},
            "permissions": {"file": "~/.a.json", "form": "of a later agent"},
            "hooks": {"file": "~/.a.json", "form": "mcp-json"},
        }
    }
    assert places_of(entry) == {"mcp-servers": "~/.a.json"}
