"""AppImages: applications in one file, wherever a person has put it.

Where to look: directly in each home and in the folders in which such files usually lie, for files that are called
`….AppImage` and whose first bytes say so too; none is started or mounted. Name and version are what its file name says.
One that is called otherwise is found by the source `executables`, by its content.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import NamedTuple

from agent.errors import Gone, InterdictError
from agent.host.files import Kind, printable
from agent.inventory.interface import Found, Machine, Root, unknown
from agent.inventory.places import Folder, expand, join, listed
from policy_schema.rules.observation import Face, Observation, Unknown

SYSTEM = ("opt", "opt/appimages", "usr/local/bin")
OF_USERS = (
    "~/",
    "~/Applications",
    "~/AppImages",
    "~/.local/bin",
    "~/bin",
    "~/Downloads",
    "~/Desktop",
    "~/opt",
    "~/Apps",
)
MAX_FILES = 20_000
_NAMED = re.compile(r"(?i)(?P<whole>.+)\.appimage(?:\.[0-9a-z]{1,8})?")
_ARCH = re.compile(r"(?i)[-_. ](?:x86[-_]64|amd64|x64|aarch64|arm64|armhf|armv7l|i[3-6]86|linux|setup)(?=[-_. ]|$)")
_PARTS = re.compile(r"(?P<name>.+?)[-_. ]+v?(?P<version>[0-9]+(?:\.[0-9]+)+(?:[-+][0-9A-Za-z.]{1,40})?)")


class Named(NamedTuple):
    """What a file name says: `Cursor-1.4.5-x86_64.AppImage` is Cursor 1.4.5."""

    name: str
    version: str


def parse_name(name: str) -> Named | None:
    """Name and version out of the name of a file; None if it is not called as an AppImage."""
    matched = _NAMED.fullmatch(name[:255])
    if matched is None:
        return None
    rest = _ARCH.sub("", matched["whole"])
    parts = _PARTS.fullmatch(rest)
    return Named(parts["name"], parts["version"]) if parts else Named(rest, "")


def is_appimage(head: bytes) -> bool:
    """True for the first bytes of an AppImage of type 1 or 2: an ELF file with `AI` in its unused bytes."""
    return head[:4] == b"\x7fELF" and head[8:11] in (b"AI\x01", b"AI\x02")


class Appimage:
    """The source `appimage`."""

    name = "appimage"

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
            called = [
                (entry.name, named)
                for entry in entries
                if entry.kind is Kind.FILE and (named := parse_name(entry.name))
            ]
            if len(called) > MAX_FILES:
                yield Unknown(found.path, f"more than {MAX_FILES} such files")
            for name, named in called[:MAX_FILES]:
                if machine.stopped():
                    return
                yield from _file(machine, join(found.path, name), named)


def _file(machine: Machine, path: str, named: Named) -> Iterator[Found]:
    try:
        if not is_appimage(machine.tree.head(path, 16)):
            return
        facts = machine.tree.facts(path)
    except Gone:
        return
    except InterdictError as error:
        yield unknown(path, error)
        return
    yield Observation(
        source=Appimage.name,
        face=Face.EXECUTABLE,
        path=facts.path,
        owner=machine.owner(facts.uid),
        uid=facts.uid,
        name=printable(named.name, 150),
        version=named.version,
        home=machine.home_of(facts.path),
        inode=(facts.device, facts.inode),
        prefix=posixpath.dirname(facts.path),
    )
