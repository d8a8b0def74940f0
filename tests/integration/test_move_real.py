"""From a Claude Code that was set up by the real program to a real Qoder CLI from npm, as a person would.

What the old tool knows was written by itself (`claude mcp add`); what arrived is read by the new one (`qodercli mcp`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.findings import move_line
from agent.inventory.installations import group
from agent.inventory.machine import open_machine
from agent.inventory.runner import look
from agent.moves import offers
from policy_schema.rules.rulebook import Device, Rulebook
from tests.fakes import zoo
from tests.fakes.movers import Mover, mover
from tests.fakes.other_person import UID

pytestmark = [pytest.mark.root, pytest.mark.online]

TOKEN, HEADER, KEY = "canary-7f3A9c2E5b8D1f4C", "Bearer canary-Q2w8Rt5Yu1", "ghp_canary42F292c6912E7710c838"
PASSWORD, IN_TEXT = "canaryhunter2", "sk-canary-Zq8vXw2LmT5rBn7KcY4d"
SECRETS = (TOKEN, HEADER, HEADER.removeprefix("Bearer "), KEY, PASSWORD, IN_TEXT)
TELL = """
import json, os, sys
with open(os.path.join(os.environ["HOME"], "started.json"), "w") as file:
    json.dump({"words": sys.argv[1:], "token": os.environ.get("TRACKER_TOKEN")}, file)
"""


@pytest.fixture
def person() -> Iterator[Mover]:
    with mover() as made:
        settings = Path("~/.npmrc").expanduser()
        if settings.is_file():
            made.file(".npmrc", settings.read_text())
        yield made


def _set_up_claude_code(person: Mover) -> None:
    """With the real program, as its user would."""
    prefix = person.folder / "claude"
    zoo.npm_global(prefix, "@anthropic-ai/claude-code")
    claude = prefix / "bin" / "claude"
    person.file("tell.py", TELL)
    add = (claude, "mcp", "add", "--scope", "user")
    for words in (
        ("tracker", "-e", f"TRACKER_TOKEN={TOKEN}", "--", "python3", "tell.py", "--github-key", KEY, "--port", "3000"),
        (
            "--transport",
            "http",
            "wiki",
            f"https://me:{PASSWORD}@mcp.example.com/mcp?key={KEY}",
            "-H",
            f"X-Auth: {HEADER}",
        ),
        ("--transport", "sse", "plain", "https://mcp.example.com/sse"),
    ):
        done = person.run(*add, *words)
        assert done.returncode == 0, done.stdout + done.stderr
    person.file(".claude/CLAUDE.md", f"# How I work\nUse tabs.\nThe tracker's key: {IN_TEXT}\n")
    rules = {"allow": ["Bash(git log:*)", "WebFetch(domain:example.com)"], "deny": ["Bash(rm -rf:*)"]}
    person.file(".claude/settings.json", json.dumps({"permissions": rules, "env": {"MY_KEY": KEY}}))


def _installed_tools(person: Mover) -> list[str]:
    """What the agent's own look comes to: the fields of the lines about a move."""
    book = Rulebook(json.loads((person.folder / "state/views/rules.json").read_text())["rulebook"])
    with open_machine(homes=[str(person.home)]) as machine:
        seen = look(machine, ["npm"]).observations["npm"]
    installed = group(seen, book.for_device(Device("d")).identify, {})
    return [repr(move_line(one, offers(book)[one.tool], 1)) for one in installed if one.tool in offers(book)]


def test_from_claude_code_to_qoder(person: Mover) -> None:
    _set_up_claude_code(person)
    mine = [path for path in person.home.rglob("*") if path.is_file()]
    shown = person.move("--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert not (person.home / ".qoder").exists()
    moved = person.move("--yes")
    assert moved.returncode == 0, moved.stderr

    # The diff was shown, by both, of both files; what must be set is named.
    for output in (shown.stdout, moved.stdout):
        assert "+++ ~/.qoder/settings.json" in output
        assert "+++ ~/.qoder/AGENTS.md" in output
        assert '"--github-key",' in output
    assert "Set for the MCP server tracker: MCP_TRACKER_ARG_3, TRACKER_TOKEN" in moved.stdout

    # The new tool itself knows the servers, and fills in what the person sets.
    qoder = person.home / ".local/bin/qodercli"
    listed = person.run(qoder, "mcp", "list", more={"TRACKER_TOKEN": "mine", "MCP_TRACKER_ARG_3": "my-key"})
    assert {"tracker:", "wiki:", "plain:"} <= set(listed.stdout.split()), listed.stdout + listed.stderr
    started = json.loads((person.home / "started.json").read_text())
    assert started == {"words": ["--github-key", "my-key", "--port", "3000"], "token": "mine"}
    settings = json.loads((person.home / ".qoder/settings.json").read_text())
    assert settings["permissions"] == {"deny": ["Bash(rm -rf:*)"], "allow": ["Bash(git log:*)"]}
    assert "Use tabs." in (person.home / ".qoder/AGENTS.md").read_text()

    # No secret in the result, in what was said, in any file that was not there before, npm's logs included.
    told = "".join((shown.stdout, shown.stderr, moved.stdout, moved.stderr, listed.stdout))
    new = [path for path in person.home.rglob("*") if path.is_file() and path not in mine and _is_ours(path)]
    assert any(path.name == "AGENTS.md" for path in new)
    for secret in SECRETS:
        assert secret not in told
        assert [path for path in new if secret.encode() in path.read_bytes()] == []

    # The agent sees the move by itself; its line says nothing of what was carried over.
    (line,) = _installed_tools(person)
    assert "tool='qoder'" in line
    assert "tracker" not in line

    undone = person.move("--undo")
    assert undone.returncode == 0, undone.stdout + undone.stderr
    assert not (person.home / ".qoder/AGENTS.md").exists()
    assert {os.stat(path).st_uid for path in new if path.exists()} == {UID}


def _is_ours(path: Path) -> bool:
    """Not the packages themselves and npm's store: tens of thousands of files that held no setting."""
    return not {"node_modules", "_cacache", ".claude"} & set(path.parts)
