"""Alpine packages: what apk has installed, by its own file; apk is not run.

Where to look: `/lib/apk/db/installed`, and where newer systems keep it.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.errors import Gone, InterdictError
from agent.host.files import Tree
from agent.inventory.interface import Found, Machine, Root, unknown
from agent.inventory.places import folder, join
from agent.inventory.system_packages import (
    MAX_PACKAGES,
    RELEASES,
    Manager,
    Observer,
    SystemPackage,
    entry_of,
    stanzas,
    usable,
)
from policy_schema.rules.observation import Unknown

FOLDERS = ("/lib/apk/db", "/usr/lib/apk/db")
DATABASE = "installed"
MANAGER = Manager("apk", "apk", "apk")


def parse_entry(data: bytes) -> SystemPackage:
    """One entry: lines of a letter, a colon and a value; P is the name, V the version, A the architecture.

    Raises:
        ValueError: it has no usable name.
    """
    field: dict[bytes, str] = {}
    for line in data.split(b"\n"):
        if line[1:2] == b":" and line[:1] in b"PVA":
            field.setdefault(line[:1], line[2:].decode("utf-8", "replace"))
        if line[:2] == b"F:":
            break  # from here on the files
    return usable(field.get(b"P", ""), field.get(b"V", ""), field.get(b"A", ""))


def brings(data: bytes, names: list[bytes]) -> bool:
    """True if an entry lists one of these paths: F is a folder, without `/` in front, R a file in it."""
    above = b""
    for line in data.split(b"\n"):
        if line[:2] == b"F:":
            above = line[2:]
        elif line[:2] == b"R:" and b"/" + above + b"/" + line[2:] in names:
            return True
    return False


class Apk:
    """The source `apk`."""

    name = "apk"

    def rests_on(self, machine: Machine) -> Iterator[str]:
        """See `Source.collect`."""
        if machine.system:
            yield from (*RELEASES, *(join(place, DATABASE) for place in FOLDERS))

    def collect(self, machine: Machine) -> Iterator[Found]:
        """See `Source.collect`."""
        if not machine.system:
            return
        for place in FOLDERS:
            yield Root(place, looked=False)
        for found in folders(machine.tree):
            if isinstance(found, Unknown):
                yield found
            else:
                yield Root(found)
                yield from _database(machine, join(found, DATABASE))


def folders(tree: Tree) -> Iterator[str | Unknown]:
    """The folders that can hold the file, each once: /lib is often a link to /usr/lib."""
    seen: set[str | Unknown] = set()
    for place in FOLDERS:
        for found in folder(tree, place):
            if found not in seen:
                seen.add(found)
                yield found


def find_owner(tree: Tree, names: list[bytes]) -> tuple[SystemPackage, str] | None:
    """The package that brought a file, and its entry; None if none did. Raises InterdictError and ValueError."""
    for found in folders(tree):
        path = join(found, DATABASE) if isinstance(found, str) else ""
        for entry in stanzas(tree, path) if path and tree.exists(path) else ():
            if brings(entry, names):
                package = parse_entry(entry)
                return package, entry_of(path, package.name)
    return None


def _database(machine: Machine, path: str) -> Iterator[Found]:
    try:
        observer = Observer(machine, MANAGER, machine.tree.facts(path).uid)
        for count, entry in enumerate(stanzas(machine.tree, path)):
            if machine.stopped():
                return
            if count >= MAX_PACKAGES:
                yield Unknown(path, f"more than {MAX_PACKAGES} packages")
                return
            try:
                package = parse_entry(entry)
            except ValueError as error:
                yield Unknown(path, str(error))
                continue
            yield observer.see(package, entry_of(path, package.name))
    except Gone:
        return
    except InterdictError as error:
        yield unknown(path, error)
