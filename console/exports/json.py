"""The compliance report as one JSON document."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from console.reports.interface import NO_PROOF, DeviceLine, Overview
from policy_schema.rules.instant import format_instant


def write_json(overview: Overview, lines: Iterable[DeviceLine], now: int) -> bytes:
    """The same as the page shows, with its totals. `moved` is an axis of its own, so it is no state."""
    document = {
        "schema": 1,
        "generated_at": format_instant(now),
        "note": NO_PROOF,
        "totals": {state.value: number for state, number in overview.totals},
        "devices_total": overview.devices,
        "moved": {"devices": overview.moved, "clean": overview.moved_and_clean, "tools": dict(overview.moves)},
        "bans": [ban._asdict() | {"outcomes": dict(ban.outcomes)} for ban in overview.bans],
        "policies": [policy._asdict() for policy in overview.policies],
        "devices": [_device(line) for line in lines],
    }
    return msgspec.json.encode(document)


def _device(line: DeviceLine) -> dict[str, object]:
    return line._asdict() | {
        "tools": [tool._asdict() for tool in line.tools],
        "moves": [move._asdict() for move in line.moves],
        "policy": line.policy._asdict() if line.policy else None,
        "last_report_at": None if line.last_report_at is None else format_instant(line.last_report_at),
    }
