"""The page of limits has the doors as the table that is tried for real, row by row."""

from __future__ import annotations

import re

from tests.architecture.source import ROOT
from tests.fakes.doors import DOORS, Door, Verdict

WORDS = {
    Verdict.REFUSED: "refused",
    Verdict.WATCHER: "ended by the watcher",
    Verdict.LIMIT: "not recognised",
}


def row(door: Door) -> str:
    """A door as the page has it."""
    return f"| {door.name} | {WORDS[door.verdict]} | {door.why} |"


def test_the_page_of_limits_has_just_the_doors_that_are_tried() -> None:
    page = (ROOT / "docs" / "limits.md").read_text(encoding="utf-8")
    section = re.search(r"^## Doors.*?(?=^## )", page, re.MULTILINE | re.DOTALL)
    assert section is not None
    rows = [line for line in section[0].splitlines() if line.startswith("| ") and not line.startswith("| a banned")]
    assert rows == [row(door) for door in DOORS]
