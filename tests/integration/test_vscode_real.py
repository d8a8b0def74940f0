"""Extensions that a real editor's server has installed: the open-source server of VS Code, as `code-server` ships it.

Its install scripts, which compile what a terminal and a log need, are not run: installing an extension works without.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from policy_schema.rules.observation import Face
from tests.fakes import zoo
from tests.fakes.machine_folder import MachineFolder, seen

pytestmark = [
    pytest.mark.online,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the folders are those of Linux"),
]

SERVER = "code-server@4.100.3"
FOLDER = ".vscode-server-oss/extensions"


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server's program, with what it needs beside it."""
    folder = tmp_path_factory.mktemp("editor") / "vscode"
    shutil.copytree(zoo.package(SERVER) / "lib" / "vscode", folder)
    subprocess.run(
        ["npm", "install", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund", "--silent"],
        cwd=folder,
        check=True,
        timeout=zoo.TIMEOUT,
    )
    return folder / "out" / "server-main.js"


def _package(path: Path, publisher: str, name: str, version: str) -> Path:
    """A package as `vsce` makes one; of its two manifests the editor reads this one."""
    manifest = {"publisher": publisher, "name": name, "version": version, "engines": {"vscode": "^1.90.0"}}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("extension/package.json", json.dumps(manifest))
    return path


def _run(editor: Path, home: Path, *arguments: str) -> None:
    environment = {"HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin"}
    subprocess.run(
        ["node", str(editor), "--accept-server-license-terms", *arguments],
        env=environment,
        check=True,
        capture_output=True,
        timeout=120,
    )


def test_what_an_editor_installs_updates_and_removes(editor: Path, tmp_path: Path) -> None:
    machine = MachineFolder(tmp_path / "machine")
    home = machine.at("/home/li")
    for version in ("1.4.2", "1.5.0"):
        vsix = _package(tmp_path / f"{version}.vsix", "Example-Corp", "Sample-Assistant", version)
        _run(editor, home, "--install-extension", str(vsix))
    found = machine.look("vscode")
    rows = {one.version: one for one in seen(found)}
    newest = rows["1.5.0"]
    assert (newest.face, newest.extension) == (Face.EXTENSION, "vscode:example-corp.sample-assistant")
    assert newest.path == f"/home/li/{FOLDER}/example-corp.sample-assistant-1.5.0"
    assert found.complete

    _run(editor, home, "--uninstall-extension", "example-corp.sample-assistant")
    on_disk = {path.name for path in (home / FOLDER).glob("example-corp.*")}
    assert {one.path.rpartition("/")[2] for one in seen(machine.look("vscode"))} == on_disk
