"""The compliance report as one JSON document, written as it is read: devices first, totals when the last has passed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from console.reports.build import Report, as_line
from console.reports.shapes import BanTotals, Device, Granted, Group, Head

SCHEMA: Final = 1
AT_ONCE: Final = 64 << 10


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """The document, for its schema (docs/report.schema.json) and for whoever reads one whole."""

    schema: int
    report: Head
    devices: tuple[Device, ...]
    groups: tuple[Group, ...]
    bans: tuple[BanTotals, ...]
    exceptions: tuple[Granted, ...]
    data_sha256: str


def write_json(report: Report) -> Iterator[bytes]:
    """The document, piece by piece. Each device stands on a line of its own, as `data_sha256` counts it."""
    pieces = [b'{"schema":%d,"report":%b,"devices":[\n' % (SCHEMA, msgspec.json.encode(report.head))]
    size, between = 0, b""
    for device in report.devices():
        line = as_line(device).rstrip(b"\n")
        pieces += (between, line)
        between, size = b",\n", size + len(line)
        if size > AT_ONCE:
            yield b"".join(pieces)
            pieces, size = [], 0
    rest = msgspec.json.encode(report.totals())
    yield b"".join((*pieces, b"\n],", rest[1:], b"\n"))


def document_schema() -> dict[str, Any]:
    """JSON Schema of the document."""
    return msgspec.json.schema(Document)
