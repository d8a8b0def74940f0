"""Applications of macOS: bundles (`NAME.app`) by their Info.plist, with who signed their program.

Where to look: the folders of applications for everybody and in homes, Desktop and Downloads, and one folder further
down (`Utilities`, `Setapp`, a vendor's own). Applications inside an application are looked for where the system and
frameworks put them. LaunchServices is not asked.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from agent.errors import Gone, InterdictError
from agent.host.files import Facts, Kind, printable
from agent.host.oserrors import reason_of
from agent.inventory.interface import Found, Machine, Root, unknown
from agent.inventory.macos_formats import MAX_PLIST, Bundle, parse_bundle
from agent.inventory.places import Folder, expand, join, listed
from agent.inventory.signed_files import SignedFiles, signer_or_reason
from agent.inventory.systems import concerns
from policy_schema.rules.observation import Face, Observation, Unknown

SYSTEM = ("Applications", "Users/Shared/Applications")
OF_USERS = ("~/Applications", "~/Desktop", "~/Downloads")
INFO = ("Contents/Info.plist", "WrappedBundle/Info.plist")
"""The second is that of an application for iOS."""
PARTS = ("Frameworks", "Helpers", "Library/LoginItems", "MacOS", "PlugIns", "Resources", "SharedSupport")
"""Folders in `Contents` in which other applications lie."""
MAX_APPS = 5_000
MAX_NESTING = 3
_SUFFIX = ".app"


class MacosApps:
    """The source `macos-apps`."""

    name = "macos-apps"

    def collect(self, machine: Machine) -> Iterator[Found]:
        """See `Source.collect`."""
        if not concerns(machine, "darwin"):
            return
        search = _Search(machine)
        for found in expand(machine, SYSTEM, OF_USERS):
            if not isinstance(found, Folder):
                yield found
                continue
            yield Root(found.path)
            yield from search.folder(found.path, further=not found.path.endswith(("/Desktop", "/Downloads")))


def find_bundle(machine: Machine, path: str) -> tuple[Bundle | None, Unknown | None]:
    """The bundle that a folder is: its Info.plist, or why it could not be read; twice None for a folder without one."""
    for name in INFO:
        at = join(path, name)
        try:
            return parse_bundle(machine.tree.read(at, MAX_PLIST)), None
        except Gone:
            continue
        except (InterdictError, ValueError) as error:
            reason = reason_of(error, printable(at)) if isinstance(error, InterdictError) else str(error)
            return None, Unknown(at, reason)
    return None, None


class _Search:
    """One look."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._signed = SignedFiles(machine)
        self._seen: set[str] = set()

    def folder(self, path: str, further: bool) -> Iterator[Found]:
        """The applications directly in a folder, and in the folders in it."""
        entries = listed(self._machine.tree, path)
        if isinstance(entries, Unknown):
            yield entries
            return
        for entry in entries:
            if self._machine.stopped():
                return
            if entry.kind not in (Kind.FOLDER, Kind.LINK):
                continue
            at = join(path, entry.name)
            if entry.name.casefold().endswith(_SUFFIX):
                yield from self._app(at)
            elif further and entry.kind is Kind.FOLDER and not entry.name.startswith("."):
                yield Root(at)
                yield from self.folder(at, further=False)

    def _app(self, path: str, around: tuple[str, str] = ("", ""), depth: int = 0) -> Iterator[Found]:
        try:
            facts = self._machine.tree.facts(path)
        except Gone:
            return
        except InterdictError as error:
            yield unknown(path, error)
            return
        if facts.kind is not Kind.FOLDER or facts.path in self._seen:
            return
        if len(self._seen) >= MAX_APPS:
            yield Unknown(posixpath.dirname(path), f"more than {MAX_APPS} applications")
            return
        self._seen.add(facts.path)
        bundle, trouble = find_bundle(self._machine, facts.path)
        if trouble is not None:
            yield trouble
        elif bundle is None:
            return  # any folder may be called so
        yield from self._observation(facts, bundle, path, around)
        if depth < MAX_NESTING:
            key = (bundle.key if bundle else around[0], facts.path if bundle else around[1])
            yield from self._inside(facts.path, key, depth + 1)

    def _inside(self, path: str, around: tuple[str, str], depth: int) -> Iterator[Found]:
        for part in PARTS:
            entries = listed(self._machine.tree, join(path, f"Contents/{part}"))
            if isinstance(entries, Unknown):
                yield entries
                continue
            for entry in entries:
                if entry.kind is Kind.FOLDER and entry.name.casefold().endswith(_SUFFIX):
                    yield from self._app(join(path, f"Contents/{part}/{entry.name}"), around, depth)

    def _observation(
        self, facts: Facts, bundle: Bundle | None, path: str, around: tuple[str, str]
    ) -> Iterator[Observation | Unknown]:
        name = posixpath.basename(facts.path)[: -len(_SUFFIX)]
        program = bundle.executable if bundle and bundle.executable else name
        signer = ""
        try:
            inner = self._machine.tree.facts(join(facts.path, f"Contents/MacOS/{program}"))
            found, error = signer_or_reason(self._signed, inner)
            signer = found.key
            if error is not None:
                yield unknown(inner.path, error)
        except InterdictError:
            pass  # no such program: an application for iOS, or one that only opens something
        yield Observation(
            source=MacosApps.name,
            face=Face.APP,
            path=facts.path,
            owner=self._machine.owner(facts.uid),
            uid=facts.uid,
            name=bundle.name if bundle else printable(name, 150),
            version=bundle.version if bundle else "",
            app=bundle.key if bundle else "",
            signer=signer,
            container=around[0],
            container_path=around[1],
            links=(path,) if path != facts.path else (),
            home=self._machine.home_of(facts.path),
            inode=(facts.device, facts.inode),
        )
