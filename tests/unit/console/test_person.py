"""What is kept of a device or a person can be handed over and forgotten, and totals of the past stay true."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from sqlalchemy import insert, select, text

from console import person
from console.errors import BadCommand
from console.store import erase, totals
from console.store.all_tables import metadata
from console.store.db import Database
from console.store.queries.fleet import Silence
from console.store.queries.upkeep import totals as totals_of
from console.store.tables import FLEET_TABLES, audit, device, finding, finding_event, report, request
from console.store.tables_schedules import device_past
from tests.fakes.stored_fleet import StoredFleet

NOW = 1_783_000_000
WHO = "p-4c1d8e"


@pytest.fixture
def fleet(database: Database) -> StoredFleet:
    return StoredFleet(database, NOW)


def with_everything(fleet: StoredFleet) -> str:
    """A device with findings, history, a request and reports, some of them of a person."""
    of = fleet.device(standing="open", findings=1, groups=("it",), moved=True, person=WHO)
    event = {
        "device_id": of,
        "epoch": "e-00000001",
        "sequence": 1,
        "at": NOW - 60,
        "change": "new",
        "ban": "claude-code",
    }
    event |= {"finding_id": "f-0", "tool": "claude-code", "face": "package", "version": "2.1.197", "state": "active"}
    event |= {"action": "block", "outcome": "told", "installation": "i-f-0", "since": "2026-07-03T08:12:44Z"}
    asked = {"device_id": of, "request_id": "r-1", "kind": "exception", "ban": "claude-code", "finding_id": "f-0"}
    asked |= {"asked_on": "2026-07-08", "reason": "a customer needs it", "person": WHO, "received_at": NOW - 30}
    bodies = [json.dumps({"findings": [{"person": WHO}]}), json.dumps({"findings": []})]
    with fleet.database.write() as connection:
        connection.execute(insert(finding_event).values(**event))
        connection.execute(insert(request).values(**asked))
        connection.execute(insert(device_past).values(**StoredFleet.what_it_was(of, NOW - 500, host_name="li-laptop")))
        for slot, body in enumerate(bodies):
            row = {"device_id": of, "slot": slot, "epoch": "e-00000001", "sequence": slot + 1, "received_at": NOW - 20}
            connection.execute(insert(report).values(**row, digest="", body=gzip.compress(body.encode())))
    return of


def everything(database: Database) -> str:
    """All that stands in the database but the record, as one text."""
    found: list[Any] = []
    with database.read() as connection:
        for table in metadata.sorted_tables:
            if table.name not in ("audit", "audit_head"):
                found += [tuple(row) for row in connection.execute(select(table))]
    texts = [
        gzip.decompress(v).decode() if isinstance(v, bytes) and v[:2] == b"\x1f\x8b" else str(v)
        for r in found
        for v in r
    ]
    return "\n".join(["", *texts, ""])


def test_everything_about_a_device_is_handed_over_and_written_down(fleet: StoredFleet) -> None:
    of = with_everything(fleet)
    fleet.device(findings=1)
    document = json.loads(person.export(fleet.database, "HOST-1", NOW, "chen"))
    kept = document["kept"]
    assert set(kept) >= {
        "device",
        "device_group",
        "device_past",
        "finding",
        "finding_event",
        "move",
        "report",
        "request",
    }
    assert {row["device_id"] for rows in kept.values() for row in rows} == {of}
    assert kept["request"][0]["reason"] == "a customer needs it"
    assert [row["body"] for row in kept["report"]] == [{"findings": [{"person": WHO}]}, {"findings": []}]
    assert "public_key" not in kept["device"][0]
    with fleet.database.read() as connection:
        line = connection.execute(select(audit.c.who, audit.c.what, audit.c.about)).one()
    assert tuple(line) == ("chen", "person-exported", of)


def test_a_person_gets_what_is_theirs_and_nothing_else(fleet: StoredFleet) -> None:
    of = with_everything(fleet)
    fleet.device(findings=1, person="p-somebody")
    kept = json.loads(person.export(fleet.database, WHO, NOW, "chen"))["kept"]
    assert {row["person"] for row in [*kept["finding"], *kept["request"]]} == {WHO}
    assert [row["body"]["findings"] for row in kept["report"]] == [[{"person": WHO}]]
    assert [row["device_id"] for row in kept["device"]] == [of]


@pytest.mark.parametrize("name", ["nobody", "", "p-"], ids=["no such name", "no name", "a part of a pseudonym"])
def test_a_name_of_nobody_is_one_clear_line(fleet: StoredFleet, name: str) -> None:
    with_everything(fleet)
    with pytest.raises(BadCommand, match="nothing is kept"):
        person.export(fleet.database, name, NOW, "chen")


def test_an_erased_device_is_found_nowhere_any_more(fleet: StoredFleet) -> None:
    of = with_everything(fleet)
    person.erase_(fleet.database, of, NOW, "chen")
    said = everything(fleet.database)
    # The new ids are random: one may begin as the old one did.
    for trace in (of, "host-1", "li-laptop", WHO, "a customer needs it", "\nf-0\n", "i-f-0", "e-00000001"):
        assert trace not in said, trace
    assert erase.NAME in said
    with pytest.raises(BadCommand):
        person.erase_(fleet.database, of, NOW, "chen")


def test_an_erased_device_counts_in_the_past_and_not_in_the_present(fleet: StoredFleet) -> None:
    of = with_everything(fleet)
    fleet.device(standing="clean")
    with fleet.database.write() as connection:
        totals.write(connection, Silence(NOW, 86_400))
    person.erase_(fleet.database, of, NOW, "chen")
    with fleet.database.write() as connection:
        totals.write(connection, Silence(NOW + 86_400, 200_000))
    days = []
    with fleet.database.read() as connection:
        for at in (NOW, NOW + 86_400):
            day = totals.day_of(at)
            days.append({row.state: row.devices for row in connection.execute(totals_of("", "", day, day))})
        events = connection.execute(select(finding_event.c.at, finding_event.c.ban)).all()
        gone = connection.execute(
            select(device.c.device_id, device.c.removed_at).where(device.c.host_name == erase.NAME)
        ).one()
        findings = connection.execute(select(finding.c.device_id, finding.c.finding_id)).all()
        history = connection.execute(select(finding_event.c.device_id, finding_event.c.finding_id)).all()
    assert days == [{"open": 1, "clean": 1, "moved": 1}, {"clean": 1, "removed-by-IT": 1}]
    assert [tuple(event) for event in events] == [(NOW - 60, "claude-code")]
    assert gone.removed_at == NOW
    assert findings == history and findings[0].device_id == gone.device_id, "state and history still belong together"


def test_an_erased_person_leaves_findings_of_nobody(fleet: StoredFleet) -> None:
    of = with_everything(fleet)
    fleet.device(findings=1, person="p-somebody")
    person.erase_(fleet.database, WHO, NOW, "chen")
    said = everything(fleet.database)
    assert WHO not in said and "a customer needs it" not in said
    assert of in said and "p-somebody" in said
    with fleet.database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM finding")).scalar_one() == 2
        assert connection.execute(text("SELECT count(*) FROM report")).scalar_one() == 1


def test_every_table_of_the_fleet_is_either_kept_without_a_name_or_goes() -> None:
    """A new table goes when a device is erased; what shall stay must be looked at for names and ids first."""
    assert set(erase.KEPT) < set(FLEET_TABLES)
    looked_at = {
        "device": {"public_key", "host_name", "host_key", "heartbeat", "why"},
        "device_past": {"host_name", "host_key"},
        "finding": {"finding_id", "installation", "person", "exception"},
        "finding_event": {"finding_id", "installation", "exception"},
    }
    for table, columns in looked_at.items():
        assert columns <= set(metadata.tables[table].columns.keys())
        assert columns <= set(erase._BLANK) | set(erase._RANDOM), table
