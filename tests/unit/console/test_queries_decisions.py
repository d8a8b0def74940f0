"""Every statement of policies, decisions and the brake as SQL of both databases: about devices, or listed with why."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.dialects import postgresql, sqlite

from console.store.all_tables import FLEET_TABLES
from console.store.queries import brake, decisions, policies
from console.store.queries.decisions import Granted, Queued

SOME = frozenset({"g"})
DIALECTS = {"sqlite": sqlite.dialect(), "postgresql": postgresql.dialect()}
Statement = Callable[..., Any]

STATEMENTS: dict[Statement, tuple[Any, ...]] = {
    brake.add_alarm: (),
    brake.add_hits: ("dialect",),
    brake.alarms: (0,),
    brake.claim_look: (0, 0),
    brake.close_alarm: (1, 0, "x"),
    brake.drop_slots: (0,),
    brake.hits_since: (0,),
    brake.last_look: (),
    brake.put_look: ("dialect",),
    brake.reporting: (0,),
    brake.set_alarm: (1, {"last_at": 0}),
    brake.untold: (0,),
    brake.slots: (["b"], 0, 1),
    brake.wrong_since: (0,),
    decisions.add_decision: (),
    decisions.add_exception: (),
    decisions.add_exception_devices: (),
    decisions.add_pause: (),
    decisions.add_publication: (),
    decisions.count_queue: (SOME, 0),
    decisions.decided: (SOME, Queued(0, "d", "r"), 10),
    decisions.decision_of: ("d", "r"),
    decisions.drop_owner: ("d", "x"),
    decisions.end_pauses: ("b", 0, "x"),
    decisions.exception_devices: (["x"],),
    decisions.exception_of: ("x",),
    decisions.exceptions: (0, SOME, Granted(0, "x"), 10),
    decisions.forget_asker: (["d"], "p"),
    decisions.holding: (0,),
    decisions.holding_devices: (0,),
    decisions.in_force: (["d"], ["x"]),
    decisions.known_exceptions: (),
    decisions.known_pauses: (),
    decisions.last_publication: (),
    decisions.mark_answer: ("d", "r", 0),
    decisions.mark_pauses: ([1], 0),
    decisions.mark_pauses_taken_back: ([1], 0),
    decisions.mark_published: (["x"], 0),
    decisions.mark_taken_back: (["x"], 0),
    decisions.owners: (["d"],),
    decisions.past_pauses: (0, 10),
    decisions.pauses: (0,),
    decisions.pauses_to_take_back: (),
    decisions.publishing: (),
    decisions.put_owner: ("dialect",),
    decisions.put_publishing: ("dialect",),
    decisions.queue: (SOME, 0, Queued(0, "d", "r"), 10),
    decisions.refusals: (0,),
    decisions.request_of: ("d", "r"),
    decisions.seen_devices: (["d"], SOME),
    decisions.some_devices: (["d"], SOME),
    decisions.to_publish: (0,),
    decisions.to_take_back: (),
    decisions.withdraw: ("x", 0, "who", "why"),
    policies.add_version: (),
    policies.claim_look: (0, 0),
    policies.confirm: (1, {"confirmed_at": 0}),
    policies.document_of: (1,),
    policies.files: (),
    policies.follow: (),
    policies.head_of: (1,),
    policies.keep_files: (["p"],),
    policies.marks: (),
    policies.newest: (1,),
    policies.put_file: ("dialect",),
    policies.put_follow: ("dialect",),
    policies.put_mark: ("dialect",),
    policies.version_of: (1, "p"),
}
OVER_THE_FLEET: dict[Statement, str] = {
    brake.reporting: "a total, asked only when something may have jumped",
    brake.wrong_since: "a day of requests by their own index, summed",
    decisions.count_queue: "a total for the page, by the requests' own index",
    decisions.decided: "one page of answers by their own index",
    decisions.exception_devices: "the devices of one page of exceptions, by the index that begins with the exception",
    decisions.exceptions: "one page of exceptions; of a viewer of some groups only those of their devices",
    decisions.holding_devices: "everything that is signed, once a publication",
    decisions.queue: "one page of requests by their own index",
    decisions.refusals: "answers of thirty days, once a publication",
    decisions.some_devices: "a host name is not a key; an approver types it",
}


def sql(statement: Statement, dialect: str) -> str:
    arguments = tuple(dialect if argument == "dialect" else argument for argument in STATEMENTS[statement])
    return re.sub(r"\s+", " ", str(statement(*arguments).compile(dialect=DIALECTS[dialect])))


def test_no_statement_is_forgotten_here() -> None:
    written = {
        function
        for module in (brake, decisions, policies)
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    }
    assert written == set(STATEMENTS)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda one: f"{one.__module__.rpartition('.')[2]}.{one.__name__}")
def test_a_statement_on_a_fleet_table_is_about_devices(statement: Statement, dialect: str) -> None:
    text = sql(statement, dialect)
    touched = [table for table in FLEET_TABLES if re.search(rf"\b(FROM|INTO|UPDATE|JOIN) {table}\b", text)]
    if statement in OVER_THE_FLEET:
        assert touched, "it is on the list of exceptions for nothing"
    elif touched and text.startswith("INSERT"):
        assert re.search(r"\((\w+, )*device_id\b", text)
    elif touched:
        assert re.search(rf"WHERE .*\b({'|'.join(touched)})\.device_id (=|IN) ", text)
