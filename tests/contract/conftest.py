"""A machine for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.machine_folder import MachineFolder


@pytest.fixture
def machine(tmp_path: Path) -> MachineFolder:
    """A machine with one home, /home/li, and nothing installed."""
    return MachineFolder(tmp_path)
