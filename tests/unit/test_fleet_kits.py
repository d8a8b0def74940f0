"""What fleet management is given: up to date with the settings, whole, and of the form that its tools read."""

from __future__ import annotations

import json
import plistlib
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it has no types

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
