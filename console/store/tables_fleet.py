"""Tables that make a large fleet cheap to ask: the groups of devices as rows, and totals by the day.

`device_group` is what lists, exports and the scopes of viewers filter by: one row a device and group, kept by ingest
from the device's facts (`device.groups` stays what the device said, as JSON). A device that does not know of any groups
has no row and is in no scope but that of everybody. The condition is
`device.c.device_id.in_(select(device_group.c.device_id).where(device_group.c.group.in_(groups)))`;
`console.store.queries.fleet.in_groups` writes it, and `Wanted(groups=...)` uses it in the list of devices.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, String, Table

from console.store.tables import metadata

device_group = Table(
    "device_group",
    metadata,
    Column("device_id", String(26), primary_key=True),
    Column("group", String(120), primary_key=True),
    Index(None, "group", "device_id"),
)

day_total = Table(
    "day_total",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("ban", String(120), primary_key=True),
    Column("group", String(120), primary_key=True),
    Column("state", String(20), primary_key=True),
    Column("devices", BigInteger, nullable=False),
)
"""How many devices were what at the end of each day (`console.store.totals`): `ban` empty for the fleet as a whole,
`group` empty for all devices. The states are those of `console.state`; beside them, for the whole, `moved`, and for a
ban `gone`: devices on which something of it was and is not any more. These stay when devices and persons are erased."""

upkeep = Table(
    "upkeep",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("done_at", BigInteger, nullable=False),
)
"""When what is done by itself was done last, so that one of several processes does it."""
