"""The files of `interdict-policy compile`, taken by the engines themselves: loaded, run, obeyed, refused by."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from policy_schema.engines.interface import Translated
from tests.fakes.confined import run, true_program
from tests.fakes.engines import SIGNED, whole
from tests.fakes.policies import NOTIFY, ban
from tests.fakes.zoo import npm_global, package

SCHEMA = Path(__file__).parents[1] / "samples" / "applocker" / "policy.xsd"
PLIST = Path(__file__).parents[1] / "samples" / "plist" / "property-list.dtd"
CLAUDE = "@anthropic-ai/claude-code-linux-x64@{}"
OSQUERY = "@cdxgen/cdxgen-plugins-bin-linux-amd64@4.1.1"
OFFLINE = ("API Error", "onnect")
"""What it says when it gets as far as asking its maker."""


def _written(made: Translated, folder: Path) -> Path:
    for file in made.files:
        path = folder / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
    return folder


@pytest.mark.root
@pytest.mark.engines
def test_fapolicyd_takes_the_rules_and_refuses_by_folder_and_hash_and_nothing_else(tmp_path: Path) -> None:
    """Debian's fapolicyd, watching a filesystem of its own in a mount namespace of its own."""
    banned, renamed, kept, other = (
        "/opt/claude/bin/claude",
        "/opt/elsewhere/under-another-name",
        "/opt/claude/kept/tool",
        "/opt/other/tool",
    )
    digest = hashlib.sha256(true_program(1)).hexdigest()
    faces = {"executables": {"names": [], "folders": ["/opt/claude"]}, "hashes": [{"sha256": digest}]}
    made = whole(
        "fapolicyd",
        ban(**{"except": [{"purl": None, "sha256": None, "path": "/opt/claude/kept"}]}),
        tool={**SIGNED, "faces": faces},
    )
    rules = _written(made, tmp_path / "out") / "fapolicyd"
    (tmp_path / "work").mkdir()
    seen = run("fapolicyd", str(tmp_path / "work"), str(rules), banned, renamed, kept, other)
    assert "config is OK" in str(seen["check"])
    assert "Loaded 5 rules" in str(seen["said"])
    assert (seen["before"], seen["after"]) == ([0, 0, 0, 0], [126, 126, 0, 0])
    assert seen["readable"] == [True] * 4


@pytest.mark.engines
@pytest.mark.parametrize("at", [None, NOTIFY], ids=["enforced", "only audited"])
def test_applockers_policy_is_of_the_documented_grammar(at: int | None, tmp_path: Path) -> None:
    made = whole("applocker") if at is None else whole("applocker", at=at)
    policy = _written(made, tmp_path) / "applocker" / "policy.xml"
    ran = subprocess.run(
        ["xmllint", "--noout", "--nonet", "--schema", str(SCHEMA), str(policy)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr.strip()) == (0, f"{policy} validates")


@pytest.mark.engines
@pytest.mark.parametrize("name", ["santa", "vendor-settings"])
def test_profiles_for_macs_are_property_lists(name: str, tmp_path: Path) -> None:
    """By a second reader, comments included; the unit tests read them back with Python's own."""
    _written(whole(name, ban(reason={"en": 'It\'s <b>not</b> allowed & "so" -- \u2028 on'})), tmp_path)
    (profile,) = tmp_path.rglob("*.mobileconfig")
    ran = subprocess.run(
        ["xmllint", "--noout", "--nonet", "--dtdvalid", str(PLIST), str(profile)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, "does not" in ran.stderr) == (0, False), ran.stderr


@pytest.mark.root
@pytest.mark.online
@pytest.mark.engines
def test_every_query_for_linux_runs_in_osquery_and_finds_what_is_installed(tmp_path: Path) -> None:
    """In homes of its own, where npm has really installed it; `users` has root, whose home it is. A package of dpkg."""
    program = package(OSQUERY) / "plugins" / "osquery" / "osqueryi-linux-amd64"
    home, root = tmp_path / "homes" / "home" / "li", tmp_path / "homes" / "root"
    npm_global(home / ".nvm/versions/node/v22.1.0", "@anthropic-ai/claude-code@2.1.90", scripts=False)
    (home / ".local/share/claude/versions/2.1.198").mkdir(parents=True)
    extension = root / ".vscode/extensions/anthropic.claude-code-2.1.198"
    extension.mkdir(parents=True)
    entry = {
        "identifier": {"id": "anthropic.claude-code", "uuid": "0"},
        "version": "2.1.198",
        "location": {"path": "/root/.vscode/extensions/anthropic.claude-code-2.1.198", "scheme": "file"},
        "metadata": {"publisherDisplayName": "Anthropic"},
    }
    (extension.parent / "extensions.json").write_text(json.dumps([entry]))
    library = tmp_path / "osqueryi"
    shutil.copy(program, library)
    library.chmod(0o755)
    faces: Any = SIGNED["faces"]
    packages = [*faces["packages"], "pkg:deb/coreutils"]
    made = whole("osquery", tool={**SIGNED, "faces": {**faces, "packages": packages}})
    pack = _written(made, tmp_path / "out") / "osquery" / "interdict.conf"
    rows: Any = run("osquery", str(library), str(pack), str(tmp_path / "homes"))
    found = {name.removeprefix("claude-code.claude-code."): [row["path"] for row in got] for name, got in rows.items()}
    (installed,) = rows["claude-code.claude-code.deb"]
    version = subprocess.run(["dpkg-query", "-Wf${Version}", "coreutils"], capture_output=True, text=True, check=True)
    assert version.stdout.startswith(installed["version"])
    assert found == {
        "vscode": ["/root/.vscode/extensions/anthropic.claude-code-2.1.198"],
        "chromium": [],
        "firefox": [],
        "deb": [""],
        "npm": [],
        "npm-files-linux": [
            "/home/li/.nvm/versions/node/v22.1.0/lib/node_modules/@anthropic-ai/claude-code/package.json"
        ],
        "folders-linux": ["/home/li/.local/share/claude/versions/2.1.198/"],
        "hashes-linux": [],
    }


def _claude(version: str, made: Translated | None, tmp_path: Path, user: str, *arguments: str) -> tuple[int, str]:
    program = package(CLAUDE.format(version)) / "claude"
    settings = (
        ""
        if made is None
        else str(_written(made, tmp_path / "out") / "vendor-settings/claude-code/managed-settings.json")
    )
    (tmp_path / "work").mkdir()
    seen: Any = run("vendor", str(tmp_path / "work"), settings, user, str(program), *arguments)
    return seen["code"], seen["said"]


VERSIONS = pytest.mark.parametrize("version", ["2.1.140", "2.1.329"])


@pytest.mark.root
@pytest.mark.online
@VERSIONS
def test_without_settings_claude_code_asks_its_maker(version: str, tmp_path: Path) -> None:
    """So that the next tests show the settings' work and not that of the missing network."""
    _, said = _claude(version, None, tmp_path, "{}", "-p", "hello")
    assert all(words in said for words in OFFLINE)


USERS = {
    "who has no settings": "{}",
    "who switches hooks off": '{"disableAllHooks": true}',
    "who asks for another limit": '{"requiredMaximumVersion": "99.0.0"}',
}


@pytest.mark.root
@pytest.mark.online
@VERSIONS
@pytest.mark.parametrize("user", USERS.values(), ids=USERS.keys())
def test_with_its_managed_settings_claude_code_sends_nothing_for_a_person(
    version: str, user: str, tmp_path: Path
) -> None:
    code, said = _claude(version, whole("vendor-settings"), tmp_path, user, "-p", "hello")
    assert not any(words in said for words in OFFLINE)
    if version == "2.1.329":
        assert code == 1
        assert "newer than the maximum version allowed by your organization (0.0.1)" in said


@pytest.mark.root
@pytest.mark.online
@pytest.mark.parametrize(
    ("banned", "starts"),
    [("<2.1.330", False), ("<2.1.329", True)],
    ids=["an older one ends", "the repaired one goes on"],
)
def test_a_ban_below_a_version_is_obeyed(banned: str, starts: bool, tmp_path: Path) -> None:
    made = whole("vendor-settings", ban(targets=[{"tool": "claude-code", "versions": banned}]))
    _, said = _claude("2.1.329", made, tmp_path, "{}", "-p", "hello")
    assert ("API Error" in said, "older than the minimum version" in said) == (starts, not starts)
