"""Tables of what is handed out over time: what a device was at any past moment, schedules, and how far each export is.

A report as of a past moment needs no copy of the fleet: a row of `device_past` begins whenever something that a report
shows of a device changes, `device_gap` holds the long silences, and findings have their own history (`finding_event`).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, Table, Text, false, true

from console.store.tables import metadata

__all__ = [
    "delivery",
    "device_gap",
    "device_past",
    "expected_past",
    "export_cursor",
    "export_place",
    "metadata",
    "schedule",
]

device_past = Table(
    "device_past",
    metadata,
    Column("device_id", String(26), primary_key=True),
    Column("at", BigInteger, primary_key=True),
    Column("removed", Boolean, nullable=False),
    Column("host_name", String(120), nullable=False),
    Column("host_key", String(120), nullable=False),
    Column("groups", Text),
    Column("os", String(40), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("region", String(120)),
    Column("unlooked", Text, nullable=False),
    Column("policy_id", String(120), nullable=False),
    Column("policy_version", BigInteger, nullable=False),
    Column("policy_trust", String(40), nullable=False),
    Column("policy_solo", Boolean, nullable=False),
    Column("moves", Text, nullable=False),
    Index(None, "host_key", "device_id"),
)
"""From when on a device was what. `unlooked`: codes of what it could not look at; empty when it looked everywhere."""

device_gap = Table(
    "device_gap",
    metadata,
    Column("device_id", String(26), primary_key=True),
    Column("began_at", BigInteger, primary_key=True),
    Column("ended_at", BigInteger, nullable=False),
)
"""A silence that is over: the reports before and after it. Shorter ones than `past.SHORTEST_GAP` are not kept."""

expected_past = Table(
    "expected_past",
    metadata,
    Column("host_key", String(120), primary_key=True),
    Column("since", BigInteger, primary_key=True),
    Column("until", BigInteger),
    Column("host_name", String(120), nullable=False),
    Column("groups", Text),
    Index(None, "until", "host_key"),
)
"""From when to when a device was on the list of expected ones, and in which groups. No `until`: still."""

schedule = Table(
    "schedule",
    metadata,
    Column("schedule_id", Integer, primary_key=True),
    Column("name", String(120), nullable=False, unique=True),
    Column("kind", String(20), nullable=False),
    Column("target", String(1000), nullable=False),
    Column("format", String(10), nullable=False),
    Column("ban", String(120), nullable=False, server_default=""),
    Column("device_group", String(120), nullable=False, server_default=""),
    Column("every", String(10), nullable=False),
    Column("day", Integer, nullable=False, server_default="1"),
    Column("minute", Integer, nullable=False),
    Column("zone", String(64), nullable=False),
    Column("enabled", Boolean, nullable=False, server_default=true()),
    Column("next_at", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", String(120), nullable=False),
    Index(None, "next_at"),
)
"""A report that goes out by itself. `minute`: of the day, in its zone. Secrets stand in files, never here."""

delivery = Table(
    "delivery",
    metadata,
    Column("schedule_id", Integer, primary_key=True),
    Column("due_at", BigInteger, primary_key=True),
    Column("lease_until", BigInteger, nullable=False),
    Column("lease_by", String(64), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_try_at", BigInteger, nullable=False),
    Column("done_at", BigInteger),
    Column("given_up", Boolean, nullable=False, server_default=false()),
    Column("problem", String(300), nullable=False, server_default=""),
    Column("digest", String(64), nullable=False, server_default=""),
    Index(None, "done_at", "next_try_at"),
)
"""One report that is due, is being sent by whoever holds the lease, was sent, or was given up."""

export_cursor = Table(
    "export_cursor",
    metadata,
    Column("name", String(120), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("handed_over", BigInteger, nullable=False),
    Column("lease_until", BigInteger, nullable=False),
    Column("lease_by", String(64), nullable=False),
    Column("problem", String(300), nullable=False, server_default=""),
)
"""Up to where a stream of events has been handed over."""

export_place = Table(
    "export_place",
    metadata,
    Column("device_id", String(26), primary_key=True),
    Column("name", String(120), primary_key=True),
    Column("epoch", String(40), primary_key=True),
    Column("place", BigInteger, nullable=False),
)
"""Up to which report of an epoch a device's events have been handed over; with no epoch, up to when its changes."""
