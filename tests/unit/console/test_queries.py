"""Every statement of the console as SQL of both databases: about a device, or on the list of those that are not."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateTable

from console.store.all_tables import FLEET_TABLES, metadata
from console.store.queries import access, api, fleet, handover, identities, ingest, past, record, schedules, tokens
from console.store.queries.fleet import Place, Silence, Wanted

SILENCE = Silence(0, 1)
NARROWED = Wanted(state=None, ban="b", search="s", moved=True, groups=frozenset({"g"}))
DIALECTS = {"sqlite": sqlite.dialect(), "postgresql": postgresql.dialect()}

STATEMENTS: dict[Callable[..., Any], tuple[Any, ...]] = {
    handover.advance: ("x", "y", {"at": 0}),
    handover.begin: ("dialect",),
    handover.changes: ("x", 0, 10),
    handover.cursor: ("x",),
    handover.events: ("x", 0, 10),
    handover.handed: ("dialect",),
    handover.take: ("x", 0, 0, "y"),
    handover.troubled: (),
    schedules.add: ({"schedule_id": 1},),
    schedules.begin: ("dialect",),
    schedules.due: (0, 10),
    schedules.finish: (1, 0, "x", {"problem": ""}),
    schedules.lease: (1, 0, 0, 0, "x"),
    schedules.listed: (),
    schedules.move_on: (1, 0, 0),
    schedules.named: ("x",),
    schedules.newest: (10,),
    schedules.owed: (0, 10),
    schedules.remove: ("x",),
    schedules.troubled: (10,),
    access.add_secret: (),
    access.add_session: ({"digest": "x"},),
    access.count_users: (),
    access.drop_user: ("x",),
    access.drop_expected: (),
    access.end_session: ("x",),
    access.end_sessions: ("x", 0),
    access.groups_of: ("d",),
    access.password_of: ("x",),
    access.put_expected: ("dialect",),
    access.put_user: ("dialect",),
    access.seen_session: ("x", 0),
    access.session_of: ("x", 0, 0),
    access.sessions: ("x", 0, 0, 10),
    access.set_user: ("x", {"role": "viewer"}),
    access.user_named: ("x",),
    access.users: (),
    api.events_page: ("d", 0, frozenset({"g"}), ("d", "e", 1, "f"), 10),
    api.finding_counts: (),
    api.findings_page: ("b", frozenset({"g"}), ("d", "f"), 10),
    api.problems_of_schedules: (),
    api.reports_stored: (),
    fleet.bans: (),
    fleet.count: (SILENCE, NARROWED),
    fleet.coverage_of: (["d"],),
    fleet.devices: (["d"],),
    fleet.findings: (["d"],),
    fleet.flagged: (),
    fleet.found: ("x",),
    fleet.history: ("d", 10),
    fleet.moved: (),
    fleet.moves: (["d"],),
    fleet.newest_requests: (0, 10),
    fleet.outcomes: (),
    fleet.page: (SILENCE, NARROWED, Place(0, "h", "d"), 10),
    fleet.policies: (SILENCE,),
    fleet.report_body: ("d", "e", 1),
    fleet.reports: ("d", 10),
    fleet.requests: ("d", 10),
    identities.begin: ({"state": "x"},),
    identities.begun: ("x", "x", 0),
    identities.drop_old: (0,),
    identities.end_sessions: ("x",),
    identities.holder_of: ("x",),
    identities.let_go: ("x",),
    identities.listed: (10,),
    identities.put: ("dialect",),
    identities.set_standing: ("x", "viewer", None),
    identities.used: ("x",),
    ingest.add_coverage: (),
    ingest.add_device: ({"device_id": "d"},),
    ingest.add_events: (),
    ingest.add_groups: (),
    ingest.advance: ("d", "e", 1, 0),
    ingest.advance_many: ("dialect",),
    ingest.beat_many: ("dialect", ("generated_at",)),
    ingest.begin_epoch: ("d", "e", 0),
    ingest.count_events: ("d",),
    ingest.coverage_of: ("d",),
    ingest.digest_of: ("d", "e", 1),
    ingest.drop_coverage: ("d",),
    ingest.drop_events: ("d", 0),
    ingest.drop_gone_findings: ("d", 0),
    ingest.drop_groups: ("d",),
    ingest.drop_moves: ("d",),
    ingest.drop_requests: ("d", 10),
    ingest.end_finding: ("d", "f", 0),
    ingest.enrolled: ("d",),
    ingest.keep_many: ("dialect",),
    ingest.keep_report: ("dialect",),
    ingest.keys_from: ("d", 200),
    ingest.known_findings: ("d",),
    ingest.last_sequence: ("d", "e"),
    ingest.present_states: ("d",),
    ingest.put_finding: ("dialect",),
    ingest.put_move: ("dialect",),
    ingest.put_request: ("dialect",),
    ingest.secret: ("x",),
    ingest.set_device: ("d", {"epoch": "e"}),
    ingest.standing_still: (["d"],),
    ingest.use_secret: (1,),
    past.add_gap: ("d", 0, 1),
    past.changed_findings: (["d"], 0, 0),
    past.devices_as_of: (0, "d", 10),
    past.exceptions_as_of: (0, "b"),
    past.expect: ("dialect",),
    past.expect_no_more: (["h"], 0),
    past.expected_now: (),
    past.forget_digest: ("d",),
    past.missing_as_of: (0, "h", 10),
    past.newest: ("d",),
    past.present_moves: ("d",),
    past.put_past: ("dialect",),
    past.unchanged_findings: (["d"], 0, 0),
    record.add_line: ({"who": "x"},),
    record.chain: (0, 10),
    record.head: (),
    record.lately: ("x", 0, 10),
    record.lock_head: (),
    record.looks_at: ("x", 10),
    record.newest: (record.Lines("a", "b", "c"), 0, 10),
    record.seal_line: (),
    record.set_head: (0, ""),
    record.unsealed: (),
    tokens.add: ({"name": "x"},),
    tokens.end: (1, 0),
    tokens.listed: (10,),
    tokens.name_of: (1,),
    tokens.of: ("x", 0),
    tokens.used: (1, 0),
}
KEYWORDS: dict[Callable[..., Any], dict[str, Any]] = {
    access.add_secret: {"digest": "", "uses": 1, "expires_at": 0, "now": 0, "who": ""},
}
OVER_THE_FLEET: dict[Callable[..., Any], str] = {
    fleet.bans: "a total for the first page",
    fleet.count: "a total for the first page",
    fleet.flagged: "a total for the first page",
    fleet.found: "a host name is not a key; an admin types it",
    ingest.keys_from: "keys of devices that follow one another, by key",
    fleet.moved: "a total for the first page",
    fleet.outcomes: "a total for the first page",
    fleet.newest_requests: "the newest few for the first page, by their own index",
    fleet.page: "the list itself, paged by key",
    fleet.policies: "a total for the first page",
}
OVER_THE_FLEET |= {
    api.events_page: "the read API, paged by key",
    api.finding_counts: "figures for Prometheus, every ten seconds at most",
    api.findings_page: "the read API, paged by key",
    api.reports_stored: "figures for Prometheus, every ten seconds at most",
    handover.changes: "what all devices told since the last time, by device",
    handover.events: "what all devices told since the last time, by device",
    past.devices_as_of: "the report, paged by key",
    past.exceptions_as_of: "the record of exceptions, each with its number of devices",
    past.missing_as_of: "the report, paged by key",
}
HELPERS = {fleet.fleet, fleet.in_groups, fleet.state_of}


def sql(statement: Callable[..., Any], dialect: str) -> str:
    arguments = tuple(dialect if argument == "dialect" else argument for argument in STATEMENTS[statement])
    built = statement(*arguments, **KEYWORDS.get(statement, {}))
    return re.sub(r"\s+", " ", str(built.compile(dialect=DIALECTS[dialect])))


def test_no_statement_is_forgotten_here() -> None:
    written = {
        function
        for module in (access, api, fleet, handover, identities, ingest, past, record, schedules, tokens)
        for name, function in inspect.getmembers(module, callable)
        if not inspect.isclass(function) and function.__module__ == module.__name__ and not name.startswith("_")
    }
    assert written - HELPERS == set(STATEMENTS)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "statement", STATEMENTS, ids=lambda function: f"{function.__module__[-6:]}.{function.__name__}"
)
def test_a_statement_on_a_fleet_table_is_about_devices(statement: Callable[..., Any], dialect: str) -> None:
    text = sql(statement, dialect)
    touched = [table for table in FLEET_TABLES if re.search(rf"\b(FROM|INTO|UPDATE|JOIN) {table}\b", text)]
    if statement in OVER_THE_FLEET:
        assert touched, "it is on the list of exceptions for nothing"
    elif touched and text.startswith("INSERT"):
        assert re.search(r"\((\w+, )*device_id\b", text)
    elif touched:
        assert re.search(rf"WHERE .*\b({'|'.join(touched)})\.device_id (=|IN) ", text)


@pytest.mark.parametrize("name", FLEET_TABLES)
def test_device_id_stands_first_in_the_key_of(name: str) -> None:
    assert next(iter(metadata.tables[name].primary_key.columns)).name == "device_id"


def test_every_table_with_a_device_is_a_fleet_table_and_nothing_points_across() -> None:
    assert {name for name, table in metadata.tables.items() if "device_id" in table.columns} == set(FLEET_TABLES)
    assert not any(table.foreign_keys for table in metadata.tables.values())


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_tables_can_be_written_in_both_dialects(dialect: str) -> None:
    for table in metadata.sorted_tables:
        assert "CREATE TABLE" in str(CreateTable(table).compile(dialect=DIALECTS[dialect]))
