"""What the fleet needs to grow.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

AT_ONCE = 1_000


def upgrade() -> None:
    """Groups as rows."""
    _groups()


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
