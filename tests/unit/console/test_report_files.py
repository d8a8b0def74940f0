"""Each format of the report is opened by another program's library, and its figures are those of the database."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
import tracemalloc
from collections import Counter
from pathlib import Path

import msgspec
import openpyxl
import pypdf
import pytest
from jsonschema import Draft202012Validator

from console.errors import ExtraMissing
from console.expected import Expected
from console.exports.formats import FORMATS
from console.exports.report_json import document_schema
from console.reports import compliance
from console.reports.build import Report
from console.reports.history import Question
from console.reports.shapes import Device, Group
from console.reports.tally import Tally, suppressed
from console.store.db import Database
from console.store.queries.fleet import Silence
from console.store.tables import device
from console.store.tables import finding as finding_table
from console.store.tables_schedules import device_past
from tests.fakes.fleet_history import SILENT_AFTER, Fleet
from tests.fakes.reporting_device import coverage, finding, move

BEGIN = 1_783_818_000
ROOT = Path(__file__).parents[3]
CHINESE = "工作站"


@pytest.fixture
def fleet(database: Database) -> Fleet:
    """Seven engineers, two lawyers (suppressed, with one more group), four without a group; one never enrolled."""
    fleet = Fleet(database, BEGIN)
    for number in range(18):
        groups = ("engineering",) if number < 7 else ("legal",) if number < 9 else ("sales",) if number < 14 else ()
        fleet.enrol(str(number), groups=groups, host_name=f"=host-{CHINESE}-{number}")
        fleet.report(
            str(number),
            findings=(finding(),)
            if number % 3 == 0
            else (finding(id="f-2", ban="all", gone=True),)
            if number == 1
            else (),
            moves=(move(),) if number % 2 else (),
            coverage=(coverage(unknown=int(number % 4 == 1)),),
        )
    fleet.remove("17")
    fleet.expect(Expected("new-hire", ("legal",)))
    fleet.now += 60
    return fleet


def written(fleet: Fleet, form: str, question: Question | None = None) -> bytes:
    with fleet.database.read() as connection:
        return b"".join(FORMATS[form].pieces(Report(connection, question or fleet.question())))


def counted(fleet: Fleet) -> dict[str, int]:
    """What the database itself counts, by another way than the report."""
    with fleet.database.read() as connection:
        seen = compliance.overview(connection, Silence(fleet.now, SILENT_AFTER))
    return {state.value: number for state, number in seen.totals}


def test_the_csv_has_a_row_for_each_device_and_its_states_add_up(fleet: Fleet) -> None:
    rows = list(csv.DictReader(io.StringIO(written(fleet, "csv").decode(), newline="")))
    states = {row["device_id"] or row["device"]: row["state"] for row in rows}
    assert +Counter(states.values()) == +Counter(counted(fleet))
    assert {row["note"] for row in rows} == {"Findings are no proof of use."}
    assert all(row["device"].startswith(("'=host-", "new-hire")) for row in rows)
    assert {row["as_of"] for row in rows} == {"2026-07-12T01:01:00Z"}


def test_the_json_fits_its_schema_and_every_figure_adds_up(fleet: Fleet) -> None:
    document = json.loads(written(fleet, "json"))
    Draft202012Validator(document_schema()).validate(document)
    assert document["groups"][0]["states"] == counted(fleet)
    assert +Counter(device["state"] for device in document["devices"]) == +Counter(counted(fleet))
    assert [(group["group"], group["devices"]) for group in document["groups"]] == [
        (None, 18),
        ("(in no group)", None),
        ("engineering", 7),
        ("legal", None),
        ("sales", 5),
    ]


def test_the_schema_in_the_docs_is_that_of_the_document() -> None:
    text = msgspec.json.format(msgspec.json.encode(document_schema()), indent=2).decode() + "\n"
    assert (ROOT / "docs" / "report.schema.json").read_text() == text


def test_the_workbook_has_the_same_figures_and_no_formula(fleet: Fleet) -> None:
    book = openpyxl.load_workbook(io.BytesIO(written(fleet, "xlsx")))
    assert book.sheetnames == ["Summary", "By group", "Devices", "Exceptions", "About"]
    summary = {row[0]: row[1] for row in book["Summary"].iter_rows(min_row=2, max_row=10, values_only=True)}
    assert summary == counted(fleet)
    head, *rows = book["Devices"].iter_rows(values_only=True)
    column = {name: place for place, name in enumerate(head)}
    states = {row[column["device_id"]] or row[column["device"]]: row[column["state"]] for row in rows}
    assert +Counter(states.values()) == +Counter(counted(fleet))
    assert rows[0][column["device"]].startswith(f"=host-{CHINESE}")
    assert not [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]
    about = dict(book["About"].iter_rows(values_only=True))
    assert about["about this report"] == "Findings are no proof of use."
    assert about["sha256 of the data"] == json.loads(written(fleet, "json"))["data_sha256"]


def test_the_pdf_can_be_filed(fleet: Fleet) -> None:
    reader = pypdf.PdfReader(io.BytesIO(written(fleet, "pdf")))
    text = "\n".join(page.extract_text() for page in reader.pages)
    flat = re.sub(r"\s+", " ", text)
    catalogue = reader.trailer["/Root"]
    assert catalogue["/MarkInfo"]["/Marked"]
    assert catalogue["/Lang"] == "en"
    assert reader.metadata is not None
    assert reader.metadata.title == "Compliance as of 2026-07-12T01:01:00Z"
    assert "Page 1 of " in flat
    assert "Findings are no proof of use." in flat
    assert CHINESE in flat
    assert json.loads(written(fleet, "json"))["data_sha256"] in flat.replace(" ", "")
    for state, number in counted(fleet).items():
        word = {"removed-by-IT": "removed by IT", "never-enrolled": "never enrolled"}.get(state, state)
        assert re.search(rf"\b{word} [a-z, ]+ {number}\b", flat), state
    size = reader.pages[0].mediabox
    assert (round(float(size.width)), round(float(size.height))) == (595, 842)


def test_the_same_data_has_the_same_digest_and_other_data_has_not(fleet: Fleet) -> None:
    then, moment = json.loads(written(fleet, "json"))["data_sha256"], fleet.now
    fleet.now += 3600
    fleet.report("2", findings=(finding(),))
    now = json.loads(written(fleet, "json"))["data_sha256"]
    again = json.loads(written(fleet, "json", fleet.question(moment)))["data_sha256"]
    assert then == again != now


def test_narrowed_to_a_group_nobody_else_is_in_it(fleet: Fleet) -> None:
    document = json.loads(written(fleet, "json", fleet.question(group="legal")))
    assert {device["groups"][0] for device in document["devices"]} == {"legal"}
    assert len(document["devices"]) == 3


def test_a_scope_shows_the_devices_of_its_groups_alone(fleet: Fleet) -> None:
    document = json.loads(written(fleet, "json", fleet.question(scope=frozenset({"legal", "engineering"}))))
    assert Counter(device["groups"][0] for device in document["devices"]) == {"engineering": 7, "legal": 3}


def test_pdf_without_its_library_says_what_to_install(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(ExtraMissing, match="weasyprint") as missing:
        written(fleet, "pdf")
    assert missing.value.advice() == 'pip install "interdict[pdf]"'


@pytest.mark.parametrize(
    ("sizes", "hidden"),
    [
        ({"a": 5, "b": 9}, set()),
        ({"a": 4, "b": 9}, {"a", "b"}),
        ({"a": 4, "b": 6, "c": 9}, {"a", "b"}),
        ({"a": 4, "b": 1, "c": 9}, {"a", "b"}),
        ({"a": 4, "b": 4, "c": 9}, {"a", "b"}),
        ({}, set()),
    ],
    ids=[
        "none small",
        "one small of two",
        "the next one hides it",
        "two hide each other",
        "two are enough",
        "no group",
    ],
)
def test_groups_under_five_have_no_numbers_and_cannot_be_told_from_the_rest(
    sizes: dict[str, int], hidden: set[str]
) -> None:
    assert suppressed(sizes) == hidden


def a_device(number: int, *groups: str) -> Device:
    return Device(
        device_id=f"d-{number}",
        host_name=f"h-{number}",
        state="clean",
        groups=groups,
        os="linux",
        kind="workstation",
        region="",
        could_not_look=(),
        silent_since=None,
        policy_version=1,
        policy_trust="verified",
        one_signer=False,
        moved_to=(),
        findings=(),
    )


def test_a_device_in_two_groups_counts_once_in_the_whole() -> None:
    tally = Tally()
    for number in range(6):
        tally.add(a_device(number, "a", "b"))
    devices: dict[str | None, int | None] = {group.group: group.devices for group in tally.groups()}
    assert devices == {None: 6, "a": 6, "b": 6}
    assert isinstance(tally.groups()[0], Group)


def multiply(database: Database, many: int) -> None:
    """Copies the one device, with its history and its finding."""
    sqlite = database.engine.dialect.name == "sqlite"
    id_of = "'d-' || substr('000000000000000000000000' || n, -24)" if sqlite else "'d-' || lpad(n::text, 24, '0')"
    numbers = f"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {many})"
    with database.write() as connection:
        for table in (device, device_past, finding_table):
            values = (id_of if column.name == "device_id" else f'x."{column.name}"' for column in table.columns)
            columns = ", ".join(f'"{column.name}"' for column in table.columns)
            into = f"INSERT INTO {table.name} ({columns})"
            select = f"SELECT {', '.join(values)} FROM c, (SELECT * FROM {table.name} LIMIT 1) x"
            connection.exec_driver_sql(f"{into} {numbers} {select}" if sqlite else f"{numbers} {into} {select}")


@pytest.mark.slow
def test_a_hundred_thousand_devices_are_written_in_bounded_memory(database: Database) -> None:
    fleet = Fleet(database, BEGIN)
    fleet.enrol("0")
    fleet.report("0", findings=(finding(),))
    multiply(database, 100_000)
    tracemalloc.start()
    size = 0
    with database.read() as connection:
        for piece in FORMATS["csv"].pieces(Report(connection, fleet.question())):
            size += len(piece)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(f"{size >> 20} MiB written, {most >> 20} MiB of memory at most")
    assert size > 20 << 20
    assert most < 24 << 20
