"""Nothing can leave a machine that is not listed with a reason, here and on the page for people."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType, NoneType

import msgspec
import pytest

from policy_schema.messages.enrol import EnrolRequest
from policy_schema.messages.fields import FIELDS, GROUPS, group_of, undeclared
from policy_schema.messages.report import FindingLine, Report
from policy_schema.rules.observation import Observation

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "what-is-sent.md"


def load_tool() -> ModuleType:
    """`scripts/privacy_pages` as a module."""
    loader = SourceFileLoader("privacy_pages", str(ROOT / "scripts" / "privacy_pages"))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


TOOL = load_tool()


def paths(kind: type[msgspec.Struct], prefix: str) -> Iterator[str]:
    """Every field of a message and of what it holds, as in `FIELDS`."""
    for field in msgspec.structs.fields(kind):
        path = f"{prefix}.{field.encode_name}"
        yield path
        for inner, is_list in structs_in(field.type):
            yield from paths(inner, path + ("[]" if is_list else ""))


def structs_in(annotation: object, is_list: bool = False) -> Iterator[tuple[type[msgspec.Struct], bool]]:
    """The structs that a field's annotation leads to."""
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        yield annotation, is_list
    for argument in typing.get_args(annotation):
        if argument not in (NoneType, Ellipsis):
            yield from structs_in(argument, is_list or typing.get_origin(annotation) is tuple)


IN_CODE = {*paths(EnrolRequest, "EnrolRequest"), *paths(Report, "Report")}


def test_every_field_of_a_message_is_listed_with_a_reason_and_nothing_else_is() -> None:
    assert set(FIELDS) == IN_CODE


def test_the_comparison_reaches_the_fields_of_findings() -> None:
    assert {"Report.findings[].next.from", "Report.facts.region", "Report.heartbeat.rss_kb"} <= IN_CODE


def test_every_reason_is_a_sentence_of_its_own() -> None:
    assert all(len(why.split()) >= 3 for why in FIELDS.values())


def test_the_page_for_people_lists_every_field_and_no_other() -> None:
    on_page = {line.split("`")[1] for line in PAGE.read_text().splitlines() if line.startswith("| `")}
    assert on_page == set(FIELDS)


@pytest.mark.parametrize("name", ["privacy.md", "what-is-sent.md"])
def test_the_pages_are_those_that_the_code_makes(name: str) -> None:
    page = (PAGE.parent / name).read_text(encoding="utf-8")
    assert TOOL.with_parts(page, TOOL.parts()[name]) == page, "run .venv/bin/python scripts/privacy_pages"


def test_every_field_has_a_place_where_it_is_shown() -> None:
    assert {group_of(field) for field in FIELDS} == set(GROUPS)


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ({"v": 1, "findings": [{"id": "f-1", "next": {"from": "x"}}], "facts": None}, []),
        ({"path": "/home/li"}, ["Report.path"]),
        ({"findings": [{"id": "f-1"}, {"path": "/home/li"}]}, ["Report.findings[].path"]),
        ({"heartbeat": {"user": {"name": "Li"}}}, ["Report.heartbeat.user", "Report.heartbeat.user.name"]),
    ],
    ids=["nothing but known fields", "a path", "a path in the second finding", "a person in the heartbeat"],
)
def test_what_is_not_listed_is_found(document: object, found: list[str]) -> None:
    assert list(undeclared(document)) == found


@pytest.mark.parametrize("field", ["path", "owner", "uid", "pid", "links", "prefix", "container_path", "project"])
def test_what_an_observation_knows_of_places_and_people_is_no_field_of_a_finding(field: str) -> None:
    assert field in Observation._fields
    assert field not in FindingLine.__struct_fields__
