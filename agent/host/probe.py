"""The hidden verb `_probe`: tells from inside how a child is confined, for `doctor` and tests."""

from __future__ import annotations

from collections.abc import Mapping

from agent.host.confine import confinement


def answer(question: Mapping[str, object]) -> Mapping[str, object]:
    """What holds in this child."""
    return confinement()
