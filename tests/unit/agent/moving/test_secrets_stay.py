"""Secrets of many shapes, planted wherever settings of the old tool may hold one: none is anywhere afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.moving.addresses import shown_address
from agent.moving.home import Home
from agent.moving.plan import Plan, Planner
from agent.moving.secrets import looks_secret, shown_words
from agent.moving.writing import undo, write

SOURCE = {
    "mcp-servers": "~/.claude.json",
    "instructions": "~/.claude/CLAUDE.md",
    "permissions": "~/.claude/settings.json",
}
TARGET = {
    "mcp-servers": "~/.qoder/settings.json",
    "instructions": "~/.qoder/AGENTS.md",
    "permissions": "~/.qoder/settings.json",
}
CANARIES = {
    "a key with a prefix": "sk-ant-api03-Zq8vXw2LmT5rBn7KcY4d",
    "a key of a forge": "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "a key of a cloud": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "a token in three parts": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVPmB92K27uhbUJU1p1r",
    "a UUID": "3f2b8c1e-9d47-4a60-b5e3-7c8d9e0f1a2b",
    "hexadecimal digits": "9f86d081884c7d659a2feaa0c55ad015",
    "a short password": "hunter2",
    "a password with signs": "p@55w0rd!x",
    "a long number": "4929123456781234",
    "a password of two words": "horse battery7",
    "a user and a password": "admin:letmein",
}
"""What is looked for afterwards; each is at least as long as what `SHORTEST` asks for."""

Plant = Callable[[str], dict[str, object]]


def _server(**fields: object) -> dict[str, object]:
    return {"mcpServers": {"tracker": {"command": "npx", "args": ["-y", "tracker-mcp"], **fields}}}


def _args(*words: str) -> dict[str, object]:
    return _server(args=["-y", "tracker-mcp", *words])


def _remote(url: str, **fields: object) -> dict[str, object]:
    return {"mcpServers": {"tracker": {"type": "http", "url": url, **fields}}}


PLACES: dict[str, Plant] = {
    "a value of the environment": lambda s: _server(env={"TRACKER_TOKEN": s}),
    "a value under a harmless name": lambda s: _server(env={"MODE": s}),
    "a default in a reference": lambda s: _server(env={"TRACKER_TOKEN": "${TRACKER_TOKEN:-" + s + "}"}),
    "a header": lambda s: _remote("https://mcp.example.com/mcp", headers={"Authorization": f"Bearer {s}"}),
    "a header of another name": lambda s: _remote("https://mcp.example.com/mcp", headers={"X-Team": s}),
    "behind an option for keys": lambda s: _args("--api-key", s),
    "behind an option with =": lambda s: _args(f"--api-key={s}"),
    "behind a short option": lambda s: _args("-p", s),
    "behind an option nobody knows": lambda s: _args("--with-this", s),
    "joined to a short option": lambda s: _args(f"-p{s}"),
    "an assignment among the words": lambda s: _args("-e", f"TRACKER_PASS={s}"),
    "a word behind the package": lambda s: _args(s),
    "a word behind a module": lambda s: _server(command="python3", args=["-m", "tracker", s]),
    "a word behind a script": lambda s: _server(command="/usr/bin/node", args=["tracker.js", s]),
    "a word behind an image": lambda s: _server(command="docker", args=["run", "-i", "acme/tracker", s]),
    "a header among the words": lambda s: _args("mcp-remote", "https://mcp.example.com", "--header", f"X-Key: {s}"),
    "a whole script": lambda s: {"mcpServers": {"t": {"command": "sh", "args": ["-c", f"K={s} npx tracker"]}}},
    "the command itself": lambda s: {"mcpServers": {"t": {"command": f"npx tracker --key {s}"}}},
    "a password in an address": lambda s: _remote(f"https://me:{s.replace('/', '')}@mcp.example.com/mcp"),
    "a password of a database": lambda s: _args(f"postgresql://me:{s.replace('/', '')}@db/x"),
    "a query": lambda s: _remote(f"https://mcp.example.com/mcp?token={s}"),
    "a query without a name": lambda s: _remote(f"https://mcp.example.com/mcp?{s}"),
    "a fragment": lambda s: _remote(f"https://mcp.example.com/mcp#{s}"),
    "a setting nobody knows": lambda s: _server(oauth={"clientSecret": s}),
    "the environment and an argument": lambda s: _server(env={"A_TOKEN": s}, args=["-y", "tracker-mcp", f"/x/{s}/y"]),
    "a server of one project": lambda s: {"projects": {"/w": {"mcpServers": {"t": {"command": "x", "env": {"K": s}}}}}},
    "another key of the file": lambda s: {"oauthAccount": {"token": s}, **_server()},
}


def _put(home: Path, place: str, content: str) -> Path:
    path = home / place[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path


def _plan(folder: Path) -> Plan:
    with Home(str(folder)) as home:
        return Planner(home, SOURCE, TARGET).plan()


def _move(folder: Path) -> Plan:
    """Plans and writes."""
    with Home(str(folder)) as home:
        plan = Planner(home, SOURCE, TARGET).plan()
        write(home, plan.changes)
    return plan


def _everything(folder: Path, plan: Plan) -> str:
    """All that is shown, and every file that there is now but those of the old tool."""
    files = [path for path in folder.rglob("*") if path.is_file() and ".claude" not in str(path.relative_to(folder))]
    assert files or not plan.changes
    told = [repr(plan._replace(changes=())), *(change.shown for change in plan.changes)]
    return "\n".join([*told, *(path.read_text(encoding="utf-8") for path in files)])


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("shape", CANARIES)
def test_no_secret_of_a_server_arrives(place: str, shape: str, tmp_path: Path) -> None:
    secret = CANARIES[shape]
    _put(tmp_path, "~/.claude.json", json.dumps(PLACES[place](secret)))
    everything = _everything(tmp_path, _move(tmp_path))
    for piece in {secret, *secret.split(), secret.replace("/", "")}:
        assert piece == "horse" or piece not in everything


@pytest.mark.parametrize(
    "line",
    ["API key: {}", "export TOKEN={}", "password is {}", "use {} for the tracker", "curl https://me:{}@host/"],
    ids=["named", "assigned", "told", "in the middle", "in an address"],
)
@pytest.mark.parametrize("shape", [name for name in CANARIES if name != "a password of two words"])
def test_no_secret_of_the_instructions_arrives(line: str, shape: str, tmp_path: Path) -> None:
    secret = CANARIES[shape]
    if line.startswith("use") and shape in ("a short password", "a password with signs", "a user and a password"):
        # Looks like any other word: it is known from the settings beside.
        _put(tmp_path, "~/.claude.json", json.dumps(_server(env={"TRACKER_TOKEN": secret})))
    _put(tmp_path, "~/.claude/CLAUDE.md", f"# Me\nUse tabs.\n{line.format(secret)}\n")
    everything = _everything(tmp_path, _move(tmp_path))
    assert secret not in everything
    assert "Use tabs." in everything


@pytest.mark.parametrize(
    "rule",
    ["Bash(curl -H 'X-Key: {}' *)", "Bash(mysql -p{}:*)", "Bash(K={} make)", "Bash(login {}:*)", "mcp__{}__x", "{}"],
    ids=["in a header", "joined", "assigned", "a word", "as a server's name", "as the rule"],
)
@pytest.mark.parametrize("shape", CANARIES)
def test_no_secret_of_a_rule_arrives(rule: str, shape: str, tmp_path: Path) -> None:
    secret = CANARIES[shape]
    rules = {"permissions": {"allow": [rule.format(secret), "Bash(git log:*)"], "deny": [rule.format(secret)]}}
    _put(tmp_path, "~/.claude/settings.json", json.dumps({**rules, "env": {"ANTHROPIC_API_KEY": secret}}))
    everything = _everything(tmp_path, _move(tmp_path))
    assert secret not in everything
    assert "Bash(git log:*)" in everything


def test_what_the_old_tool_keeps_in_its_own_environment_is_secret_elsewhere(tmp_path: Path) -> None:
    secret = CANARIES["a short password"]
    _put(tmp_path, "~/.claude/settings.json", json.dumps({"env": {"DB_PASS": secret}}))
    _put(tmp_path, "~/.claude/CLAUDE.md", f"Use tabs.\nIn tests use {secret} for it.\n")
    plan = _move(tmp_path)
    assert secret not in _everything(tmp_path, plan)
    assert plan.left == ("~/.claude/CLAUDE.md: left out, since they look as if they held a secret: lines 2.",)


def test_secrets_of_the_new_tool_are_kept_and_never_shown(tmp_path: Path) -> None:
    secret = CANARIES["a short password"]
    theirs = {"model": secret, "mcpServers": {"mine": {"command": "x", "args": [secret], "env": {"K": secret}}}}
    target = _put(tmp_path, "~/.qoder/settings.json", json.dumps(theirs))
    notes = _put(tmp_path, "~/.qoder/AGENTS.md", f"the password: {secret}\n")
    _put(tmp_path, "~/.claude.json", json.dumps(_server()))
    _put(tmp_path, "~/.claude/CLAUDE.md", "Use tabs.\n")
    plan = _move(tmp_path)
    assert secret not in repr([change.shown for change in plan.changes]) + repr(plan.left)
    now = json.loads(target.read_text())
    assert (now["model"], now["mcpServers"]["mine"]) == (secret, theirs["mcpServers"]["mine"])  # type: ignore[index]
    assert notes.read_text().startswith(f"the password: {secret}\n")
    copies = sorted(tmp_path.rglob("*.before-move"))
    assert [copy.name for copy in copies] == ["AGENTS.md.before-move", "settings.json.before-move"]
    assert {copy.stat().st_mode & 0o777 for copy in copies} == {0o600}


def test_what_a_server_needs_is_named_and_nothing_else(tmp_path: Path) -> None:
    server = {
        "command": "npx",
        "args": ["-y", "@acme/tracker@1.2.0", "/home/li/work", "--port", "3000", "--token", "abcdef"],
        "env": {"TRACKER_URL": "https://x", "OTHER": "${OTHER_NAME}"},
    }
    _put(tmp_path, "~/.claude.json", json.dumps({"mcpServers": {"tracker": server}}))
    plan = _move(tmp_path)
    assert plan.needs == {"tracker": ("MCP_TRACKER_ARG_7", "TRACKER_URL", "OTHER_NAME")}
    now = json.loads((tmp_path / ".qoder/settings.json").read_text())["mcpServers"]["tracker"]
    assert now["args"] == ["-y", "@acme/tracker@1.2.0", "/home/li/work", "--port", "3000", "--token",
                           "${MCP_TRACKER_ARG_7}"]  # fmt: skip
    assert now["env"] == {"TRACKER_URL": "${TRACKER_URL}", "OTHER": "${OTHER_NAME}"}


def test_undo_leaves_nothing_of_a_move(tmp_path: Path) -> None:
    _put(tmp_path, "~/.claude.json", json.dumps(_server()))
    before = _put(tmp_path, "~/.qoder/settings.json", '{"a": 1}\n')
    _put(tmp_path, "~/.claude/CLAUDE.md", "Use tabs.\n")
    _move(tmp_path)
    with Home(str(tmp_path)) as home:
        assert undo(home) == (["~/.qoder/settings.json", "~/.qoder/AGENTS.md"], [])
    assert before.read_text() == '{"a": 1}\n'
    assert sorted(path.name for path in (tmp_path / ".qoder").iterdir()) == ["settings.json"]


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=24, max_size=64))
def test_long_mixed_words_look_secret(word: str) -> None:
    kinds = sum(any(test(char) for char in word) for test in (str.islower, str.isupper, str.isdigit))
    changes = sum(a.isdigit() != b.isdigit() for a, b in pairwise(word))
    assert looks_secret(word) or kinds < 3 or changes < 4


@given(st.lists(st.text(max_size=40), max_size=8), st.text(min_size=5, max_size=20))
def test_a_known_secret_is_in_no_word(words: list[str], secret: str) -> None:
    planted = [*words, f"--x={secret}", secret, f"/a/{secret}"]
    shown = list(shown_words(planted, "MCP_X", {secret}))
    assert len(shown) == len(planted)
    assert all(secret not in word.text or secret in f"${{{word.missing}}}" for word in shown)


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_is_refused(text: str) -> None:
    try:
        address = shown_address(f"https://{text}", "MCP_X", ())
    except ValueError:
        return
    assert address.text.isprintable()
