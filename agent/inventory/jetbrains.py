"""Plugins of JetBrains' IDEs and Android Studio that a user has installed.

Where to look: the folder of plugins of each product and version, by user. A plugin is a folder with `lib/*.jar`, or
one jar; what it is called stands in a `META-INF/plugin.xml`, in one of these jars. A plugin that is switched off still
is on the disk, and is reported. What comes with the IDE itself is part of the IDE, and not looked at.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from agent.errors import Gone, InterdictError
from agent.host.files import Entry, Facts, Kind
from agent.host.oserrors import translated
from agent.inventory.interface import Found, Machine, Root, unknown
from agent.inventory.jar import read_member
from agent.inventory.jetbrains_formats import Plugin, parse_plugin
from agent.inventory.places import Folder, expand, glob, join, listed
from policy_schema.rules.descriptor import DescriptorReader
from policy_schema.rules.observation import Face, Observation, Unknown

MAX_XML = 1 << 20
MAX_PLUGINS = 2_000
MAX_JARS = 300
_XML = "META-INF/plugin.xml"
_NOT_LETTERS = re.compile(r"[^a-z0-9]+")

OF_USERS = (
    # Linux: the product's folder holds the plugins themselves. PRODUCT is such as IntelliJIdea2026.1.
    "~/.local/share/JetBrains/*",
    "~/.local/share/Google/AndroidStudio*",
    "~/.local/share/JetBrains/Toolbox/apps/*/ch-*/*.plugins",
    "~/Library/Application Support/JetBrains/*/plugins",
    "~/Library/Application Support/Google/AndroidStudio*/plugins",
    "~/Library/Application Support/JetBrains/Toolbox/apps/*/ch-*/*.plugins",
    "~/AppData/Roaming/JetBrains/*/plugins",
    "~/AppData/Roaming/Google/AndroidStudio*/plugins",
)
"""Patterns below each home."""

_FORMER = ".*/config/plugins"
"""Below each home: of the IDEs up to 2019.3. The home itself is too busy to be watched."""


class Jetbrains:
    """The source `jetbrains`."""

    name = "jetbrains"

    def collect(self, machine: Machine) -> Iterator[Found]:
        """See `Source.collect`."""
        search = _Search(machine)
        for found in _all_places(machine):
            if machine.stopped():
                return
            if isinstance(found, str):
                yield from search.plugins(found)
            else:
                yield found


def _all_places(machine: Machine) -> Iterator[str | Unknown | Root]:
    for found in expand(machine, (), OF_USERS):
        yield found.path if isinstance(found, Folder) else found
    for user in machine.users:
        yield from glob(machine.tree, user.home, _FORMER)


class _Search:
    """Looks through one folder of plugins after the other; none is reported twice."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._tree = machine.tree
        self._seen: set[str] = set()

    def plugins(self, place: str) -> Iterator[Found]:
        """Every plugin in a folder of plugins."""
        if place in self._seen:
            return
        self._seen.add(place)
        entries = listed(self._tree, place)
        if isinstance(entries, Unknown):
            yield entries
            return
        yield Root(place)
        rows = [entry for entry in entries if _may_be_plugin(entry)]
        if len(rows) > MAX_PLUGINS:
            yield Unknown(place, f"more than {MAX_PLUGINS} plugins")
        for row in rows[:MAX_PLUGINS]:
            if self._machine.stopped():
                return
            yield from self._plugin(place, join(place, row.name))

    def _plugin(self, place: str, link: str) -> Iterator[Found]:
        try:
            facts = self._tree.facts(link)
        except Gone:
            return  # a link into the void
        except InterdictError as error:
            yield unknown(link, error)
            return
        if facts.path in self._seen:
            return
        self._seen.add(facts.path)
        for found in self._jar(facts.path) if facts.kind is Kind.FILE else self._folder(facts.path):
            if isinstance(found, Unknown):
                yield found
            else:
                yield self._observation(place, link, facts, found)
                return

    def _folder(self, path: str) -> Iterator[Plugin | Unknown]:
        """What a plugin's folder says: a `plugin.xml` as a file, else in the jars, the likeliest first."""
        for above in ("", "classes"):
            yield from self._xml(join(join(path, above), _XML))
        lib = join(path, "lib")
        entries = listed(self._tree, lib)
        if isinstance(entries, Unknown):
            yield entries
            return
        jars = [e.name for e in entries if e.kind in (Kind.FILE, Kind.LINK) and e.name.endswith(".jar")]
        if len(jars) > MAX_JARS:
            yield Unknown(lib, f"more than {MAX_JARS} jars")
        wanted = _letters(posixpath.basename(path))
        for name in sorted(jars, key=lambda name: wanted not in _letters(name))[:MAX_JARS]:
            if self._machine.stopped():
                return
            yield from self._jar(join(lib, name))

    def _xml(self, path: str) -> Iterator[Plugin | Unknown]:
        try:
            yield parse_plugin(self._tree.read(path, MAX_XML))
        except Gone:
            return
        except InterdictError as error:
            yield unknown(path, error)
        except ValueError as error:
            yield Unknown(path, str(error))

    def _jar(self, path: str) -> Iterator[Plugin | Unknown]:
        try:
            with self._tree.open(path) as (fd, facts):
                data = read_member(_Archive(path, fd, facts.size), _XML.encode(), MAX_XML)
            if data is not None:
                yield parse_plugin(data)
        except Gone:
            return
        except InterdictError as error:
            yield unknown(path, error)
        except ValueError as error:
            yield Unknown(path, str(error))

    def _observation(self, place: str, link: str, facts: Facts, plugin: Plugin) -> Observation:
        inside = facts.path.startswith(place + "/")
        return Observation(
            source=Jetbrains.name,
            face=Face.EXTENSION,
            path=facts.path,
            owner=self._machine.owner(facts.uid),
            uid=facts.uid,
            name=plugin.name,
            version=plugin.version,
            extension=plugin.key,
            links=(link,) if link != facts.path else (),
            # What is linked from elsewhere is somebody's work on a plugin, or held by another manager.
            project=not inside,
            home=self._machine.home_of(facts.path),
            inode=(facts.device, facts.inode),
            prefix=place,
        )


class _Archive:
    """An open jar, whose errors are the agent's."""

    def __init__(self, path: str, fd: int, size: int) -> None:
        self.size = size
        self._path = path
        self._reader = DescriptorReader(fd, size)

    def read_at(self, offset: int, length: int) -> bytes:
        """See `agent.inventory.jar.Reader`."""
        with translated(self._path):
            return self._reader.read_at(offset, length)


def _may_be_plugin(entry: Entry) -> bool:
    if entry.name.startswith("."):
        return False
    return entry.kind in (Kind.FOLDER, Kind.LINK) or (entry.kind is Kind.FILE and entry.name.endswith(".jar"))


def _letters(name: str) -> str:
    return _NOT_LETTERS.sub("", name.lower())
