"""What belongs to an installation that lies among the files of others: the trees and links to keep before it goes.

A RECORD or a package's list of files is somebody's text: what it names outside of its own environment, or what another
package claims too, is no reason to take that along but a reason to refuse.
"""

from __future__ import annotations

import csv
import json
import os
import posixpath
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from agent.enforce.managers.interface import Facts, Keeps, Plan
from agent.errors import Gone, InterdictError
from agent.host.folders import FileKind, Folder, open_above, open_folder

MAX_ROOTS = 400
MAX_RECORD = 8 << 20
MAX_RECORDS = 2_000
MAX_LISTED = 100_000
_MAX_MANIFEST = 1 << 20
_MAX_NAMES = 5_000
_MAX_DEPTH = 32
_NEVER = ("/etc/", "/var/lib/dpkg/", "/var/lib/rpm/", "/proc/", "/sys/", "/dev/")
"""Settings stay when a package goes; the managers' own records are theirs."""


class TakesOthers(InterdictError):
    """More than the installation would go."""

    default_advice = "It is left alone."


class Holdings(NamedTuple):
    """What an installation consists of."""

    roots: tuple[str, ...]
    """Folders and files, none inside another."""
    links: tuple[str, ...]
    """Names elsewhere that lead into them."""
    commands: tuple[str, ...]
    """Of roots and links those that people start, in folders of programs."""


def holdings(plan: Plan, facts: Facts, listed: Iterable[str] = ()) -> Holdings:
    """What to keep. `listed`: what the manager's database names, for `Keeps.SYSTEM`.

    Raises:
        TakesOthers: somebody else's files are among them, or too many.
    """
    if plan.keeps is Keeps.NOTHING:
        return Holdings((), (), ())
    if plan.roots:
        roots = _outermost(_there(plan.roots))
    elif plan.keeps is Keeps.RECORD:
        roots = _of_record(facts)
    elif plan.keeps is Keeps.SYSTEM:
        roots = _of_list(facts.name, listed)
    else:
        roots = _outermost(_there((*facts.parts, facts.path)))
    if len(roots) > MAX_ROOTS:
        raise TakesOthers(f"{facts.name}: more than {MAX_ROOTS} files in as many places")
    links = _starters(facts, roots)
    commands = [path for path in (*links, *roots) if posixpath.basename(posixpath.dirname(path)) in ("bin", "Scripts")]
    return Holdings(roots, links, tuple(dict.fromkeys(commands)))


def names_in(package: str, keys: Iterable[str], own: Iterable[str]) -> frozenset[str]:
    """What a `package.json` names under some keys, without what belongs to the package itself (its platform packages).

    Raises:
        InterdictError: it cannot be read.
    """
    holder, name = open_above(posixpath.join(package, "package.json"))
    with holder:
        try:
            value = json.loads(holder.read_all(name, _MAX_MANIFEST))
        except (ValueError, RecursionError) as error:
            raise TakesOthers(f"{package}: its package.json cannot be read: {error}") from error
    found: set[str] = set()
    for key in keys:
        row = value.get(key) if isinstance(value, dict) else None
        found |= {str(one) for one in row or ()} if isinstance(row, (dict, list)) else set()
    return frozenset(name for name in found if not any(name.startswith(one) for one in own))


# ---------------------------------------------------------------------------------------------- Python distributions
def _of_record(facts: Facts) -> tuple[str, ...]:
    site = posixpath.dirname(facts.path)
    files = _record_files(facts.path)
    strangers = [path for path in files if not _inside(path, facts.prefix)]
    if strangers:
        raise TakesOthers(f"{facts.name}: its RECORD names {strangers[0]!r}, outside of {facts.prefix}")
    shared = files & _records_of_others(site, facts.path)
    if shared:
        raise TakesOthers(f"{facts.name}: {sorted(shared)[0]!r} belongs to another distribution as well")
    files.add(facts.path)
    within = {path for path in files if _inside(path, site)}
    return _outermost([*_covered(site, within), *_there(sorted(files - within))])


def _record_files(info: str) -> set[str]:
    """Absolute paths of a RECORD; of one that is not there, or not readable, none but the folder itself."""
    site = posixpath.dirname(info)
    try:
        with open_folder(info) as folder:
            text = folder.read_all("RECORD", MAX_RECORD).decode("utf-8", "surrogateescape")
    except Gone:
        return set()
    found: set[str] = set()
    rows = csv.reader(text.replace("\0", "").splitlines())
    while True:
        try:
            row = next(rows)
        except StopIteration:
            break
        except csv.Error:
            continue
        if row and row[0]:
            found.add(posixpath.normpath(posixpath.join(site, row[0])))
    return found


def _records_of_others(site: str, own: str) -> set[str]:
    found: set[str] = set()
    with open_folder(site) as folder:
        infos = [name for name in folder.names() if name.endswith(".dist-info")]
    if len(infos) > MAX_RECORDS:
        raise TakesOthers(f"{site}: more than {MAX_RECORDS} distributions")
    for name in infos:
        info = posixpath.join(site, name)
        if info != own:
            try:
                found |= _record_files(info)
            except InterdictError:
                continue  # a distribution that cannot be read claims nothing
            if len(found) > 10 * MAX_LISTED:
                raise TakesOthers(f"{site}: more than {10 * MAX_LISTED} files")
    return found


def _covered(base: str, files: set[str]) -> Iterator[str]:
    """The files as few trees: a folder counts as one where nothing else lies in it but what Python itself made."""
    tops = {_first_below(base, path) for path in files}
    for top in sorted(tops):
        yield from _cover(top, files, 0)[0]


def _cover(path: str, files: set[str], depth: int) -> tuple[list[str], bool]:
    """(trees below `path`, whether all of it is ours)."""
    try:
        holder, name = open_above(path)
        with holder:
            kind = holder.look(name).kind
            if kind is not FileKind.FOLDER:
                ours = path in files or _is_compiled(path)
                return ([path] if ours else []), ours
            if depth > _MAX_DEPTH:
                raise TakesOthers(f"{path}: deeper than {_MAX_DEPTH} folders")
            with holder.folder(name) as folder:
                names = folder.names()
    except Gone:
        return [], True
    found: list[str] = []
    whole = True
    for leaf in names:
        below, ours = _cover(posixpath.join(path, leaf), files, depth + 1)
        found += below
        whole = whole and ours
    return ([path], True) if whole else ([one for one in found if not _is_stray(one, files)], False)


def _is_compiled(path: str) -> bool:
    return path.endswith(".pyc") and posixpath.basename(posixpath.dirname(path)) == "__pycache__"


def _is_stray(path: str, files: set[str]) -> bool:
    """Compiled code in a folder that others use too: theirs, unless it is listed."""
    return (_is_compiled(path) or posixpath.basename(path) == "__pycache__") and path not in files


# ------------------------------------------------------------------------------------------------- system's packages
def _of_list(name: str, listed: Iterable[str]) -> tuple[str, ...]:
    """The files of a package of the system: its own folders as a whole, everything else one by one."""
    paths = {posixpath.normpath("/" + line.lstrip("/")) for line in listed if line.strip() not in ("", "/.")}
    if len(paths) > MAX_LISTED:
        raise TakesOthers(f"{name}: more than {MAX_LISTED} files")
    wanted = {path for path in paths if not path.startswith(_NEVER)}
    trees: list[str] = []
    for path in sorted(wanted):
        if any(_inside(path, tree) for tree in trees):
            continue
        kind = _kind(path)
        own = name.partition(":")[0] in posixpath.basename(path) or path.startswith("/opt/")
        if (kind is FileKind.FOLDER and own and _all_listed(path, wanted, 0)) or kind in (FileKind.FILE, FileKind.LINK):
            trees.append(path)
    return tuple(trees)


def _all_listed(path: str, wanted: set[str], depth: int) -> bool:
    try:
        with open_folder(path) as folder:
            rows = [(leaf, folder.look(leaf).kind) for leaf in folder.names()]
    except InterdictError:
        return False
    for leaf, kind in rows:
        below = posixpath.join(path, leaf)
        if below not in wanted or depth > _MAX_DEPTH:
            return False
        if kind is FileKind.FOLDER and not _all_listed(below, wanted, depth + 1):
            return False
    return True


# --------------------------------------------------------------------------------------------------------- all of them
def _starters(facts: Facts, roots: Iterable[str]) -> tuple[str, ...]:
    """Links elsewhere that lead into the trees: those that are known, and those in the usual folders of programs."""
    homes = [f"{facts.home}/.local/bin", f"{facts.home}/bin"] if facts.home else ["/usr/local/bin", "/usr/bin"]
    around = [f"{facts.prefix}/bin"] if facts.prefix else []
    folders = dict.fromkeys([*(posixpath.dirname(link) for link in facts.links), *around, *homes])
    roots = tuple(roots)
    found = [link for link in facts.links if not any(_inside(link, root) for root in roots)]
    for folder in folders:
        try:
            with open_folder(folder) as opened:
                found += [f"{folder}/{name}" for name in opened.names()[:_MAX_NAMES] if _leads(opened, name, roots)]
        except (InterdictError, ValueError):
            continue  # it is not there, or not ours to see
    outside = [link for link in found if not any(_inside(link, root) for root in roots)]
    return tuple(dict.fromkeys(outside))


def _leads(folder: Folder, name: str, roots: Iterable[str]) -> bool:
    try:
        if folder.look(name).kind is not FileKind.LINK:
            return False
        target = os.path.normpath(os.path.join(folder.path, folder.target(name)))
    except InterdictError:
        return False
    return any(_inside(target, root) for root in roots)


def _there(paths: Iterable[str]) -> list[str]:
    return [path for path in dict.fromkeys(paths) if _kind(path) is not None]


def _kind(path: str) -> FileKind | None:
    try:
        holder, name = open_above(path)
        with holder:
            return holder.look(name).kind
    except (Gone, ValueError):
        return None
    except InterdictError:
        return None


def _outermost(paths: Iterable[str]) -> tuple[str, ...]:
    kept: list[str] = []
    for path in sorted(set(paths)):
        if not any(_inside(path, one) for one in kept):
            kept.append(path)
    return tuple(kept)


def _first_below(base: str, path: str) -> str:
    return posixpath.join(base, path[len(base) :].lstrip("/").partition("/")[0])


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
