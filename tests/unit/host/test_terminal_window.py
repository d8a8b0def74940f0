"""Which terminal program a window is opened with, and that there may be none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from agent.errors import ToolMissing
from agent.host import terminal_window
from agent.host.command import Tool
from agent.host.terminal_window import TERMINALS, open_window

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="programs with a first line")
SCREEN = {"DISPLAY": ":99", "PATH": "/usr/bin:/bin"}


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three terminal programs: one that is not there, one that cannot open its window, one that notes what it runs."""
    said = tmp_path / "said"
    texts = {"broken": "exit 1", "good": f'printf "%s\\n" "$@" > {said}', "never": f"echo never > {said}"}
    for name, text in texts.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    tools = [(Tool(name, (str(tmp_path / name),)), ("-e",)) for name in ("absent", "broken", "good", "never")]
    monkeypatch.setattr(terminal_window, "TERMINALS", tools)
    monkeypatch.setattr(terminal_window, "_may_open", lambda: True)
    return said


def test_the_first_that_opens_is_taken_and_runs_our_command(said: Path) -> None:
    open_window("move", ["--notice", "1000-ab c"], SCREEN)
    before, *words = said.read_text().splitlines()
    assert before == "-e" and words[-3:] == ["move", "--notice", "1000-ab c"]


@pytest.mark.parametrize("environment", [{}, {"DISPLAY": ""}], ids=["no screen is named", "an empty one is"])
def test_none_is_opened_where(said: Path, environment: dict[str, str]) -> None:
    with pytest.raises(ToolMissing, match="no window"):
        open_window("move", [], environment)
    assert not said.exists()


def test_none_is_opened_where_all_fail(said: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal_window, "TERMINALS", terminal_window.TERMINALS[:2])
    with pytest.raises(ToolMissing, match="no window"):
        open_window("move", [], SCREEN)


def test_every_terminal_program_is_named_by_its_whole_path() -> None:
    assert all(path.startswith("/usr/bin/") for tool, _ in TERMINALS for path in tool.paths)
    assert len({tool.name for tool, _ in TERMINALS}) == len(TERMINALS)
