"""What the fleet's devices last reported, as the records that `interdict-policy simulate` reads: one device a line.

A console knows matches of the policies in force only, and no path and no name of a person: what stands here is enough
to count whom a change of such a policy hits, and shows nothing that the reports did not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from console.reports.interface import DeviceLine, ToolLine
from console.state import DeviceState

_NOT_RECORDED = (DeviceState.NEVER_ENROLLED, DeviceState.REMOVED)
_NOT_EVERYTHING = (DeviceState.PARTIAL, DeviceState.SILENT)
_PROCESS = "process"


def write_records(lines: Iterable[DeviceLine]) -> Iterator[str]:
    """A line for each device of the fleet that has reported; each ends with a line feed."""
    for line in lines:
        if line.state not in _NOT_RECORDED and line.last_report_at is not None:
            yield msgspec.json.encode(_record(line)).decode() + "\n"


def _record(line: DeviceLine) -> dict[str, object]:
    about = {
        "id": line.device_id,
        "os": line.os,
        "kind": line.kind,
        "ownership": line.ownership,
        "region": line.region or None,
        "groups": list(line.groups) if line.groups_set else None,
    }
    complete = line.state not in _NOT_EVERYTHING and not line.more_findings
    # Two bans may mean the same installation.
    there = {tool.installation or tool.finding_id: tool for tool in line.tools if not tool.gone}
    items = [item for tool in there.values() for item in _items(tool)]
    return {"device": about, "complete": complete, "items": items}


def _items(tool: ToolLine) -> Iterator[dict[str, object]]:
    """What lies there, and what of it was running."""
    common: dict[str, object] = {
        "purl": tool.purl or None,
        "version": tool.version,
        "person": tool.person,
        "tool": tool.tool,
        "confidence": tool.confidence,
        "matches": list(tool.matches),
    }
    lying = next((face for face in tool.faces if face != _PROCESS), "")
    yield from ({**common, "face": face} for face in (lying, _PROCESS) if face and face in tool.faces)
