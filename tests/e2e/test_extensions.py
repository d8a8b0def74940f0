"""Extensions end to end: a real agent process finds one, tells, stops what runs in it, moves it, and gives it back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes.policies import ban, closed
from tests.fakes.synthetic import synthetic_native
from tests.fakes.workstation import Workstation

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the agent's doors are those of Linux")

VERSION = "2.1.197"


@pytest.fixture
def workstation(tmp_path: Path) -> Iterator[Workstation]:
    with Workstation(tmp_path) as one:
        yield one


def _vscode(home: Path) -> Path:
    """Claude Code's extension, its native program in it."""
    folder = home / ".vscode" / "extensions" / f"anthropic.claude-code-{VERSION}-linux-x64"
    synthetic_native(folder / "resources" / "native-binary" / "claude", VERSION)
    manifest = {"publisher": "Anthropic", "name": "claude-code", "version": VERSION, "engines": {"vscode": "^1.94.0"}}
    (folder / "package.json").write_text(json.dumps(manifest))
    return folder


MAKE: dict[str, Callable[[Path], Path]] = {
    "of an editor": _vscode,
}


@pytest.mark.parametrize("what", MAKE)
def test_an_extension_is_found_told_moved_and_given_back(what: str, workstation: Workstation) -> None:
    workstation.publish("notify")
    workstation.start()
    workstation.wait_for(event="look")
    path = MAKE[what](workstation.home)
    found = workstation.wait_for(event="finding", face="extension")
    assert (found["tool"], found["version"], found["confidence"], found["path"], found["action"]) == (
        "claude-code",
        VERSION,
        "exact",
        str(path),
        "notify",
    )
    workstation.wait_for(event="outcome", kind="notify", result="told")
    before = _everything(path)

    mark = workstation.mark()
    workstation.publish("notify", "block", "remove")
    workstation.wait_for(mark, event="outcome", kind="quarantine", result="quarantined")
    assert not path.exists()

    lifted = [{"id": "claude-code", "date": "2026-11-21", "reason": {"en": "Answered."}, "quarantine": "restore"}]
    other = ban(id="sdk", targets=[{"tool": "claude-agent-sdk", "versions": None}])
    workstation.publish_document(closed(other, lifted=lifted))
    workstation.wait_for(mark, event="outcome", kind="restore", result="restored")
    assert _everything(path) == before


def test_a_program_that_runs_inside_an_extension_is_the_extension_s(workstation: Workstation) -> None:
    workstation.publish("notify")
    path = _vscode(workstation.home)
    workstation.start()
    workstation.wait_for(event="finding", face="extension")
    session = subprocess.Popen([str(path / "resources" / "native-binary" / "claude")], start_new_session=True)
    try:
        found = workstation.wait_for(event="finding", face="process", pid=session.pid)
        assert (found["tool"], found["version"]) == ("claude-code", VERSION)
        workstation.publish("notify", "block")
        workstation.wait_for(event="outcome", kind="stop", pid=session.pid, result="stopped")
        assert session.wait() == -signal.SIGTERM
    finally:
        session.kill()
        session.wait()
    assert path.exists(), "a block ends what runs and moves nothing"


def _everything(path: Path) -> dict[str, object]:
    """Of each file and folder what a person would miss: kind, rights, times, size, bytes of small ones."""
    found: dict[str, object] = {}
    for one in [path, *path.rglob("*")] if path.is_dir() else [path]:
        status = os.lstat(one)
        small = one.read_bytes() if one.is_file() and status.st_size < 1 << 20 else b""
        found[str(one.relative_to(path))] = (status.st_mode, status.st_mtime_ns, status.st_size, small)
    return found
