"""`interdict-policy schema`: what it allows is what loading allows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from policy_schema.authoring.cli.main import main
from policy_schema.document.closed import ClosedDocument
from policy_schema.document.complaints import field_names
from policy_schema.document.policy import Policy
from policy_schema.document.tool import Tool


def printed(name: str, capsys: pytest.CaptureFixture[str]) -> Any:
    """The schema that the command prints."""
    assert main(["schema", name]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(("name", "model"), [("policy", Policy), ("tool", Tool), ("closed", ClosedDocument)])
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
