"""What one check of `interdict doctor` gives, and how the running agent's own view is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from agent.report.views import read_view
from agent.settings import Settings


class Check(NamedTuple):
    """One thing that was checked: `ok`, `weak` or `failed`. `advice` is empty when it is fine."""

    name: str
    result: str
    what: str
    advice: str = ""


def machine(settings: Settings) -> Mapping[str, object]:
    """What the agent last wrote about this machine; empty where it never ran."""
    return read_view(settings.state_dir, "machine.json") or {}


def part(settings: Settings, name: str) -> Mapping[str, object]:
    """One table of that."""
    value = machine(settings).get(name)
    return value if isinstance(value, Mapping) else {}
