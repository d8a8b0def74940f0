"""Many devices that report at the same time and do not give up: each sends a report until it is told that it is stored.

What they say is known, so that it can be compared with what is in the database at the end.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import httpx
from sqlalchemy import select

from console.store.db import Database
from console.store.tables import device_epoch, finding, finding_event
from policy_schema.messages.request import Sealed
from tests.fakes.reporting_device import ReportingDevice, coverage
from tests.fakes.reporting_device import finding as a_finding

AT_ONCE = 8
PAUSE = 0.05
"""Seconds until the same is sent again: far less patience than an agent has."""
PATIENCE = 900.0
ANSWERED = (200,)
AGAIN = (429, 500, 503)


class Disaster(NamedTuple):
    """What happens once so many reports are stored."""

    after: int
    happen: Callable[[], object]


class Crowd:
    """So many devices with so many reports each, every one with a finding of its own."""

    def __init__(
        self,
        devices: int,
        reports: int,
        address: Callable[[], str],
        secret: str,
        watch: Callable[[], None] = lambda: None,
    ) -> None:
        """`watch` is called whenever nobody answered, and raises if that can never be well again."""
        self._reports = reports
        self.address = address
        self._secret, self._watch = secret, watch
        self._lock = threading.Lock()
        self._until = time.monotonic() + PATIENCE
        self.stored = 0
        self.refused: Counter[int] = Counter()
        """How often which status (0: no answer) was met on the way."""
        self.devices = [ReportingDevice(now=int(time.time()), epoch=f"e-{number:010}") for number in range(devices)]

    @property
    def everything(self) -> int:
        """How many reports there are in all."""
        return self._reports * len(self.devices)

    def report(self, disasters: Sequence[Disaster] = ()) -> None:
        """Sends everything while disasters happen, and returns when all is stored."""
        waiting = sorted(disasters)
        with ThreadPoolExecutor(AT_ONCE) as senders:
            lives = [senders.submit(self._life, one) for one in self.devices]
            for disaster in waiting:
                while self.stored < disaster.after and not all(life.done() for life in lives):
                    time.sleep(PAUSE / 5)
                disaster.happen()
            for life in lives:
                life.result()

    def _life(self, device: ReportingDevice) -> None:
        with httpx.Client(timeout=20, trust_env=False) as client:
            self._insist(client, lambda: device.enrolment(self._secret), device)
            for number in range(1, self._reports + 1):
                said = device.report(findings=(a_finding(id=f"f-{number}"),), coverage=(coverage(),))
                self._insist(client, lambda said=said: device.send(said), device)  # type: ignore[misc]
                with self._lock:
                    self.stored += 1

    def _insist(self, client: httpx.Client, seal: Callable[[], Sealed], device: ReportingDevice) -> None:
        while True:
            assert time.monotonic() < self._until, f"not stored in time; met {dict(self.refused)}"
            device.now = int(time.time())
            status, said = self._sent(client, seal())
            if status in ANSWERED:
                return
            if status == 0:
                self._watch()
            assert status in (0, *AGAIN), f"{self.stored} stored; refused with {status}: {said}"
            with self._lock:
                self.refused[status] += 1
            time.sleep(PAUSE)

    def _sent(self, client: httpx.Client, sealed: Sealed) -> tuple[int, str]:
        try:
            answer = client.post(self.address() + sealed.path, content=sealed.body, headers=sealed.headers)
        except httpx.TransportError:
            return 0, ""
        return answer.status_code, answer.text

    def assert_everything_is_there_once(self, database: Database) -> None:
        """Each device's last number, its findings, and one event for each of them: no less, no more."""
        names = {f"f-{number}" for number in range(1, self._reports + 1)}
        with database.read() as connection:
            for one in self.devices:
                last = select(device_epoch.c.last_sequence).where(device_epoch.c.device_id == one.id)
                assert connection.execute(last).scalars().all() == [self._reports]
                state = select(finding.c.finding_id).where(finding.c.device_id == one.id)
                assert Counter(connection.execute(state).scalars()) == Counter(names)
                events = select(finding_event.c.finding_id, finding_event.c.change).where(
                    finding_event.c.device_id == one.id
                )
                found = Counter(tuple(row) for row in connection.execute(events))
                assert found == Counter((name, "new") for name in names)
