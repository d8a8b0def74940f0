"""What the lists of a large fleet are found by: who may be silent, who is expected and was never seen, rare versions.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from console.store.online import create_index, trigrams

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

NOTE = """
UPDATE expected_device SET enrolled = true
WHERE EXISTS (SELECT 1 FROM device WHERE device.host_key = expected_device.host_key)
"""


def upgrade() -> None:
    """The day of a device's last report is 0 until its next one: the device is then looked at, as before."""
    op.add_column("device", sa.Column("heard_on", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("expected_device", sa.Column("enrolled", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.execute(NOTE)
    create_index("ix_device_heard_on", "device", ["heard_on"], where="removed_at IS NULL")
    for column in ("agent", "os"):
        by = [column, "standing", "host_key", "device_id"]
        create_index(f"ix_device_{'_'.join(by)}", "device", by)
    create_index("ix_expected_device_enrolled_host_key", "expected_device", ["enrolled", "host_key"])
    trigrams("ix_expected_device_host_key_trigram", "expected_device", "host_key")
