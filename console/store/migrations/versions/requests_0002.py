"""What people at the machines ask for.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A table for requests."""
    op.create_table(
        "request",
        sa.Column("device_id", sa.String(length=26), nullable=False),
        sa.Column("request_id", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("ban", sa.String(length=120), nullable=False),
        sa.Column("finding_id", sa.String(length=120), nullable=False),
        sa.Column("asked_on", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=1000), nullable=False),
        sa.Column("held_until", sa.String(length=20), nullable=True),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "request_id", name=op.f("pk_request")),
    )
    op.create_index(op.f("ix_request_received_at_device_id"), "request", ["received_at", "device_id"], unique=False)
