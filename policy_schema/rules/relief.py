"""Exceptions and pauses as the role that can only weaken signs them, and what of them holds on one device. Pure.

Two kinds of documents, so that an agent reads little however many exceptions there are: `pauses.json`, and one
`exceptions-XX.json` for each of 256 bins of devices. Devices stand in them by a hash: whoever reads a bin learns
nothing of other devices. Why something was granted, and to whom, stays with the people who granted it.

Whatever is signed here is held against the policy: no exception lasts longer than its `max_days`, no pause longer
than its `pause.max`, and nothing begins after the newest signed time. So a stolen key of this role can do nothing but
what its owner could: weaken, for so long, and visibly.

Beside the exceptions of a bin stand its answers: that a request was refused, and why, as a code of a closed list. An
answer is a sentence for a person and nothing else: what the request holds stays held until its own end.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple

from policy_schema.rules.instant import Instant, parse_instant
from policy_schema.rules.rulebook import ExceptionGrant, Pause

PAUSES = "pauses.json"
BINS = 256
DAY = 86_400
MAX_ROWS = 10_000
"""Rows of one document that are read; a bin of a hundred thousand exceptions has four hundred."""
CLOCKS = 300
"""Seconds by which the clocks of two signing machines may differ."""
MAX_ANSWERS = 20
"""Answers of one device that are read, the newest."""
LONGEST_NAME = 120


class Limits(NamedTuple):
    """What the policy allows, in seconds, and the newest time that its signatures show."""

    longest_exception: int
    longest_pause: int
    signed_at: Instant


class Because(StrEnum):
    """Why a request was refused: the closed list. What an agent does not know is shown as `ask`."""

    ALTERNATIVE = "alternative"
    """What the policy names in its place does the same."""
    REASON = "reason"
    """The reason does not show why nothing else will do."""
    RISK = "risk"
    """The risk was found to be too high, whatever the reason."""
    DEVICE = "device"
    """Not on this device."""
    ASK = "ask"
    """The people behind the help address will say more."""


class Answer(NamedTuple):
    """A request of somebody at this device was refused."""

    request: str
    ban: str
    because: Because
    at: Instant


class Relief(NamedTuple):
    """What of it holds on one device. `trouble` says why some of it could not be used; empty when all could."""

    exceptions: tuple[ExceptionGrant, ...] = ()
    pauses: tuple[Pause, ...] = ()
    trouble: str = ""
    answers: tuple[Answer, ...] = ()


def device_hash(device: str) -> str:
    """How a device is named in these documents."""
    return sha256(f"interdict-device:{device}".encode()).hexdigest()


def bin_of(device: str) -> str:
    """The bin of a device: two hexadecimal digits."""
    return device_hash(device)[:2]


def bin_name(number: str) -> str:
    """The name of a bin's document."""
    return f"exceptions-{number}.json"


def relief_for(
    device: str, documents: Mapping[str, bytes], limits: Limits, absent: Collection[str] = frozenset()
) -> Relief:
    """What holds on this device of the documents that are there, by their names. `absent`: named, and not there."""
    mine = (bin_name(bin_of(device)), PAUSES)
    trouble = [f"{name} is not there, or larger than is ever read" for name in mine if name in absent]
    exceptions = list(_exceptions(device, _rows(documents, bin_name(bin_of(device)), "exceptions", trouble), limits))
    pauses = list(_pauses(_rows(documents, PAUSES, "pauses", trouble), limits))
    answers = sorted(_answers(device, _beside(documents, bin_name(bin_of(device))), limits), key=lambda one: one.at)
    return Relief(tuple(exceptions), tuple(pauses), "; ".join(trouble), tuple(answers[-MAX_ANSWERS:]))


def _exceptions(device: str, rows: list[object], limits: Limits) -> Iterator[ExceptionGrant]:
    mine = device_hash(device)
    for row in rows:
        if not isinstance(row, Mapping) or row.get("device") != mine:
            continue
        until = _ends(row, "granted", limits.longest_exception, limits)
        if until is not None:
            yield ExceptionGrant(str(row.get("id")), str(row.get("ban")), device, until)


def _pauses(rows: list[object], limits: Limits) -> Iterator[Pause]:
    for row in rows:
        if isinstance(row, Mapping):
            until = _ends(row, "from", limits.longest_pause, limits)
            if until is not None:
                yield Pause(str(row.get("ban")), until)


def _answers(device: str, rows: list[object], limits: Limits) -> Iterator[Answer]:
    mine = device_hash(device)
    for row in rows:
        if not isinstance(row, Mapping) or row.get("device") != mine:
            continue
        request, ban, code = row.get("request"), row.get("ban"), row.get("because")
        try:
            at = parse_instant(str(row.get("at")))
        except ValueError:
            continue
        known = isinstance(request, str) and isinstance(ban, str) and max(len(request), len(ban)) <= LONGEST_NAME
        if known and at <= limits.signed_at + CLOCKS:
            yield Answer(str(request), str(ban), Because(code) if code in set(Because) else Because.ASK, at)


def _beside(documents: Mapping[str, bytes], name: str) -> list[object]:
    """The answers of a bin. They weaken nothing and hold nothing, so what is wrong with them is no trouble."""
    try:
        rows = json.loads(documents.get(name, b"{}")).get("answers")
    except (ValueError, AttributeError, RecursionError):
        return []
    return rows[:MAX_ROWS] if isinstance(rows, list) else []


def _ends(row: Mapping[str, object], start: str, longest: int, limits: Limits) -> Instant | None:
    """When it ends at the latest; None for one that is written wrongly or begins after the newest signed time."""
    try:
        begins, ends = parse_instant(str(row.get(start))), parse_instant(str(row.get("until")))
    except ValueError:
        return None
    if begins > limits.signed_at + CLOCKS or ends <= begins:
        return None
    return Instant(min(ends, begins + longest))


def _rows(documents: Mapping[str, bytes], name: str, key: str, trouble: list[str]) -> list[object]:
    if name not in documents:
        return []
    try:
        document = json.loads(documents[name])
        rows = document[key]
    except (ValueError, KeyError, TypeError, RecursionError):
        trouble.append(f"{name} is not what this role signs")
        return []
    if not isinstance(rows, list):
        trouble.append(f"{name} is not what this role signs")
        return []
    if len(rows) > MAX_ROWS:
        trouble.append(f"{name} has more than {MAX_ROWS:,} rows")
    return rows[:MAX_ROWS]
