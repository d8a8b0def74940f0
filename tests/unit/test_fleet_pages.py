"""The pages about fleet management name what there is: files, settings, properties, titles, services, commands."""

from __future__ import annotations

import argparse
import json
import plistlib
import re
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest
from ruamel.yaml import YAML

from agent.cli.main import COMMANDS
from agent.host.managed_settings import PREFERENCES
from agent.managed import POLICY_KEY, PREFERENCES_DOMAIN
from agent.settings import CHOICES, DEFAULT_FILES, LISTS, SETTINGS
from console.cli import _parser as console_parser
from policy_schema.authoring.cli.main import COMMANDS as AUTHOR_COMMANDS

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs/fleet"
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.md"))}
EVERY = pytest.mark.parametrize("name", PAGES)
VERBS = {
    verb
    for action in console_parser()._actions
    if isinstance(action, argparse._SubParsersAction)
    for verb in action.choices
}
PROGRAMS = {"interdict": set(COMMANDS), "interdict-console": VERBS, "interdict-policy": set(AUTHOR_COMMANDS)}
SPACE = {"p": "http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions"}


def cells(page: str) -> list[list[str]]:
    """The rows of its tables, without heads."""
    rows = [line.strip("|").split("|") for line in PAGES[page].splitlines() if line.startswith("| ")]
    return [[cell.strip(" `") for cell in row] for row in rows]


@pytest.fixture
def msi(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module that makes the MSI."""
    monkeypatch.syspath_prepend(str(ROOT / "packaging"))
    import making.msi  # type: ignore[import-not-found]  # the packagers' folder is no package

    return making.msi  # type: ignore[no-any-return]


def test_there_is_a_page_for_each_kit() -> None:
    kits = {path.name for path in (ROOT / "installers").iterdir() if path.is_dir()}
    assert kits - set(PAGES) == {"desktop", "profile.d", "systemd", "windows"}
    assert set(PAGES) - kits == {"msi"}


@EVERY
def test_each_file_that_it_names_is_there(name: str) -> None:
    named = re.findall(r"(?:installers|packaging|requirements|scripts|tests|\.github)[/\\][\w.\\/-]*\w", PAGES[name])
    assert [path for path in named if not (ROOT / path.replace("\\", "/")).exists()] == []


@EVERY
def test_each_command_that_it_names_is_one(name: str) -> None:
    text = PAGES[name].replace('"C:\\Program Files\\Interdict\\interdict.exe"', "interdict")
    said = re.findall(r"(?:^|[`$#] |`|sudo )(interdict(?:-console|-policy)?) ([a-z][a-z-]*)", text, re.MULTILINE)
    assert {(program, verb) for program, verb in said if verb not in PROGRAMS[program]} == set()


@pytest.mark.parametrize("name", [name for name in PAGES if name != "homebrew"])
def test_it_goes_there_and_back(name: str) -> None:
    assert {"Upgrade, and back", "Removal"} <= set(re.findall(r"^## (.+)$", PAGES[name], re.MULTILINE))
    assert "doctor" in PAGES[name], "what to check"


def test_the_page_of_the_msi_has_its_properties(msi: ModuleType) -> None:
    assert [(row[0], row[1]) for row in cells("msi")[1:]] == [(one.property, one.name) for one in msi.SETTINGS]
    properties = {one.property for one in msi.SETTINGS}
    for name in ("msi", "intune"):
        for line in re.findall(r"msiexec /i .*", PAGES[name]):
            assert set(re.findall(r"\b([A-Z]+)=", line)) <= properties
    assert f"the service `{msi.SERVICE}`" in PAGES["msi"]
    assert f"sc query {msi.SERVICE}" in PAGES["msi"]


def test_windows_places_are_those_that_the_agent_reads() -> None:
    for name in ("msi", "group-policy", "fleet"):
        found = set(re.findall(r"HKLM\\[\w\\]+", PAGES[name]))
        assert found == {"HKLM\\" + POLICY_KEY}, name
    assert DEFAULT_FILES["win32"] in PAGES["msi"]


def test_group_policys_table_is_that_of_the_templates() -> None:
    policies = ElementTree.parse(ROOT / "installers/group-policy/interdict.admx").getroot()
    texts = ElementTree.parse(ROOT / "installers/group-policy/en-US/interdict.adml").getroot()
    titles = {row.attrib["id"]: row.text for row in texts.iterfind(".//p:string", SPACE)}
    names = [row.attrib["name"] for row in policies.iterfind(".//p:policy", SPACE)]
    kinds = ["choice" if name in CHOICES else "list" if name in LISTS else "text" for name in names]
    assert cells("group-policy")[1:] == [[str(titles[n]), n, k] for n, k in zip(names, kinds, strict=True)]


@pytest.mark.parametrize("name", ["group-policy", "jamf"])
def test_titles_in_bold_are_those_that_are_shown(name: str) -> None:
    schema = json.loads((ROOT / f"installers/jamf/{PREFERENCES_DOMAIN}.json").read_text(encoding="utf-8"))
    titles = {row["title"] for row in schema["properties"].values()}
    bold = set(re.findall(r"\*\*([A-Z][\w ]+)\*\*", PAGES[name]))
    assert {"Policy repository", "First trust root", "Console", "Enrolment secret", "Groups"} <= bold & titles
    assert set(schema["properties"]) <= SETTINGS


def test_macos_places_are_those_of_package_and_agent() -> None:
    page = PAGES["macos"]
    for folder, kit in (("LaunchDaemons", "agent"), ("LaunchAgents", "notifier")):
        job = plistlib.loads((ROOT / f"installers/macos/com.interdict.{kit}.plist").read_bytes())
        assert f"/Library/{folder}/{job['Label']}.plist" in page
        for log in filter(None, [job.get("StandardErrorPath")]):
            assert f"tail {log}" in page
    assert f"preferences `{PREFERENCES_DOMAIN}`" in page
    assert PREFERENCES.endswith(f"/{PREFERENCES_DOMAIN}.plist")
    for name in ("macos", "jamf", "munki"):
        assert "/Library/Interdict/uninstall" in PAGES[name]


def test_munkis_keys_are_in_the_pkginfo() -> None:
    info = plistlib.loads((ROOT / "installers/munki/interdict.plist").read_bytes())
    (line,) = [line for line in PAGES["munki"].splitlines() if line.startswith("Take `")]
    assert set(re.findall(r"`(\w+)`", line)) <= set(info)


def test_fleets_packages_are_removed_by_scripts_that_are_there() -> None:
    kit = ROOT / "installers/fleet"
    for system in ("macos", "windows"):
        package = YAML(typ="safe").load((kit / f"interdict-{system}.package.yml").read_text(encoding="utf-8"))
        script = kit / package["uninstall_script"]["path"]
        assert script.resolve().relative_to(ROOT).as_posix() in PAGES["fleet"] or script.name in PAGES["fleet"]
        assert script.is_file()


def test_every_option_of_the_builder_that_is_named_is_one() -> None:
    builder = (ROOT / "packaging/build").read_text(encoding="utf-8")
    known = set(re.findall(r'add_argument\("(--[a-z-]+)"', builder))
    for name, page in PAGES.items():
        for line in re.findall(r"packaging[/\\]build .*", page):
            assert set(re.findall(r"--[a-z-]+", line)) <= known, name
