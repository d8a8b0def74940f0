"""The first tables.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The first tables."""
    op.create_table(
        "audit",
        sa.Column("audit_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.String(length=120), nullable=False),
        sa.Column("what", sa.String(length=40), nullable=False),
        sa.Column("detail", sa.String(length=500), nullable=False),
        sa.PrimaryKeyConstraint("audit_id", name=op.f("pk_audit")),
    )
    op.create_table(
        "coverage",
        sa.Column("device_id", sa.String(length=26), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("roots", sa.BigInteger(), nullable=False),
        sa.Column("items", sa.BigInteger(), nullable=False),
        sa.Column("unknown", sa.BigInteger(), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "source", name=op.f("pk_coverage")),
    )
    op.create_table(
        "device",
        sa.Column("device_id", sa.String(length=26), nullable=False),
        sa.Column("public_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("enrolled_at", sa.BigInteger(), nullable=False),
        sa.Column("secret_id", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.String(length=40), nullable=False),
        sa.Column("epoch_changed_at", sa.BigInteger(), nullable=True),
        sa.Column("cloned_at", sa.BigInteger(), nullable=True),
        sa.Column("removed_at", sa.BigInteger(), nullable=True),
        sa.Column("host_name", sa.String(length=120), nullable=False),
        sa.Column("host_key", sa.String(length=120), nullable=False),
        sa.Column("os", sa.String(length=40), nullable=False),
        sa.Column("os_version", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("ownership", sa.String(length=40), nullable=False),
        sa.Column("region", sa.String(length=120), nullable=True),
        sa.Column("groups", sa.Text(), nullable=True),
        sa.Column("agent", sa.String(length=120), nullable=False),
        sa.Column("last_report_at", sa.BigInteger(), nullable=True),
        sa.Column("generated_at", sa.String(length=20), nullable=True),
        sa.Column("standing", sa.String(length=20), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("policy_id", sa.String(length=120), server_default="", nullable=False),
        sa.Column("policy_version", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("policy_trust", sa.String(length=40), server_default="none", nullable=False),
        sa.Column("policy_age_s", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("policy_solo", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("policy_signers", sa.Text(), server_default="[]", nullable=False),
        sa.Column("policy_problem", sa.String(length=40), server_default="", nullable=False),
        sa.Column("not_understood", sa.Text(), server_default="[]", nullable=False),
        sa.Column("heartbeat", sa.Text(), server_default="{}", nullable=False),
        sa.Column("mode", sa.String(length=40), server_default="enforce", nullable=False),
        sa.Column("brake", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_device")),
    )
    with op.batch_alter_table("device", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_device_host_key_device_id"), ["host_key", "device_id"], unique=False)

    op.create_table(
        "device_epoch",
        sa.Column("device_id", sa.String(length=26), nullable=False),
        sa.Column("epoch", sa.String(length=40), nullable=False),
        sa.Column("last_sequence", sa.BigInteger(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "epoch", name=op.f("pk_device_epoch")),
    )
    op.create_table(
        "enrolment_secret",
        sa.Column("secret_id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("uses_left", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint("secret_id", name=op.f("pk_enrolment_secret")),
        sa.UniqueConstraint("digest"),
    )
    op.create_table(
        "expected_device",
        sa.Column("host_key", sa.String(length=120), nullable=False),
        sa.Column("host_name", sa.String(length=120), nullable=False),
        sa.Column("imported_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("host_key", name=op.f("pk_expected_device")),
    )
    op.create_table(
        "finding",
        sa.Column("device_id", sa.String(length=26), nullable=False),
        sa.Column("finding_id", sa.String(length=120), nullable=False),
        sa.Column("installation", sa.String(length=120), nullable=False),
        sa.Column("ban", sa.String(length=120), nullable=False),
        sa.Column("tool", sa.String(length=120), nullable=False),
        sa.Column("face", sa.String(length=40), nullable=False),
        sa.Column("purl", sa.String(length=500), nullable=False),
        sa.Column("version", sa.String(length=120), nullable=False),
        sa.Column("confidence", sa.String(length=40), nullable=False),
        sa.Column("matches", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("outcome", sa.String(length=40), nullable=False),
        sa.Column("effective_from", sa.String(length=20), nullable=True),
        sa.Column("next_action", sa.String(length=40), nullable=True),
        sa.Column("next_from", sa.String(length=20), nullable=True),
        sa.Column("exception", sa.String(length=120), nullable=True),
        sa.Column("since", sa.String(length=20), nullable=False),
        sa.Column("scope_of_path", sa.String(length=40), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("first_reported_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("gone_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("device_id", "finding_id", name=op.f("pk_finding")),
    )
    with op.batch_alter_table("finding", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_finding_ban_device_id"), ["ban", "device_id"], unique=False)

    op.create_table(
        "finding_event",
        sa.Column("device_id", sa.String(length=26), nullable=False),
        sa.Column("epoch", sa.String(length=40), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("finding_id", sa.String(length=120), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("change", sa.String(length=10), nullable=False),
        sa.Column("ban", sa.String(length=120), nullable=False),
        sa.Column("tool", sa.String(length=120), nullable=False),
        sa.Column("face", sa.String(length=40), nullable=False),
        sa.Column("version", sa.String(length=120), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("outcome", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "epoch", "sequence", "finding_id", name=op.f("pk_finding_event")),
    )
    op.create_table(
        "move",
        sa.Column("device_id", sa.String(length=26), nullable=False),
        sa.Column("tool", sa.String(length=120), nullable=False),
        sa.Column("from_tool", sa.String(length=120), nullable=False),
        sa.Column("version", sa.String(length=120), nullable=False),
        sa.Column("seen_at", sa.String(length=10), nullable=False),
        sa.Column("gone_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("device_id", "tool", "from_tool", name=op.f("pk_move")),
    )
    op.create_table(
        "report",
        sa.Column("device_id", sa.String(length=26), nullable=False),
        sa.Column("epoch", sa.String(length=40), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "epoch", "sequence", name=op.f("pk_report")),
    )
    op.create_table(
        "session",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("csrf", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_session")),
    )
    op.create_table(
        "user_account",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("password", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_user_account")),
    )
