"""What a simulation found, as lines for a person and as JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from policy_schema.authoring.simulation.reach import Reached
from policy_schema.authoring.simulation.simulate import Outcome, Rung
from policy_schema.authoring.simulation.spread import Reach
from policy_schema.document.canonical import Json
from policy_schema.rules.instant import Instant, format_instant

WHY = {
    "out-of-scope": "out of its scope",
    "not-in-rollout": "no step of its rollout takes them in",
    "weak": "known by a name or by what was left behind only, which is never acted on",
}
MANY = 10
"""Versions and protected things that are shown to a person; JSON has them all."""
NO_PROOF = "What is recorded is what was seen: it is no proof of use, and what was not looked at is not in it."


def lines(found: Outcome, zone: ZoneInfo, asked: Instant | None, compared: str) -> Iterator[str]:
    """The report."""
    yield f"{_devices(found.devices)} {'was' if found.devices == 1 else 'were'} simulated{_gaps(found)}."
    for ban in dict.fromkeys([rung.ban for rung in found.rungs] + [ban for ban, _ in found.never]):
        yield from ("", f"Ban {ban}")
        yield from (f"  {line}" for rung in found.rungs if rung.ban == ban for line in _rung(rung, zone))
        if asked is not None:
            yield f"  at {_when(asked, zone)}: {_at(found, ban)}"
        for (name, state), number in sorted(found.never.items()):
            if name == ban:
                yield f"  never: {_devices(number)}: {WHY.get(state, str(state))}"
        if compared:
            newly, sooner = _devices(found.newly.get(ban, 0)), found.sooner.get(ban, 0)
            yield f"  against {compared}: {newly} newly hit, {sooner:,} sooner"
        yield from (f"  {line}" for line in _versions(found, ban))
    yield ""
    for ban, device, what, why in found.protected[:MANY]:
        yield f"PROTECTED  {ban} would act on {what} of {device}, {why}: agents refuse that."
    if len(found.protected) > MANY:
        yield f"PROTECTED  and {len(found.protected) - MANY} more (--json shows them)."
    yield from (f"Nobody has anything of {target}." for target in found.idle)
    yield NO_PROOF


def document(found: Outcome, asked: Instant | None) -> dict[str, Json]:
    """The report as JSON."""
    return {
        "devices": found.devices,
        "incomplete": found.incomplete,
        "at": None if asked is None else format_instant(asked),
        "stages": [
            {
                "ban": rung.ban,
                "action": rung.action,
                **_reach(rung.total),
                "dates": [{"from": format_instant(start), **_reach(reach)} for start, reach in rung.dates.items()],
            }
            for rung in found.rungs
        ],
        "never": [{"ban": ban, "state": state, "devices": n} for (ban, state), n in sorted(found.never.items())],
        "now": [{"ban": ban, "action": action, "devices": n} for (ban, action), n in sorted(found.now.items())],
        "newly": dict(sorted(found.newly.items())),
        "sooner": dict(sorted(found.sooner.items())),
        "versions": [
            {"ban": row.ban, "tool": row.tool, "version": row.version, "devices": row.devices} for row in found.versions
        ],
        "protected": [{"ban": ban, "device": d, "what": what, "why": why} for ban, d, what, why in found.protected],
        "idle": list(found.idle),
    }


def timeline(rows: Sequence[tuple[str, Reached]], zone: ZoneInfo) -> Iterator[str]:
    """What happens to one device, by time. `rows` are (what it is, what a ban does to it)."""
    moments = sorted({(start, row.ban, str(action), what) for what, row in rows for start, action in row.steps})
    yield from (f"{_when(start, zone)}  {action:<7} {ban}: {what}" for start, ban, action, what in moments)
    for what, row in rows:
        if not row.steps:
            yield f"{'never':<16}  report  {row.ban}: {what} ({WHY.get(row.state, str(row.state))})"
    if not rows:
        yield "Nothing: no ban means anything that is recorded of this device."


def timeline_document(device: str, rows: Sequence[tuple[str, Reached]]) -> dict[str, Json]:
    """The same as JSON."""
    made: list[Json] = [
        {
            "what": what,
            "ban": row.ban,
            "tool": row.tool,
            "version": row.version,
            "state": row.state,
            "steps": [{"from": format_instant(start), "action": action} for start, action in row.steps],
        }
        for what, row in rows
    ]
    return {"device": device, "findings": made}


def _rung(rung: Rung, zone: ZoneInfo) -> Iterator[str]:
    """A rung in all, then each of its dates where there are several."""
    first, *later = rung.dates
    if not later:
        yield f"{rung.action:<7} from {_when(first, zone)}: {_numbers(rung.total)}"
        return
    yield f"{rung.action:<7} from {_when(first, zone)} on: {_numbers(rung.total)}"
    yield from (f"        {_when(start, zone)}: {_numbers(reach)}" for start, reach in rung.dates.items())


def _numbers(reach: Reach) -> str:
    about = "" if reach.people_exact else "about "
    people = f"{about}{reach.people:,} {'person' if reach.people == 1 else 'people'}"
    packages = f"{reach.packages:,} {'package' if reach.packages == 1 else 'packages'}"
    running = f", {reach.processes:,} running" if reach.processes else ""
    return f"{_devices(reach.devices)}, {people}, {packages}{running}"


def _reach(reach: Reach) -> dict[str, Json]:
    return dict(reach._asdict())


def _at(found: Outcome, ban: str) -> str:
    rows = [(action, number) for (name, action), number in found.now.items() if name == ban]
    return ", ".join(f"{number:,} {action}" for action, number in sorted(rows, key=lambda row: row[0].rung)) or "nobody"


def _versions(found: Outcome, ban: str) -> Iterator[str]:
    rows = [row for row in found.versions if row.ban == ban]
    yield from (f"{row.tool} {row.version}: {_devices(row.devices)}" for row in rows[:MANY])
    if len(rows) > MANY:
        yield f"and {len(rows) - MANY} more versions"


def _gaps(found: Outcome) -> str:
    return f", {found.incomplete:,} of them not looked at everywhere" if found.incomplete else ""


def _devices(number: int) -> str:
    return f"{number:,} device" if number == 1 else f"{number:,} devices"


def _when(instant: Instant, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(instant, UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M")
