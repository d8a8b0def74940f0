"""Arch packages: what pacman has installed, by its own folder; pacman is not run.

Where to look: `/var/lib/pacman/local`, one folder a package, of which `desc` is read.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.errors import Gone, InterdictError
from agent.host.files import Kind, Tree
from agent.host.oserrors import reason_of
from agent.inventory.interface import Found, Machine, Root
from agent.inventory.places import join, listed
from agent.inventory.system_packages import MAX_PACKAGES, RELEASES, Manager, Observer, SystemPackage, usable
from policy_schema.rules.observation import Unknown

FOLDER = "/var/lib/pacman/local"
MANAGER = Manager("pacman", "alpm", "pacman")
MAX_DESC = 1 << 20
MAX_FILES = 64 << 20


def parse_desc(data: bytes) -> SystemPackage:
    """A `desc` file: a heading such as %NAME%, its values line by line, an empty line.

    Raises:
        ValueError: it has no usable name.
    """
    field: dict[str, str] = {}
    heading = ""
    for line in data.decode("utf-8", "replace").split("\n"):
        if not line.strip():
            heading = ""
        elif not heading:
            heading = line.strip()
        else:
            field.setdefault(heading, line.strip())
    return usable(field.get("%NAME%", ""), field.get("%VERSION%", ""), field.get("%ARCH%", ""))


def parse_folder(name: str) -> SystemPackage:
    """What the name of a package's folder says: `NAME-VERSION-RELEASE`. Raises ValueError for anything else."""
    rest, _, release = name.rpartition("-")
    package, _, version = rest.rpartition("-")
    return usable(package, f"{version}-{release}", "")


class Pacman:
    """The source `pacman`."""

    name = "pacman"

    def rests_on(self, machine: Machine) -> Iterator[str]:
        """See `Source.collect`."""
        if machine.system:
            yield from (*RELEASES, FOLDER)
            entries = listed(machine.tree, FOLDER)
            yield from (join(FOLDER, f"{e.name}/desc") for e in ([] if isinstance(entries, Unknown) else entries))

    def collect(self, machine: Machine) -> Iterator[Found]:
        """See `Source.collect`."""
        if not machine.system:
            return
        yield Root(FOLDER, looked=machine.tree.exists(FOLDER))
        entries = listed(machine.tree, FOLDER)
        if isinstance(entries, Unknown):
            yield entries
            return
        folders = [entry.name for entry in entries if entry.kind is Kind.FOLDER]
        if len(folders) > MAX_PACKAGES:
            yield Unknown(FOLDER, f"more than {MAX_PACKAGES} packages")
        observer = Observer(machine, MANAGER, 0) if folders else None
        for name in folders[:MAX_PACKAGES]:
            if machine.stopped() or observer is None:
                return
            yield from _package(machine.tree, observer, join(FOLDER, name), name)


def find_owner(tree: Tree, names: list[bytes]) -> tuple[SystemPackage, str] | None:
    """The package that brought a file, and its folder; None if none did. `files` names them without `/` in front."""
    entries = listed(tree, FOLDER)
    lines = [b"\n" + name.lstrip(b"/") + b"\n" for name in names]
    for entry in [] if isinstance(entries, Unknown) else entries[:MAX_PACKAGES]:
        try:
            data = tree.read(join(FOLDER, f"{entry.name}/files"), MAX_FILES) + b"\n"
            if any(line in data for line in lines):
                return parse_folder(entry.name), join(FOLDER, entry.name)
        except (InterdictError, ValueError):
            continue  # its package is then not told; the program itself is found all the same
    return None


def _package(tree: Tree, observer: Observer, path: str, name: str) -> Iterator[Found]:
    desc = join(path, "desc")
    try:
        yield observer.see(parse_desc(tree.read(desc, MAX_DESC)), path)
        return
    except Gone:
        return  # removed while we looked, or an empty folder left over
    except InterdictError as error:
        yield Unknown(desc, reason_of(error, desc))
    except ValueError as error:
        yield Unknown(desc, str(error))
    try:
        yield observer.see(parse_folder(name), path)
    except ValueError:
        return  # a folder that is called like no package
