"""What could not be looked at, in sentences: nothing is left out, what all sources say stands once."""

from __future__ import annotations

import pytest

from agent.cli.unlooked import unlooked
from policy_schema.rules.observation import Coverage, Unknown

HOME = Unknown("/root", "permission denied")
PIPE = Unknown("/home/li/.npmrc", "not a regular file")
ODD = Unknown("/home/li/\x1b[2J", "permission denied")


def row(source: str, *unknown: Unknown) -> Coverage:
    return Coverage(source, (), 0, unknown, 1)


SAID: dict[str, tuple[list[Coverage], list[str]]] = {
    "nothing": ([row("npm"), row("pypi")], []),
    "no source": ([], []),
    "a home, by every source": (
        [row("npm", HOME, PIPE), row("pypi", HOME)],
        ["every source: /root: permission denied", "npm: /home/li/.npmrc: not a regular file"],
    ),
    "a home, by one of two": ([row("npm", HOME), row("pypi")], ["npm: /root: permission denied"]),
    "a home, by the only source": ([row("npm", HOME)], ["npm: /root: permission denied"]),
    "a name that is no text": ([row("npm", ODD)], ["npm: /home/li/\\x1b[2J: permission denied"]),
}


@pytest.mark.parametrize(("coverage", "lines"), SAID.values(), ids=SAID)
def test_it_says(coverage: list[Coverage], lines: list[str]) -> None:
    assert list(unlooked(coverage)) == [f"Could not look: {line}" for line in lines]
