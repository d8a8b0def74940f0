"""Policies seen, exceptions, pauses and the brake of the fleet.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The tables of `console.store.tables_decisions`."""
    op.create_table(
        "policy_version",
        sa.Column("serial", sa.Integer(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("policy_id", sa.String(length=64), nullable=False),
        sa.Column("organisation", sa.String(length=200), nullable=False),
        sa.Column("adopted_at", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_at", sa.BigInteger(), nullable=False),
        sa.Column("signed_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.Text(), nullable=False),
        sa.Column("signers", sa.Text(), nullable=False),
        sa.Column("threshold", sa.Integer(), nullable=False),
        sa.Column("solo", sa.Boolean(), nullable=False),
        sa.Column("granted_version", sa.BigInteger(), nullable=False),
        sa.Column("granted_trouble", sa.String(length=500), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("serial", name=op.f("pk_policy_version")),
    )
    op.create_index(
        op.f("ix_policy_version_version_policy_id"), "policy_version", ["version", "policy_id"], unique=False
    )
    op.create_table(
        "policy_file",
        sa.Column("path", sa.String(length=200), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("path", name=op.f("pk_policy_file")),
    )
    op.create_table(
        "policy_mark",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_policy_mark")),
    )
    op.create_table(
        "policy_follow",
        sa.Column("one", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=500), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_at", sa.BigInteger(), nullable=True),
        sa.Column("problem", sa.String(length=40), nullable=False),
        sa.Column("message", sa.String(length=500), nullable=False),
        sa.Column("advice", sa.String(length=500), nullable=False),
        sa.Column("problem_since", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("one", name=op.f("pk_policy_follow")),
    )
    op.create_table(
        "exception_grant",
        sa.Column("exception_id", sa.String(length=20), nullable=False),
        sa.Column("ban", sa.String(length=120), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("asked_by", sa.String(length=120), nullable=False),
        sa.Column("reason", sa.String(length=1000), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("approved_by", sa.String(length=120), nullable=False),
        sa.Column("statement", sa.String(length=300), nullable=False),
        sa.Column("approved_at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.Column("withdrawn_by", sa.String(length=120), nullable=False),
        sa.Column("withdrawn_why", sa.String(length=1000), nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=True),
        sa.Column("taken_back_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("exception_id", name=op.f("pk_exception_grant")),
    )
    op.create_index(
        op.f("ix_exception_grant_ban_exception_id"), "exception_grant", ["ban", "exception_id"], unique=False
    )
    op.create_index(
        op.f("ix_exception_grant_until_exception_id"), "exception_grant", ["until", "exception_id"], unique=False
    )
    op.create_table(
        "exception_device",
        sa.Column("device_id", sa.String(length=26), nullable=False),
        sa.Column("exception_id", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "exception_id", name=op.f("pk_exception_device")),
    )
    op.create_index(
        op.f("ix_exception_device_exception_id_device_id"),
        "exception_device",
        ["exception_id", "device_id"],
        unique=False,
    )
    op.create_table(
        "request_decision",
        sa.Column("device_id", sa.String(length=26), nullable=False),
        sa.Column("request_id", sa.String(length=120), nullable=False),
        sa.Column("ban", sa.String(length=120), nullable=False),
        sa.Column("verdict", sa.String(length=20), nullable=False),
        sa.Column("exception_id", sa.String(length=20), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.String(length=1000), nullable=False),
        sa.Column("decided_by", sa.String(length=120), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("device_id", "request_id", name=op.f("pk_request_decision")),
    )
    op.create_index(
        op.f("ix_request_decision_decided_at_device_id"), "request_decision", ["decided_at", "device_id"], unique=False
    )
    op.create_table(
        "device_person",
        sa.Column("device_id", sa.String(length=26), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("said_by", sa.String(length=120), nullable=False),
        sa.Column("said_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "name", name=op.f("pk_device_person")),
    )
    op.create_table(
        "pause",
        sa.Column("pause_id", sa.Integer(), nullable=False),
        sa.Column("ban", sa.String(length=120), nullable=False),
        sa.Column("reason", sa.String(length=1000), nullable=False),
        sa.Column("set_by", sa.String(length=120), nullable=False),
        sa.Column("by_brake", sa.Boolean(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_by", sa.String(length=120), nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=True),
        sa.Column("taken_back_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("pause_id", name=op.f("pk_pause")),
    )
    op.create_index(op.f("ix_pause_ban_until"), "pause", ["ban", "until"], unique=False)
    op.create_table(
        "alarm",
        sa.Column("alarm_id", sa.Integer(), nullable=False),
        sa.Column("ban", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("raised_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("figures", sa.Text(), nullable=False),
        sa.Column("pause_id", sa.Integer(), nullable=True),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_by", sa.String(length=120), nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("alarm_id", name=op.f("pk_alarm")),
    )
    op.create_index(op.f("ix_alarm_ban_kind"), "alarm", ["ban", "kind"], unique=False)
    op.create_table(
        "ban_tally",
        sa.Column("ban", sa.String(length=120), nullable=False),
        sa.Column("slot", sa.BigInteger(), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("hits", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ban", "slot", "shard", name=op.f("pk_ban_tally")),
    )
    op.create_index(op.f("ix_ban_tally_slot_ban"), "ban_tally", ["slot", "ban"], unique=False)
    op.create_table(
        "brake_look",
        sa.Column("one", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("one", name=op.f("pk_brake_look")),
    )
    op.create_table(
        "publication",
        sa.Column("publication_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("exceptions", sa.Integer(), nullable=False),
        sa.Column("pauses", sa.Integer(), nullable=False),
        sa.Column("answers", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("publication_id", name=op.f("pk_publication")),
    )
    op.create_table(
        "publisher",
        sa.Column("one", sa.Integer(), nullable=False),
        sa.Column("tried_at", sa.BigInteger(), nullable=False),
        sa.Column("problem", sa.String(length=500), nullable=False),
        sa.Column("advice", sa.String(length=500), nullable=False),
        sa.Column("problem_since", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("one", name=op.f("pk_publisher")),
    )
