"""The real daemon with the real gate on a filesystem of its own: what is refused, what is told, what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.guarded import UID, Guarded, guarded
from tests.fakes.terminal import converse

pytestmark = pytest.mark.root
FIRST_LINE = "Example Group policy: Claude Code may not be used here. Use Qoder: https://qoder.com"
SECOND_LINE = "Why, and whom to ask: https://help.example.com/ai"


@pytest.fixture
def station() -> Iterator[Guarded]:
    with guarded() as one:
        yield one


def test_a_refused_start_tells_its_reason_once_on_the_terminal_it_came_from(station: Guarded) -> None:
    station.ban_now()
    twice = [f"{station.claude} --version; echo {time}=$?" for time in ("first", "second")]
    script = "; ".join([*twice, f"{station.echo} fine", "read x"])
    talk = converse(["/bin/sh", "-c", script], [(SECOND_LINE, "")], Path("/"), uid=UID)
    assert "first=126" in talk.shown and "second=126" in talk.shown and "\nfine\n" in talk.shown
    assert "2.1.197 (Claude Code)" not in talk.shown
    told = station.wait_for(event="refused", told="terminal")
    assert (told["uid"], told["ban"], told["tool"]) == (UID, "claude-code", "claude-code")
    assert talk.shown.count(FIRST_LINE) == talk.shown.count(SECOND_LINE) == 1
    station.wait_for_view(lambda rows: [row["outcome"] for row in rows if row["face"] == "package"] == ["refused"])
