"""The documents of the role that can only weaken, as its holder writes them; `policy_schema.rules.relief` reads them.

The console and `interdict-policy exceptions` write with this one module. Devices are named by their hash
(`relief.device_hash`), so that what others have published can be written again. Pure, standard library only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from policy_schema.rules.instant import Instant, format_instant, parse_instant
from policy_schema.rules.relief import PAUSES, Because, bin_name


class GrantedException(NamedTuple):
    """A ban waived for these devices (by their hash)."""

    id: str
    ban: str
    devices: tuple[str, ...]
    granted: Instant
    until: Instant


class GrantedPause(NamedTuple):
    """A ban put to rest for everybody."""

    ban: str
    start: Instant
    until: Instant


class GivenAnswer(NamedTuple):
    """A request of this device (by its hash) was refused."""

    request: str
    ban: str
    device: str
    because: Because
    at: Instant


def documents(
    exceptions: Iterable[GrantedException], pauses: Iterable[GrantedPause], answers: Iterable[GivenAnswer] = ()
) -> dict[str, bytes]:
    """What the role signs: the pauses, and a document for each bin of devices that has something."""
    bins: dict[str, dict[str, list[dict[str, str]]]] = {}
    for one in exceptions:
        facts = {
            "id": one.id,
            "ban": one.ban,
            "granted": format_instant(one.granted),
            "until": format_instant(one.until),
        }
        for device in one.devices:
            _rows(bins, device, "exceptions").append({**facts, "device": device})
    for answer in answers:
        _rows(bins, answer.device, "answers").append(
            {
                "request": answer.request,
                "ban": answer.ban,
                "because": answer.because.value,
                "at": format_instant(answer.at),
                "device": answer.device,
            }
        )
    rest = [{"ban": one.ban, "from": format_instant(one.start), "until": format_instant(one.until)} for one in pauses]
    made = {bin_name(name): _encoded({"exceptions": [], **rows}) for name, rows in sorted(bins.items())}
    return {PAUSES: _encoded({"pauses": rest}), **made}


def _rows(bins: dict[str, dict[str, list[dict[str, str]]]], device: str, key: str) -> list[dict[str, str]]:
    return bins.setdefault(device[:2], {}).setdefault(key, [])


def read_documents(documents: Mapping[str, bytes]) -> tuple[list[GrantedException], list[GrantedPause]]:
    """What documents of the role say, row by row; rows that no agent would use are left out."""
    exceptions: list[GrantedException] = []
    pauses: list[GrantedPause] = []
    for name, content in sorted(documents.items()):
        for row in _read(content, "pauses" if name == PAUSES else "exceptions"):
            try:
                begins, ends = parse_instant(row["from" if name == PAUSES else "granted"]), parse_instant(row["until"])
                if name == PAUSES:
                    pauses.append(GrantedPause(row["ban"], begins, ends))
                elif bin_name(row["device"][:2]) == name:
                    exceptions.append(GrantedException(row["id"], row["ban"], (row["device"],), begins, ends))
            except (KeyError, ValueError, TypeError, AttributeError):
                continue
    return exceptions, pauses


def _read(content: bytes, key: str) -> list[dict[str, str]]:
    try:
        rows = json.loads(content)[key]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []
    texts = (row for row in rows if isinstance(row, dict) and all(isinstance(one, str) for one in row.values()))
    return list(texts) if isinstance(rows, list) else []


def _encoded(content: Mapping[str, object]) -> bytes:
    return json.dumps({"schema": 1, **content}, sort_keys=True, separators=(",", ":")).encode() + b"\n"
