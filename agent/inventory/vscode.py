"""Extensions of VS Code and the editors made from it, on the desktop and as servers for remote work.

Where to look: the extension folders of the editors in the table, by user, and every other `~/.NAME/extensions`, since a
new fork of the editor appears faster than a table grows. What an extension is called is read in its own
`package.json`, which is also what the editor goes by; `extensions.json` only tells of extensions that lie elsewhere.
One that is disabled or marked as obsolete still is on the disk, and is reported. No code of an extension is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from agent.errors import Gone, InterdictError
from agent.host.files import Facts, Kind, printable
from agent.inventory.interface import Found, Machine, Root, unknown
from agent.inventory.places import Folder, expand, glob, join, listed
from agent.inventory.vscode_formats import Extension, parse_folder, parse_manifest, parse_places
from policy_schema.rules.observation import Face, Observation, Unknown

MAX_JSON = 4 << 20
MAX_EXTENSIONS = 5_000

OF_USERS = {
    "code": (
        "~/.vscode/extensions",
        "~/.var/app/com.visualstudio.code/data/vscode/extensions",
    ),
    "code-insiders": ("~/.vscode-insiders/extensions",),
    "codium": (
        "~/.vscode-oss/extensions",
        "~/.var/app/com.vscodium.codium/data/codium/extensions",
    ),
    "codium-insiders": ("~/.vscodium-insiders/extensions",),
    "cursor": ("~/.cursor/extensions",),
    "windsurf": ("~/.windsurf/extensions",),
    "windsurf-next": ("~/.windsurf-next/extensions",),
    "trae": ("~/.trae/extensions",),
    "trae-cn": ("~/.trae-cn/extensions",),
    "qoder": ("~/.qoder/extensions",),
    "code-server": ("~/.local/share/code-server/extensions",),
    "": (
        "~/.vscode-server/extensions",
        "~/.vscode-server-insiders/extensions",
        "~/.vscode-server-oss/extensions",
        "~/.vscode-remote/extensions",
        "~/.vscodium-server/extensions",
        "~/.vscodium-server-insiders/extensions",
        "~/.cursor-server/extensions",
        "~/.windsurf-server/extensions",
        "~/.trae-server/extensions",
        "~/.trae-cn-server/extensions",
        "~/.qoder-server/extensions",
        "~/.openvscode-server/extensions",
    ),
}
"""Patterns below each home, by the command that can uninstall from there; empty where none can."""

_ANY_EDITOR = ".*/extensions"
"""Below each home: of editors that nobody listed. What is there watches itself, the home is too busy to be watched."""


class _Place(NamedTuple):
    """A folder of extensions."""

    path: str
    manager: str


class Vscode:
    """The source `vscode`."""

    name = "vscode"

    def collect(self, machine: Machine) -> Iterator[Found]:
        """See `Source.collect`."""
        walk = _Walk(machine)
        for found in _all_places(machine):
            if machine.stopped():
                return
            if isinstance(found, _Place):
                yield from walk.extensions(found)
            else:
                yield found
        yield from walk.elsewhere()


def _all_places(machine: Machine) -> Iterator[_Place | Unknown | Root]:
    for manager, patterns in OF_USERS.items():
        for found in expand(machine, (), patterns):
            yield _Place(found.path, manager) if isinstance(found, Folder) else found
    for user in machine.users:
        for path in glob(machine.tree, user.home, _ANY_EDITOR):
            yield path if isinstance(path, Unknown) else _Place(path, "")


class _Walk:
    """Goes through one folder of extensions after the other; none is reported twice."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._tree = machine.tree
        self._seen: set[str] = set()
        self._elsewhere: dict[str, _Place] = {}

    def extensions(self, place: _Place) -> Iterator[Found]:
        """Every extension that lies in a folder."""
        if place.path in self._seen:
            return
        self._seen.add(place.path)
        entries = listed(self._tree, place.path)
        if isinstance(entries, Unknown):
            yield entries
            return
        yield Root(place.path)
        rows = [e for e in entries if e.kind in (Kind.FOLDER, Kind.LINK) and not e.name.startswith(".")]
        if len(rows) > MAX_EXTENSIONS:
            yield Unknown(place.path, f"more than {MAX_EXTENSIONS} extensions")
        for row in rows[:MAX_EXTENSIONS]:
            if self._machine.stopped():
                return
            path = join(place.path, row.name)
            if row.kind is Kind.LINK:
                self._elsewhere.setdefault(path, place)
            else:
                yield from self._extension(path, place)
        yield from self._list(place)

    def elsewhere(self) -> Iterator[Found]:
        """What folders of extensions only refer to; last, so that what lies in one of them is not taken for it."""
        for path, place in self._elsewhere.items():
            if self._machine.stopped():
                return
            yield from self._extension(path, place)

    def _list(self, place: _Place) -> Iterator[Unknown]:
        path = join(place.path, "extensions.json")
        try:
            places = parse_places(self._tree.read(path, MAX_JSON))
        except Gone:
            return  # an editor that was not started since, or no editor
        except InterdictError as error:
            yield unknown(path, error)
            return
        except ValueError as error:
            yield Unknown(path, str(error))
            return
        for outside in places:
            if not outside.startswith(place.path + "/"):
                self._elsewhere.setdefault(outside, place)

    def _extension(self, link: str, place: _Place) -> Iterator[Found]:
        try:
            facts = self._tree.facts(link)
            if facts.kind is not Kind.FOLDER or facts.path in self._seen:
                return
            self._seen.add(facts.path)
            extension, trouble = self._manifest(facts.path)
        except Gone:
            return  # a link into the void, or a folder without a manifest: no editor takes it
        except InterdictError as error:
            yield unknown(link, error)
            return
        if trouble:
            yield trouble
        if extension:
            yield self._observation(link, facts, extension, place)

    def _manifest(self, folder: str) -> tuple[Extension | None, Unknown | None]:
        """An extension whose manifest says nothing usable is called as its folder is."""
        path = join(folder, "package.json")
        try:
            return parse_manifest(self._tree.read(path, MAX_JSON)), None
        except ValueError as error:
            trouble = Unknown(path, str(error))
        except Gone:
            raise
        except InterdictError as error:
            trouble = unknown(path, error)
        return parse_folder(printable(folder.rpartition("/")[2], 250)), trouble

    def _observation(self, link: str, facts: Facts, extension: Extension, place: _Place) -> Observation:
        inside = facts.path.startswith(place.path + "/")
        return Observation(
            source=Vscode.name,
            face=Face.EXTENSION,
            path=facts.path,
            owner=self._machine.owner(facts.uid),
            uid=facts.uid,
            name=extension.id,
            version=extension.version,
            extension=extension.key,
            links=(link,) if link != facts.path and link.startswith(place.path + "/") else (),
            # What lies elsewhere is somebody's work on an extension, or held by another manager.
            project=not inside,
            manager=place.manager if inside else "",
            home=self._machine.home_of(facts.path),
            inode=(facts.device, facts.inode),
            prefix=place.path,
        )
