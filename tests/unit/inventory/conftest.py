"""A machine for each test."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.fakes.machine_folder import MachineFolder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is pure runs on every system; a throw-away machine has links, pipes and modes of POSIX."""
    posix = pytest.mark.skipif(sys.platform == "win32", reason="a machine of folders is one of POSIX")
    for item in items:
        if "machine" in getattr(item, "fixturenames", ()):
            item.add_marker(posix)


@pytest.fixture
def machine(tmp_path: Path) -> MachineFolder:
    """A machine with one home, /home/li, and nothing installed."""
    return MachineFolder(tmp_path)
