"""Whether the gate has a user of its own, as `doctor` tells it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from agent.cli.doctor import CHECKS, Check
from agent.host.child import gate_command, gate_weakness
from agent.report.views import Views
from agent.settings import Settings

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is no gate on other systems")
MISSING = "interdict-nobody-made-it"
ALIVE = {"stage": "alive", "features": "full"}


def checked(folder: Path, view: dict[str, object], **changes: str) -> Check:
    """What doctor says of the gate."""
    settings = Settings(state_dir=os.fspath(folder), **changes)  # type: ignore[arg-type]  # strings only
    Views(settings.state_dir).machine({"gate": view})
    check = next(made for made in CHECKS if made.__name__ == "gate")
    return check(settings)


@pytest.mark.parametrize(
    ("gate", "changes", "result"),
    [
        (ALIVE, {"gate_user": MISSING}, "weak"),
        (ALIVE, {"gate_user": "nobody"}, "ok"),
        ({"stage": "off"}, {"gate_user": MISSING}, "ok"),
        (ALIVE, {"gate_user": MISSING, "gate": "systemd"}, "ok"),
    ],
    ids=[
        "warns when the gate's user does not exist",
        "is content when it does",
        "says nothing of it where there is no gate",
        "leaves the user to the unit where that starts the gate",
    ],
)
def test_doctor(tmp_path: Path, gate: dict[str, object], changes: dict[str, str], result: str) -> None:
    check = checked(tmp_path, gate, **changes)
    assert check.result == result
    assert (f"there is no user {MISSING}, so the gate runs as root" in check.what) == (result == "weak")
    assert check.advice == (f"Add it: useradd --system --no-create-home {MISSING}" if result == "weak" else "")


@pytest.mark.parametrize("user", [MISSING, "nobody"])
def test_the_warning_comes_just_where_the_gate_is_started_with_all_rights(user: str) -> None:
    confined = any(word.startswith("--bounding-set=-all,+sys_admin") for word in gate_command([], user))
    assert (gate_weakness(user) is None) == confined
