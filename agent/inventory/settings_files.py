"""Where other tools keep their settings, and what a file says under named keys; for `mcp` and `model-settings`.

A file is reported under its own path. It is read, looked through and forgotten: what leaves here is what the caller's
reader makes of it, which is names of models and packages.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from agent.errors import Gone, InterdictError
from agent.host.files import Kind
from agent.inventory.interface import Found, Machine, Root
from agent.inventory.places import blocked, glob, join, listed, projects
from agent.inventory.settings_text import LIMITS, Form, read_settings
from policy_schema.rules.observation import Face, Observation, Unknown

MAX_FILES = 200
"""Files that one pattern may lead to."""
PROJECT_DEPTH = 3


class Settings(NamedTuple):
    """One tool's settings: whose they are, how they are written, which keys count, and where they lie.

    `places` begin with `~/` (below each home), `/` (of the system) or `./` (in a project); `*` stands within a part.
    """

    tool: str
    form: Form
    keys: tuple[tuple[str, ...], ...]
    places: tuple[str, ...]


class _File(NamedTuple):
    path: str
    within: str
    """The home or project that it must really lie in; empty for a file of the system."""
    home: str
    project: bool


Reader = Callable[[object, Settings], Iterator[str]]
"""From what a file says to the `setting` of each observation. Raises ValueError for what cannot be read."""


def collect(
    machine: Machine, source: str, table: Iterable[Settings], reader: Reader, keys: frozenset[str] = frozenset()
) -> Iterator[Found]:
    """Everything that the settings of a table say to a reader, each file once for each tool.

    `keys` are kept while a file is read, beside those that the table names.
    """
    rows = tuple(table)
    seen: set[tuple[str, str]] = set()
    for row, found in _everywhere(machine, rows):
        if machine.stopped():
            return
        if isinstance(found, Unknown):
            yield found
        elif (row.tool, found.path) not in seen:
            seen.add((row.tool, found.path))
            wanted = keys | {key for path in row.keys for key in path[-1:]}
            yield from _look(machine, source, row, found, reader, wanted)


def _look(
    machine: Machine, source: str, row: Settings, file: _File, reader: Reader, keys: frozenset[str]
) -> Iterator[Found]:
    try:
        facts = machine.tree.facts(file.path)
        if not _may_be_read(facts.path, file.within):
            yield Unknown(file.path, f"a link out of {file.within}")
            return
        data = machine.tree.read(file.path, LIMITS[row.form])
    except Gone:
        return
    except InterdictError as error:
        yield blocked(machine.tree, file.path, error)
        return
    yield Root(facts.path, watch=False)
    settings: dict[str, None] = {}
    try:
        for setting in reader(read_settings(data, row.form, keys), row):
            settings.setdefault(setting)
    except ValueError as error:
        yield Unknown(facts.path, str(error))
    for setting in settings:
        yield Observation(
            source=source,
            face=Face.SETTING,
            path=facts.path,
            owner=machine.owner(facts.uid),
            uid=facts.uid,
            name=row.tool,
            project=file.project,
            home=file.home,
            inode=(facts.device, facts.inode),
            setting=setting,
        )


def _may_be_read(path: str, within: str) -> bool:
    """A link out of a home could have somebody else's settings read; what lies in Nix's store is everybody's."""
    return not within or path.startswith((within.rstrip("/") + "/", "/nix/store/"))


def _everywhere(machine: Machine, rows: tuple[Settings, ...]) -> Iterator[tuple[Settings, _File | Unknown]]:
    for row in rows:
        for place in row.places:
            if place.startswith("~/"):
                for user in machine.users:
                    for found in _files(machine, user.home, place[2:]):
                        yield row, found if isinstance(found, Unknown) else _File(found, user.home, user.home, False)
            elif place.startswith("/") and machine.system:
                for found in _files(machine, "/", place):
                    yield row, found if isinstance(found, Unknown) else _File(found, "", "", False)
    yield from _in_projects(machine, rows)


def _files(machine: Machine, base: str, pattern: str) -> Iterator[str | Unknown]:
    """The files that a pattern leads to; the last part may have a `*` too."""
    above, _, name = pattern.strip("/").rpartition("/")
    if "*" not in pattern:
        yield join(base, pattern)
        return
    for folder in glob(machine.tree, base, above):
        if isinstance(folder, Unknown) or "*" not in name:
            yield folder if isinstance(folder, Unknown) else join(folder, name)
            continue
        entries = listed(machine.tree, folder)
        if isinstance(entries, Unknown):
            yield entries
            continue
        names = sorted(e.name for e in entries if e.kind is not Kind.FOLDER and fnmatch.fnmatchcase(e.name, name))
        if len(names) > MAX_FILES:
            yield Unknown(folder, f"more than {MAX_FILES} files")
        yield from (join(folder, one) for one in names[:MAX_FILES])


def _in_projects(machine: Machine, rows: tuple[Settings, ...]) -> Iterator[tuple[Settings, _File | Unknown]]:
    """Settings in projects, by one listing of each folder: most have none."""
    places = [(row, place[2:]) for row in rows for place in row.places if place.startswith("./")]
    for folder in projects(machine, PROJECT_DEPTH) if places else ():
        if isinstance(folder, Unknown):
            yield rows[0], folder
            continue
        entries = listed(machine.tree, folder)
        names = set() if isinstance(entries, Unknown) else {entry.name for entry in entries}
        for row, place in places:
            for found in _files(machine, folder, place) if place.partition("/")[0] in names else ():
                home = "" if isinstance(found, Unknown) else machine.home_of(found)
                yield row, found if isinstance(found, Unknown) else _File(found, home or folder, home, True)
