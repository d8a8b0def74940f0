"""What fleet management is given: up to date with the settings, whole, and of the form that its tools read."""

from __future__ import annotations

import contextlib
import json
import plistlib
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it has no types
from ruamel.yaml import YAML

from agent.managed import POLICY_KEY, PREFERENCES_DOMAIN
from agent.settings import CHOICES, LISTS, SETTINGS, parse_settings

ROOT = Path(__file__).parents[2]
KITS = ROOT / "installers"
SPACE = {"p": "http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions"}
NEEDED = {"policy_url", "trust_root", "server", "secret", "groups", "region", "ownership", "kind"}
ADMX = ElementTree.parse(KITS / "group-policy/interdict.admx").getroot()
POLICIES = {row.attrib["name"]: row for row in ADMX.iterfind(".//p:policy", SPACE)}
SCHEMA = json.loads((KITS / f"jamf/{PREFERENCES_DOMAIN}.json").read_text(encoding="utf-8"))


def test_they_are_as_the_table_says() -> None:
    done = subprocess.run([sys.executable, ROOT / "scripts/fleet_kits", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("names", [set(POLICIES), set(SCHEMA["properties"])], ids=["Group Policy", "Jamf"])
def test_every_setting_that_an_administrator_needs_is_there_and_none_that_is_none(names: set[str]) -> None:
    assert names >= NEEDED
    assert names <= SETTINGS


class TestGroupPolicy:
    @pytest.mark.parametrize("language", ["en-US", "zh-CN"])
    def test_every_text_that_a_policy_names_is_there(self, language: str) -> None:
        texts = ElementTree.parse(KITS / "group-policy" / language / "interdict.adml").getroot()
        strings = {row.attrib["id"] for row in texts.iterfind(".//p:string", SPACE)}
        boxes = {row.attrib["id"]: row for row in texts.iterfind(".//p:presentation", SPACE)}
        whole = ElementTree.tostring(ADMX, encoding="unicode")
        assert set(re.findall(r"\$\(string\.(\w+)\)", whole)) == strings
        assert set(re.findall(r"\$\(presentation\.(\w+)\)", whole)) == set(boxes)
        for name, policy in POLICIES.items():
            elements = {row.attrib["id"] for row in policy.iterfind("p:elements/*", SPACE)}
            assert {row.attrib["refId"] for row in boxes[name]} == elements

    def test_values_land_where_the_agent_reads_them(self) -> None:
        for name, policy in POLICIES.items():
            assert (policy.attrib["key"], policy.attrib["class"]) == (POLICY_KEY, "Machine")
            (element,) = policy.iterfind("p:elements/*", SPACE)
            assert element.attrib["valueName"] == name
            kind = element.tag.partition("}")[2]
            assert kind == ("enum" if name in CHOICES else "multiText" if name in LISTS else "text")
            choices = tuple(row.text for row in element.iterfind(".//p:string", SPACE))
            assert choices == CHOICES.get(name, ())


class TestJamf:
    def test_its_schema_is_one_and_takes_what_the_agent_takes(self) -> None:
        Draft202012Validator.check_schema(SCHEMA)
        values = {
            "server": "https://interdict.example.com/",
            "groups": ["a", "b"],
            "ownership": "personal",
            "poll_interval": "10m",
        }
        Draft202012Validator(SCHEMA).validate(values)
        assert parse_settings(values, "").ownership == "personal"

    def test_the_profile_gives_what_doctor_asks_for(self) -> None:
        profile = plistlib.loads((KITS / "jamf/interdict-privacy.mobileconfig").read_bytes())
        by_kind = {row["PayloadType"]: row for row in profile["PayloadContent"]}
        (access,) = by_kind["com.apple.TCC.configuration-profile-policy"]["Services"]["SystemPolicyAllFiles"]
        job = plistlib.loads((KITS / "macos/com.interdict.agent.plist").read_bytes())
        assert (access["Identifier"], access["Allowed"]) == (job["ProgramArguments"][0], True)
        (rule,) = by_kind["com.apple.servicemanagement"]["Rules"]
        assert job["Label"].startswith(rule["RuleValue"])
        uuids = [profile["PayloadUUID"], *(row["PayloadUUID"] for row in profile["PayloadContent"])]
        assert len(set(uuids)) == len(uuids)


class TestMunki:
    INFO = plistlib.loads((KITS / "munki/interdict.plist").read_bytes())

    def test_it_is_of_the_package_that_is_built(self) -> None:
        sys.path.insert(0, str(ROOT / "packaging"))
        try:
            from making.pkg import IDENTIFIER  # type: ignore[import-not-found]  # the packagers' folder is no package
        finally:
            sys.path.remove(str(ROOT / "packaging"))
        (receipt,) = self.INFO["receipts"]
        assert receipt["packageid"] == IDENTIFIER
        assert receipt["version"] == self.INFO["version"]
        assert self.INFO["installer_item_location"].endswith(f"interdict-{self.INFO['version']}.pkg")

    def test_it_can_be_taken_away_unattended(self) -> None:
        assert (self.INFO["uninstallable"], self.INFO["unattended_uninstall"]) == (True, True)
        assert self.INFO["uninstall_script"].splitlines()[-1] == "exec /Library/Interdict/uninstall"
        assert (ROOT / "packaging/macos/uninstall").stat().st_mode & 0o111


class TestFleet:
    TEAM = YAML(typ="safe").load((KITS / "fleet/interdict.yml").read_text(encoding="utf-8"))

    def test_every_file_that_it_names_is_there(self) -> None:
        settings = self.TEAM["controls"]["macos_settings"]["custom_settings"]
        for row in [*self.TEAM["software"]["packages"], *settings]:
            assert (KITS / "fleet" / row["path"]).is_file(), row

    def test_each_system_has_a_policy_and_a_query_of_its_own(self) -> None:
        for rows in (self.TEAM["policies"], self.TEAM["queries"]):
            systems = [name for row in rows for name in row["platform"].split(",")]
            assert sorted(systems) == ["darwin", "linux", "windows"]

    def test_its_questions_are_sql(self) -> None:
        tables = {
            "processes": "name, uid",
            "services": "name, status",
            "deb_packages": "name, version",
            "rpm_packages": "name, version",
            "package_receipts": "package_id, version",
            "programs": "name, version",
        }
        with contextlib.closing(sqlite3.connect(":memory:")) as database:
            for name, columns in tables.items():
                database.execute(f"CREATE TABLE {name} ({columns})")
            for row in [*self.TEAM["policies"], *self.TEAM["queries"]]:
                database.execute(row["query"]).fetchall()


def test_intune_asks_for_the_names_that_the_installer_gives() -> None:
    detect = (KITS / "intune/detect.ps1").read_text(encoding="utf-8")
    repair = (KITS / "intune/remediation-repair.ps1").read_text(encoding="utf-8")
    installer = (ROOT / "packaging/making/msi.py").read_text(encoding="utf-8")
    (service,) = re.findall(r'^SERVICE = "(\w+)"', installer, re.MULTILINE)
    assert f"Get-Service -Name '{service}'" in detect
    assert f"Get-Service -Name '{service}'" in repair
    assert r"Interdict\interdict.exe" in detect
    for script in sorted((KITS / "intune").glob("*.ps1")):
        text = script.read_text(encoding="utf-8")
        assert text.count("{") == text.count("}"), script.name
        assert text.isascii(), "Windows PowerShell reads a file without a mark in the machine's own code page"
