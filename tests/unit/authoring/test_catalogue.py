"""`interdict-policy catalogue`: list, show, check."""

from __future__ import annotations

import json

import pytest

from policy_schema.authoring.cli import catalogue as command
from policy_schema.authoring.cli.main import main
from policy_schema.catalogue import entry_texts

TOOLS = [file.removesuffix(".yaml") for file, _ in entry_texts()]


def test_the_list_has_a_line_for_each_tool(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalogue", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["ID", "NAME", "VENDOR", "CATEGORY"]
    assert [line.split()[0] for line in lines[1:]] == TOOLS


def test_the_list_as_json_is_a_list_of_entries(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalogue", "list", "--json"]) == 0
    entries = json.loads(capsys.readouterr().out)
    assert [entry["id"] for entry in entries] == TOOLS
    assert all({"name", "vendor", "category", "faces", "embeds", "marks", "sources"} <= set(entry) for entry in entries)


def test_a_tool_is_shown_with_how_each_face_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalogue", "show", "claude-code"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("claude-code: Claude Code, Anthropic")
    assert "packages (seen):" in lines
    assert "  pkg:npm/%40anthropic-ai/claude-code" in lines
    assert "extensions (documented):" in lines
    assert "  vscode: anthropic.claude-code" in lines


def test_a_tool_is_shown_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalogue", "show", "qoder", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == "qoder"


def test_an_unknown_tool_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalogue", "show", "claude-coder"]) == 2
    err = capsys.readouterr().err
    assert "'claude-coder' is not a tool of the catalogue; did you mean claude-code?" in err


def test_the_catalogue_of_this_release_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalogue", "check"]) == 0
    assert f"{len(TOOLS)} tools, nothing to mend" in capsys.readouterr().out


def test_a_broken_entry_fails_the_check(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(command, "entry_texts", lambda: iter([("x.yaml", "id: x\n")]))
    assert main(["catalogue", "check"]) == 1
    assert "x.yaml:1: name: is required; add `name:`" in capsys.readouterr().err
