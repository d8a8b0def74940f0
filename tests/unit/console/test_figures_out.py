"""The statements behind API and metrics, on both databases: pages by key, scopes, and figures."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from console.exports.metrics import Metrics
from console.store.db import Database
from console.store.queries import api
from console.store.queries.fleet import Silence
from tests.fakes.fleet_history import SILENT_AFTER, Fleet
from tests.fakes.reporting_device import finding, process


@pytest.fixture
def fleet(database: Database) -> Fleet:
    fleet = Fleet(database, 1_783_818_000)
    for number in range(5):
        fleet.enrol(str(number), groups=("engineering",) if number < 3 else ("legal",))
        fleet.report(str(number), findings=(finding(), process()))
    return fleet


def rows(fleet: Fleet, statement: Any) -> list[Any]:
    with fleet.database.read() as connection:
        return list(connection.execute(statement).mappings())


def test_findings_and_events_page_by_key(fleet: Fleet) -> None:
    found: list[Any] = []
    while some := rows(fleet, api.findings_page("", None, tuple(found[-1]) if found else ("", ""), 3)):
        found += [(row["device_id"], row["finding_id"]) for row in some]
    assert (len(found), len(set(found))) == (10, 10)
    told: list[Any] = []
    while some := rows(fleet, api.events_page("", 0, None, told[-1] if told else ("", "", 0, ""), 3)):
        told += [(row["device_id"], row["epoch"], row["sequence"], row["finding_id"]) for row in some]
    assert (len(told), len(set(told))) == (10, 10)


def test_a_scope_is_kept_and_nothing_is_found_in_none(fleet: Fleet) -> None:
    start = ("", "", 0, "")
    assert len(rows(fleet, api.findings_page("claude-code", frozenset({"legal"}), ("", ""), 100))) == 4
    assert len(rows(fleet, api.events_page("", 0, frozenset({"engineering"}), start, 100))) == 6
    assert rows(fleet, api.findings_page("", frozenset(), ("", ""), 100)) == []
    assert rows(fleet, api.events_page("", 10**18, None, start, 100)) == []


def test_metrics_are_those_of_the_database(fleet: Fleet) -> None:
    with fleet.database.read() as connection:
        text = Metrics().text(connection, Silence(fleet.now, SILENT_AFTER), queue_full=True).decode()
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if "process" not in sample.labels
    }
    assert found["interdict_devices", "open"] == 5
    assert found["interdict_findings_devices", "claude-code", "block", "active"] == 5
    assert found["interdict_reports_stored_total",] == 5
    assert found["interdict_last_report_age_seconds",] == 0
    assert found["interdict_database_bytes",] > 10_000
    assert "interdict_ingest_queue_full{process=" in text
