"""Figures for Prometheus. No name of a device or person is a label.

What the database knows is the same whichever process of a console answers. What only a process knows (how long its
answers to reports took, whether its queue is full) has the label `process`: scrape each process at its own port.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Final

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection

from console.policy import known
from console.state import SHOWN_FIRST
from console.store.queries import api, fleet, record
from console.store.queries.fleet import Silence, Wanted

MEDIA: Final = "text/plain; version=0.0.4; charset=utf-8"
KEPT: Final = 10.0
"""Seconds for which figures of the whole fleet are not counted again."""
_OWN: Final = CollectorRegistry()
_SECONDS: Final = Histogram(
    "interdict_ingest_seconds",
    "From a report's arrival to the answer, the commit included",
    ("process",),
    registry=_OWN,
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)


@contextmanager
def timed() -> Iterator[None]:
    """Around the answer to a report."""
    begun = time.perf_counter()
    try:
        yield
    finally:
        _seconds_of(os.getpid()).observe(time.perf_counter() - begun)


@cache
def _seconds_of(process: int) -> Histogram:
    return _SECONDS.labels(process=str(process))


class Metrics:
    """The text of /metrics; the figures of the fleet are counted every ten seconds at most."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._text = b""
        self._made = float("-inf")

    def text(self, connection: Connection, silence: Silence, *, queue_full: bool) -> bytes:
        """The figures as they are now."""
        with self._lock:
            if time.monotonic() - self._made > KEPT:
                registry = CollectorRegistry()
                registry.register(_Fleet(connection, silence))
                self._text, self._made = generate_latest(registry), time.monotonic()
            whole = self._text
        full = GaugeMetricFamily("interdict_ingest_queue_full", "1 while reports are turned away", labels=["process"])
        full.add_metric([str(os.getpid())], int(queue_full))
        own = CollectorRegistry()
        own.register(_Made([full]))
        return whole + generate_latest(own) + generate_latest(_OWN)


class _Made(Collector):
    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> list[Metric]:
        return self._metrics


class _Fleet(Collector):
    """Counts when it is asked."""

    def __init__(self, connection: Connection, silence: Silence) -> None:
        self._connection = connection
        self._silence = silence

    def collect(self) -> Iterator[Metric]:
        yield self._devices()
        yield self._findings()
        yield from self._ingest()
        yield from self._operation()

    def _devices(self) -> Metric:
        metric = GaugeMetricFamily("interdict_devices", "Devices by their one state", labels=["state"])
        found: dict[str, int] = {
            row[0]: row[1] for row in self._connection.execute(fleet.count(self._silence, Wanted()))
        }
        for state in SHOWN_FIRST:
            metric.add_metric([state.value], found.get(state.value, 0))
        return metric

    def _findings(self) -> Metric:
        labels = ["ban", "stage", "state"]
        metric = GaugeMetricFamily("interdict_findings_devices", "Devices with a finding that is there", labels=labels)
        for row in self._connection.execute(api.finding_counts()):
            metric.add_metric([row.ban, row.action, row.state], row.devices)
        return metric

    def _ingest(self) -> Iterator[Metric]:
        stored, last_at = self._connection.execute(api.reports_stored()).one()
        yield CounterMetricFamily("interdict_reports_stored", "Reports stored, by all processes", value=stored or 0)
        if last_at is not None:
            age = max(0, self._silence.now - last_at)
            yield GaugeMetricFamily("interdict_last_report_age_seconds", "Since the last report of anybody", value=age)

    def _operation(self) -> Iterator[Metric]:
        size = self._connection.exec_driver_sql(_SIZE[self._connection.dialect.name]).scalar_one()
        yield GaugeMetricFamily("interdict_database_bytes", "Size of the database", value=size)
        policy = known.current(self._connection)
        if policy is not None:
            age = max(0, self._silence.now - policy.version.confirmed_at)
            yield GaugeMetricFamily(
                "interdict_policy_age_seconds", "Since the policy was confirmed as the newest", value=age
            )
            yield GaugeMetricFamily("interdict_policy_version", "The policy in force", value=policy.version.version)
        head = self._connection.execute(record.head()).one()
        yield CounterMetricFamily("interdict_audit_lines", "Lines of the audit record", value=head.place)
        late, given_up = self._connection.execute(api.problems_of_schedules()).one()
        yield GaugeMetricFamily(
            "interdict_scheduled_reports_late", "Reports that are being tried again", value=late or 0
        )
        yield CounterMetricFamily("interdict_scheduled_reports_given_up", "Reports not delivered", value=given_up or 0)


_SIZE: Final = {
    "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
    "postgresql": "SELECT pg_database_size(current_database())",
}
