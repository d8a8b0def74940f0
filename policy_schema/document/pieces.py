"""A closed policy checked and compiled piece by piece, for the adopter: one ban or tool at a time is in memory.

10,000 bans and 10,000 tools are 12 MB of bytes, and twenty times that as Python's objects. What is accepted here is
what `parse_closed` and `compile_policy` accept; what is not is given to them, since they know how to say why. So a
policy that is wrong costs more memory than one that is right, within the bound that a policy has.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from policy_schema.document.canonical import Json
from policy_schema.document.canonical import policy_id as id_of_bytes
from policy_schema.document.closed import (
    MAX_BYTES,
    MAX_DEPTH,
    ClosedBan,
    ClosedDocument,
    deeper_than,
    parse_closed,
    unmet,
)
from policy_schema.document.compile import compile_ban, compile_policy
from policy_schema.document.reader import NotPlain, Reader
from policy_schema.document.tool import Tool
from policy_schema.rules.match import ToolFaces, tool_faces
from policy_schema.rules.rulebook import needs_more, parse_ban

_TOGETHER = 64
"""How many bans are handed on at once."""
Row = TypeVar("Row")


class Compiled(NamedTuple):
    """A rulebook that is written when it is sent. `head` is all of it but `bans` and `tools`."""

    head: Mapping[str, object]
    policy: bytes
    pieces: Pieces | None
    """None: `head` is the whole rulebook."""

    def parts(self) -> Iterator[bytes | memoryview]:
        """The rulebook as JSON."""
        if self.pieces is None:
            yield _json(self.head)
            return
        yield _json(self.head)[:-1] + b',"tools":'
        yield memoryview(self.policy)[self.pieces.tools : self.pieces.tools_end]
        yield b',"bans":['
        comma = b""
        for bans in _by_many(map(compile_ban, self.pieces.read_bans(self.policy))):
            yield comma + _json(bans)[1:-1]
            comma = b","
        yield b"]}"


class Pieces(NamedTuple):
    """Where the parts of a closed policy stand that was checked, and what is small in it."""

    rest: dict[str, Json]
    bans: int
    tools: int
    tools_end: int
    schemes: dict[str, ToolFaces]
    """Each tool by its id, with that alone which a ban's versions need: one object for all that are alike."""

    def read_bans(self, policy: bytes) -> Iterator[dict[str, Json]]:
        """Every ban once more."""
        for ban in Reader(policy, self.bans, known=True).rows():
            assert isinstance(ban, dict)
            yield ban


def compile_bytes(policy: bytes, version: int) -> Compiled:
    """Checks and compiles the bytes that were signed. `version` is that of the TUF targets role.

    Raises:
        BadDocument: these are not the bytes of a closed policy.
        ValueError: it does not compile.
    """
    try:
        pieces = read_pieces(policy)
        head = _head(policy, version, pieces)
    except (NotPlain, ValueError, TypeError, KeyError, AttributeError):
        whole = compile_policy(parse_closed(policy).document, version, id_of_bytes(policy))
        return Compiled(whole, policy, None)
    return Compiled(head, policy, pieces)


def read_pieces(policy: bytes) -> Pieces:
    """Checks a closed policy without holding it.

    Raises:
        NotPlain: it may be wrong; `parse_closed` knows.
        ValueError, TypeError, KeyError, AttributeError: a tool cannot be read.
    """
    if len(policy) > MAX_BYTES:
        raise NotPlain("it is too large")
    reader, places, rest = Reader(policy), {"bans": -1, "tools": -1, "end": -1}, {}
    schemes: dict[str, ToolFaces] = {}
    for key in reader.names():
        if key == "bans":
            places[key] = reader.at
            for ban in reader.rows():
                _check_ban(ban)
        elif key == "tools":
            places[key] = reader.at
            schemes = _read_tools(reader)
            places["end"] = reader.at
        else:
            rest[key] = reader.value()
    reader.take(b"\n")
    if not reader.over or min(places.values()) < 0:
        raise NotPlain("it is not one whole policy")
    _fits(ClosedDocument, {**rest, "bans": [], "tools": {}}, 0)
    return Pieces(rest, places["bans"], places["tools"], places["end"], schemes)


def _read_tools(reader: Reader) -> dict[str, ToolFaces]:
    alike: dict[ToolFaces, ToolFaces] = {}
    schemes: dict[str, ToolFaces] = {}
    for name in reader.names():
        tool = reader.value()
        _fits(Tool, tool, 2)
        if not isinstance(tool, dict) or tool["id"] != name:
            raise NotPlain("a tool has another id inside")
        brief = _brief(tool)
        schemes[name] = alike.setdefault(brief, brief)
    return schemes


def _brief(tool: Mapping[str, Json]) -> ToolFaces:
    """What `parse_target` looks at: the scheme of the tool's versions, and from which ecosystems its packages are.

    The packages are the only part of a tool that fits its model and may yet be unreadable for the rulebook.
    """
    faces = tool_faces({key: tool[key] for key in ("id", "version_scheme")} | {"faces": _packages(tool["faces"])})
    kinds = tuple(sorted({key.partition("/")[0] for key in faces.packages}))
    return faces._replace(id="", name="", packages=kinds)


def _packages(faces: Json) -> dict[str, Json]:
    return {"packages": faces["packages"]} if isinstance(faces, dict) and "packages" in faces else {}


def _check_ban(ban: Json) -> None:
    if isinstance(ban, dict) and unmet(ban.get("needs")):
        _not_too_deep(ban, 2)
    else:
        _fits(ClosedBan, ban, 2)


def _fits(model: type[BaseModel], value: Json, above: int) -> None:
    """Fields that are not known are passed over; a value that has none has no more levels than its model."""
    try:
        model.model_validate(value)
    except ValidationError as error:
        if any(detail["type"] != "extra_forbidden" for detail in error.errors(include_url=False)):
            raise NotPlain("it is not as a policy is") from error
        _not_too_deep(value, above)


def _not_too_deep(value: Json, above: int) -> None:
    if not isinstance(value, dict) or deeper_than(MAX_DEPTH - above, value):
        raise NotPlain("it is too deep")


def _head(policy: bytes, version: int, pieces: Pieces) -> dict[str, object]:
    """Compiles everything once, and keeps what is neither a ban nor a tool."""
    head = compile_policy({**pieces.rest, "bans": [], "tools": {}}, version, id_of_bytes(policy))
    del head["bans"], head["tools"]
    for ban in pieces.read_bans(policy):
        made = compile_ban(ban)
        if not needs_more(made):
            read = parse_ban(made, pieces.schemes)
            if not all(target.tool in pieces.schemes for target in read.targets):
                raise NotPlain("it aims at a tool that is not in it")
    return head


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _by_many(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while some := list(islice(rows, _TOGETHER)):
        yield some
