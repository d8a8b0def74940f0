"""What the fleet needs to grow.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

from console.store.online import create_index, trigrams

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

AT_ONCE = 1_000
HEARTBEATS, KEPT = 5, 30
"""The slots of the ring as of this step: of heartbeats, and of reports that say something."""


def upgrade() -> None:
    """Groups as rows, totals by the day, reports in a ring, history by month, and what lists are ordered by."""
    _groups()
    _totals()
    _ring()
    _history()
    op.add_column("device", sa.Column("looked", sa.String(length=16), server_default="", nullable=False))
    op.add_column("device", sa.Column("kept", sa.BigInteger(), server_default="0", nullable=False))
    op.execute(f"UPDATE device SET kept = {KEPT}")
    if op.get_bind().dialect.name == "postgresql":
        for table in ("device", "device_epoch", "report"):
            # Room on each page for the next version of its rows: a heartbeat then touches no index.
            op.execute(f"ALTER TABLE {table} SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05)")
    create_index("ix_device_standing_host_key_device_id", "device", ["standing", "host_key", "device_id"])
    create_index("ix_device_removed_at_host_key_device_id", "device", ["removed_at", "host_key", "device_id"])
    trigrams("ix_device_host_key_trigram", "device", "host_key")


def _totals() -> None:
    op.create_table(
        "day_total",
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("ban", sa.String(length=120), nullable=False),
        sa.Column("group", sa.String(length=120), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("devices", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "ban", "group", "state", name=op.f("pk_day_total")),
    )
    op.create_table(
        "upkeep",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_upkeep")),
    )


def _ring() -> None:
    """What is there is kept in the slots of reports that said something; the counter goes on behind them."""
    _out_of_the_way("report")
    op.create_table(
        "report",
        sa.Column("device_id", sa.String(length=26), nullable=False),
        sa.Column("slot", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.String(length=40), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "slot", name=op.f("pk_report")),
    )
    op.execute(
        f"""
        INSERT INTO report (device_id, slot, epoch, sequence, received_at, digest, body)
        SELECT device_id, {HEARTBEATS} + {KEPT} - place, epoch, sequence, received_at, digest, body
        FROM (SELECT before_0003.*, row_number() OVER (PARTITION BY device_id ORDER BY received_at DESC, sequence DESC)
              AS place FROM report_before_0003 AS before_0003) AS numbered
        WHERE place <= {KEPT}
        """
    )
    op.drop_table("report_before_0003")


def _history() -> None:
    _out_of_the_way("finding_event")
    op.create_table(
        "finding_event",
        sa.Column("device_id", sa.String(length=26), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.String(length=40), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("finding_id", sa.String(length=120), nullable=False),
        sa.Column("change", sa.String(length=10), nullable=False),
        sa.Column("ban", sa.String(length=120), nullable=False),
        sa.Column("tool", sa.String(length=120), nullable=False),
        sa.Column("face", sa.String(length=40), nullable=False),
        sa.Column("version", sa.String(length=120), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("outcome", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "at", "epoch", "sequence", "finding_id", name=op.f("pk_finding_event")),
        postgresql_partition_by="RANGE (at)",
    )
    if op.get_bind().dialect.name == "postgresql":
        # What no month has been made for yet; `console.store.partitions` makes them and empties this one.
        op.execute("CREATE TABLE finding_event_rest PARTITION OF finding_event DEFAULT")
    columns = "device_id, at, epoch, sequence, finding_id, change, ban, tool, face, version, state, action, outcome"
    op.execute(f"INSERT INTO finding_event ({columns}) SELECT {columns} FROM finding_event_before_0003")
    op.drop_table("finding_event_before_0003")


def _out_of_the_way(table: str) -> None:
    op.rename_table(table, f"{table}_before_0003")
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE {table}_before_0003 RENAME CONSTRAINT pk_{table} TO pk_{table}_before_0003")


def _groups() -> None:
    op.create_table(
        "device_group",
        sa.Column("device_id", sa.String(length=26), nullable=False),
        sa.Column("group", sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "group", name=op.f("pk_device_group")),
    )
    op.create_index(op.f("ix_device_group_group_device_id"), "device_group", ["group", "device_id"], unique=False)
    _fill_groups(op.get_bind())


def _fill_groups(connection: sa.Connection) -> None:
    """From what the devices said. By key, so that no fleet is too large for the memory."""
    last = ""
    device = sa.table("device", sa.column("device_id"), sa.column("groups"))
    group = sa.table("device_group", sa.column("device_id"), sa.column("group"))
    while True:
        page = sa.select(device).where(device.c.device_id > last).order_by(device.c.device_id).limit(AT_ONCE)
        found = connection.execute(page).all()
        if not found:
            return
        last = found[-1].device_id
        rows = [
            {"device_id": row.device_id, "group": name} for row in found for name in set(json.loads(row.groups or "[]"))
        ]
        if rows:
            connection.execute(sa.insert(group), rows)
