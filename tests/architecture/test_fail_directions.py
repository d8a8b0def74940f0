"""Every row of the page on failing names a test that exists, and every test of failing has its row."""

from __future__ import annotations

import ast
import re

import pytest

from tests.architecture.source import ROOT

ROWS = re.findall(r"`(tests/[\w/]+\.py)::(\w+)` \|$", (ROOT / "docs/fail-directions.md").read_text(), re.MULTILINE)


def test_every_row_names_a_test() -> None:
    lines = (ROOT / "docs/fail-directions.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("| ") and not line.startswith("| what happens")]
    assert len(rows) == len(ROWS) > 0


@pytest.mark.parametrize(("file", "name"), ROWS, ids=[name for _, name in ROWS])
def test_the_test_is_there(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text())
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


FAILING = ("tests/integration/test_failing.py", "tests/e2e/test_pause_and_brake.py")
NO_FAILURE = {
    "test_stops_all_acting_survives_a_restart_and_is_ended",
    "test_ends_by_itself",
    "test_a_plain_user_gets_no_pause_no_end_of_one_and_no_release",
    "test_cannot_last_for_ever_and_is_asked_for_with_a_time",
    "test_the_gate_lets_everything_start_meanwhile",
    "test_the_console_shows_it",
    "test_another_policy_gets_its_own_try",
}
"""Of the same files: what an administrator does."""


@pytest.mark.parametrize("file", FAILING)
def test_every_test_of_a_failure_has_its_row(file: str) -> None:
    tree = ast.parse((ROOT / file).read_text())
    tests = {
        node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }
    assert tests - NO_FAILURE == {name for where, name in ROWS if where == file}
