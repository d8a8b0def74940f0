"""Tables that make a large fleet cheap to ask: the groups of devices as rows, and totals by the day.

`device_group` is what lists, exports and the scopes of viewers filter by: one row a device and group, kept by ingest
from the device's facts (`device.groups` stays what the device said, as JSON). A device that does not know of any groups
has no row and is in no scope but that of everybody. The condition is
`device.c.device_id.in_(select(device_group.c.device_id).where(device_group.c.group.in_(groups)))`;
`console.store.queries.fleet.in_groups` writes it, and `Wanted(groups=...)` uses it in the list of devices.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, String, Table

from console.store.tables import metadata

device_group = Table(
    "device_group",
    metadata,
    Column("device_id", String(26), primary_key=True),
    Column("group", String(120), primary_key=True),
    Index(None, "group", "device_id"),
)
