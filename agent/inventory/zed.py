"""Extensions of Zed: one folder each, called as its id; name and version from the editor's own index beside them.

Where the index does not know one (it is written a little later), its `extension.toml` is read. An extension that is
developed here is a link into somebody's work: marked as a project.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from agent.errors import Gone, InterdictError
from agent.host.files import Facts, Kind
from agent.inventory.interface import Found, Machine, Root, unknown
from agent.inventory.json_object import read_object, text_of
from agent.inventory.places import Folder, expand, join, listed
from agent.inventory.toml_subset import read_toml
from policy_schema.rules.observation import Face, Observation, Unknown

MAX_INDEX = 4 << 20
MAX_MANIFEST = 64 << 10
MAX_EXTENSIONS = 2_000
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")

OF_USERS = (
    "~/.local/share/zed/extensions/installed",
    "~/.var/app/dev.zed.Zed/data/zed/extensions/installed",
    "~/Library/Application Support/Zed/extensions/installed",
    "~/AppData/Local/Zed/extensions/installed",
)
"""Below each home. The index lies beside `installed`."""


class Extension(NamedTuple):
    """What the index or a manifest says."""

    name: str
    version: str


class Zed:
    """The source `zed`."""

    name = "zed"

    def collect(self, machine: Machine) -> Iterator[Found]:
        """See `Source.collect`."""
        for found in expand(machine, (), OF_USERS):
            if isinstance(found, Folder):
                yield from _extensions(machine, found)
            else:
                yield found


def _extensions(machine: Machine, folder: Folder) -> Iterator[Found]:
    entries = listed(machine.tree, folder.path)
    if isinstance(entries, Unknown):
        yield entries
        return
    yield Root(folder.path)
    index: dict[str, Extension] = {}
    place = join(folder.path.rpartition("/")[0], "index.json")
    try:
        index = parse_index(machine.tree.read(place, MAX_INDEX))
    except Gone:
        pass
    except InterdictError as error:
        yield unknown(place, error)
    except ValueError as error:
        yield Unknown(place, str(error))
    names = [e.name for e in entries if e.kind in (Kind.FOLDER, Kind.LINK) and _ID.fullmatch(e.name)]
    if len(names) > MAX_EXTENSIONS:
        yield Unknown(folder.path, f"more than {MAX_EXTENSIONS} extensions")
    for name in sorted(names)[:MAX_EXTENSIONS]:
        if machine.stopped():
            return
        yield from _extension(machine, folder, name, index)


def _extension(machine: Machine, folder: Folder, name: str, index: Mapping[str, Extension]) -> Iterator[Found]:
    link = join(folder.path, name)
    try:
        facts = machine.tree.facts(link)
    except Gone:
        return  # a link into the void
    except InterdictError as error:
        yield unknown(link, error)
        return
    if facts.kind is not Kind.FOLDER:
        return
    known, manifest = index.get(name), join(facts.path, "extension.toml")
    try:
        known = known or parse_manifest(machine.tree.read(manifest, MAX_MANIFEST))
    except Gone:
        pass
    except InterdictError as error:
        yield unknown(manifest, error)
    except ValueError as error:
        yield Unknown(manifest, str(error))
    yield _observation(machine, folder, link, facts, known or Extension("", ""))


def _observation(machine: Machine, folder: Folder, link: str, facts: Facts, known: Extension) -> Observation:
    name = link.rpartition("/")[2]
    return Observation(
        source=Zed.name,
        face=Face.EXTENSION,
        path=facts.path,
        owner=machine.owner(facts.uid),
        uid=facts.uid,
        name=known.name or name,
        version=known.version,
        extension=f"zed:{name}",
        links=(link,) if link != facts.path else (),
        project=link != facts.path,
        home=folder.home,
        inode=(facts.device, facts.inode),
        prefix=folder.path,
    )


def parse_index(data: bytes) -> dict[str, Extension]:
    """From id to name and version, as the editor's `index.json` has it.

    Raises:
        ValueError: not such an index.
    """
    rows = read_object(data).get("extensions")
    if not isinstance(rows, dict):
        raise ValueError("the index lists no extensions")
    found: dict[str, Extension] = {}
    for key, row in rows.items():
        manifest = row.get("manifest") if isinstance(row, dict) else None
        if isinstance(manifest, dict):
            found[key] = Extension(text_of(manifest.get("name"), 200), text_of(manifest.get("version"), 100))
    return found


def parse_manifest(data: bytes) -> Extension:
    """Name and version of an `extension.toml`.

    Raises:
        ValueError: not TOML that is read here.
    """
    fields = read_toml(data)
    return Extension(text_of(fields.get("name"), 200), text_of(fields.get("version"), 100))
