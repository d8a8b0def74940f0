"""`interdict move` as a person at a terminal: asked twice, shown first, refused as root.

Against the policy in force; the package manager is one of ours (with the real one: test_move_real).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.cli.main import main
from tests.fakes.movers import Mover, mover
from tests.fakes.terminal import converse

pytestmark = pytest.mark.root

NPM = """#!/bin/sh
# Puts the package where npm would; says what it was asked.
[ "$1" = prefix ] && {{ echo "{home}/prefix"; exit 0; }}
echo "$@" >> "{home}/asked"
[ -n "$FAIL" ] && {{ echo "npm error: no room" >&2; exit 1; }}
to="{home}/.local/lib/node_modules/@qoder-ai/qodercli"
mkdir -p "$to" && echo '{{"name": "@qoder-ai/qodercli", "version": "1.2.3"}}' > "$to/package.json"
"""
SECRET = "sk-ant-api03-Zq8vXw2LmT5rBn7KcY4d"


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mover]:
    with mover() as made:
        made.file("bin/npm", NPM.format(home=made.home)).chmod(0o755)
        made.file(
            ".claude.json",
            json.dumps({"mcpServers": {"tracker": {"command": "npx", "args": ["-y", "t"], "env": {"KEY": SECRET}}}}),
        )
        monkeypatch.setenv("PATH", f"{made.home}/bin{os.pathsep}/usr/bin{os.pathsep}/bin")
        yield made


def _installed(person: Mover) -> bool:
    return (person.home / "asked").exists()


def test_asked_twice_and_shown_before(person: Mover) -> None:
    talk = converse(person.command(), [("Install it? [y/N]", "y"), ("Write this? [y/N]", "y")], Path("/"))
    assert talk.code == 0, talk.shown
    order = [
        "The policy offers for Claude Code: Qoder (https://qoder.com)",
        f"{person.home}/bin/npm install --global",
        "Install it?",
        "Qoder 1.2.3 is here: ~/.local/lib/node_modules/@qoder-ai/qodercli",
        "+++ ~/.qoder/settings.json",
        '"KEY": "${KEY}"',
        "Write this?",
        "Written: ~/.qoder/settings.json",
        "Set for the MCP server tracker: KEY",
    ]
    places = [talk.shown.find(text) for text in order]
    assert -1 not in places, talk.shown
    assert places == sorted(places)
    written = json.loads((person.home / ".qoder/settings.json").read_text())
    assert written["mcpServers"]["tracker"]["env"] == {"KEY": "${KEY}"}
    assert SECRET not in talk.shown


@pytest.mark.parametrize(
    ("answers", "installed"),
    [
        ([("Install it?", "n")], False),
        ([("Install it?", "\x04")], False),
        ([("Install it?", "yes"), ("Write this?", "")], True),
    ],
    ids=["no to installing", "the end of input", "no to writing"],
)
def test_a_no_is_a_no(person: Mover, answers: list[tuple[str, str]], installed: bool) -> None:
    talk = converse(person.command(), answers, Path("/"))
    assert talk.code == 1
    assert _installed(person) is installed
    assert not (person.home / ".qoder").exists()


def test_a_dry_run_shows_all_and_changes_nothing(person: Mover) -> None:
    before = sorted(person.home.rglob("*"))
    done = person.move("--dry-run")
    assert done.returncode == 0, done.stderr
    assert "+++ ~/.qoder/settings.json" in done.stdout
    assert sorted(person.home.rglob("*")) == before


def test_a_program_gets_one_document(person: Mover) -> None:
    done = person.move("--json", "--yes")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["installed"]["version"] == "1.2.3"
    assert document["carried"] == {"mcp-servers": 1}
    assert document["to_set"] == {"tracker": ["KEY"]}
    assert [(row["path"], row["written"], row["copy"]) for row in document["files"]] == [
        ("~/.qoder/settings.json", True, None)
    ]


def test_what_was_written_can_be_taken_back(person: Mover) -> None:
    person.move("--yes")
    done = person.move("--undo")
    assert (done.returncode, done.stdout) == (0, "~/.qoder/settings.json is as it was before.\n")
    assert not (person.home / ".qoder/settings.json").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--yes", "vim"], "the policy offers no alternative to 'vim'. It does for claude-code."),
        (["--to", "vim", "--yes"], "the policy does not offer 'vim'. It offers qoder."),
        (["--json"], "--json asks nothing. Add --yes or --dry-run."),
        ([], "there is nobody to ask. Run it in a terminal, or add --yes or --dry-run."),
        (["--undo"], "no move is there to undo. Only the last one can be undone, once."),
    ],
    ids=["not banned", "not offered", "a document that would ask", "nobody at the terminal", "nothing to undo"],
)
def test_what_cannot_be_done_is_one_line(person: Mover, arguments: list[str], said: str) -> None:
    done = person.move(*arguments)
    assert (done.returncode, done.stderr) == (2, f"interdict: {said}\n")


def test_a_manager_that_fails_is_told_and_nothing_is_written(person: Mover) -> None:
    npm = person.home / "bin/npm"
    npm.write_text(npm.read_text().replace('[ -n "$FAIL" ] && ', ""))
    done = person.move("--yes")
    assert done.returncode == 2
    assert done.stderr == (
        "interdict: npm ended with 1: npm error: no room. Nothing was carried over. Mend that, or get Qoder from "
        "https://qoder.com; then `interdict move` goes on from there.\n"
    )
    assert not (person.home / ".qoder").exists()


def test_a_policy_that_others_can_change_has_nothing_installed(person: Mover) -> None:
    (person.folder / "state/views/rules.json").chmod(0o666)
    done = person.move("--yes")
    assert done.returncode == 2
    assert "can be written by others. Nothing is installed by a policy that others can change." in done.stderr
    assert not _installed(person)


def test_root_moves_nobody(person: Mover, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["move", "--config", str(person.config), "--yes"]) == 2
    assert capsys.readouterr().err.startswith("interdict: a move is the person's own: it is not done as root.")


def test_a_home_of_somebody_else_is_refused(person: Mover) -> None:
    os.chown(person.home, 0, 0)
    person.home.chmod(0o755)
    done = person.move("--yes")
    assert done.returncode == 2
    assert "is not your own folder. Run this as yourself, with your own HOME." in done.stderr
