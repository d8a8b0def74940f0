"""Percentages of a rollout: as many devices as it says, the same ones at every look, others for each ban."""

from __future__ import annotations

import pytest

from policy_schema.rules.identity import rollout_bucket

DEVICES = [f"d-{number}" for number in range(20_000)]


def early(ban: str, percent: int) -> set[str]:
    """Who is in a ban's first percent."""
    return {device for device in DEVICES if rollout_bucket(ban, device) < percent}


@pytest.mark.parametrize("percent", [1, 10, 50, 99])
def test_as_many_as_it_says(percent: int) -> None:
    assert abs(len(early("claude-code", percent)) / len(DEVICES) - percent / 100) < 0.01


def test_who_is_in_stays_in_when_it_rises() -> None:
    assert early("claude-code", 1) < early("claude-code", 10) < early("claude-code", 25) < early("claude-code", 100)
    assert early("claude-code", 100) == set(DEVICES)


def test_another_ban_begins_with_others() -> None:
    """Salted by the ban: nobody is the first for every ban. A tenth of a tenth is in both."""
    both = early("claude-code", 10) & early("cursor", 10)
    assert 0.005 < len(both) / len(DEVICES) < 0.015


def test_it_is_the_same_for_ever() -> None:
    """Agents of different releases must agree; these numbers never change."""
    made = [rollout_bucket("claude-code", f"d-{number}") for number in range(1, 9)]
    assert made == [11, 56, 25, 90, 59, 90, 13, 35]
