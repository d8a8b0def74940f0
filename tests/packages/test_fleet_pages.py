"""What can run here of the pages on fleet management: the MSI's commands, osquery's questions, PowerShell's grammar."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.fakes.zoo import package

pytestmark = pytest.mark.packages
ROOT = Path(__file__).parents[2]
OSQUERY = "@cdxgen/cdxgen-plugins-bin-linux-amd64@4.1.1"
GRAMMAR = ("tree-sitter==0.26.1", "tree-sitter-powershell==0.26.4")
SCRIPTS = [*ROOT.glob("installers/*/*.ps1"), *ROOT.glob(".github/workflows/*.ps1")]
SHELL = [
    path
    for path in (*ROOT.glob("installers/*/*.sh"), *ROOT.glob(".github/workflows/*.sh"))
    if path.read_bytes().startswith(b"#!")  # what a login reads in is no program
]
TEAM = YAML(typ="safe").load((ROOT / "installers/fleet/interdict.yml").read_text(encoding="utf-8"))
LOOK = """
import sys
from tree_sitter import Language, Parser
import tree_sitter_powershell
parser = Parser(Language(tree_sitter_powershell.language()))
for name in sys.argv[1:]:
    left = [parser.parse(open(name, "rb").read()).root_node]
    while left:
        node = left.pop()
        left.extend(node.children)
        if node.type == "ERROR" or node.is_missing:
            print(f"{name}:{node.start_point[0] + 1}: {node.type}")
"""


def commands(page: str) -> list[str]:
    """The lines of a page that a person types at a shell here."""
    text = (ROOT / "docs/fleet" / f"{page}.md").read_text(encoding="utf-8")
    return re.findall(r"^\$ (.+)$", text, re.MULTILINE)


def follow(line: str, folder: Path) -> str:
    """Runs a line of a page in a folder; what it printed."""
    path = f"{folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": os.fspath(folder), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(["bash", "-c", line], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, (line, done.stdout, done.stderr)
    return done.stdout


@pytest.mark.parametrize("script", SHELL, ids=lambda path: path.name)
def test_a_script_is_one_that_the_shell_understands(script: Path) -> None:
    done = subprocess.run(["shellcheck", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert script.stat().st_mode & 0o111


@pytest.mark.parametrize("there", [True, False], ids=["with an agent that never ran", "without an agent"])
def test_jamf_is_told_what_doctor_says(tmp_path: Path, there: bool) -> None:
    program, settings = tmp_path / "interdict", tmp_path / "settings.toml"
    settings.write_text(f'state_dir = "{tmp_path / "state"}"\n', encoding="utf-8")
    if there:
        own = Path(sys.executable).with_name("interdict")
        program.write_text(f'#!/bin/sh\nINTERDICT_SETTINGS="{settings}" exec "{own}" "$@"\n')
        program.chmod(0o755)
    text = (ROOT / "installers/jamf/extension-attribute.sh").read_text(encoding="utf-8")
    (tmp_path / "attribute.sh").write_text(text.replace("/Library/Interdict/interdict", os.fspath(program)))
    said = subprocess.run(["sh", tmp_path / "attribute.sh"], capture_output=True, text=True, check=True).stdout
    if not there:
        assert said == "<result>not installed</result>\n"
        return
    doctor = subprocess.run([program, "doctor", "--json"], capture_output=True, text=True, check=False)
    failed = [row["name"] for row in json.loads(doctor.stdout)["checks"] if row["result"] == "failed"]
    assert "daemon" in failed
    assert said == f"<result>{len(failed)} checks failed</result>\n"


def test_workflows_name_files_that_are_there() -> None:
    flows = {path.name: path.read_text(encoding="utf-8") for path in ROOT.glob(".github/workflows/*.yml")}
    for name, text in flows.items():
        YAML(typ="safe").load(text)
        named = re.findall(r"(?:\.github|packaging|installers|tests|scripts|requirements)[/\\][\w./\\-]*\w", text)
        assert [path for path in named if not (ROOT / path.replace("\\", "/")).exists()] == [], name
    trials = ROOT.glob(".github/workflows/life-of-*")
    assert all(trial.name in "".join(flows.values()) for trial in trials)


def test_the_msi_is_made_and_signed_as_its_page_says(tmp_path: Path) -> None:
    (tmp_path / "packaging").symlink_to(ROOT / "packaging")
    (tmp_path / "frozen/interdict").mkdir(parents=True)
    (tmp_path / "frozen/interdict/interdict.exe").write_bytes(b"MZ")
    (tmp_path / "password").write_text("a pass phrase")
    how = "-newkey rsa:2048 -nodes -days 2 -subj '/CN=Example Group' -addext extendedKeyUsage=codeSigning"
    follow(f"openssl req -x509 {how} -keyout key.pem -out certificate.pem 2>&1", tmp_path)
    files = "-inkey key.pem -in certificate.pem -out key.p12"
    follow(f"openssl pkcs12 -export {files} -passout file:password", tmp_path)
    built, verified, properties = (follow(line, tmp_path) for line in commands("msi"))
    assert built.split()[1] == "interdict-0.1.0.msi"
    assert "Example Group" in verified
    assert "ProductVersion\t0.1.0" in properties


@pytest.fixture
def osqueryi(tmp_path: Path) -> Iterator[Path]:
    """A folder with the program, and the agent of this machine as far as its name and user go."""
    (tmp_path / "bin").mkdir()
    program = package(OSQUERY) / "plugins" / "osquery" / "osqueryi-linux-amd64"
    shutil.copy(program, tmp_path / "bin/osqueryi")
    (tmp_path / "bin/osqueryi").chmod(0o755)
    shutil.copy("/bin/sleep", tmp_path / "bin/interdict")
    with subprocess.Popen([tmp_path / "bin/interdict", "600"]) as agent:
        yield tmp_path
        agent.kill()


@pytest.mark.root
@pytest.mark.online
def test_fleets_policy_and_query_are_answered_by_osquery(osqueryi: Path) -> None:
    policy, query = (json.loads(follow(line, osqueryi)) for line in commands("fleet"))
    assert policy == [{"1": "1"}]
    assert query == []
    (wanted,) = [row["query"] for row in TEAM["policies"] if "linux" in row["platform"]]
    (version,) = [row["query"] for row in TEAM["queries"] if row["platform"] == "linux"]
    shown = [re.sub(r"\s+", " ", line.partition('"')[2].rstrip('"')) for line in commands("fleet")]
    assert shown == [wanted, re.sub(r"\s+", " ", version)], "the page shows what Fleet asks"
    others = version.replace("'interdict'", "'coreutils'")
    installed = subprocess.run(["dpkg-query", "-Wf${Version}", "coreutils"], capture_output=True, text=True, check=True)
    found = json.loads(follow(f'osqueryi --json "{others}"', osqueryi))
    assert [(row["source"], installed.stdout.startswith(row["version"])) for row in found] == [("deb", True)]


@pytest.mark.online
def test_every_script_for_windows_is_powershell(tmp_path: Path) -> None:
    """By its grammar: no PowerShell runs here. A broken one shows that the grammar tells."""
    paths = os.pathsep.join(os.fspath(package(name)) for name in GRAMMAR)
    (tmp_path / "broken.ps1").write_text("if ($x { exit 1 }\n")
    words = [sys.executable, "-c", LOOK, *SCRIPTS, tmp_path / "broken.ps1"]
    done = subprocess.run(words, env={"PYTHONPATH": paths}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {line.partition(":")[0] for line in done.stdout.splitlines()} == {os.fspath(tmp_path / "broken.ps1")}
    assert len(SCRIPTS) >= 5
