"""RPM packages: what rpm's database holds, read without rpm.

Where to look: `/var/lib/rpm`, and where newer and image-based systems keep it. The SQLite form (rpm since 4.16) is
read; the older ones, Berkeley DB and ndb, are Unknown.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.errors import Gone, InterdictError
from agent.host.files import Tree
from agent.host.foreign_database import ForeignDatabase, open_database, unfinished
from agent.inventory.interface import Found, Machine, Root, unknown
from agent.inventory.places import folder, join
from agent.inventory.rpm_formats import TooShort, file_of, parse_header
from agent.inventory.system_packages import MAX_PACKAGES, RELEASES, Manager, Observer, SystemPackage, entry_of
from policy_schema.rules.observation import Unknown

FOLDERS = ("/usr/lib/sysimage/rpm", "/usr/share/rpm", "/var/lib/rpm")
DATABASE = "rpmdb.sqlite"
OLDER = {
    "Packages": "the Berkeley DB form of rpm's database is not read",
    "Packages.db": "the ndb form of rpm's database is not read",
}
_BESIDE = (f"{DATABASE}-wal", f"{DATABASE}-journal")
MANAGER = Manager("rpm", "rpm", "dnf")
HEAD_OF_HEADER = 16 * 1024
"""Name, version and architecture stand before what is long."""
MAX_HEADER = 64 << 20
_MAX_SAME_NAME = 2_000


class Rpm:
    """The source `rpm`."""

    name = "rpm"

    def rests_on(self, machine: Machine) -> Iterator[str]:
        """See `Source.collect`."""
        if machine.system:
            yield from RELEASES
            for place in FOLDERS:
                yield from (place, *(join(place, name) for name in (DATABASE, *_BESIDE, *OLDER)))

    def collect(self, machine: Machine) -> Iterator[Found]:
        """See `Source.collect`."""
        if not machine.system:
            return
        for place in FOLDERS:
            yield Root(place, looked=False)
        for found in folders(machine.tree):
            if isinstance(found, Unknown):
                yield found
                continue
            yield Root(found)
            yield from _database(machine, join(found, DATABASE))
            if not machine.tree.exists(join(found, DATABASE)):
                yield from (
                    Unknown(join(found, n), why) for n, why in OLDER.items() if machine.tree.exists(join(found, n))
                )


def folders(tree: Tree) -> Iterator[str | Unknown]:
    """The folders that can hold a database, each once: usually one is a link to another."""
    seen: set[str | Unknown] = set()
    for place in FOLDERS:
        for found in folder(tree, place):
            if found not in seen:
                seen.add(found)
                yield found


def find_owner(tree: Tree, names: list[bytes]) -> tuple[SystemPackage, str] | None:
    """The package that brought a file, by the index that rpm keeps, and its entry; None if none did."""
    for found in folders(tree):
        database = join(found, DATABASE) if isinstance(found, str) else ""
        if not database or not tree.exists(database):
            continue
        with open_database(tree, database, lambda: False) as opened:
            base = names[0].rpartition(b"/")[2]
            for row, position in opened.matching("Basenames", base, ("hnum", "idx"), _MAX_SAME_NAME):
                header, _ = opened.blob("Packages", "blob", row, MAX_HEADER)
                try:
                    if file_of(header, position) in names:
                        package = parse_header(header)
                        return package, entry_of(database, package.name)
                except ValueError:
                    continue  # the source says that it cannot be read
    return None


def _database(machine: Machine, path: str) -> Iterator[Found]:
    try:
        observer = Observer(machine, MANAGER, machine.tree.facts(path).uid)
        if unfinished(machine.tree, path):
            yield Unknown(path, "rpm is changing it, or was interrupted: its newest changes are not seen")
        with open_database(machine.tree, path, machine.stopped) as opened:
            for row in opened.row_ids("Packages", MAX_PACKAGES):
                if machine.stopped():
                    return
                try:
                    package = _package(opened, row)
                    yield observer.see(package, entry_of(path, package.name))
                except ValueError as error:
                    yield Unknown(path, f"package number {row}: {error}")
    except Gone:
        return
    except InterdictError as error:
        yield unknown(path, error)


def _package(opened: ForeignDatabase, row: int) -> SystemPackage:
    head, length = opened.blob("Packages", "blob", row, HEAD_OF_HEADER)
    try:
        return parse_header(head)
    except TooShort:
        if length <= len(head):
            raise
    return parse_header(opened.blob("Packages", "blob", row, MAX_HEADER)[0])
