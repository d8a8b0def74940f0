"""Extensions end to end: a real agent process finds one, tells, stops what runs in it, moves it, and gives it back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.policies import AGENT_SDK, CLAUDE_CODE, QODER, ban, closed
from tests.fakes.synthetic import synthetic_native
from tests.fakes.workstation import TAKEN, Workstation

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the agent's doors are those of Linux")

VERSION = "2.1.197"
CHROMIUM_ID, FIREFOX_ID = "fcoeoabgfenejglbffodgkkbkcdhcgfn", "claude@example.com"
EXTENSIONS = {
    "vscode": ["anthropic.claude-code"],
    "jetbrains": ["com.anthropic.code.plugin"],
    "chromium": [CHROMIUM_ID],
    "firefox": [FIREFOX_ID],
}
TOOLS = {
    "claude-code": {**CLAUDE_CODE, "faces": {"extensions": EXTENSIONS}},
    "claude-agent-sdk": AGENT_SDK,
    "qoder": QODER,
}
"""Claude Code, known by its extensions only; no add-on of it for Firefox is known, that id is made up."""


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


def _jetbrains(home: Path) -> Path:
    """A plug-in of an IDE: its descriptor is in a jar."""
    folder = home / ".local" / "share" / "JetBrains" / "GoLand2026.1" / "claude-code-jetbrains-plugin"
    (folder / "lib").mkdir(parents=True)
    text = f"<idea-plugin><id>com.anthropic.code.plugin</id><name>Claude Code</name><version>{VERSION}</version>"
    with zipfile.ZipFile(folder / "lib" / "claude-code.jar", "w", zipfile.ZIP_DEFLATED) as jar:
        jar.writestr("META-INF/plugin.xml", f"{text}</idea-plugin>")
    return folder


def _chromium(home: Path) -> Path:
    """An extension in the first profile of a browser."""
    folder = home / ".config" / "chromium" / "Default" / "Extensions" / CHROMIUM_ID
    (folder / f"{VERSION}_0").mkdir(parents=True)
    (folder / f"{VERSION}_0" / "manifest.json").write_text(json.dumps({"name": "Claude", "version": VERSION}))
    return folder


def _firefox(home: Path) -> Path:
    """An add-on: one file."""
    profile = home / ".mozilla" / "firefox" / "x1.default"
    (profile / "extensions").mkdir(parents=True, exist_ok=True)
    (profile / "extensions.json").write_text(json.dumps({"addons": [{"id": FIREFOX_ID, "version": VERSION}]}))
    path = profile / "extensions" / f"{FIREFOX_ID}.xpi"
    path.write_bytes(b"PK")
    return path


def test_extensions_are_found_told_moved_and_given_back(workstation: Workstation) -> None:
    workstation.publish("notify", tools=TOOLS)
    (workstation.home / ".config" / "chromium" / "Default" / "Extensions").mkdir(parents=True)
    (workstation.home / ".mozilla" / "firefox" / "x1.default" / "extensions").mkdir(parents=True)
    workstation.start()
    workstation.wait_for(event="policy-adopted")
    paths = [_vscode(workstation.home)]
    _wait_for_finding(workstation, paths[0])
    workstation.wait_for(event="outcome", kind="notify", result="told", path=str(paths[0]))
    # From here on no whole look is due: what appears is seen because its folder is watched.
    paths += [make(workstation.home) for make in (_jetbrains, _chromium, _firefox)]
    for path in paths:
        _wait_for_finding(workstation, path)
    before = [_everything(path) for path in paths]

    mark = workstation.mark()
    workstation.publish("notify", "block", "remove", tools=TOOLS)
    for path in paths:
        workstation.wait_for(mark, event="outcome", result=TAKEN, path=str(path))
        assert not path.exists()

    lifted = [{"id": "claude-code", "date": "2026-11-21", "reason": {"en": "Answered."}, "quarantine": "restore"}]
    other = ban(id="sdk", targets=[{"tool": "claude-agent-sdk", "versions": None}])
    workstation.publish_document(closed(other, lifted=lifted))
    for path in paths:
        workstation.wait_for(mark, event="outcome", kind="restore", result="restored", path=str(path))
    assert [_everything(path) for path in paths] == before


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


def _wait_for_finding(workstation: Workstation, path: Path) -> None:
    found = workstation.wait_for(event="finding", path=str(path))
    assert (found["face"], found["tool"], found["version"], found["confidence"], found["action"]) == (
        "extension",
        "claude-code",
        VERSION,
        "exact",
        "notify",
    )


def _everything(path: Path) -> dict[str, object]:
    """Of each file and folder what a person would miss: kind, rights, times, size, bytes of small ones."""
    found: dict[str, object] = {}
    for one in [path, *path.rglob("*")] if path.is_dir() else [path]:
        status = os.lstat(one)
        small = one.read_bytes() if one.is_file() and status.st_size < 1 << 20 else b""
        found[str(one.relative_to(path))] = (status.st_mode, status.st_mtime_ns, status.st_size, small)
    return found
