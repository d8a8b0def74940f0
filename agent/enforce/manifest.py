"""What lies beside a quarantined tree: its manifest (all that gives it back) and its record (how it stands).

`manifest.json` is written and on the disk before anything moves, and once more with the sha256 of each file when the
tree is out of its owner's reach. `record.json` is small, replaced at every step, and what others read: the ledger, the
`quarantine` command, the daemon. The form is documented in docs/quarantine.md; `restore_script.py` reads it without us.
Names that are not UTF-8 stand as surrogate escapes (`\\udcff`), as Python and the script know them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from agent.errors import StateBroken
from agent.host.copies import Lost
from agent.host.folders import Attributes, FileKind
from agent.host.trees import Entry

SCHEMA = 1


class HeldState(StrEnum):
    """How far a quarantine or a restore has come. What has really happened on the disk has the last word."""

    PREPARED = "prepared"
    """The manifest is on the disk; the original is still in its place."""
    COPIED = "copied"
    """Only where a rename cannot lead: the copy is whole and compared; the original is being removed."""
    MOVED = "moved"
    """In the vault; links, sealing or hashes may be missing."""
    SEALED = "sealed"
    """In the vault, out of the owner's reach, with hashes: nothing is left to do."""
    RESTORING = "restoring"
    RESTORED = "restored"
    PURGING = "purging"
    PURGED = "purged"

    @property
    def holds(self) -> bool:
        """True while the vault is where the thing lies."""
        return self in (HeldState.COPIED, HeldState.MOVED, HeldState.SEALED, HeldState.RESTORING)


class Piece(NamedTuple):
    """One thing that was taken: the tree, or a link or hard link that led into it."""

    slot: str
    """Its name in the quarantine's `held` folder: `0` for the tree, then `1`, `2`, …; never the original name."""
    path: str
    above: tuple[Attributes, ...]
    """The folders of `path`, nearest first, so that those removed meanwhile can be made again as they were."""
    entries: tuple[Entry, ...]
    copied: bool = False
    """Copied instead of renamed: another filesystem."""
    lost: tuple[Lost, ...] = ()
    """What the copy could not keep."""

    @property
    def top(self) -> Attributes:
        """What the thing itself is."""
        return self.entries[0].facts


class Manifest(NamedTuple):
    """Everything about one quarantine that does not change with its state."""

    id: str
    made_at: str
    agent: str
    finding: str
    installation: str
    ban: str
    tool: str
    purl: str
    reason: str
    """The policy's sentence for the person."""
    policy_version: int
    uid: int
    """The owner of the tree."""
    pieces: tuple[Piece, ...]
    outside_names: Mapping[str, int]
    """Files of the tree with hard links elsewhere, and how many: those names still lead to the bytes."""

    @property
    def tree(self) -> Piece:
        """The installation itself."""
        return self.pieces[0]


class Record(NamedTuple):
    """How a quarantine stands."""

    id: str
    state: HeldState
    at: str
    by: str
    """`interdict` or the account that asked on the command line."""
    path: str
    identity: tuple[int, int]
    """(device, inode) of the original; of the restored one once it is back."""
    finding: str
    installation: str
    ban: str
    tool: str
    purl: str
    uid: int
    policy_version: int
    entries: int
    bytes: int
    after: Mapping[str, int] = {}
    """mtime (ns) of each piece's folder right after it was taken, by slot: unchanged at restore means give it back."""
    restored_to: str = ""
    restored_under: int | None = None
    """Policy version under which it was restored; None: the first one that the daemon has in force afterwards."""
    note: str = ""
    """A code of `agent.enforce.interface.Detail` when something is worth knowing."""
    act: str = ""
    """Of what was taken in one act: the id of the first. They are given back together."""
    signposts: tuple[tuple[str, str], ...] = ()
    """(path, sha256) of each file that was put in the place of one of its commands."""


def first_record(manifest: Manifest) -> Record:
    """The record of a quarantine that has just been prepared."""
    tree = manifest.tree
    size = sum(e.facts.size for e in tree.entries if e.facts.kind is FileKind.FILE and e.same_as is None)
    return Record(
        id=manifest.id,
        state=HeldState.PREPARED,
        at=manifest.made_at,
        by="interdict",
        path=tree.path,
        identity=tree.top.identity,
        finding=manifest.finding,
        installation=manifest.installation,
        ban=manifest.ban,
        tool=manifest.tool,
        purl=manifest.purl,
        uid=manifest.uid,
        policy_version=manifest.policy_version,
        entries=len(tree.entries),
        bytes=size,
    )


# ------------------------------------------------------------------------------------------------- to and from JSON
def dump_manifest(manifest: Manifest) -> bytes:
    """The bytes of `manifest.json`."""
    pieces = [
        piece._asdict()
        | {
            "above": [_dump_attributes(a) for a in piece.above],
            "entries": [_dump_entry(entry) for entry in piece.entries],
            "lost": [lost._asdict() for lost in piece.lost],
        }
        for piece in manifest.pieces
    ]
    return _bytes({"schema": SCHEMA} | manifest._asdict() | {"pieces": pieces})


def dump_record(record: Record) -> bytes:
    """The bytes of `record.json`."""
    return _bytes({"schema": SCHEMA} | record._asdict())


def load_manifest(data: bytes, where: str) -> Manifest:
    """Reads `manifest.json`. Raises StateBroken."""
    fields = _load(data, where)
    try:
        listed = fields.pop("pieces")
        if not isinstance(listed, list) or not listed:
            raise TypeError("pieces")
        pieces = tuple(_load_piece(piece) for piece in listed)
        return Manifest(pieces=pieces, **fields)  # type: ignore[arg-type]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StateBroken(f"{where}: not a manifest of this version: {error}", _ADVICE) from error


def load_record(data: bytes, where: str) -> Record:
    """Reads `record.json`. Raises StateBroken."""
    fields = _load(data, where)
    try:
        identity = fields.pop("identity")
        if not isinstance(identity, list):
            raise TypeError("identity")
        state = HeldState(str(fields.pop("state")))
        posts = fields.pop("signposts", [])
        if not isinstance(posts, list):
            raise TypeError("signposts")
        fields["signposts"] = tuple((str(path), str(digest)) for path, digest in posts)
        return Record(state=state, identity=(int(identity[0]), int(identity[1])), **fields)  # type: ignore[arg-type]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise StateBroken(f"{where}: not a record of this version: {error}", _ADVICE) from error


_ADVICE = "Nothing was touched. `restore.py` in the quarantine folder, or a newer agent, may still read it."


def _bytes(value: Mapping[str, object]) -> bytes:
    return (json.dumps(value, indent=1) + "\n").encode("ascii")


def _load(data: bytes, where: str) -> dict[str, object]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise StateBroken(f"{where}: not JSON: {error}", _ADVICE) from error
    if not isinstance(value, dict) or value.pop("schema", None) != SCHEMA:
        raise StateBroken(f"{where}: not schema {SCHEMA}", _ADVICE)
    return value


def _dump_attributes(facts: Attributes) -> dict[str, object]:
    return facts._asdict() | {"mode": f"{facts.mode:04o}"}


def _dump_entry(entry: Entry) -> dict[str, object]:
    out: dict[str, object] = {"path": entry.path} | _dump_attributes(entry.facts)
    if entry.xattrs:
        out["xattrs"] = {name: base64.b64encode(value).decode("ascii") for name, value in entry.xattrs.items()}
    if entry.target:
        out["target"] = entry.target
    if entry.same_as is not None:
        out["same_as"] = entry.same_as
    if entry.sha256:
        out["sha256"] = entry.sha256
    return out


def _load_attributes(value: dict[str, object]) -> Attributes:
    numbers = {name: int(str(value[name])) for name in Attributes._fields if name not in ("kind", "mode")}
    return Attributes(kind=FileKind(str(value["kind"])), mode=int(str(value["mode"]), 8), **numbers)


def _load_entry(value: dict[str, object]) -> Entry:
    xattrs = value.get("xattrs", {})
    if not isinstance(xattrs, dict):
        raise TypeError("xattrs")
    same_as = value.get("same_as")
    return Entry(
        str(value["path"]),
        _load_attributes(value),
        {str(name): base64.b64decode(str(text)) for name, text in xattrs.items()},
        str(value.get("target", "")),
        None if same_as is None else str(same_as),
        str(value.get("sha256", "")),
    )


def _load_piece(value: dict[str, list[dict[str, object]]]) -> Piece:
    return Piece(
        slot=str(value["slot"]),
        path=str(value["path"]),
        above=tuple(_load_attributes(a) for a in value["above"]),
        entries=tuple(_load_entry(e) for e in value["entries"]),
        copied=bool(value["copied"]),
        lost=tuple(Lost(str(one["path"]), str(one["what"])) for one in value["lost"]),
    )
