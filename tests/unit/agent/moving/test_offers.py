"""From what to what the policy lets somebody move, and which command lines can come of a catalogue entry."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.errors import BadCommand
from agent.moving.choice import Offer, choose_source, choose_target, offered
from agent.moving.installing import install_command
from agent.moving.permissions import carry_rules
from tests.fakes import policies

QODER = Offer("Qoder", "qoder", "https://qoder.com")
SDK = {"id": "sdk", "targets": [{"tool": "claude-agent-sdk", "versions": None}]}
FACES = {"packages": ["pkg:npm/%40acme/tool", "pkg:brew/tool", "pkg:cargo/tool", "pkg:pypi/tool"]}


def test_the_alternatives_are_those_of_the_bans() -> None:
    assert offered(policies.rulebook()) == {"claude-code": (QODER,)}


@pytest.mark.parametrize(
    ("wish", "here", "tool"),
    [
        ("claude-code", (), "claude-code"),
        ("Claude Code", (), "claude-code"),
        ("", ("claude-agent-sdk",), "claude-agent-sdk"),
        ("", ("ripgrep", "claude-code"), "claude-code"),
    ],
    ids=["by its id", "by its name", "the one that was found", "what is found and not banned does not count"],
)
def test_what_to_move_from(wish: str, here: tuple[str, ...], tool: str) -> None:
    book = policies.rulebook(policies.ban(), policies.ban(**SDK))
    assert choose_source(book, wish, here) == tool


@pytest.mark.parametrize(
    ("wish", "message"),
    [("", "several banned tools"), ("vim", "no alternative to 'vim'")],
    ids=["several", "one that is not banned"],
)
def test_what_cannot_be_moved_from(wish: str, message: str) -> None:
    with pytest.raises(BadCommand, match=message):
        choose_source(policies.rulebook(policies.ban(), policies.ban(**SDK)), wish, ())


def test_without_an_alternative_there_is_nothing_to_move_to() -> None:
    with pytest.raises(BadCommand, match="no alternative"):
        choose_source(policies.rulebook(policies.ban(alternatives=[])), "", ())


@pytest.mark.parametrize(
    ("offers", "wish", "chosen"),
    [
        ((QODER,), "", QODER),
        ((QODER, Offer("Wiki", "", "https://w.example.com")), "", None),
        ((QODER, Offer("Wiki", "", "https://w.example.com")), "wiki", Offer("Wiki", "", "https://w.example.com")),
        ((QODER,), "qoder", QODER),
    ],
    ids=["the only one", "several", "by name", "by id"],
)
def test_what_to_move_to(offers: tuple[Offer, ...], wish: str, chosen: Offer | None) -> None:
    assert choose_target(offers, wish) == chosen


def test_only_what_the_policy_offers_is_moved_to() -> None:
    with pytest.raises(BadCommand, match="does not offer 'vim'"):
        choose_target((QODER,), "vim")


@pytest.fixture
def managers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Package managers that are on the person's PATH: npm says where its global packages go."""
    for name in ("brew", "uv", "cargo"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "npm").write_text(f"#!/bin/sh\necho {tmp_path}/prefix\n")
    for name in ("npm", "brew", "uv", "cargo"):
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    return tmp_path


@pytest.mark.parametrize(
    ("install", "words"),
    [
        ({"npm": "npm install -g @acme/tool"}, ["npm", "install", "--global", "--no-fund", "--no-audit", "@acme/tool"]),
        ({"uv": "uv tool install tool"}, ["uv", "tool", "install", "tool"]),
        ({"brew": "brew install --cask tool"}, ["brew", "install", "--cask", "tool"]),
        ({"brew": "brew install acme/tap/tool"}, ["brew", "install", "acme/tap/tool"]),
        ({"cargo": "cargo install tool"}, ["cargo", "install", "tool"]),
        (
            {"script": "curl https://x | sh", "cargo": "cargo install tool", "npm": "npm install -g other"},
            ["cargo", "install", "tool"],
        ),
    ],
    ids=["npm", "uv", "a cask", "a tap", "cargo", "the first that is right"],
)
def test_a_command_is_taken_apart_and_made_anew(install: dict[str, str], words: list[str], managers: Path) -> None:
    command = install_command({"faces": FACES, "install": install}, "/home/li")
    assert command is not None
    assert list(command.words()) == [str(managers / words[0]), *words[1:]]


@pytest.mark.parametrize(
    "install",
    [
        {"script": "curl -fsSL https://acme.example/install | bash"},
        {"npm": "npm install -g evil"},
        {"npm": "npm install -g @acme/tool evil"},
        {"npm": "npm install -g @acme/tool; id"},
        {"npm": "npm install -g --ignore-scripts=false"},
        {"npm": "npm install -g @acme/tool@git+https://evil.example/x"},
        {"npm": "npm install -g https://evil.example/x.tgz"},
        {"npm": "npm exec @acme/tool"},
        {"npm": "sh -c @acme/tool"},
        {"brew": "brew install --cask=../../x"},
        {"pip": "pip install tool"},
        {},
    ],
    ids=["a script of the network", "somebody else's package", "two packages", "a shell's sign", "an option",
         "a place in git", "an address", "another verb", "a shell", "a path", "a manager that is not run", "nothing"],
)  # fmt: skip
@pytest.mark.usefixtures("managers")
def test_a_policy_has_no_command_line_run(install: dict[str, str]) -> None:
    assert install_command({"faces": FACES, "install": install}, "/home/li") is None


def test_npm_installs_below_the_home_where_its_own_place_is_not_the_persons(
    managers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    command = install_command({"faces": FACES, "install": {"npm": "npm install -g @acme/tool"}}, "/home/li")
    assert command is not None
    assert command.arguments[-3:] == ("--prefix", "/home/li/.local", "@acme/tool")
    assert command.commands_in == "/home/li/.local/bin"


@pytest.mark.parametrize(
    ("name", "rule", "carried"),
    [
        ("allow", "Bash(git log:*)", True),
        ("allow", "Bash(npm run test *)", True),
        ("allow", "Bash(npm run test:unit)", True),
        ("allow", "Bash(login admin:letmein)", False),
        ("allow", "Bash(ls -la)", True),
        ("deny", "Bash(rm -rf:*)", True),
        ("allow", "mcp__tracker__list_issues", True),
        ("deny", "mcp__tracker", True),
        ("ask", "WebFetch", True),
        ("deny", "Bash", True),
        ("allow", "Bash", False),
        ("allow", "Bash(*)", False),
        ("allow", "Bash(:*)", False),
        ("allow", "WebFetch(domain:example.com)", False),
        ("deny", "Read(~/.ssh/**)", False),
        ("allow", "Task(x)", False),
        ("allow", "mcp__*", False),
        ("allow", "Bash(echo \x1b]0;x)", False),
    ],
)
def test_only_rules_that_mean_the_same_are_carried_over(name: str, rule: str, carried: bool) -> None:
    found = carry_rules({name: [rule]}, {}, ())
    assert found.added == ({name: [rule]} if carried else {})
    assert len(found.left) == (0 if carried else 1)


def test_what_the_new_tool_says_of_a_rule_stays() -> None:
    found = carry_rules({"allow": ["Bash(git push:*)"]}, {"deny": ["Bash(git push:*)"]}, ())
    assert (found.added, found.left) == (
        {},
        ("1 of the rules in allow about Bash: the new tool says otherwise, and that stays.",),
    )
