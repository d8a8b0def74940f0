"""Every row of the page on failing names a test that exists."""

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
