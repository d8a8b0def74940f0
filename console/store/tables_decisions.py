"""Tables of decisions: the policy as the console follows it, exceptions, pauses, answers, and the brake of the fleet.

Those with a `device_id` grow with the fleet. Instants are seconds of the console's clock; lists are JSON texts.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, String, Table, Text

from console.store.tables import metadata

__all__ = ["metadata"]

policy_version = Table(
    "policy_version",
    metadata,
    Column("serial", Integer, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("policy_id", String(64), nullable=False),
    Column("organisation", String(200), nullable=False),
    Column("adopted_at", BigInteger, nullable=False),
    Column("confirmed_at", BigInteger, nullable=False),
    Column("signed_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("expires", Text, nullable=False),
    Column("signers", Text, nullable=False),
    Column("threshold", Integer, nullable=False),
    Column("solo", Boolean, nullable=False),
    Column("granted_version", BigInteger, nullable=False),
    Column("granted_trouble", String(500), nullable=False),
    Column("document", LargeBinary, nullable=False),
    Index(None, "version", "policy_id"),
)
"""Each policy that was adopted, its document compressed by zlib. The highest `serial` is in force."""

policy_file = Table(
    "policy_file",
    metadata,
    Column("path", String(200), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)
"""The verified files of the repository but the policy itself, which stands in `policy_version`."""

policy_mark = Table(
    "policy_mark",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("version", BigInteger, nullable=False),
)
"""The highest versions ever seen (`policy_schema.trust.highest`): never an older repository."""

policy_follow = Table(
    "policy_follow",
    metadata,
    Column("one", Integer, primary_key=True),
    Column("source", String(500), nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Column("confirmed_at", BigInteger),
    Column("problem", String(40), nullable=False),
    Column("message", String(500), nullable=False),
    Column("advice", String(500), nullable=False),
    Column("problem_since", BigInteger),
)
"""How the last look at the repository ended. One row."""

exception_grant = Table(
    "exception_grant",
    metadata,
    Column("exception_id", String(20), primary_key=True),
    Column("ban", String(120), nullable=False),
    Column("person", String(64), nullable=False),
    Column("asked_by", String(120), nullable=False),
    Column("reason", String(1000), nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Column("approved_by", String(120), nullable=False),
    Column("statement", String(300), nullable=False),
    Column("approved_at", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("withdrawn_at", BigInteger),
    Column("withdrawn_by", String(120), nullable=False),
    Column("withdrawn_why", String(1000), nullable=False),
    Column("published_at", BigInteger),
    Column("taken_back_at", BigInteger),
    Index(None, "until", "exception_id"),
    Index(None, "ban", "exception_id"),
)
"""One exception, for the devices of one person. Never deleted: it is the record of who allowed what."""

exception_device = Table(
    "exception_device",
    metadata,
    Column("device_id", String(26), primary_key=True),
    Column("exception_id", String(20), primary_key=True),
    Index(None, "exception_id", "device_id"),
)

request_decision = Table(
    "request_decision",
    metadata,
    Column("device_id", String(26), primary_key=True),
    Column("request_id", String(120), primary_key=True),
    Column("ban", String(120), nullable=False),
    Column("verdict", String(20), nullable=False),
    Column("exception_id", String(20), nullable=False),
    Column("code", String(40), nullable=False),
    Column("reason", String(1000), nullable=False),
    Column("decided_by", String(120), nullable=False),
    Column("decided_at", BigInteger, nullable=False),
    Column("published_at", BigInteger),
    Index(None, "decided_at", "device_id"),
)
"""What became of a request: `approved`, `refused` or `noted` (an objection that was looked at)."""

device_person = Table(
    "device_person",
    metadata,
    Column("device_id", String(26), primary_key=True),
    Column("name", String(120), primary_key=True),
    Column("said_by", String(120), nullable=False),
    Column("said_at", BigInteger, nullable=False),
)
"""Whose a device is among those who sign in here, as they claimed or an admin wrote: nobody approves their own."""

pause = Table(
    "pause",
    metadata,
    Column("pause_id", Integer, primary_key=True),
    Column("ban", String(120), nullable=False),
    Column("reason", String(1000), nullable=False),
    Column("set_by", String(120), nullable=False),
    Column("by_brake", Boolean, nullable=False),
    Column("start", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("ended_by", String(120), nullable=False),
    Column("published_at", BigInteger),
    Column("taken_back_at", BigInteger),
    Index(None, "ban", "until"),
)

alarm = Table(
    "alarm",
    metadata,
    Column("alarm_id", Integer, primary_key=True),
    Column("ban", String(120), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("raised_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Column("figures", Text, nullable=False),
    Column("pause_id", Integer),
    Column("closed_at", BigInteger),
    Column("closed_by", String(120), nullable=False),
    Column("told_at", BigInteger),
    Index(None, "ban", "kind"),
)
"""What the brake of the fleet saw: `hits` or `wrong`. `told_at`: handed over by mail and webhook, as set up."""

ban_tally = Table(
    "ban_tally",
    metadata,
    Column("ban", String(120), primary_key=True),
    Column("slot", BigInteger, primary_key=True),
    Column("shard", Integer, primary_key=True),
    Column("hits", BigInteger, nullable=False),
    Index(None, "slot", "ban"),
)
"""Reports with something new of a ban, by slots of five minutes. `shard`: the process that counted, so that none
waits for another."""

brake_look = Table(
    "brake_look",
    metadata,
    Column("one", Integer, primary_key=True),
    Column("at", BigInteger, nullable=False),
)
"""When the brake looked last: one process looks, not each. One row."""

publication = Table(
    "publication",
    metadata,
    Column("publication_id", Integer, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("exceptions", Integer, nullable=False),
    Column("pauses", Integer, nullable=False),
    Column("answers", Integer, nullable=False),
)
"""Each file of the role that can only weaken which this console published or handed to its signer."""

publisher = Table(
    "publisher",
    metadata,
    Column("one", Integer, primary_key=True),
    Column("tried_at", BigInteger, nullable=False),
    Column("problem", String(500), nullable=False),
    Column("advice", String(500), nullable=False),
    Column("problem_since", BigInteger),
)
"""How the last publication ended. One row."""
