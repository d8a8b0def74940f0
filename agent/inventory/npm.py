"""npm packages: what npm, pnpm, yarn and bun have put into the prefixes and caches of this machine.

Where to look: the usual prefixes of the system and of each user, version managers, caches of `npx` and its like, the
prefixes that npm's settings name, and those that folders of programs and running processes reveal; `node_modules` of
projects in the configured roots. No package manager is run, no code of a package is read: of `package.json` the
fields name, version and bin. A package whose program is missing (installed without scripts) still is the package.
"""

from __future__ import annotations

import functools
import posixpath
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import NamedTuple

from agent.errors import Gone, InterdictError
from agent.host.files import Entry, Facts, HeldFolder, Kind, Tree, printable
from agent.inventory.containers import folder_name
from agent.inventory.interface import Found, Machine, Part, Root, unknown
from agent.inventory.npm_formats import Manifest, expand_prefix, package_purl, parse_manifest, parse_npmrc
from agent.inventory.places import Folder, blocked, expand, folder, join, listed, projects, recalled
from policy_schema.rules.observation import Face, Observation, Unknown

MAX_MANIFEST = 1 << 20
MAX_SETTINGS = 256 * 1024
MAX_PACKAGES = 50_000
"""Of one home, and of everything outside of homes."""
MAX_DEPTH = 24
STORES = (".pnpm", ".deno")
"""Folders in a `node_modules` where pnpm and deno keep the packages themselves."""
PROJECT_DEPTH = 4

SYSTEM = {
    "npm": (
        "usr/lib/node_modules",
        "usr/local/lib/node_modules",
        "usr/local/share/npm-global/lib/node_modules",
        "usr/local/share/nvm/versions/node/*/lib/node_modules",
        "usr/local/nvm/versions/node/*/lib/node_modules",
        "usr/local/n/versions/node/*/lib/node_modules",
        "opt/*/lib/node_modules",
        "opt/*/*/lib/node_modules",
        "home/linuxbrew/.linuxbrew/lib/node_modules",
        "Program Files/nodejs/node_modules",
    ),
    "yarn": ("usr/local/share/.config/yarn/global/node_modules",),
    "pnpm": ("usr/local/share/pnpm/global/*/node_modules",),
    "": ("tmp/bunx-*/node_modules",),
}
"""Patterns below `/`, by the manager that can uninstall from there; empty where none can."""

OF_USERS = {
    "npm": (
        "~/.npm-global/lib/node_modules",
        "~/.npm-packages/lib/node_modules",
        "~/.local/lib/node_modules",
        "~/.nvm/versions/node/*/lib/node_modules",
        "~/.config/nvm/versions/node/*/lib/node_modules",
        "~/.local/share/fnm/node-versions/*/installation/lib/node_modules",
        "~/.fnm/node-versions/*/installation/lib/node_modules",
        "~/Library/Application Support/fnm/node-versions/*/installation/lib/node_modules",
        "~/.volta/tools/image/node/*/lib/node_modules",
        "~/.asdf/installs/nodejs/*/lib/node_modules",
        "~/.local/share/mise/installs/node/*/lib/node_modules",
        "~/.local/share/mise/installs/npm-*/*/lib/node_modules",
        "~/.nodenv/versions/*/lib/node_modules",
        "~/.nvs/node/*/*/lib/node_modules",
        "~/.proto/tools/node/*/lib/node_modules",
        "~/.n/lib/node_modules",
        "~/n/lib/node_modules",
        "~/n/n/versions/node/*/lib/node_modules",
        "~/.nodebrew/node/*/lib/node_modules",
        "~/.local/share/rtx/installs/node/*/lib/node_modules",
        "~/AppData/Roaming/npm/node_modules",
        "~/AppData/Roaming/nvm/*/node_modules",
        "~/AppData/Local/nvm/*/node_modules",
    ),
    "volta": (
        "~/.volta/tools/image/packages/*/lib/node_modules",
        "~/.volta/tools/image/packages/*/*/lib/node_modules",
    ),
    "pnpm": (
        "~/.local/share/pnpm/global/*/node_modules",
        "~/.local/share/pnpm/global/*/*/node_modules",
        "~/Library/pnpm/global/*/node_modules",
        "~/AppData/Local/pnpm/global/*/node_modules",
    ),
    "yarn": ("~/.config/yarn/global/node_modules", "~/AppData/Local/Yarn/Data/global/node_modules"),
    "bun": ("~/.bun/install/global/node_modules",),
    "deno": ("~/.deno/bin/.*/node_modules",),
    "": (
        "~/.npm/_npx/*/node_modules",
        "~/AppData/Local/npm-cache/_npx/*/node_modules",
        "~/.bun/install/cache/.bunx-*/*/node_modules",
        "~/.bun/install/cache/.bunx-*/*/*/node_modules",
        "~/.cache/pnpm/dlx/*/node_modules",
        "~/.cache/pnpm/dlx/*/*/node_modules",
        "~/Library/Caches/pnpm/dlx/*/*/node_modules",
        "~/.claude/local/node_modules",
    ),
}
"""Patterns below each home, in the same way. The last is where an installer of a tool keeps its own tree."""

SETTINGS = ("/etc/npmrc", "/usr/etc/npmrc", "/usr/local/etc/npmrc", "/usr/lib/node_modules/npm/npmrc")


_MANIFEST, _MODULES = "package.json", "node_modules"
_SAID = b"n"
_Seen = Observation | Unknown | Root


class _Modules(NamedTuple):
    """A `node_modules` to look through."""

    path: str
    manager: str
    project: bool


class Npm:
    """The source `npm`."""

    name = "npm"

    def collect(self, machine: Machine) -> Iterator[Found]:
        """See `Source.collect`."""
        walk = _Walk(machine)
        for found in _all_modules(machine):
            if machine.stopped():
                return
            if isinstance(found, _Modules):
                yield Part(found.path, walk.modules(found), functools.partial(_again, found))
            else:
                yield found


# ---------------------------------------------------------------------------- where to look
def _all_modules(machine: Machine) -> Iterator[_Modules | Unknown | Root]:
    for manager in sorted({*SYSTEM, *OF_USERS}, reverse=True):
        for found in expand(machine, SYSTEM.get(manager, ()), OF_USERS.get(manager, ())):
            yield _Modules(found.path, manager, project=False) if isinstance(found, Folder) else found
    yield from _from_settings(machine)
    yield from _from_programs(machine)
    for user in machine.users:
        yield from _revealed(machine, join(user.home, "node_modules"))
    for place in projects(machine, PROJECT_DEPTH):
        if isinstance(place, Unknown):
            yield place
            continue
        for inner in folder(machine.tree, join(place, "node_modules")):
            yield inner if isinstance(inner, Unknown) else _Modules(inner, "", project=True)


def _from_settings(machine: Machine) -> Iterator[_Modules | Unknown | Root]:
    files = [(path, "") for path in SETTINGS if machine.system]
    files += [(join(user.home, ".npmrc"), user.home) for user in machine.users]
    for path, home in files:
        try:
            text = machine.tree.read(path, MAX_SETTINGS).decode("utf-8", "replace")
            prefix = expand_prefix(parse_npmrc(text), home)
        except Gone:
            continue
        except InterdictError as error:
            yield unknown(path, error)
            continue
        except ValueError as error:
            yield Unknown(path, str(error))
            continue
        if prefix:
            row = join(prefix, "lib/node_modules").lstrip("/"), join(prefix, "node_modules").lstrip("/")
            for found in expand(machine._replace(system=True, users=()), row, ()):
                yield _Modules(found.path, "npm", project=False) if isinstance(found, Folder) else found


def _from_programs(machine: Machine) -> Iterator[_Modules | Unknown | Root]:
    """Prefixes that nobody configured: `bin` folders with a `lib/node_modules` beside, links and running files."""
    for path in machine.path_folders:
        if posixpath.basename(path) == "bin":
            yield from _revealed(machine, join(posixpath.dirname(path), "lib/node_modules"))
        entries = listed(machine.tree, path)
        if isinstance(entries, Unknown):
            continue  # the source `executables` reports it
        for entry in entries:
            if entry.kind is Kind.LINK and (target := _into_modules(machine.tree, join(path, entry.name))):
                yield from _revealed(machine, target)
    for hint in machine.hints:
        head, inside, _ = hint.partition("/node_modules/")
        if inside:
            yield from _revealed(machine, f"{head}/node_modules")
        elif posixpath.basename(posixpath.dirname(hint)) == "bin":
            yield from _revealed(machine, join(posixpath.dirname(posixpath.dirname(hint)), "lib/node_modules"))


def _into_modules(tree: Tree, link: str) -> str:
    try:
        if "node_modules/" not in tree.readlink(link):
            return ""
        head, inside, _ = tree.resolve(link).partition("/node_modules/")
    except InterdictError:
        return ""  # a link into the void; the folder it stands in is looked at anyway
    return f"{head}/node_modules" if inside else ""


def _revealed(machine: Machine, path: str) -> Iterator[_Modules | Unknown]:
    """A `node_modules` that was not searched for: a global one (`lib/node_modules`), or that of a project."""
    for found in folder(machine.tree, path):
        if isinstance(found, Unknown):
            yield found
            continue
        above = posixpath.dirname(found)
        is_global = posixpath.basename(above) == "lib"
        project = not is_global and machine.tree.exists(join(above, "package.json"))
        yield _Modules(found, "npm" if is_global else "", project)


# ---------------------------------------------------------------------------- looking through
class _Walk:
    """Goes through one `node_modules` after the other; no package is reported twice."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._tree = machine.tree
        self._seen: set[str] = set()
        self._spent: Counter[str] = Counter()
        self._home = ""
        self._starts: tuple[_Starters, ...] = ()

    @property
    def _full(self) -> bool:
        """Each home has its own measure: nobody hides what is in another's by filling their own."""
        return self._spent[self._home] >= MAX_PACKAGES

    def modules(self, root: _Modules) -> Iterator[Observation | Unknown | Root]:
        """Everything in and below one `node_modules`."""
        if root.path in self._seen:
            return
        self._seen.add(root.path)
        self._home = self._machine.home_of(root.path)
        yield Root(root.path)
        with ExitStack() as held:
            folders = (join(_prefix(root), "bin"), join(root.path, ".bin"))
            self._starts = tuple(_Starters(self._machine, held, path) for path in folders)
            yield from self._below(root.path, root, None, 0)
        if self._full:
            yield Unknown(root.path, f"more than {MAX_PACKAGES} packages")

    def _below(self, path: str, root: _Modules, around: Observation | None, depth: int) -> Iterator[_Seen]:
        """A folder of packages by its path, where no open folder leads to it."""
        try:
            with self._tree.hold(path) as held:
                yield from self._folder(held, root, around, depth)
        except Gone:
            return
        except InterdictError as error:
            yield blocked(self._tree, path, error)

    def _folder(self, held: HeldFolder, root: _Modules, around: Observation | None, depth: int) -> Iterator[_Seen]:
        entries = recalled(self._machine, held)
        if depth > MAX_DEPTH:
            yield Unknown(held.path, f"packages nested deeper than {MAX_DEPTH}")
            return
        for entry in entries:
            if self._machine.stopped() or self._full:
                return
            if entry.name.startswith("@") and entry.kind is Kind.FOLDER:
                yield from self._within(held, entry.name, functools.partial(self._scope, root, around, depth))
            elif not entry.name.startswith(".") and entry.kind in (Kind.FOLDER, Kind.LINK):
                yield from self._package(held, entry, root, around, depth)
        for entry in entries:
            if entry.name in STORES and entry.kind is Kind.FOLDER:
                yield from self._within(held, entry.name, functools.partial(self._store, root, depth))

    def _within(self, held: HeldFolder, name: str, look: Callable[[HeldFolder], Iterator[_Seen]]) -> Iterator[_Seen]:
        """A folder in an open one; what cannot be looked into is named."""
        try:
            with held.step(name) as inner:
                yield from look(inner)
        except Gone:
            return
        except InterdictError as error:
            yield blocked(self._tree, join(held.path, name), error)

    def _scope(self, root: _Modules, around: Observation | None, depth: int, held: HeldFolder) -> Iterator[_Seen]:
        for entry in recalled(self._machine, held):
            if self._machine.stopped() or self._full:
                return
            if not entry.name.startswith(".") and entry.kind in (Kind.FOLDER, Kind.LINK):
                yield from self._package(held, entry, root, around, depth)

    def _store(self, root: _Modules, depth: int, held: HeldFolder) -> Iterator[_Seen]:
        """The virtual store of pnpm or deno: each package with its dependencies as links beside it."""
        for entry in recalled(self._machine, held):
            inner = join(held.path, f"{entry.name}/node_modules")
            if entry.kind is Kind.FOLDER and inner not in self._seen:
                self._seen.add(inner)
                yield from self._below(inner, root, None, depth + 1)

    def _package(
        self, above: HeldFolder, entry: Entry, root: _Modules, around: Observation | None, depth: int
    ) -> Iterator[_Seen]:
        link = join(above.path, entry.name)
        try:
            with self._tree.hold(link) if entry.kind is Kind.LINK else above.step(entry.name) as held:
                if held.path in self._seen:
                    return
                self._seen.add(held.path)
                self._spent[self._home] += 1
                facts = held.facts()
                manifest, trouble = self._manifest(held)
                if trouble:
                    yield trouble
                seen = self._observation(link, held, facts, manifest, root, around, depth)
                yield seen
                if "/node_modules/" in held.path:
                    yield from self._nested(held, root, seen, depth + 1)
        except Gone:
            return  # an empty folder or a link into the void is no package
        except InterdictError as error:
            yield unknown(link, error)
            return
        shared = shared_store(facts.path)
        if shared and shared not in self._seen:
            self._seen.add(shared)
            yield from self._below(shared, root, None, depth + 1)

    def _nested(self, held: HeldFolder, root: _Modules, around: Observation, depth: int) -> Iterator[_Seen]:
        """The `node_modules` in a package: most have none, which one question tells."""
        try:
            is_link = held.look(_MODULES).kind is Kind.LINK
        except Gone:
            return
        except InterdictError as error:
            yield blocked(self._tree, join(held.path, _MODULES), error)
            return
        if is_link:
            yield from self._below(join(held.path, _MODULES), root, around, depth)
        else:
            yield from self._within(held, _MODULES, lambda inner: self._folder(inner, root, around, depth))

    def _manifest(self, held: HeldFolder) -> tuple[Manifest, Unknown | None]:
        """A package whose `package.json` says nothing usable is called as its folder is: it can still be started."""
        path = join(held.path, _MANIFEST)
        try:
            facts = held.look(_MANIFEST)
            known = self._machine.recall.get(_SAID, facts)
            if known is not None:
                name, version, *bins = known.decode().split("\0")
                return Manifest(name, version, dict.fromkeys(bins, "")), None
            if facts.kind is Kind.LINK:
                return parse_manifest(self._tree.read(path, MAX_MANIFEST)), None
            manifest = parse_manifest(held.read(_MANIFEST, MAX_MANIFEST))
            said = "\0".join((manifest.name, manifest.version, *manifest.bins))
            self._machine.recall.put(_SAID, facts, said.encode())
            return manifest, None
        except ValueError as error:
            trouble = Unknown(path, str(error))
        except Gone:
            raise
        except InterdictError as error:
            trouble = unknown(path, error)
        return Manifest(printable(folder_name(held.path), 150), "", {}), trouble

    def _observation(
        self,
        link: str,
        held: HeldFolder,
        facts: Facts,
        manifest: Manifest,
        root: _Modules,
        around: Observation | None,
        depth: int,
    ) -> Observation:
        own = depth == 0
        links = [link] if link != facts.path else []
        if own:
            links += [path for name in sorted(manifest.bins) for start in self._starts for path in start.of(name, held)]
        return Observation(
            source=Npm.name,
            face=Face.PACKAGE,
            path=facts.path,
            owner=self._machine.owner(facts.uid),
            uid=facts.uid,
            name=manifest.name,
            version=manifest.version,
            purl=package_purl(manifest.name, manifest.version),
            container=package_purl(around.name) if around else "",
            container_path=around.path if around else "",
            links=tuple(links),
            project=root.project or "/node_modules/" not in facts.path,
            manager=root.manager if own else "",
            home=self._machine.home_of(facts.path),
            inode=(facts.device, facts.inode),
            prefix=_prefix(root),
        )


class _Starters:
    """A folder of links by which programs are started, held open while its packages are looked at."""

    def __init__(self, machine: Machine, closing: ExitStack, path: str) -> None:
        self._tree = machine.tree
        self._path = path
        self._links: frozenset[str] = frozenset()
        try:
            self._held = closing.enter_context(machine.tree.hold(path))
            entries = recalled(machine, self._held)
            self._links = frozenset(entry.name for entry in entries if entry.kind is Kind.LINK)
        except InterdictError:
            pass  # there is none, or what starts it cannot be seen: the package itself is found

    def of(self, name: str, package: HeldFolder) -> list[str]:
        """The link of this name, if it leads into the package."""
        if name not in self._links:
            return []
        path = join(self._path, name)
        try:
            inside = _inside(self._held, self._held.target(name), package)
            leads = inside or self._tree.resolve(path).startswith(package.path + "/")
        except InterdictError:
            return []  # it vanished, or leads into the void
        return [path] if leads else []


def _inside(folder: HeldFolder, text: str, package: HeldFolder) -> bool:
    """True if a link in a folder leads into a package by its text alone: no further link, nothing to resolve."""
    up = text.split("/")
    while up and up[0] == "..":
        del up[0]
    if text.startswith("/") or ".." in up:
        return False
    target = posixpath.normpath(join(folder.path, text))
    return target.startswith(package.path + "/") and package.has(target[len(package.path) + 1 :])


def _again(root: _Modules, machine: Machine) -> Iterator[_Seen]:
    return _Walk(machine).modules(root)


def _prefix(root: _Modules) -> str:
    above = posixpath.dirname(root.path)
    return posixpath.dirname(above) if posixpath.basename(above) == "lib" else above


def shared_store(package: str) -> str:
    """The `node_modules` around a package in the store that pnpm shares between projects; empty for any other.

    `…/store/v11/links/@scope/name/VERSION/HASH/node_modules/@scope/name`: its dependencies are links beside it.
    """
    head, inside, _ = package.rpartition("/node_modules/")
    return f"{head}/node_modules" if inside and "/links/" in head and "/store/" in head else ""
