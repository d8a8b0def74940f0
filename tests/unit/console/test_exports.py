"""CSV, JSON and text: what stands in them, and what a spreadsheet must not do with it."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.exports.csv import COLUMNS, safe_cell, write_csv
from console.exports.json import write_json
from console.exports.records import write_records
from console.reports.interface import NO_PROOF, DeviceLine, MoveSeen, Overview, PolicySeen, ToolLine
from console.state import DeviceState

TOOL = ToolLine(
    finding_id="f-1",
    installation="i-1",
    ban="claude-code",
    tool="claude-code",
    version="2.1.197",
    purl="",
    faces=("package", "process"),
    confidence="exact",
    matches=("content",),
    state="active",
    action="block",
    outcomes=("told", "finishing"),
    since="2026-07-03T08:12:44Z",
    effective_from="2026-07-10T01:00:00Z",
    next_action="remove",
    next_from="2026-07-24T01:00:00Z",
    exception="",
    scope_of_path="home",
    person="",
    gone=False,
    counts=True,
)
LINE = DeviceLine(
    device_id="d-1",
    host_name="li-laptop",
    state=DeviceState.OPEN,
    why=("only watches: its settings forbid acting",),
    tools=(TOOL, TOOL._replace(finding_id="f-2", outcomes=("quarantined",), gone=True)),
    moves=(MoveSeen("qoder", "1.4.2", "2026-07-05"),),
    policy=PolicySeen("p", 7, "verified", 12, True, ("k",), ""),
    last_report_at=1_783_818_000,
)
MISSING = DeviceLine("", "new-hire", DeviceState.NEVER_ENROLLED, ("is expected, and no agent has enrolled",))
OVERVIEW = Overview(((DeviceState.OPEN, 1), (DeviceState.CLEAN, 0)), 1, (), (), (("qoder", 1),), 1, 0, 0, 0, 0)


def parsed(*lines: DeviceLine) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(write_csv(lines)), newline="")))


def test_a_row_for_each_installation_and_one_for_a_device_without() -> None:
    rows = parsed(LINE, MISSING)
    assert [(row["device"], row["done"], row["still_there"]) for row in rows] == [
        ("li-laptop", "told finishing", "yes"),
        ("li-laptop", "quarantined", "no"),
        ("new-hire", "", ""),
    ]


RECORDED = {
    "as it is": (LINE, {"region": None, "groups": None}, True),
    "groups and region are set": (
        LINE._replace(groups=(), groups_set=True, region="CN"),
        {"region": "CN", "groups": []},
        True,
    ),
    "it could not look everywhere": (LINE._replace(state=DeviceState.PARTIAL), {}, False),
    "it is silent": (LINE._replace(state=DeviceState.SILENT), {}, False),
    "findings are left out": (LINE._replace(more_findings=3), {}, False),
}


@pytest.mark.parametrize(("line", "about", "complete"), RECORDED.values(), ids=RECORDED.keys())
def test_a_record_says_what_is_there_and_what_is_not_known(
    line: DeviceLine, about: dict[str, object], complete: bool
) -> None:
    (text,) = write_records([line, MISSING, line._replace(state=DeviceState.REMOVED)])
    record = json.loads(text)
    assert record["complete"] is complete
    assert about.items() <= record["device"].items()
    assert [item["face"] for item in record["items"]] == ["package", "process"]


def test_an_installation_that_two_bans_mean_is_one_item() -> None:
    (text,) = write_records([LINE._replace(tools=(TOOL, TOOL._replace(ban="all-of-the-vendor")))])
    assert [item["face"] for item in json.loads(text)["items"]] == ["package", "process"]


def test_every_column_has_its_value() -> None:
    row = parsed(LINE)[0]
    assert tuple(row) == COLUMNS
    assert (row["moved_to"], row["policy_version"], row["one_signer"], row["last_report_at"], row["next"]) == (
        "qoder 1.4.2",
        "7",
        "yes",
        "2026-07-12T01:00:00Z",
        "remove 2026-07-24T01:00:00Z",
    )


def test_every_row_says_that_findings_prove_no_use() -> None:
    assert {row["note"] for row in parsed(LINE, MISSING)} == {"Findings are no proof of use."}


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=cmd|'/C calc'!A0", "'=cmd|'/C calc'!A0"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("  =1", "'  =1"),
        ("\uff1d1", "'\uff1d1"),
        ("li-laptop", "li-laptop"),
        ("", ""),
        ("1-2", "1-2"),
    ],
)
def test_no_cell_is_a_formula(text: str, cell: str) -> None:
    assert safe_cell(text) == cell


@given(st.text(max_size=60))
def test_any_host_name_comes_back_from_the_file_in_its_one_cell(name: str) -> None:
    rows = parsed(MISSING._replace(host_name=name))
    assert len(rows) == 1
    assert rows[0]["device"] == safe_cell(name)
    assert not rows[0]["device"].lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def test_the_json_document_has_the_same_and_its_totals() -> None:
    document = json.loads(write_json(OVERVIEW, (LINE, MISSING), 1_783_818_000))
    assert document["note"] == NO_PROOF
    assert document["totals"] == {"open": 1, "clean": 0}
    assert document["moved"] == {"devices": 1, "clean": 0, "tools": {"qoder": 1}}
    assert [device["state"] for device in document["devices"]] == ["open", "never-enrolled"]
    assert document["devices"][0]["tools"][0]["outcomes"] == ["told", "finishing"]
    assert document["devices"][0]["last_report_at"] == "2026-07-12T01:00:00Z"
