"""`interdict-policy schema`: what it allows is what loading allows."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from policy_schema.authoring.cli.main import main
from policy_schema.document.closed import ClosedDocument
from policy_schema.document.complaints import field_names
from policy_schema.document.policy import Included, Policy
from policy_schema.document.tool import Tool


def printed(name: str, capsys: pytest.CaptureFixture[str]) -> Any:
    """The schema that the command prints."""
    assert main(["schema", name]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("name", "model"), [("policy", Policy), ("include", Included), ("tool", Tool), ("closed", ClosedDocument)]
)
def test_the_schema_names_every_field_and_no_other(name: str, model: Any, capsys: pytest.CaptureFixture[str]) -> None:
    schema = printed(name, capsys)
    assert set(schema["properties"]) == set(field_names(model, ()))
    assert schema["additionalProperties"] is False
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_mapping_of_the_policy_is_closed(capsys: pytest.CaptureFixture[str]) -> None:
    definitions = printed("policy", capsys)["$defs"]
    assert {"Ban", "Stage", "Target", "Claim", "Tool"} <= set(definitions)
    for definition in definitions.values():
        assert "enum" in definition or definition["additionalProperties"] is False


def test_words_of_yaml_stand_as_they_are_written(capsys: pytest.CaptureFixture[str]) -> None:
    definitions = printed("policy", capsys)["$defs"]
    assert "from" in definitions["Stage"]["properties"]
    assert "except" in definitions["Target"]["properties"]
    assert definitions["Stage"]["properties"]["let_finish"]["pattern"] == "^[0-9]{1,6}[smhd]$"
    assert definitions["Ban"]["required"] == ["id", "targets", "reason", "stages"]


# ------------------------------------------------------------------------------------------------ as an editor uses it

REPOSITORY = Path(__file__).parents[3]
SAMPLES = REPOSITORY / "tests" / "samples" / "policies"
EXAMPLES = sorted(REPOSITORY.glob("examples/*/**/*.yaml"))
POLICIES = [
    path for path in EXAMPLES if "yaml-language-server" in path.read_text(encoding="utf-8").split("schema: 1")[0]
]
GOOD = [*POLICIES, SAMPLES / "base.yaml", *sorted((SAMPLES / "good").glob("*.yaml"))]


def complaints(text: str, capsys: pytest.CaptureFixture[str], name: str = "policy") -> list[str]:
    """Where an editor that reads JSON Schema draws its lines."""
    schema = printed(name, capsys)
    Draft202012Validator.check_schema(schema)
    document = YAML(typ="safe", pure=True).load(text)
    return [error.json_path for error in Draft202012Validator(schema).iter_errors(document)]


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.name)
def test_an_editor_has_nothing_against_a_good_policy(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert complaints(path.read_text(encoding="utf-8"), capsys) == []


MISTAKES = {
    "an unknown key": ("    targets:", "    grace: 3\n    targets:", "$.bans[0]"),
    "a key that is missing": ("  name:", "  # name:", "$.organisation"),
    "an action that is none": ('action: "remove"', 'action: "delete"', "$.bans[0].stages[2].action"),
    "a time that is none": ('"2026-07-10 09:00"', '"10 July"', "$.bans[0].stages[1].from"),
    "a duration without a unit": ('min_notice: "24h"', 'min_notice: "24"', "$.bans[0].min_notice"),
    "a percentage over all": ("percent: 10}", "percent: 101}", "$.bans[0].rollout[1].percent"),
    "a link that is none": ('url: "https://qoder.com"', 'url: "qoder.com"', "$.bans[0].alternatives[0].url"),
    "a target's `except` that is a number": (
        '{tool: "claude-code"}',
        '{vendor: "Anthropic", except: 7}',
        "$.bans[0].targets[0].except",
    ),
}


@pytest.mark.parametrize(("old", "new", "place"), MISTAKES.values(), ids=MISTAKES.keys())
def test_an_editor_marks_a_mistake(old: str, new: str, place: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = (SAMPLES / "base.yaml").read_text(encoding="utf-8")
    assert old in text
    assert place in complaints(text.replace(old, new, 1), capsys)


def test_an_included_file_has_a_schema_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert complaints('approved: ["qoder"]\nbans: []\n', capsys, "include") == []
    assert complaints("organisation: {}\n", capsys, "include") == ["$"]


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_the_line_for_editors_names_the_schema_that_this_version_prints(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (name,) = re.findall(r"^# yaml-language-server: \$schema=(\S+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert main(["schema"]) == 0
    assert (path.parent / name).read_text(encoding="utf-8") == capsys.readouterr().out, (
        "interdict-policy schema > " + name
    )


def test_the_examples_have_such_a_line() -> None:
    assert [path for path in POLICIES if path.name == "policy.yaml"]
