"""Devices written straight into the store, for tests of what is asked of it."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import insert

from console.store.db import Database
from console.store.tables import DAY, device, device_epoch, finding, move
from console.store.tables_fleet import device_group


class StoredFleet:
    """Adds devices one by one. What they have is that of a small company."""

    def __init__(self, database: Database, now: int) -> None:
        self.database = database
        self.now = now
        self._count = 0

    def device(
        self,
        *,
        standing: str = "clean",
        findings: int = 0,
        state: str = "active",
        gone_at: int | None = None,
        groups: tuple[str, ...] = (),
        moved: bool = False,
        heard: int | None = None,
        person: str = "",
    ) -> str:
        """One more device; its id."""
        self._count += 1
        name = f"d-{self._count:024x}"
        row = {
            "device_id": name,
            "public_key": bytes(32),
            "enrolled_at": self.now - 1000,
            "secret_id": 1,
            "epoch": "e-00000001",
            "host_name": f"host-{self._count}",
            "host_key": f"host-{self._count}",
            "os": "linux",
            "os_version": "Debian GNU/Linux 12",
            "kind": "workstation",
            "ownership": "company",
            "groups": json.dumps(groups),
            "agent": "0.1.0",
            "last_report_at": self.now - 10 if heard is None else heard,
            # Some were last heard of before that day was noted.
            "heard_on": (self.now - 10 if heard is None else heard) // DAY if self._count % 3 else 0,
            "standing": standing,
            "why": "[]",
        }
        with self.database.write() as connection:
            connection.execute(insert(device).values(**row))
            connection.execute(
                insert(device_epoch).values(
                    device_id=name, epoch="e-00000001", last_sequence=1, first_at=self.now - 1000, last_at=self.now
                )
            )
            for group in groups:
                connection.execute(insert(device_group).values(device_id=name, group=group))
            for number in range(findings):
                values = self.a_finding(name, f"f-{number}", state=state, gone_at=gone_at, person=person)
                connection.execute(insert(finding).values(**values))
            if moved:
                connection.execute(
                    insert(move).values(device_id=name, tool="qoder", from_tool="", version="1", seen_at="2026-07-01")
                )
        return name

    @staticmethod
    def a_finding(of: str, name: str, **changes: Any) -> dict[str, Any]:
        """A finding of Claude Code."""
        return {
            "device_id": of,
            "finding_id": name,
            "installation": f"i-{name}",
            "ban": "claude-code",
            "tool": "claude-code",
            "face": "package",
            "purl": "",
            "version": "2.1.197",
            "confidence": "exact",
            "matches": "[]",
            "state": "active",
            "action": "block",
            "outcome": "told",
            "since": "2026-07-03T08:12:44Z",
            "scope_of_path": "home",
            "person": "",
            "first_reported_at": 1,
            "changed_at": 1,
            **changes,
        }

    @staticmethod
    def what_it_was(of: str, at: int, **changes: Any) -> dict[str, Any]:
        """A row of what a device was."""
        return {
            "device_id": of,
            "at": at,
            "removed": False,
            "host_name": "host",
            "host_key": "host",
            "os": "linux",
            "kind": "workstation",
            "unlooked": "[]",
            "policy_id": "",
            "policy_version": 0,
            "policy_trust": "verified",
            "policy_solo": False,
            "moves": "[]",
            **changes,
        }
