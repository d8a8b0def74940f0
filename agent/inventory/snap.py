"""Snaps: what snapd has made current, by the `snap.yaml` of each; snapd is not asked.

Where to look: `/snap/NAME/current` (`/var/lib/snapd/snap` on some distributions), which leads to the revision in use. A
revision is a mounted image of root's. snapd's own state file holds secrets and is not opened.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import NamedTuple

from agent.errors import Gone, InterdictError
from agent.host.files import Kind, printable
from agent.host.oserrors import reason_of
from agent.inventory.interface import Found, Machine, Root, unknown
from agent.inventory.places import folder, join, listed
from policy_schema.rules.identity import make_purl
from policy_schema.rules.observation import Face, Observation, Unknown

FOLDERS = ("/snap", "/var/lib/snapd/snap")
MAX_YAML = 1 << 20
MAX_SNAPS = 5_000
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}(_[a-z0-9]{1,10})?", re.ASCII)
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+~:_-]{0,79}", re.ASCII)
_LINE = re.compile(
    r"^(name|version):[ \t]*(?:\"([^\"\n]*)\"|'([^'\n]*)'|([^#\"'\n]*?))[ \t]*(?:#.*)?\r?$", re.MULTILINE
)


class Metadata(NamedTuple):
    """Name and version of a snap; the version is empty when it is none that can be reported."""

    name: str
    version: str


def parse_metadata(data: bytes) -> Metadata:
    """The two fields out of a `snap.yaml`, by their lines at its margin: a YAML of anybody's making is not unfolded.

    Raises:
        ValueError: it has no usable name.
    """
    field: dict[str, str] = {}
    for key, *values in _LINE.findall(data.decode("utf-8", "replace")):
        field.setdefault(key, next((value for value in values if value), ""))
    name, version = field.get("name", ""), field.get("version", "")
    if not _NAME.fullmatch(name):
        raise ValueError("no usable name in it")
    return Metadata(name, version if _VERSION.fullmatch(version) else "")


class Snap:
    """The source `snap`."""

    name = "snap"

    def collect(self, machine: Machine) -> Iterator[Found]:
        """See `Source.collect`."""
        if not machine.system:
            return
        seen: set[str] = set()
        for place in FOLDERS:
            yield Root(place, looked=False)
            for found in folder(machine.tree, place):
                if isinstance(found, Unknown):
                    yield found
                elif found not in seen:
                    seen.add(found)
                    yield Root(found)
                    yield from _folder(machine, found)


def _folder(machine: Machine, path: str) -> Iterator[Found]:
    entries = listed(machine.tree, path)
    if isinstance(entries, Unknown):
        yield entries
        return
    names = [entry.name for entry in entries if entry.kind is Kind.FOLDER and _NAME.fullmatch(entry.name)]
    if len(names) > MAX_SNAPS:
        yield Unknown(path, f"more than {MAX_SNAPS} snaps")
    for name in names[:MAX_SNAPS]:
        if machine.stopped():
            return
        yield Root(join(path, name))  # a refresh moves `current` there
        yield from _snap(machine, join(path, name), name)


def _snap(machine: Machine, path: str, name: str) -> Iterator[Found]:
    try:
        current = machine.tree.facts(join(path, "current"))
    except Gone:
        return  # disabled, or removed with its data kept
    except InterdictError as error:
        yield unknown(join(path, "current"), error)
        return
    about = join(current.path, "meta/snap.yaml")
    try:
        found = parse_metadata(machine.tree.read(about, MAX_YAML))
    except (InterdictError, ValueError) as error:
        yield Unknown(about, reason_of(error, about) if isinstance(error, InterdictError) else str(error))
        found = Metadata(printable(name, 60), "")  # it can still be started: snapd's own name for it says what it is
    yield Observation(
        source=Snap.name,
        face=Face.PACKAGE,
        path=current.path,
        owner=machine.owner(current.uid),
        uid=current.uid,
        name=found.name,
        version=found.version,
        purl=make_purl("snap", found.name, found.version),
        links=(join(path, "current"),),
        manager="snap",
        inode=(current.device, current.inode),
        prefix=posixpath.dirname(path),
    )
