"""RPM packages: what rpm's database holds, read without rpm.

Where to look: `/var/lib/rpm`, and where newer and image-based systems keep it. Of the forms that can be there the first
counts, as for rpm itself: SQLite (rpm since 4.16), ndb (SUSE), Berkeley DB (before).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from agent.errors import Gone, InterdictError
from agent.host.files import Tree
from agent.host.foreign_database import ForeignDatabase, open_database, unfinished
from agent.inventory.interface import Found, Machine, Root, unknown
from agent.inventory.places import folder, join
from agent.inventory.rpm_files import FORMS, owner_in, packages
from agent.inventory.rpm_formats import file_of, parse_header
from agent.inventory.rpm_records import MAX_HEADER, package_of
from agent.inventory.system_packages import MAX_PACKAGES, RELEASES, Manager, Observer, SystemPackage, entry_of
from policy_schema.rules.observation import Unknown

FOLDERS = ("/usr/lib/sysimage/rpm", "/usr/share/rpm", "/var/lib/rpm")
DATABASE = "rpmdb.sqlite"
_BESIDE = (f"{DATABASE}-wal", f"{DATABASE}-journal")
MANAGER = Manager("rpm", "rpm", "dnf")
RECORDS = tuple(join(place, name) for place in FOLDERS for name in (DATABASE, *FORMS))
"""What changes with every package that comes or goes."""
_MAX_SAME_NAME = 2_000


class Rpm:
    """The source `rpm`."""

    name = "rpm"

    def rests_on(self, machine: Machine) -> Iterator[str]:
        """See `Source.collect`."""
        if machine.system:
            yield from RELEASES
            for place in FOLDERS:
                yield from (place, *(join(place, name) for name in (DATABASE, *_BESIDE, *FORMS)))

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
            form = _form(machine.tree, found)
            if form:
                yield from _database(machine, join(found, form), form)


def folders(tree: Tree) -> Iterator[str | Unknown]:
    """The folders that can hold a database, each once: usually one is a link to another."""
    seen: set[str | Unknown] = set()
    for place in FOLDERS:
        for found in folder(tree, place):
            if found not in seen:
                seen.add(found)
                yield found


def find_owner(tree: Tree, names: list[bytes]) -> tuple[SystemPackage, str] | None:
    """The package that brought a file and its entry, by the index that rpm keeps, else by its lists of files."""
    for found in folders(tree):
        form = _form(tree, found) if isinstance(found, str) else ""
        if not form:
            continue
        path = join(str(found), form)
        package = owner_in(tree, path, form, names) if form in FORMS else _owner_by_index(tree, path, names)
        if package is not None:
            return package, entry_of(path, package.name)
    return None


def _form(tree: Tree, place: str) -> str:
    """The name of the file that rpm would read in a folder; empty if there is none."""
    return next((name for name in (DATABASE, *FORMS) if _stands(tree, join(place, name))), "")


def _stands(tree: Tree, path: str) -> bool:
    """True if the name is there, whatever it leads to: what cannot be read is said when it is read."""
    try:
        tree.facts(path, follow=False)
    except InterdictError:
        return False
    return True


def _owner_by_index(tree: Tree, path: str, names: list[bytes]) -> SystemPackage | None:
    with open_database(tree, path, lambda: False) as opened:
        base = names[0].rpartition(b"/")[2]
        for row, position in opened.matching("Basenames", base, ("hnum", "idx"), _MAX_SAME_NAME):
            header, _ = opened.blob("Packages", "blob", row, MAX_HEADER)
            try:
                if file_of(header, position) in names:
                    return parse_header(header)
            except ValueError:
                continue  # the source says that it cannot be read
    return None


def _database(machine: Machine, path: str, form: str) -> Iterator[Found]:
    try:
        observer = Observer(machine, MANAGER, machine.tree.facts(path).uid)
        read = packages(machine.tree, path, form, machine.stopped) if form in FORMS else _by_sqlite(machine, path)
        for one in read:
            yield one if isinstance(one, Unknown) else observer.see(one, entry_of(path, one.name))
    except Gone:
        return
    except InterdictError as error:
        yield unknown(path, error)


def _by_sqlite(machine: Machine, path: str) -> Iterator[SystemPackage | Unknown]:
    if unfinished(machine.tree, path):
        yield Unknown(path, "rpm is changing it, or was interrupted: its newest changes are not seen")
    with open_database(machine.tree, path, machine.stopped) as opened:
        for row in opened.row_ids("Packages", MAX_PACKAGES):
            if machine.stopped():
                return
            try:
                yield package_of(partial(_header, opened, row))
            except ValueError as error:
                yield Unknown(path, f"package number {row}: {error}")


def _header(opened: ForeignDatabase, row: int, length: int) -> bytes:
    return opened.blob("Packages", "blob", row, length)[0]
