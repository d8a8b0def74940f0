"""Devices that enrol, report, fall silent and are removed in a console's database, by the console's own code."""

from __future__ import annotations

import gzip
import hashlib

from console import expected
from console.expected import Expected
from console.ingest.apply import Verdict, store_report
from console.ingest.enrol import secret_digest, store_enrolment
from console.ingest.verify import Accepted, AcceptedEnrolment
from console.reports.build import Report
from console.reports.history import Question
from console.reports.shapes import Device, Totals
from console.store import past
from console.store.db import Database
from console.store.queries import access, ingest
from policy_schema.messages.enrol import DeviceFacts, EnrolRequest
from policy_schema.messages.report import Report as Sent
from policy_schema.messages.wire import encode
from tests.fakes.reporting_device import coverage, facts, heartbeat, policy

SECRET = "a-secret-of-the-fleet"
SILENT_AFTER = 24 * 3600


class Fleet:
    """A database, a clock, and devices named `0`, `1`, ..."""

    def __init__(self, database: Database, now: int) -> None:
        self.database = database
        self.now = now
        self.sequences: dict[str, int] = {}
        self.epochs: dict[str, int] = {}
        with database.write() as connection:
            digest = secret_digest(SECRET)
            connection.execute(access.add_secret(digest=digest, uses=100_000, expires_at=2**40, now=0, who="a test"))

    def enrol(self, name: str, **changes: object) -> None:
        """Enrols a device, or again with other facts."""
        about = self._facts(name, **changes)
        request = EnrolRequest(secret=SECRET, public_key="x", epoch=self._epoch(name), facts=about)
        with self.database.write() as connection:
            key = hashlib.sha256(name.encode()).digest()
            store_enrolment(connection, AcceptedEnrolment(request, device_id(name), key), self.now)
        self.sequences.setdefault(name, 0)

    def knows(self, name: str) -> bool:
        """Whether the device has enrolled."""
        return name in self.sequences

    def report(self, name: str, *, facts_change: dict[str, object] | None = None, **changes: object) -> None:
        """The next report of a device."""
        self.sequences[name] += 1
        sent = Sent(
            device=device_id(name),
            epoch=self._epoch(name),
            sequence=self.sequences[name],
            generated_at="2026-07-12T01:00:00Z",
            agent="0.1.0",
            heartbeat=heartbeat(),
            **{
                "policy": policy(),
                "coverage": (coverage(),),
                "facts": None if facts_change is None else self._facts(name, **facts_change),
                **changes,
            },
        )
        body = gzip.compress(encode(sent), 1)
        with self.database.write() as connection:
            accepted = Accepted(sent, body, hashlib.sha256(body).hexdigest())
            assert store_report(connection, accepted, self.now).verdict is Verdict.STORED

    def begin_again(self, name: str) -> None:
        """The device's journal is a new one. No machine begins two in one second."""
        self.now += 1
        self.epochs[name] = self.epochs.get(name, 0) + 1
        self.sequences[name] = 0

    def remove(self, name: str) -> None:
        """An admin takes the device out."""
        with self.database.write() as connection:
            connection.execute(ingest.set_device(device_id(name), {"removed_at": self.now}))
            past.note_removed(connection, device_id(name), self.now)

    def expect(self, *listed: Expected) -> None:
        """A new list of expected devices."""
        with self.database.write() as connection:
            expected.replace(connection, listed, self.now)

    def question(self, moment: int | None = None, **changes: object) -> Question:
        """What a report at this moment is about; without one: now."""
        return Question(self.now if moment is None else moment, self.now, SILENT_AFTER)._replace(**changes)

    def pieces(self, question: Question) -> tuple[list[Device], Totals]:
        """All devices of the report, and its totals."""
        with self.database.read() as connection:
            report = Report(connection, question)
            return list(report.devices()), report.totals()

    def _epoch(self, name: str) -> str:
        return f"e-{self.epochs.get(name, 0):010d}"

    def _facts(self, name: str, **changes: object) -> DeviceFacts:
        about = facts(f"host-{name}")
        values = {field: getattr(about, field) for field in about.__struct_fields__}
        return DeviceFacts(**{**values, **changes})


def device_id(name: str) -> str:
    """Stays the same for a name, as an id does for a key."""
    return "d-" + hashlib.sha256(name.encode()).hexdigest()[:24]
