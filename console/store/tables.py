"""The tables. In those that grow with the fleet, `device_id` stands first in every key and nothing points across
devices, so that the same SQL can be distributed by device later (docs/console.md, "Beyond one server").

Instants of the console's own clock are integers; what a device says about time stays the text that it sent.
Lists are JSON texts: nothing searches in them.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    false,
    text,
)

metadata = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"},
)

DAY = 86_400
FLEET_TABLES = (
    "coverage",
    "device",
    "device_epoch",
    "device_gap",
    "device_group",
    "device_past",
    "device_person",
    "exception_device",
    "export_place",
    "finding",
    "finding_event",
    "move",
    "report",
    "request",
    "request_decision",
)
"""Tables that grow with the number of devices; the others stay small."""


def _device_id() -> Column[str]:
    return Column("device_id", String(26), primary_key=True)


device = Table(
    "device",
    metadata,
    _device_id(),
    Column("public_key", LargeBinary(32), nullable=False),
    Column("enrolled_at", BigInteger, nullable=False),
    Column("secret_id", Integer, nullable=False),
    Column("epoch", String(40), nullable=False),
    Column("epoch_changed_at", BigInteger),
    Column("cloned_at", BigInteger),
    Column("removed_at", BigInteger),
    # facts
    Column("host_name", String(120), nullable=False),
    Column("host_key", String(120), nullable=False),
    Column("os", String(40), nullable=False),
    Column("os_version", String(120), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("ownership", String(40), nullable=False),
    Column("region", String(120)),
    Column("groups", Text),
    Column("agent", String(120), nullable=False),
    # state as of the last report
    Column("last_report_at", BigInteger),
    Column("heard_on", BigInteger, nullable=False, server_default="0"),
    Column("generated_at", String(20)),
    Column("standing", String(20), nullable=False),
    Column("why", Text, nullable=False),
    Column("policy_id", String(120), nullable=False, server_default=""),
    Column("policy_version", BigInteger, nullable=False, server_default="0"),
    Column("policy_trust", String(40), nullable=False, server_default="none"),
    Column("policy_age_s", BigInteger, nullable=False, server_default="0"),
    Column("policy_solo", Boolean, nullable=False, server_default=false()),
    Column("policy_signers", Text, nullable=False, server_default="[]"),
    Column("policy_problem", String(40), nullable=False, server_default=""),
    Column("not_understood", Text, nullable=False, server_default="[]"),
    Column("heartbeat", Text, nullable=False, server_default="{}"),
    Column("mode", String(40), nullable=False, server_default="enforce"),
    Column("brake", Boolean, nullable=False, server_default=false()),
    Column("past", String(16), nullable=False, server_default=""),
    Column("looked", String(16), nullable=False, server_default=""),
    Column("kept", BigInteger, nullable=False, server_default="0"),
    Index(None, "host_key", "device_id"),
    Index(None, "standing", "host_key", "device_id"),
    Index(None, "removed_at", "host_key", "device_id"),
    Index(
        None,
        "heard_on",
        sqlite_where=text("removed_at IS NULL"),
        postgresql_where=text("removed_at IS NULL"),
    ),
    Index(None, "agent", "standing", "host_key", "device_id"),
    Index(None, "os", "standing", "host_key", "device_id"),
)
"""A heartbeat changes no column that stands in an index, so that PostgreSQL writes it within the row's page (HOT), but
for the first one of a day: `heard_on` is the day since 1970 of the last report, or of the enrolment (0: not noted yet).
The few that may be silent are found by it, and by `last_report_at` whether they are. `looked` is the digest of the last
look, `kept` counts the reports that were kept as received."""

device_epoch = Table(
    "device_epoch",
    metadata,
    _device_id(),
    Column("epoch", String(40), primary_key=True),
    Column("last_sequence", BigInteger, nullable=False),
    Column("first_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
)

report = Table(
    "report",
    metadata,
    _device_id(),
    Column("slot", Integer, primary_key=True, autoincrement=False),
    Column("epoch", String(40), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("body", LargeBinary, nullable=False),
)
"""A ring of slots a device: the newest reports as received. Its size is that of the fleet, however long it runs."""

finding = Table(
    "finding",
    metadata,
    _device_id(),
    Column("finding_id", String(120), primary_key=True),
    Column("installation", String(120), nullable=False),
    Column("ban", String(120), nullable=False),
    Column("tool", String(120), nullable=False),
    Column("face", String(40), nullable=False),
    Column("purl", String(500), nullable=False),
    Column("version", String(120), nullable=False),
    Column("confidence", String(40), nullable=False),
    Column("matches", Text, nullable=False),
    Column("state", String(40), nullable=False),
    Column("action", String(40), nullable=False),
    Column("outcome", String(40), nullable=False),
    Column("effective_from", String(20)),
    Column("next_action", String(40)),
    Column("next_from", String(20)),
    Column("exception", String(120)),
    Column("since", String(20), nullable=False),
    Column("scope_of_path", String(40), nullable=False),
    Column("person", String(64), nullable=False),
    Column("first_reported_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("gone_at", BigInteger),
    Index(None, "ban", "device_id"),
)

finding_event = Table(
    "finding_event",
    metadata,
    _device_id(),
    Column("at", BigInteger, primary_key=True),
    Column("epoch", String(40), primary_key=True),
    Column("sequence", BigInteger, primary_key=True),
    Column("finding_id", String(120), primary_key=True),
    Column("change", String(10), nullable=False),
    Column("ban", String(120), nullable=False),
    Column("tool", String(120), nullable=False),
    Column("face", String(40), nullable=False),
    Column("version", String(120), nullable=False),
    Column("state", String(40), nullable=False),
    Column("action", String(40), nullable=False),
    Column("outcome", String(40), nullable=False),
    Column("installation", String(120), nullable=False, server_default=""),
    Column("exception", String(120)),
    Column("since", String(20), nullable=False, server_default=""),
    postgresql_partition_by="RANGE (at)",
)
"""History, by month on PostgreSQL (`console.store.partitions`). A number counts once: `device_epoch` sees to that."""

coverage = Table(
    "coverage",
    metadata,
    _device_id(),
    Column("source", String(40), primary_key=True),
    Column("roots", BigInteger, nullable=False),
    Column("items", BigInteger, nullable=False),
    Column("unknown", BigInteger, nullable=False),
    Column("reasons", Text, nullable=False),
    Column("ms", BigInteger, nullable=False),
)

move = Table(
    "move",
    metadata,
    _device_id(),
    Column("tool", String(120), primary_key=True),
    Column("from_tool", String(120), primary_key=True),
    Column("version", String(120), nullable=False),
    Column("seen_at", String(10), nullable=False),
    Column("gone_at", BigInteger),
)

request = Table(
    "request",
    metadata,
    _device_id(),
    Column("request_id", String(120), primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("ban", String(120), nullable=False),
    Column("finding_id", String(120), nullable=False),
    Column("asked_on", String(10), nullable=False),
    Column("reason", String(1000), nullable=False),
    Column("held_until", String(20)),
    Column("person", String(64), nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Index(None, "received_at", "device_id"),
)

enrolment_secret = Table(
    "enrolment_secret",
    metadata,
    Column("secret_id", Integer, primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("uses_left", Integer, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", String(120), nullable=False),
)

expected_device = Table(
    "expected_device",
    metadata,
    Column("host_key", String(120), primary_key=True),
    Column("host_name", String(120), nullable=False),
    Column("imported_at", BigInteger, nullable=False),
    Column("groups", Text),
    Column("enrolled", Boolean, nullable=False, server_default=false()),
    Index(None, "enrolled", "host_key"),
)
"""`enrolled`: a device of this name was seen. It spares lists a look for each of them; the others are looked for."""

user = Table(
    "user_account",
    metadata,
    Column("name", String(120), primary_key=True),
    Column("password", String(200), nullable=False),
    Column("role", String(20), nullable=False),
    Column("groups", Text),
    Column("created_at", BigInteger, nullable=False),
)

session = Table(
    "session",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("name", String(120), nullable=False),
    Column("csrf", String(64), nullable=False),
    Column("source", String(10), nullable=False),
    Column("role", String(20), nullable=False),
    Column("groups", Text),
    Column("address", String(64), nullable=False),
    Column("begun_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index(None, "name"),
)

audit = Table(
    "audit",
    metadata,
    Column("audit_id", Integer, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("who", String(120), nullable=False),
    Column("what", String(40), nullable=False),
    Column("about", String(120), nullable=False),
    Column("detail", String(500), nullable=False),
    Column("place", BigInteger),
    Column("digest", String(64)),
    Index(None, "place", unique=True),
    Index(None, "who", "audit_id"),
    Index(None, "what", "audit_id"),
    Index(None, "about", "audit_id"),
)


def host_key(host_name: str) -> str:
    """The form in which host names are compared and sorted: the name in small letters, without the domain."""
    return host_name.casefold().split(".")[0][:120] or host_name.casefold()[:120]
