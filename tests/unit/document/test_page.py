"""`docs/writing-a-policy.md` names every field and every check that there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from policy_schema.document import policy, tool
from policy_schema.document.base import Part
from policy_schema.document.lint import CHECKS
from policy_schema.rules.rulebook import FEATURES

PAGE = (Path(__file__).parents[3] / "docs" / "writing-a-policy.md").read_text(encoding="utf-8")
CODE = {code.strip('"') for code in re.findall(r"`([^`\n]+)`", PAGE)}
MODELS = [
    model
    for module in (policy, tool)
    for model in vars(module).values()
    if isinstance(model, type) and issubclass(model, Part) and model is not Part
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_the_page_names_every_field(model: type[Part]) -> None:
    assert {field.alias or name for name, field in model.model_fields.items()} <= CODE


def test_the_page_names_every_feature_that_a_ban_may_need() -> None:
    (row,) = re.findall(r"^\| `needs` \|.*$", PAGE, re.MULTILINE)
    assert FEATURES | {"needs"} == set(re.findall(r"`([a-z]+)`", row))


def test_the_page_names_just_the_checks() -> None:
    section = PAGE.split("## What lint looks at")[1].split("\n## ")[0]
    assert re.findall(r"^\| `([a-z-]+)`", section, re.MULTILINE) == list(CHECKS)
