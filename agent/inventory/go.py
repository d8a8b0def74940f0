"""Programs that Go built: which module and version they are, by the build information in the program itself.

Where to look: `~/go/bin`, what Go's own settings name as GOBIN and GOPATH, the Gos of asdf and mise, and every folder
of programs, where releases are unpacked to. No file is opened that is smaller than any program of Go's, and of the
others the first bytes decide. The system's own folders belong to its package manager, whose source reports them.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from agent.errors import Gone, InterdictError
from agent.host.files import Facts, Kind
from agent.host.oserrors import translated
from agent.inventory.go_formats import Build, package_purl, read_build
from agent.inventory.interface import Found, Machine, Root, unknown
from agent.inventory.places import Folder, expand, folder, join, listed
from agent.inventory.prefixes import revealed_folders
from policy_schema.rules.descriptor import DescriptorReader
from policy_schema.rules.observation import Face, Observation, Unknown

SMALLEST = 256 * 1024
"""Bytes: the runtime alone is larger."""
MAX_FILES = 20_000
MAX_SETTINGS = 64 * 1024
SYSTEM = ("usr/local/go/bin", "usr/local/gopath/bin", "go/bin", "opt/go/bin")
OF_USERS = (
    "~/go/bin",
    "~/.local/go/bin",
    "~/gopath/bin",
    "~/.asdf/installs/golang/*/packages/bin",
    "~/.asdf/installs/golang/*/bin",
    "~/.local/share/mise/installs/go/*/bin",
    "~/.local/share/mise/installs/go-*/*/bin",
    "~/.gvm/pkgsets/*/global/bin",
    "~/.goenv/versions/*/bin",
    "~/sdk/*/bin",
)
SETTINGS = (".config/go/env", "Library/Application Support/go/env", "AppData/Roaming/go/env")
_SAID = b"o"
_TOOLCHAIN = "cmd/"
"""Go's own programs: `cmd/go` and the like."""


class Go:
    """The source `go`."""

    name = "go"

    def collect(self, machine: Machine) -> Iterator[Found]:
        """See `Source.collect`."""
        seen: set[tuple[int, int]] = set()
        for found in _folders(machine):
            if machine.stopped():
                return
            if isinstance(found, str):
                yield from _programs(machine, found, seen)
            else:
                yield found


# ---------------------------------------------------------------------------- where to look
def _folders(machine: Machine) -> Iterator[str | Unknown | Root]:
    seen: set[str] = set()
    for found in _all_folders(machine):
        if not isinstance(found, str):
            yield found
        elif found not in seen:
            seen.add(found)
            yield Root(found)
            yield found


def _all_folders(machine: Machine) -> Iterator[str | Unknown | Root]:
    for found in expand(machine, SYSTEM, OF_USERS):
        yield found.path if isinstance(found, Folder) else found
    for user in machine.users:
        for path in SETTINGS:
            yield from _from_settings(machine, join(user.home, path), user.home)
    yield from revealed_folders(machine)


def _from_settings(machine: Machine, path: str, home: str) -> Iterator[str | Unknown]:
    try:
        text = machine.tree.read(path, MAX_SETTINGS).decode("utf-8", "surrogateescape")
    except Gone:
        return
    except InterdictError as error:
        yield unknown(path, error)
        return
    for place in folders_in_settings(text, home):
        yield from folder(machine.tree, place)


def folders_in_settings(text: str, home: str) -> list[str]:
    """Folders of programs that Go's settings (`go env -w`) name: GOBIN, and `bin` of each part of GOPATH. Pure."""
    values = dict(line.partition("=")[::2] for line in text.splitlines())
    paths = [values.get("GOBIN", ""), *(join(one, "bin") for one in values.get("GOPATH", "").split(":") if one)]
    paths = [home + path[1:] if path.startswith("~/") else path for path in paths]
    return [path for path in paths if path.startswith("/") and path != "/bin" and "\0" not in path]


# ---------------------------------------------------------------------------- looking through
def _programs(machine: Machine, place: str, seen: set[tuple[int, int]]) -> Iterator[Found]:
    entries = listed(machine.tree, place)
    if isinstance(entries, Unknown):
        yield entries
        return
    if len(entries) > MAX_FILES:
        yield Unknown(place, f"more than {MAX_FILES} programs")
    for entry in entries[:MAX_FILES]:
        if machine.stopped():
            return
        if entry.kind is Kind.FILE:
            yield from _program(machine, join(place, entry.name), seen)


def _program(machine: Machine, path: str, seen: set[tuple[int, int]]) -> Iterator[Found]:
    try:
        facts = machine.tree.facts(path)
        if facts.size < SMALLEST or (facts.device, facts.inode) in seen:
            return
        seen.add((facts.device, facts.inode))
        build = _build(machine, facts)
    except Gone:
        return
    except InterdictError as error:
        yield unknown(path, error)
        return
    if build is None or build.path.startswith(_TOOLCHAIN) or not package_purl(build):
        return
    yield Observation(
        source=Go.name,
        face=Face.PACKAGE,
        path=facts.path,
        owner=machine.owner(facts.uid),
        uid=facts.uid,
        name=build.module or build.path,
        version=build.version.removeprefix("v"),
        purl=package_purl(build),
        home=machine.home_of(facts.path),
        inode=(facts.device, facts.inode),
        prefix=posixpath.dirname(facts.path),
    )


def _build(machine: Machine, facts: Facts) -> Build | None:
    """What the program says, remembered while it does not change."""
    known = machine.recall.get(_SAID, facts)
    if known is None:
        build = _read(machine, facts)
        machine.recall.put(_SAID, facts, "\0".join(build).encode() if build else b"")
        return build
    return Build(*known.decode().split("\0")) if known else None


def _read(machine: Machine, facts: Facts) -> Build | None:
    with machine.tree.open(facts.path) as (fd, now), translated(facts.path):
        return read_build(DescriptorReader(fd, now.size).read_at, now.size)
