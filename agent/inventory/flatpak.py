"""Flatpak applications, of the system and of each user; flatpak is not run.

Where to look: `app/ID/current/active` below `/var/lib/flatpak` and `~/.local/share/flatpak`. The version stands in the
application's AppStream file, if it has one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agent.errors import Gone, InterdictError
from agent.host.files import Facts, Kind, Tree
from agent.inventory.interface import Found, Machine, Root, unknown
from agent.inventory.places import Folder, expand, join, listed
from policy_schema.rules.identity import make_purl
from policy_schema.rules.observation import Face, Observation, Unknown

SYSTEM = ("var/lib/flatpak/app",)
OF_USERS = ("~/.local/share/flatpak/app",)
MAX_APPS = 5_000
HEAD_OF_METAINFO = 1 << 20
_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+){1,20}", re.ASCII)
_RELEASE = re.compile(rb"<release\b[^<>]*?\bversion\s*=\s*[\"']([0-9A-Za-z][0-9A-Za-z.+~_-]{0,79})[\"']")
_METAINFO = (
    "files/share/metainfo/{}.metainfo.xml",
    "files/share/metainfo/{}.appdata.xml",
    "files/share/appdata/{}.appdata.xml",
)


def parse_version(data: bytes) -> str:
    """The version of the first release that an AppStream file names, which is the newest; empty if it names none.

    Read by its text: entities are not expanded and nothing outside is fetched.
    """
    found = _RELEASE.search(data)
    return found[1].decode("ascii") if found else ""


class Flatpak:
    """The source `flatpak`."""

    name = "flatpak"

    def collect(self, machine: Machine) -> Iterator[Found]:
        """See `Source.collect`."""
        for found in expand(machine, SYSTEM, OF_USERS):
            if not isinstance(found, Folder):
                yield found
                continue
            yield Root(found.path)
            entries = listed(machine.tree, found.path)
            if isinstance(entries, Unknown):
                yield entries
                continue
            names = [entry.name for entry in entries if entry.kind is Kind.FOLDER and _ID.fullmatch(entry.name)]
            if len(names) > MAX_APPS:
                yield Unknown(found.path, f"more than {MAX_APPS} applications")
            for name in names[:MAX_APPS]:
                if machine.stopped():
                    return
                yield from _app(machine, found, name)


def _app(machine: Machine, place: Folder, name: str) -> Iterator[Found]:
    path = join(place.path, name)
    try:
        active = machine.tree.facts(join(path, "current/active"))
        if active.kind is not Kind.FOLDER:
            return
        version = _version(machine.tree, active, name)
    except Gone:
        return  # uninstalled, its data kept
    except InterdictError as error:
        yield unknown(path, error)
        return
    yield Observation(
        source=Flatpak.name,
        face=Face.PACKAGE,
        path=active.path,
        owner=machine.owner(active.uid),
        uid=active.uid,
        name=name,
        version=version,
        purl=make_purl("flatpak", name, version),
        app=f"linux:{name}",
        manager="flatpak",
        home=machine.home_of(active.path),
        inode=(active.device, active.inode),
        prefix=place.path.removesuffix("/app"),
    )


def _version(tree: Tree, active: Facts, name: str) -> str:
    for pattern in _METAINFO:
        try:
            return parse_version(tree.head(join(active.path, pattern.format(name)), HEAD_OF_METAINFO))
        except InterdictError:
            continue  # not every application has one; without it the version is not known
    return ""
