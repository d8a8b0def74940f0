"""From patterns of places to the folders that are there; shared by the sources.

A pattern is a path of the tree with `~` for each home and `*` within a part. What is not there yet but would be made
by an install is watched for at the nearest folder above it.
"""

from __future__ import annotations

import fnmatch
import posixpath
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import NamedTuple

from agent.errors import Denied, Gone, InterdictError
from agent.host.files import Entry, HeldFolder, Kind, Tree
from agent.inventory.interface import Machine, Root, unknown
from policy_schema.rules.observation import Unknown

MAX_MATCHES = 5_000
_LISTING = b"L"
_LETTERS = {Kind.FILE: "f", Kind.FOLDER: "d", Kind.LINK: "l", Kind.OTHER: "o"}
_KINDS = {letter: kind for kind, letter in _LETTERS.items()}
_SKIPPED_IN_PROJECTS = frozenset({"node_modules", "site-packages", "__pycache__", "target", "vendor"})


class Folder(NamedTuple):
    """A folder that a pattern led to; `path` is canonical."""

    path: str
    home: str
    """The home that `~` stood for; empty for a pattern of the system."""


def expand(machine: Machine, system: Iterable[str], of_users: Iterable[str]) -> Iterator[Folder | Unknown | Root]:
    """Every folder that the patterns lead to, once each, and what to watch for the ones that are not there yet."""
    seen: set[str] = set()
    for base, pattern in _rows(machine, tuple(system), tuple(of_users)):
        if machine.stopped():
            return
        yield from _watch_point(base, pattern)
        for found in glob(machine.tree, base, pattern):
            if isinstance(found, Unknown):
                yield found
            elif found not in seen:
                seen.add(found)
                yield Folder(found, base if base != "/" else "")


def glob(tree: Tree, base: str, pattern: str) -> Iterator[str | Unknown]:
    """The canonical paths of the folders that a pattern below `base` leads to. No part of `base` is a pattern."""
    head, star, _ = pattern.partition("*")
    if not star:
        yield from folder(tree, join(base, pattern))
        return
    above, _, _ = head.rpartition("/")
    part, _, tail = pattern[len(above) :].lstrip("/").partition("/")
    here = join(base, above)
    found = listed(tree, here)
    if isinstance(found, Unknown):
        yield found
        return
    matches = [e.name for e in found if e.kind in (Kind.FOLDER, Kind.LINK) and fnmatch.fnmatchcase(e.name, part)]
    if len(matches) > MAX_MATCHES:
        yield Unknown(here, f"more than {MAX_MATCHES} folders")
    for name in matches[:MAX_MATCHES]:
        yield from glob(tree, join(here, name), tail)


def join(base: str, below: str) -> str:
    """A path below another one; `below` is never taken as absolute."""
    return f"{base.rstrip('/')}/{below.strip('/')}".rstrip("/") or "/"


def listed(tree: Tree, path: str) -> list[Entry] | Unknown:
    """What is in a folder; nothing if there is no such folder, Unknown if it cannot be looked at."""
    try:
        return tree.list(path)
    except Gone:
        return []
    except InterdictError as error:
        return blocked(tree, path, error)


def recalled(machine: Machine, held: HeldFolder) -> list[Entry]:
    """What is in a folder; one that is as it was in a former look is not listed again.

    Raises:
        InterdictError: it cannot be listed.
    """
    facts = held.facts()
    known = machine.recall.get(_LISTING, facts)
    if known is not None:
        rows = known.decode("utf-8", "surrogateescape").split("/") if known else []
        return [Entry(row[1:], _KINDS[row[0]]) for row in rows]
    entries = held.list()
    text = "/".join([_LETTERS[entry.kind] + entry.name for entry in entries])
    machine.recall.put(_LISTING, facts, text.encode("utf-8", "surrogateescape"))
    return entries


def said(
    machine: Machine, held: HeldFolder, name: str, what: bytes, make: Callable[[bytes], bytes], limit: int
) -> bytes:
    """What `make` takes from the head of a file in a folder, at most `limit` bytes; one that is as it was is not read.

    `what` is one letter for each `make`. Raises what `make` raises, and InterdictError: it cannot be read.
    """
    facts = held.look(name)
    if facts.kind is Kind.LINK:
        return make(machine.tree.head(join(held.path, name), limit))
    known = machine.recall.get(what, facts)
    if known is None:
        known = make(held.head(name, limit))
        machine.recall.put(what, facts, known)
    return known


def marks_of(machine: Machine, paths: Iterable[str]) -> Hashable:
    """What changes when one of these files or folders does; None where nobody can tell, or it changed just now."""
    marks: list[Hashable] = []
    for path in paths:
        try:
            facts = machine.tree.facts(path)
        except Gone:
            marks.append(path)
            continue
        except InterdictError:
            return None
        if machine.recall.is_young(facts):
            return None
        marks.append(facts)
    return tuple(marks)


def blocked(tree: Tree, path: str, error: InterdictError) -> Unknown:
    """The Unknown for a refused path: named after the folder that refuses, so that one folder is reported once."""
    if not isinstance(error, Denied):
        return unknown(path, error)
    reason = unknown(path, error).reason
    above = path
    while above != "/":
        above = posixpath.dirname(above)
        if tree.exists(above):
            break
        path = above
    # The folder above can be seen; if what lies in it cannot, it is the one that refuses, unless a mount begins there.
    return Unknown(path if path in tree.foreign or tree.exists(path) else above, reason)


def projects(machine: Machine, depth: int, limit: int = 50_000) -> Iterator[str | Unknown]:
    """Folders in and below the configured project roots, without what packages and version control keep there."""
    for root in machine.project_roots:
        key = ("projects", machine.tree.root, root, depth)
        kept = machine.recall.kept.get(key)
        if machine.changed and isinstance(kept, list):
            yield from kept
            continue
        found: list[str | Unknown] = []
        for place in _projects_below(machine, root, depth, limit):
            found.append(place)
            yield place
        machine.recall.kept.pop(key, None)
        if not machine.stopped():
            machine.recall.keep(key, found, len(found))


def _projects_below(machine: Machine, root: str, depth: int, limit: int) -> Iterator[str | Unknown]:
    found = list(folder(machine.tree, root))
    pending = [(path, 0) for path in found if isinstance(path, str)]
    yield from (place for place in found if isinstance(place, Unknown))
    yield from (Unknown(root, "no such folder") for _ in [0] if not found)
    count = 0
    while pending and not machine.stopped():
        path, level = pending.pop()
        yield path
        entries = listed(machine.tree, path)
        if isinstance(entries, Unknown):
            yield entries
            continue
        below = [f"{path.rstrip('/')}/{e.name}" for e in entries if e.kind is Kind.FOLDER and _is_project_part(e)]
        count += len(below)
        if count > limit:
            yield Unknown(root, f"more than {limit} folders")
            break
        pending += [(inner, level + 1) for inner in reversed(below) if level < depth]


def _is_project_part(entry: Entry) -> bool:
    return not entry.name.startswith(".") and entry.name not in _SKIPPED_IN_PROJECTS


def _rows(machine: Machine, system: tuple[str, ...], of_users: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for pattern in system if machine.system else ():
        yield "/", pattern
    for user in machine.users:
        yield from ((user.home, pattern.removeprefix("~/")) for pattern in of_users)


def folder(tree: Tree, path: str) -> Iterator[str | Unknown]:
    """The canonical path if a folder is there, an Unknown if that cannot be told, else nothing."""
    try:
        facts = tree.facts(path)
    except Gone:
        return
    except InterdictError as error:
        yield blocked(tree, path, error)
        return
    if facts.kind is Kind.FOLDER:
        yield facts.path


def _watch_point(base: str, pattern: str) -> Iterator[Root]:
    """Where something new would appear: the folder in which the first `*` stands, or the one that is looked for.

    It need not be there yet: the watcher waits for it. /tmp is too busy to be watched, `/` says nothing.
    """
    place = join(base, pattern.partition("*")[0].rpartition("/")[0] if "*" in pattern else pattern)
    if place not in ("/", "/tmp"):
        yield Root(place, looked=False)
