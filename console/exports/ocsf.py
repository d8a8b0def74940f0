"""What happened as events of the Open Cybersecurity Schema Framework 1.5.0. Pure.

| what | class |
|---|---|
| a finding is new, has changed, is gone | 2003 compliance finding: create, update, close |
| something was done about it | 7001 remediation activity |
| a device joined, changed, was taken out | 5001 device inventory info |

`metadata.uid` is the same whenever the same event is handed over again: receivers drop copies by it. No path and no
name of a person is in any of them, and the hour of a running program is not either.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from console.reports.interface import NO_PROOF
from console.state import DOES_NOT_COUNT
from policy_schema.rules.decision import State

VERSION: Final = "1.5.0"
INFORMATIONAL: Final = 1
_CHANGES: Final = {
    "new": (1, "Create", 1, "New"),
    "changed": (2, "Update", 2, "In Progress"),
    "gone": (3, "Close", 4, "Resolved"),
}
_SUPPRESSED: Final = frozenset({State.HELD, State.EXCEPTED, State.PAUSED})
_DONE: Final = {
    "stopped": (2, "Evict"),
    "killed": (2, "Evict"),
    "uninstalled": (2, "Evict"),
    "quarantined": (1, "Isolate"),
    "restored": (3, "Restore"),
    "refused": (99, "Start refused"),
    "failed": (2, "Evict"),
    "refused-by-guard": (2, "Evict"),
}
_NOT_DONE: Final = frozenset({"failed", "refused-by-guard"})
_KINDS: Final = {"server": (1, "Server"), "workstation": (2, "Desktop")}
_SYSTEMS: Final = {"windows": (100, "Windows"), "linux": (200, "Linux"), "macos": (300, "macOS")}


def of_finding(row: Mapping[str, Any], product: str) -> Iterator[dict[str, object]]:
    """The events of one change of a finding; `product` is this program's version."""
    activity, name, status, status_name = _CHANGES.get(row["change"], _CHANGES["changed"])
    if row["change"] != "gone" and row["state"] in _SUPPRESSED:
        status, status_name = 3, "Suppressed"
    uid = f"{row['device_id']}.{row['epoch']}.{row['sequence']}.{row['finding_id']}"
    finding = {
        "uid": row["finding_id"],
        "title": f"{row['tool']} {row['version']}".strip(),
        "desc": NO_PROOF,
        "types": ["Banned software"],
        "product_uid": "interdict",
    }
    yield {
        **_head(2003, 2, "Findings", "Compliance Finding", activity, name, row["at"], uid, product),
        "status_id": status,
        "status": status_name,
        "status_code": row["state"],
        "compliance": _compliance(row),
        "finding_info": finding,
        "device": _device(row),
        "message": f"{row['tool']}: {row['change']}, {row['state']}",
    }
    if row["outcome"] in _DONE and row["change"] != "new":
        yield _remediation(row, uid, product)


def of_device(row: Mapping[str, Any], product: str) -> dict[str, object]:
    """A device as it is from now on."""
    uid = f"{row['device_id']}.{row['at']}"
    unlooked = msgspec.json.decode(row["unlooked"], type=list[str])
    said = (
        "removed by IT"
        if row["removed"]
        else "could not look: " + ", ".join(unlooked)
        if unlooked
        else "looked everywhere"
    )
    return {
        **_head(5001, 5, "Discovery", "Device Inventory Info", 2, "Collect", row["at"], uid, product),
        "device": _device(row),
        "status_detail": said,
    }


def as_line(event: Mapping[str, object]) -> bytes:
    """An event as a line of NDJSON, without the line feed."""
    return msgspec.json.encode(event)


def _remediation(row: Mapping[str, Any], uid: str, product: str) -> dict[str, object]:
    activity, name = _DONE[row["outcome"]]
    failed = row["outcome"] in _NOT_DONE
    return {
        **_head(7001, 7, "Remediation", "Remediation Activity", activity, name, row["at"], f"{uid}.done", product),
        "command_uid": row["finding_id"],
        "status_id": 2 if failed else 1,
        "status": "Failure" if failed else "Success",
        "status_code": row["outcome"],
        "message": f"{row['tool']} on {row['host_name']}: {row['outcome']}",
    }


def _compliance(row: Mapping[str, Any]) -> dict[str, object]:
    if row["change"] == "gone":
        status = (1, "Pass")
    elif row["state"] in DOES_NOT_COUNT:
        status = (0, "Unknown")
    else:
        status = (2, "Warning") if row["state"] in _SUPPRESSED else (3, "Fail")
    return {"control": row["ban"], "status_id": status[0], "status": status[1], "status_code": row["action"]}


def _device(row: Mapping[str, Any]) -> dict[str, object]:
    kind, kind_name = _KINDS.get(row["kind"], (99, row["kind"] or "Unknown"))
    system, system_name = _SYSTEMS.get(row["os"], (99, row["os"] or "Unknown"))
    groups = msgspec.json.decode(row["groups"] or "[]", type=list[str])
    found: dict[str, object] = {
        "uid": row["device_id"],
        "hostname": row["host_name"],
        "type_id": kind,
        "type": kind_name,
        "os": {"name": system_name, "type_id": system},
    }
    return found | ({"groups": [{"name": group} for group in groups]} if groups else {})


def _head(
    kind: int, category: int, category_name: str, name: str, activity: int, does: str, at: int, uid: str, product: str
) -> dict[str, object]:
    return {
        "class_uid": kind,
        "class_name": name,
        "category_uid": category,
        "category_name": category_name,
        "activity_id": activity,
        "activity_name": does,
        "type_uid": kind * 100 + activity,
        "type_name": f"{name}: {does}",
        "severity_id": INFORMATIONAL,
        "severity": "Informational",
        "time": at * 1000,
        "metadata": {
            "version": VERSION,
            "uid": uid,
            "product": {"name": "Interdict", "uid": "interdict", "vendor_name": "Interdict", "version": product},
        },
    }
