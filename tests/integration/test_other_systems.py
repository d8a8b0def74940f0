"""Disks of macOS and Windows, looked at from here with `interdict scan --root`: what is banned there is found."""

from __future__ import annotations

import json
import plistlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.registry_hive import hive_of, read_export
from tests.fakes.signed_programs import IDENTIFIER, TEAM, sample, signed_macho

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the disks here are folders of POSIX")

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "tests" / "samples"
POLICY = f"""
schema: 1
organisation: {{name: "Example", time_zone: "UTC", default_language: "en", contacts: {{help: "https://help.example.com"}}}}
define:
  - id: "acme/tool"
    name: "Tool"
    vendor: "Acme"
    category: "ai-coding-assistant"
    version_scheme: "semver"
    faces:
      packages:
        ["pkg:macos-pkg/com.example.pkg.tool", "pkg:scoop/tool", "pkg:choco/example-tool", "pkg:winget/Acme.Tool"]
      apps: {{macos: ["com.example.desktop"], windows: ["Example.Tool_8wekyb3d8bbwe", "Example IDE"]}}
      signers:
        apple: [{{team: "{TEAM}", identifier: "{IDENTIFIER}"}}]
        authenticode: [{{subject: "Example, Inc.", product: "Example Tool"}}]
    marks: {{packages: "seen", apps: "seen", signers: "seen"}}
bans:
  - id: "tool"
    targets: [{{tool: "acme/tool"}}]
    reason: {{en: "Not allowed."}}
    stages: [{{from: "2026-07-04 09:00", action: "notify"}}]
"""


def _put(root: Path, path: str, data: bytes) -> None:
    at = root / path
    at.parent.mkdir(parents=True, exist_ok=True)
    at.write_bytes(data)


def _mac(root: Path) -> None:
    info = plistlib.loads((SAMPLES / "macos-apps/Info.plist").read_bytes())
    _put(root, "Applications/Setapp/Example.app/Contents/Info.plist", plistlib.dumps(info, fmt=plistlib.FMT_BINARY))
    _put(root, "Applications/Example.app/Contents/MacOS/Example", b"#!/bin/sh\n")
    receipts = SAMPLES / "macos-receipts"
    _put(root, "private/var/db/receipts/tool.plist", (receipts / "com.example.pkg.tool.plist").read_bytes())
    _put(root, "private/var/db/receipts/tool.bom", b"BOMStore")
    _put(root, "System/Library/CoreServices/SystemVersion.plist", plistlib.dumps({"ProductVersion": "15.1"}))
    _put(root, "Users/li/Downloads/notes-helper", signed_macho())
    _put(root, "Users/li/Downloads/notes-of-others", sample("adhoc-arm64"))


def _windows(root: Path) -> None:
    export = read_export((SAMPLES / "windows-programs/uninstall.reg").read_text())
    _put(root, "Windows/System32/config/SOFTWARE", hive_of(export["HKEY_LOCAL_MACHINE"], without="SOFTWARE"))
    _put(root, "Users/li/NTUSER.DAT", hive_of(export["HKEY_CURRENT_USER"]))
    package = "Program Files/WindowsApps/Example.Tool_1.2.3.0_x64__8wekyb3d8bbwe/AppxManifest.xml"
    _put(root, package, (SAMPLES / "msix/AppxManifest.xml").read_bytes())
    nuspec = (SAMPLES / "chocolatey/tool.nuspec").read_bytes()
    _put(root, "ProgramData/chocolatey/lib/example-tool/example-tool.nuspec", nuspec)
    _put(root, "Users/li/scoop/apps/tool/1.2.3/manifest.json", (SAMPLES / "scoop/manifest.json").read_bytes())
    portable = "Users/li/AppData/Local/Microsoft/WinGet/Packages/Acme.Tool_Microsoft.Winget.Source_8wekyb3d8bbwe"
    _put(root, f"{portable}/tool.exe", b"MZ")
    _put(root, "Users/li/Downloads/notes.exe", sample("signed-sha256.exe"))
    _put(root, "Users/li/Downloads/unsigned.exe", sample("unsigned.exe"))


def _scan(root: Path, policy: Path) -> dict[str, Any]:
    policy.write_text(POLICY)
    command = (sys.executable, "-m", "agent", "scan", "--policy", str(policy), "--root", str(root), "--json")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


DISKS = {
    "macOS": (
        _mac,
        {
            "/Applications/Setapp/Example.app": ("1.4.2", "app-id"),
            "/private/var/db/receipts/tool.plist": ("1.2.3", "package-identity"),
            "/Users/li/Downloads/notes-helper": ("", "signer"),
        },
    ),
    "Windows": (
        _windows,
        {
            "/Windows/System32/config/SOFTWARE#{943D6004-554E-4B49-A1D5-52F999A1B3C9}_is1": ("0.2.21", "app-id"),
            "/Program Files/WindowsApps/Example.Tool_1.2.3.0_x64__8wekyb3d8bbwe": ("1.2.3", "app-id"),
            "/ProgramData/chocolatey/lib/example-tool": ("1.2.3", "package-identity"),
            "/Users/li/scoop/apps/tool/1.2.3": ("1.2.3", "package-identity"),
            "/Users/li/AppData/Local/Microsoft/WinGet/Packages/Acme.Tool_Microsoft.Winget.Source_8wekyb3d8bbwe": (
                "",
                "package-identity",
            ),
            "/Users/li/Downloads/notes.exe": ("1.2.3", "signer"),
        },
    ),
}


@pytest.mark.parametrize("name", DISKS)
def test_what_is_banned_on_a_disk_of(name: str, tmp_path: Path) -> None:
    make, expected = DISKS[name]
    make(tmp_path / "disk")
    answer = _scan(tmp_path / "disk", tmp_path / "policy.yaml")
    found = {row["path"]: (row["version"], row["matches"][0]) for row in answer["findings"]}
    assert {path: (version or "", match) for path, (version, match) in found.items()} == expected
    assert {row["confidence"] for row in answer["findings"]} == {"exact"}
    assert answer["complete"] is True
