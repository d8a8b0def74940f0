"""Reads the faces of a catalogue entry as plain values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from policy_schema.engines.interface import Order, Values
from policy_schema.rules.identity import parse_purl

ACTED_ON = ("packages", "extensions", "apps", "executables", "signers", "content", "hashes")
"""Faces by which Interdict acts. What a tool leaves behind is only ever reported."""


class Signer(NamedTuple):
    """Who signs, and what: team and identifier of Apple's, subject and product of Authenticode."""

    who: str
    what: str


def named_faces(tool: Values) -> list[str]:
    """The faces that a tool has, in the catalogue's order."""
    return [face for face in ACTED_ON if _any(_faces(tool).get(face))]


def packages(order: Order, kind: str) -> Iterator[str]:
    """Full names (with the scope) of the tool's packages of one ecosystem."""
    for text in texts(_faces(order.tool).get("packages")):
        purl = parse_purl(text)
        if purl.type == kind:
            yield purl.key.partition("/")[2]


def under(order: Order, face: str, kind: str) -> list[str]:
    """The texts of one kind of a face: `extensions`, `vscode`."""
    return texts(_map(_faces(order.tool).get(face)).get(kind))


def apple_signers(order: Order) -> list[Signer]:
    """Team and identifier of each code signature for macOS."""
    rows = _list(_map(_faces(order.tool).get("signers")).get("apple"))
    return [Signer(str(_map(row)["team"]), str(_map(row)["identifier"])) for row in rows]


def authenticode_signers(order: Order) -> list[Signer]:
    """Subject and product of each code signature for Windows."""
    rows = _list(_map(_faces(order.tool).get("signers")).get("authenticode"))
    return [Signer(str(_map(row)["subject"]), str(_map(row)["product"])) for row in rows]


def hashes(order: Order) -> list[str]:
    """SHA-256 of each known file, in lower case."""
    return [str(_map(row)["sha256"]).lower() for row in _list(_faces(order.tool).get("hashes"))]


def texts(value: object) -> list[str]:
    """A list of texts, whatever is there."""
    return [str(item) for item in _list(value)]


def _faces(tool: Values) -> Values:
    return _map(tool.get("faces"))


def _any(value: object) -> bool:
    return any(map(_any, value.values())) if isinstance(value, dict) else bool(value)


def _map(value: object) -> Values:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, (list, tuple)) else []
