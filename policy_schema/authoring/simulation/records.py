"""Recorded devices: one JSON object a line (NDJSON), or what `interdict inventory --json` prints.

A record holds what fleet management says about the device and what was seen on it. A console's export holds matches
of the policies in force only, an inventory everything: what is not recorded cannot be hit in a simulation.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import DecodeError, Struct, ValidationError, field
from msgspec.json import Decoder

from policy_schema.errors import BadFile
from policy_schema.rules.decision import Identity
from policy_schema.rules.observation import Confidence, Face, Match, Observation
from policy_schema.rules.rulebook import Device, Rulebook

_FACES, _CONFIDENCES, _MATCHES = frozenset(Face), frozenset(Confidence), frozenset(Match)
MAX_LINE = 32 * 1024 * 1024
"""Bytes: an inventory of a hundred thousand packages."""


class Item(Struct, frozen=True):
    """One thing that was seen. Fields as in `interdict inventory --json`; what is missing is not known."""

    source: str = ""
    face: str = ""
    purl: str | None = None
    name: str = ""
    version: str = ""
    path: str = ""
    owner: str = ""
    person: str = ""
    """Who it belongs to, the same over all devices; without it people are counted by device and owner."""
    extension: str = ""
    app: str = ""
    signer: str = ""
    content: str = ""
    sha256: str = ""
    setting: str | None = None
    project: bool = False
    pid: int | None = None
    tool: str = ""
    """What it was recognised as, where that is all that is recorded: in the export of a console."""
    confidence: str = ""
    matches: list[str] = field(default_factory=list)


class About(Struct, frozen=True):
    """What is known about the device. A region or groups that are null are not set."""

    id: str = ""
    os: str = "linux"
    kind: str = "workstation"
    ownership: str = "company"
    region: str | None = None
    groups: list[str] | None = None


class Record(Struct, frozen=True):
    """One device."""

    device: About
    items: list[Item] = field(default_factory=list)
    complete: bool = True
    """False if not everything could be looked at when it was recorded."""

    def rules_device(self, number: int) -> Device:
        """The device as the rules know it. One without an id is called by its place in the file."""
        about = self.device
        groups = None if about.groups is None else frozenset(about.groups)
        return Device(about.id or f"#{number}", about.os, about.kind, about.ownership, about.region, groups)


def observation(item: Item) -> Observation:
    """What the rules are asked about."""
    return Observation(
        source=item.source,
        face=_face(item),
        path=item.path,
        owner=item.owner,
        name=item.name,
        version=item.version,
        purl=item.purl or "",
        content=item.content,
        sha256=item.sha256,
        signer=item.signer,
        extension=item.extension,
        app=item.app,
        project=item.project,
        pid=item.pid,
        setting=item.setting or "",
    )


def recognised(
    book: Rulebook, items: Iterable[Item], seen: Iterable[Observation]
) -> Iterator[tuple[Observation, Identity | None]]:
    """What a policy means of a device's items; with what the device took it for, where only that is recorded."""
    for item, one in zip(items, seen, strict=True):
        if one.setting or book.tables.identify(one):
            yield one, None
        elif item.tool in book.tools:
            yield one, _taken_for(item)


def _taken_for(item: Item) -> Identity:
    """A word that this version does not know counts least."""
    confidence = Confidence(item.confidence) if item.confidence in _CONFIDENCES else Confidence.WEAK
    return Identity(item.tool, item.version, tuple(Match(one) for one in item.matches if one in _MATCHES), confidence)


def read_records(path: Path) -> Iterator[Record]:
    """Every device of a file, one after the other: a file of any length needs the memory of its longest line.

    Raises:
        BadFile: it cannot be read, or a line is no record; the line is named.
    """
    decoder = Decoder(Record)
    try:
        with open(path, "rb", opener=_opener) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise BadFile(f"{path}: is not a regular file", "name a file with one device a line")
            number = 0
            while line := file.readline(MAX_LINE + 1):
                number += 1
                if len(line) > MAX_LINE:
                    raise BadFile(f"{path}:{number}: longer than {MAX_LINE:,} bytes", "write one device a line")
                if line.isspace():
                    continue
                if number == 1 and line.strip() == b"{":
                    yield _whole(decoder, path, line + file.read(MAX_LINE))
                    return
                yield _decoded(decoder, line, f"{path}:{number}")
    except OSError as error:
        raise BadFile(f"{path}: cannot be read: {error.strerror}", "check the path and its permissions") from error


def _whole(decoder: Decoder[Record], path: Path, data: bytes) -> Record:
    """One document over many lines, as `interdict inventory --json` prints it."""
    return _decoded(decoder, data, str(path))


def _decoded(decoder: Decoder[Record], data: bytes, where: str) -> Record:
    try:
        return decoder.decode(data)
    except (ValidationError, DecodeError, UnicodeDecodeError, RecursionError) as error:
        advice = "a record is an object with `device` and `items`, as in docs/simulation.md"
        raise BadFile(f"{where}: is not a recorded device: {error}", advice) from error


def _face(item: Item) -> Face:
    if item.face in _FACES:
        return Face(item.face)
    if item.setting:
        return Face.SETTING
    if item.pid is not None:
        return Face.PROCESS
    if item.extension:
        return Face.EXTENSION
    if item.app:
        return Face.APP
    return Face.PACKAGE if item.purl else Face.EXECUTABLE


def _opener(name: str, flags: int) -> int:
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0))
