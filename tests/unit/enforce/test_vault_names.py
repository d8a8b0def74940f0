"""An agent's vault at the top of a filesystem is its own: a trial never gives back what another agent has taken."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.host.vault import MOUNT_VAULT, OWN_STATE, mount_vault


def test_the_machine_s_own_agent_has_the_plain_name() -> None:
    assert mount_vault(OWN_STATE) == MOUNT_VAULT


@pytest.mark.parametrize("state", ["/srv/trial/state", "/var/lib/interdict-two", "/var/lib/interdict/.."])
def test_every_other_agent_has_a_name_of_its_own(state: str) -> None:
    assert mount_vault(state).startswith(MOUNT_VAULT + "-")
    assert mount_vault(state) != mount_vault(state + "-other")


def test_the_name_follows_links(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    os.symlink(tmp_path / "state", tmp_path / "link")
    assert mount_vault(str(tmp_path / "link")) == mount_vault(str(tmp_path / "state"))
