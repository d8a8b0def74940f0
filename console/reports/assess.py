"""What a device was at a moment: its one state, over all bans or with regard to one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from console.reports.shapes import Device, Finding, Moved
from console.state import DOES_NOT_COUNT, NO_COPY, DeviceState, Looked, standing_of
from policy_schema.rules.instant import format_instant

FACES_FIRST: Final = ("package", "app", "extension", "executable", "setting", "process", "residue")
LOOKED: Final = Looked(trust="verified", unknown=(), sources=1, not_understood=())
"""A look that leaves nothing open: then findings alone decide."""


class Past(NamedTuple):
    """What is known of a device at a moment, before its findings."""

    device_id: str
    host_name: str
    removed: bool
    last_heard: int | None
    """None: it was heard of a short while before."""
    groups: tuple[str, ...] | None
    os: str
    kind: str
    region: str
    unlooked: tuple[str, ...]
    policy_version: int
    policy_trust: str
    policy_solo: bool
    moves: tuple[tuple[str, str], ...]


def base_state(past: Past, moment: int, silent_after: int) -> DeviceState:
    """The state without any finding: taken out, silent, could not look everywhere, or clean."""
    if past.removed:
        return DeviceState.REMOVED
    if past.last_heard is not None and moment - past.last_heard > silent_after:
        return DeviceState.SILENT
    return DeviceState.PARTIAL if past.unlooked else DeviceState.CLEAN


def state_with(base: DeviceState, findings: Iterable[Finding]) -> DeviceState:
    """The state with findings. What a silent device said before is no longer known to be true."""
    if base in (DeviceState.REMOVED, DeviceState.SILENT, DeviceState.NEVER_ENROLLED):
        return base
    found = standing_of({one.state for one in findings if one.still_there}, LOOKED)
    return base if found is DeviceState.CLEAN else found


def device(past: Past, findings: tuple[Finding, ...], moment: int, silent_after: int) -> Device:
    """One device of the report."""
    state = state_with(base_state(past, moment, silent_after), findings)
    silent = state is DeviceState.SILENT and past.last_heard is not None
    return Device(
        device_id=past.device_id,
        host_name=past.host_name,
        state=state.value,
        groups=past.groups,
        os=past.os,
        kind=past.kind,
        region=past.region,
        could_not_look=past.unlooked,
        silent_since=format_instant(past.last_heard or 0) if silent else None,
        policy_version=past.policy_version,
        policy_trust=past.policy_trust,
        one_signer=past.policy_solo,
        moved_to=tuple(Moved(tool=tool, version=version) for tool, version in past.moves),
        findings=findings,
    )


def never_enrolled(host_name: str, groups: tuple[str, ...] | None) -> Device:
    """A device that is on the list of expected ones, and no agent has enrolled."""
    past = Past("", host_name, False, None, groups, "", "", "", (), 0, "none", False, ())
    return msgspec.structs.replace(device(past, (), 0, 1), state=DeviceState.NEVER_ENROLLED.value)


def installations(rows: Iterable[Mapping[str, Any]]) -> tuple[Finding, ...]:
    """The findings of one device, one for each ban and installation; what is there and counts stands first."""
    parts: dict[tuple[str, str, bool], list[Mapping[str, Any]]] = {}
    for row in rows:
        key = (row["ban"], row["installation"] or row["finding_id"], bool(row["gone"]))
        parts.setdefault(key, []).append(row)
    made = [(_finding(of_one, gone=key[2]), key) for key, of_one in parts.items()]
    made.sort(key=lambda pair: (not pair[0].still_there, not pair[0].counts, pair[0].since, pair[1]))
    return tuple(finding for finding, _ in made)


def is_copy(finding: Finding) -> bool:
    """Whether this is a copy of the tool, and no setting that names it nor something left behind."""
    return finding.still_there and finding.counts and any(face not in NO_COPY for face in finding.faces)


def _finding(parts: Sequence[Mapping[str, Any]], *, gone: bool) -> Finding:
    parts = sorted(parts, key=lambda row: (_place(row["face"]), row["finding_id"]))
    first = parts[0]
    return Finding(
        ban=first["ban"],
        tool=first["tool"],
        version=next((row["version"] for row in parts if row["version"]), ""),
        faces=tuple(dict.fromkeys(row["face"] for row in parts)),
        state=_worst(parts),
        action=first["action"],
        outcomes=tuple(dict.fromkeys(row["outcome"] for row in parts if row["outcome"])),
        since=min(row["since"] for row in parts),
        exception=next((row["exception"] for row in parts if row["exception"]), None),
        still_there=not gone,
        counts=any(row["state"] not in DOES_NOT_COUNT for row in parts),
    )


def _worst(parts: Sequence[Mapping[str, Any]]) -> str:
    """The state of the part that weighs most, so that device and installation never disagree."""
    order = (DeviceState.OPEN, DeviceState.HELD, DeviceState.EXCEPTED, DeviceState.PAUSED, DeviceState.CLEAN)
    return str(min((row["state"] for row in parts), key=lambda state: order.index(standing_of((state,), LOOKED))))


def _place(face: str) -> int:
    return FACES_FIRST.index(face) if face in FACES_FIRST else len(FACES_FIRST)
