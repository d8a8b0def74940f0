"""The same machine before somebody made it hostile, and what a look at it afterwards must still be.

For `tests/integration/test_hostile_home.py` and `test_hostile_moments.py`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.inventory.interface import Look
from policy_schema.rules.observation import Observation
from tests.fakes.full_machine import Steps, full_machine, look_at, steps_of
from tests.fakes.machine_folder import MachineFolder, seen, unknown

CANARY = "c4n4ry"
SHADOW = f"root:$6${CANARY}$x{CANARY}:19000:0:99999:7:::\nli:$6${CANARY}:19000::::::\n"
BESIDE = "/home/wang/"
Key = tuple[str, str, str, str, str]


@contextmanager
def quick_folder() -> Iterator[Path]:
    """A throw-away folder in memory where there is one: thousands of files are made and removed in each test."""
    memory = Path("/dev/shm")
    made = tempfile.mkdtemp(dir=memory if os.access(memory, os.W_OK) else None)
    try:
        yield Path(made)
    finally:
        shutil.rmtree(made)


@contextmanager
def hostile_machine() -> Iterator[MachineFolder]:
    """The full machine with a list of passwords beside the homes."""
    with quick_folder() as root:
        machine = full_machine(root)
        machine.file("/etc/shadow", SHADOW)
        yield machine


class Before:
    """The machine as it was before, and what was seen of it then."""

    def __init__(self, machine: MachineFolder) -> None:
        self.root = machine.root
        self.steps: Steps = steps_of(machine)
        self.found = look_at(machine)
        self.rows = {key_of(one) for one in seen(self.found)}
        self.said = set(unknown(self.found))

    def hostile_files(self) -> list[str]:
        """Every file that a source opens or tries to, but wang's and the list of accounts."""
        return [path for path in self.steps.files if not path.startswith(BESIDE) and path != "/etc/passwd"]

    def hostile_folders(self) -> list[str]:
        """Every folder that a source lists, but those of wang and the one that holds homes."""
        return [path for path in self.steps.folders if not f"{path}/".startswith(BESIDE) and path != "/home"]


def key_of(one: Observation) -> Key:
    """What makes an observation the same one in another look."""
    return one.source, one.path, one.name, one.version, one.setting


BY_WHAT_IT_IS = frozenset({"appimage", "executables", "go", "macos-receipts", "native-hosts"})
"""Sources for which something else in a file's place is simply none: what cannot be started or read is no program."""


def assert_well(found: Look, before: Before, mute: bool = False) -> None:
    """It ended by itself, saw all that is beside, said what it could not see, and shows nothing of others' files.

    `mute`: what was there may be gone without a word, since a clean machine looks the same.
    """
    reasons = [place.reason for place in unknown(found)]
    assert [reason for reason in reasons if "failed: " in reason or "ended after" in reason] == []
    assert all(reason.isprintable() for reason in reasons)
    rows = {key_of(one) for one in seen(found)}
    looked = {row.source for row in found.coverage}
    assert {row for row in before.rows if row[0] in looked and row[1].startswith(BESIDE)} - rows == set()
    assert CANARY not in repr(found)
    if not mute:
        told = {row.source for row in found.coverage if set(row.unknown) - before.said} | BY_WHAT_IT_IS
        kept = {_place(row) for row in rows}
        silent = sorted(row for row in before.rows if row[0] not in told and _place(row) not in kept)
        assert silent == [], "lost without a word"


def _place(row: Key) -> tuple[str, str]:
    """Source and file: in a database (`FILE#PACKAGE`) something else may stand that is sound."""
    return row[0], row[1].partition("#")[0]
