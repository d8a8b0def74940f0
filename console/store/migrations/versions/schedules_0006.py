"""Schedules, and what devices were at past moments.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BEGIN_PAST = """
INSERT INTO device_past (device_id, at, removed, host_name, host_key, groups, os, kind, region, unlooked, policy_id,
                         policy_version, policy_trust, policy_solo, moves)
SELECT device_id, coalesce(last_report_at, enrolled_at), removed_at IS NOT NULL, host_name, host_key, groups, os, kind,
       region, CASE WHEN why = '[]' THEN '[]' ELSE '["before-history"]' END, policy_id, policy_version, policy_trust,
       policy_solo, '[]'
FROM device
"""
"""What is known of the devices that are there; what they were before is not."""
BEGIN_EXPECTED = """
INSERT INTO expected_past (host_key, since, until, host_name, groups)
SELECT host_key, imported_at, NULL, host_name, NULL FROM expected_device
"""


def upgrade() -> None:
    """Tables for schedules and exports, and a history that reports as of a past moment are made from."""
    op.create_table(
        "delivery",
        sa.Column("schedule_id", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        sa.Column("lease_by", sa.String(length=64), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.BigInteger(), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("given_up", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("problem", sa.String(length=300), server_default="", nullable=False),
        sa.Column("digest", sa.String(length=64), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("schedule_id", "due_at", name=op.f("pk_delivery")),
    )
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_delivery_done_at_next_try_at"), ["done_at", "next_try_at"], unique=False)

    op.create_table(
        "device_gap",
        sa.Column("device_id", sa.String(length=26), nullable=False),
        sa.Column("began_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "began_at", name=op.f("pk_device_gap")),
    )
    op.create_table(
        "device_past",
        sa.Column("device_id", sa.String(length=26), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("removed", sa.Boolean(), nullable=False),
        sa.Column("host_name", sa.String(length=120), nullable=False),
        sa.Column("host_key", sa.String(length=120), nullable=False),
        sa.Column("groups", sa.Text(), nullable=True),
        sa.Column("os", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("region", sa.String(length=120), nullable=True),
        sa.Column("unlooked", sa.Text(), nullable=False),
        sa.Column("policy_id", sa.String(length=120), nullable=False),
        sa.Column("policy_version", sa.BigInteger(), nullable=False),
        sa.Column("policy_trust", sa.String(length=40), nullable=False),
        sa.Column("policy_solo", sa.Boolean(), nullable=False),
        sa.Column("moves", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "at", name=op.f("pk_device_past")),
    )
    with op.batch_alter_table("device_past", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_device_past_host_key_device_id"), ["host_key", "device_id"], unique=False)

    op.create_table(
        "expected_past",
        sa.Column("host_key", sa.String(length=120), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("host_name", sa.String(length=120), nullable=False),
        sa.Column("groups", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("host_key", "since", name=op.f("pk_expected_past")),
    )
    with op.batch_alter_table("expected_past", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_expected_past_until_host_key"), ["until", "host_key"], unique=False)

    op.create_table(
        "export_cursor",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("handed_over", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        sa.Column("lease_by", sa.String(length=64), nullable=False),
        sa.Column("problem", sa.String(length=300), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_export_cursor")),
    )
    op.create_table(
        "export_place",
        sa.Column("device_id", sa.String(length=26), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("epoch", sa.String(length=40), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "name", "epoch", name=op.f("pk_export_place")),
    )
    op.create_table(
        "schedule",
        sa.Column("schedule_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("target", sa.String(length=1000), nullable=False),
        sa.Column("format", sa.String(length=10), nullable=False),
        sa.Column("ban", sa.String(length=120), server_default="", nullable=False),
        sa.Column("device_group", sa.String(length=120), server_default="", nullable=False),
        sa.Column("every", sa.String(length=10), nullable=False),
        sa.Column("day", sa.Integer(), server_default="1", nullable=False),
        sa.Column("minute", sa.Integer(), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint("schedule_id", name=op.f("pk_schedule")),
        sa.UniqueConstraint("name"),
    )
    with op.batch_alter_table("schedule", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_schedule_next_at"), ["next_at"], unique=False)

    with op.batch_alter_table("device", schema=None) as batch_op:
        batch_op.add_column(sa.Column("past", sa.String(length=16), server_default="", nullable=False))

    with op.batch_alter_table("expected_device", schema=None) as batch_op:
        batch_op.add_column(sa.Column("groups", sa.Text(), nullable=True))

    with op.batch_alter_table("finding_event", schema=None) as batch_op:
        batch_op.add_column(sa.Column("installation", sa.String(length=120), server_default="", nullable=False))
        batch_op.add_column(sa.Column("exception", sa.String(length=120), nullable=True))
        batch_op.add_column(sa.Column("since", sa.String(length=20), server_default="", nullable=False))
    op.execute(BEGIN_PAST)
    op.execute(BEGIN_EXPECTED)
