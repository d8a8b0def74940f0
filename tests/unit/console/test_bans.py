"""What a ban's line on the first page counts: devices, and copies of the tool on them."""

from __future__ import annotations

import pytest
from sqlalchemy import insert

from console.store.db import Database
from console.store.queries.fleet import bans
from console.store.tables import device, finding

Row = dict[str, object]
TEXTS = ("host_name", "host_key", "os", "os_version", "kind", "ownership", "agent")


def found(face: str, installation: str = "", on: str = "d-1", **more: object) -> Row:
    return {"face": face, "installation": installation, "device_id": on, "state": "active", **more}


PACKAGE, PROCESS = found("package", "i-1"), found("process", "i-1")
COUNTED: dict[str, tuple[list[Row], list[tuple[str, int, int]]]] = {
    "a package and its process": ([PACKAGE, PROCESS], [("b", 1, 1)]),
    "two copies": ([PACKAGE, found("executable", "i-2")], [("b", 1, 2)]),
    "the same installation on two devices": ([PACKAGE, found("package", "i-1", on="d-2")], [("b", 2, 2)]),
    "a setting beside a package": ([PACKAGE, found("setting")], [("b", 1, 1)]),
    "settings alone": ([found("setting"), found("setting", on="d-2")], [("b", 2, 0)]),
    "what a tool left behind": ([found("residue", state="weak")], []),
    "what a tool left behind, by an agent that calls it active": ([found("residue")], [("b", 1, 0)]),
    "something without a place": ([found("process"), found("process")], [("b", 1, 2)]),
    "one that is gone": ([found("package", "i-1", gone_at=5)], []),
    "only a name": ([found("executable", "i-1", state="weak")], []),
}


@pytest.mark.parametrize(("findings", "lines"), COUNTED.values(), ids=COUNTED)
def test_a_ban_counts(findings: list[Row], lines: list[tuple[str, int, int]], database: Database) -> None:
    with database.write() as connection:
        for name in ("d-1", "d-2"):
            connection.execute(insert(device).values(_device(name)))
        for number, one in enumerate(findings):
            connection.execute(insert(finding).values({**_empty(number), **one}))
        assert [tuple(row) for row in connection.execute(bans())] == lines


def _device(name: str) -> Row:
    row: Row = {"device_id": name, "public_key": name.encode(), "enrolled_at": 0, "secret_id": 1}
    return {**row, "epoch": "e-00000000", "standing": "open", "why": "[]", **dict.fromkeys(TEXTS, "")}


def _empty(number: int) -> Row:
    texts = ("tool", "purl", "version", "confidence", "action", "outcome", "scope_of_path", "person", "since")
    row: Row = {"finding_id": f"f-{number}", "ban": "b", "matches": "[]", "first_reported_at": 0, "changed_at": 0}
    return {**row, **dict.fromkeys(texts, "")}
