"""The compliance report: each device in one state, who has what since when, what was done, who moved, who is silent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Row

from console.reports.interface import BanLine, DeviceLine, MoveSeen, Overview, PolicySeen, ToolLine
from console.state import DOES_NOT_COUNT, SHOWN_FIRST, DeviceState
from console.store import listing
from console.store.listing import Counts
from console.store.queries import fleet
from console.store.queries.fleet import Place, Silence, Wanted
from policy_schema.messages.codes import Mode
from policy_schema.rules.observation import Confidence

PAGE = 50
EXPORTED_AT_ONCE = 400
FINDINGS_EXPORTED = 1_000
"""Findings a device in an export; a line says how many more there are."""
FACES_FIRST = ("package", "app", "extension", "executable", "setting", "process", "residue")
HAS_SOMETHING = (DeviceState.OPEN, DeviceState.HELD, DeviceState.EXCEPTED, DeviceState.PAUSED)


def overview(connection: Connection, silence: Silence, groups: frozenset[str] | None = None) -> Overview:
    """Totals over everything that a viewer of these groups may see; nothing about a single device."""
    found = listing.counts(connection, silence, Wanted(groups=groups)).numbers
    having = listing.counts(connection, silence, Wanted(moved=True, groups=groups)).numbers
    moved = {state: number for state, number in having.items() if state != DeviceState.REMOVED}
    flags = connection.execute(fleet.flagged(groups)).one()
    return Overview(
        totals=tuple((state, found.get(state, 0)) for state in SHOWN_FIRST),
        devices=sum(found.values()) - found.get(DeviceState.REMOVED, 0),
        bans=_bans(connection, groups),
        policies=tuple(
            _policy(row, row.age_s, row.devices) for row in connection.execute(fleet.policies(silence, groups))
        ),
        moves=tuple((tool, number) for tool, number in connection.execute(fleet.moved(groups))),
        moved=sum(moved.values()),
        moved_and_clean=moved.get(DeviceState.CLEAN, 0),
        cloned=flags[0] or 0,
        observing=flags[1] or 0,
        braking=flags[2] or 0,
    )


class Lines(NamedTuple):
    """A page of the list."""

    lines: tuple[DeviceLine, ...]
    following: Place | None
    """After which row the next page begins; None at the end."""
    counts: Counts | None
    """How many devices are in each state; None where counting them would take a look at all of a large fleet."""


def lines(connection: Connection, silence: Silence, wanted: Wanted, after: Place | None = None) -> Lines:
    """One page."""
    rows, counts = listing.counted_page(connection, silence, wanted, after, PAGE + 1)
    shown = rows[:PAGE]
    following = Place(shown[-1].rank, shown[-1].host_key, shown[-1].device_id) if len(rows) > PAGE else None
    return Lines(_device_lines(connection, silence, shown, fleet.FINDINGS_SHOWN), following, counts)


def all_lines(connection: Connection, silence: Silence, wanted: Wanted) -> Iterator[DeviceLine]:
    """Every device, for an export."""
    after: Place | None = None
    while True:
        rows = listing.page(connection, silence, wanted, after, EXPORTED_AT_ONCE)
        yield from _device_lines(connection, silence, rows, FINDINGS_EXPORTED)
        if len(rows) < EXPORTED_AT_ONCE:
            return
        after = Place(rows[-1].rank, rows[-1].host_key, rows[-1].device_id)


def one_line(connection: Connection, silence: Silence, device_id: str) -> DeviceLine | None:
    """One device with all its findings."""
    rows = listing.page(connection, silence, Wanted(search=device_id), None, 50)
    rows = [row for row in rows if row.device_id == device_id]
    return _device_lines(connection, silence, rows, FINDINGS_EXPORTED)[0] if rows else None


def installations(findings: Iterable[Row[Any]]) -> tuple[ToolLine, ...]:
    """The findings of one device, one line for each ban and installation; the present ones first."""
    groups: dict[tuple[str, str, bool], list[Row[Any]]] = {}
    for row in findings:
        one = row.installation or row.finding_id
        groups.setdefault((row.ban, one, row.gone_at is not None), []).append(row)
    made = [_tool_line(parts) for parts in groups.values()]
    return tuple(sorted(made, key=lambda line: (line.gone, not line.counts, line.since, line.finding_id)))


def _device_lines(
    connection: Connection, silence: Silence, rows: Sequence[Row[Any]], each: int
) -> tuple[DeviceLine, ...]:
    ids = [row.device_id for row in rows if row.device_id]
    devices = {row.device_id: row for row in connection.execute(fleet.devices(ids))}
    findings = _by_device(connection.execute(fleet.findings(ids, each)))
    moves = _by_device(connection.execute(fleet.moves(ids)))
    return tuple(
        _device_line(
            row, devices[row.device_id], findings.get(row.device_id, []), moves.get(row.device_id, []), silence
        )
        if row.device_id
        else DeviceLine("", row.host_name, DeviceState.NEVER_ENROLLED, ("is expected, and no agent has enrolled",))
        for row in rows
    )


def _by_device(rows: Iterable[Row[Any]]) -> dict[str, list[Row[Any]]]:
    return {device: list(group) for device, group in groupby(rows, key=lambda row: str(row.device_id))}


def _device_line(
    place: Row[Any], row: Row[Any], findings: list[Row[Any]], moves: list[Row[Any]], silence: Silence
) -> DeviceLine:
    state = DeviceState(place.state)
    since_report = silence.now - row.last_report_at if row.last_report_at is not None else 0
    return DeviceLine(
        device_id=row.device_id,
        host_name=row.host_name,
        state=state,
        why=_why(row, state),
        tools=installations(findings),
        more_findings=findings[0].total - len(findings) if findings else 0,
        moves=tuple(MoveSeen(move.tool, move.version, move.seen_at) for move in moves),
        policy=_policy(row, row.policy_age_s + since_report),
        last_report_at=row.last_report_at,
        os=row.os,
        os_version=row.os_version,
        kind=row.kind,
        ownership=row.ownership,
        region=row.region or "",
        groups=tuple(msgspec.json.decode(row.groups or "[]", type=list[str])),
        groups_set=row.groups is not None,
        agent=row.agent,
    )


def _why(row: Row[Any], state: DeviceState) -> tuple[str, ...]:
    """What an admin must know about the device besides its findings."""
    sentences: list[str] = []
    if state is DeviceState.SILENT:
        sentences.append("has never reported" if row.last_report_at is None else "has stopped reporting")
    if row.cloned_at is not None:
        sentences.append("two machines report with this device's key: enrol one of them again")
    if row.policy_problem:
        sentences.append(f"could not refresh its policy ({row.policy_problem})")
    if row.mode == Mode.OBSERVE:
        sentences.append("only watches: its settings forbid acting")
    if row.brake:
        sentences.append("holds back: a ban matches far more than before")
    return (*sentences, *msgspec.json.decode(row.why, type=tuple[str, ...]))


def _tool_line(parts: list[Row[Any]]) -> ToolLine:
    """The parts of one installation: what it is from its most telling part, what was done from all."""
    parts = sorted(parts, key=lambda row: (_place(FACES_FIRST, row.face), row.finding_id))
    first = parts[0]
    surest = min(parts, key=lambda row: _place(tuple(Confidence), row.confidence))
    return ToolLine(
        finding_id=first.finding_id,
        installation=first.installation,
        ban=first.ban,
        tool=first.tool,
        version=next((row.version for row in parts if row.version), ""),
        purl=next((row.purl for row in parts if row.purl), ""),
        faces=tuple(dict.fromkeys(row.face for row in parts)),
        confidence=surest.confidence,
        matches=tuple(msgspec.json.decode(surest.matches, type=list[str])),
        state=first.state,
        action=first.action,
        outcomes=tuple(dict.fromkeys(row.outcome for row in parts if row.outcome)),
        since=min(row.since for row in parts),
        effective_from=first.effective_from or "",
        next_action=first.next_action or "",
        next_from=first.next_from or "",
        exception=next((row.exception for row in parts if row.exception), ""),
        scope_of_path=first.scope_of_path,
        person=next((row.person for row in parts if row.person), ""),
        gone=first.gone_at is not None,
        counts=any(row.state not in DOES_NOT_COUNT for row in parts),
    )


def _policy(row: Row[Any], age_s: int, devices: int = 1) -> PolicySeen:
    return PolicySeen(
        id=row.policy_id,
        version=row.policy_version,
        trust=row.policy_trust,
        age_s=age_s,
        solo=row.policy_solo,
        signers=tuple(msgspec.json.decode(row.policy_signers, type=list[str])),
        problem=row.policy_problem,
        devices=devices,
    )


def _bans(connection: Connection, groups: frozenset[str] | None) -> tuple[BanLine, ...]:
    present = {row.ban: row for row in connection.execute(fleet.bans(groups))}
    outcomes: dict[str, list[tuple[str, int]]] = {}
    gone: dict[str, int] = {}
    for row in connection.execute(fleet.outcomes(groups)):
        listed = outcomes.setdefault(row.ban, [])
        if row.outcome:
            listed.append((row.outcome, row.devices))
        if row.gone:
            gone[row.ban] = gone.get(row.ban, 0) + row.devices
    names = sorted(
        present.keys() | outcomes.keys(), key=lambda ban: (-(present[ban].devices if ban in present else 0), ban)
    )
    return tuple(
        BanLine(
            ban=ban,
            devices=present[ban].devices if ban in present else 0,
            installations=present[ban].installations if ban in present else 0,
            outcomes=_summed(outcomes.get(ban, [])),
            gone=gone.get(ban, 0),
        )
        for ban in names
    )


def _numbers(rows: Iterable[Any]) -> dict[str, int]:
    return {row[0]: row[1] for row in rows}


def _summed(outcomes: list[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    """An outcome of things that are there and of things that are gone, as one number."""
    total: dict[str, int] = {}
    for outcome, devices in outcomes:
        total[outcome] = total.get(outcome, 0) + devices
    return tuple(sorted(total.items(), key=lambda item: (-item[1], item[0])))


def _place(order: Sequence[str], word: str) -> int:
    return order.index(word) if word in order else len(order)
