"""Which of the system's packages a program belongs to. Asked for recognised programs only: lists of files are long."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from agent.errors import InterdictError
from agent.host.files import Tree
from agent.inventory import apk, deb, pacman, rpm
from agent.inventory.containers import Container
from agent.inventory.interface import Machine
from agent.inventory.places import join, listed, marks_of
from agent.inventory.system_packages import Manager, SystemPackage
from policy_schema.rules.identity import make_purl
from policy_schema.rules.observation import Unknown

MAX_LIST = 16 << 20
MAX_LISTS = 20_000
_MAX_KNOWN = 1_000
_RECORDS = (
    deb.INFO,
    *rpm.RECORDS,
    *(join(place, apk.DATABASE) for place in apk.FOLDERS),
    pacman.FOLDER,
)
"""What changes with every package that comes or goes."""
_PLACES = ("/usr/", "/opt/", "/bin/", "/sbin/", "/lib/", "/lib64/")
_NEVER = "/usr/local/"
"""Where a distribution's packages put nothing."""


Ask = Callable[[Tree, list[bytes]], "Owner | None"]
"""Asks one manager's records: the tree, and the ways in which the program's path may be written there."""


class Owner(NamedTuple):
    """A package of the system, and who can uninstall it."""

    container: Container
    manager: str


def owner_of(machine: Machine, path: str) -> Owner | None:
    """The system's package that brought a program, by its canonical path; None if none did or it cannot be told.

    The same answer stands while none of the managers' records changes.
    """
    if not path.startswith(_PLACES) or path.startswith(_NEVER):
        return None
    names = [path.encode("utf-8", "surrogateescape")]
    if path.startswith("/usr/"):
        names.append(names[0].removeprefix(b"/usr"))  # packages from before /bin became a link to /usr/bin
    marks = marks_of(machine, _RECORDS)
    known = machine.recall.owners.get(path)
    if known is not None and marks is not None and known[0] == marks:
        return known[1] if isinstance(known[1], Owner) else None
    found = next((found for ask in _ASKED if (found := ask(machine.tree, names))), None)
    if marks is not None and (len(machine.recall.owners) < _MAX_KNOWN or path in machine.recall.owners):
        machine.recall.owners[path] = (marks, found)
    return found


def _deb(tree: Tree, names: list[bytes]) -> Owner | None:
    entries = listed(tree, deb.INFO)
    if isinstance(entries, Unknown):
        return None
    lists = [entry.name for entry in entries if entry.name.endswith(".list")][:MAX_LISTS]
    for name in sorted(lists, key=lambda name: _speaks_for(name.partition(".list")[0].partition(":")[0], names[0])):
        if _has_line(tree, join(deb.INFO, name), names):
            package = name.removesuffix(".list").partition(":")[0]
            return Owner(Container(make_purl("deb", package), join(deb.INFO, name)), deb.MANAGER.program)
    return None


def _speaks_for(package: str, path: bytes) -> bool:
    """False sorts first: a package whose name stands in the path is the likely owner."""
    return package.encode("utf-8", "surrogateescape") not in path


def _has_line(tree: Tree, path: str, lines: list[bytes]) -> bool:
    try:
        data = b"\n" + tree.read(path, MAX_LIST) + b"\n"
    except InterdictError:
        return False  # its package is then not told; the program itself is found all the same
    return any(b"\n" + line + b"\n" in data for line in lines)


def _entry(manager: Manager, find: Callable[[Tree, list[bytes]], tuple[SystemPackage, str] | None]) -> Ask:
    def ask(tree: Tree, names: list[bytes]) -> Owner | None:
        try:
            found = find(tree, names)
        except (InterdictError, ValueError):
            return None  # the source of that manager reports it
        return (
            Owner(Container(make_purl(manager.purl_type, found[0].name), found[1]), manager.program) if found else None
        )

    return ask


_ASKED: tuple[Ask, ...] = (
    _deb,
    _entry(rpm.MANAGER, rpm.find_owner),
    _entry(apk.MANAGER, apk.find_owner),
    _entry(pacman.MANAGER, pacman.find_owner),
)
