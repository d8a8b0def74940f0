"""Programs: files in folders of programs and in the tools' own folders, by name, by folder and by content.

1. Names and folders cost one listing. A file's bytes are read only where a signature's kind and size fit it, so that
   a renamed copy is found and nothing else is opened; what was read once is remembered while it does not change.
2. Links are resolved; each real file is reported once, with every name that leads to it.
3. By content alone also: files directly in a home and in `~/Downloads`, and in the configured roots.
4. A file inside a package says so (`container`): the rules decide whose it is.
5. Programs of macOS and Windows tell who signed them, where rules name signers: those of 1 to 3, and on these systems
   every program in the folders of 1 and 3.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections import Counter
from collections.abc import Iterator
from itertools import zip_longest
from typing import NamedTuple

from agent.errors import Gone, InterdictError
from agent.host.files import Facts, HeldFolder, Kind
from agent.host.oserrors import translated
from agent.host.program_file import is_settled
from agent.inventory.containers import MAX_SHIM, Container, container_of, started_by
from agent.inventory.content_cache import Content
from agent.inventory.interface import Found, Machine, Root, Wanted, unknown
from agent.inventory.owners import owner_of
from agent.inventory.places import Folder, blocked, expand, join, projects, recalled
from agent.inventory.signed_files import MIN_SIZE, SignedFiles, has_signed_programs, signer_or_reason
from agent.inventory.signers import Signer
from policy_schema.notices.signpost import MAX_BYTES as MAX_SIGNPOST
from policy_schema.notices.signpost import is_signpost
from policy_schema.rules.content import look
from policy_schema.rules.descriptor import DescriptorReader
from policy_schema.rules.identity import executable_name
from policy_schema.rules.observation import Face, Observation, Unknown

FOLDER_DEPTH = 6
PROJECT_DEPTH = 3
MAX_FILES = 100_000
"""Of one home, and of everything outside of homes."""
MAX_HASHED = 1 << 30
"""Bytes: a sparse file of 5 TB takes no disk and would take hours to hash."""
_LARGE = 1 << 20
_VERSION = re.compile(r"[0-9]+(\.[0-9]+){1,3}([-+][0-9A-Za-z.+-]{1,40})?")
_NOT_INTO = ("/node_modules/", "/site-packages/")


class Executables:
    """The source `executables`."""

    name = "executables"

    def collect(self, machine: Machine) -> Iterator[Found]:
        """See `Source.collect`."""
        search = _Search(machine)
        yield from search.in_folders_of_programs()
        if machine.wanted.folders:
            yield from search.in_folders_of_tools()
        if machine.wanted.signatures or search.signed_programs:
            yield from search.by_content_alone()
        yield from search.results()


class _Kept(NamedTuple):
    """The files of a folder that were worth a closer look, and what was wanted then."""

    wanted: Wanted
    paths: tuple[str, ...]


class _Candidate:
    """One real file and what is known of it so far."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.links: set[str] = set()
        self.in_folder = False
        self.named = False
        self.project = False


class _Search:
    """One look: gathers candidates by (device, inode), then says what they are."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._tree = machine.tree
        self._wanted = machine.wanted
        self._smallest = min((signature.min_size for signature in machine.wanted.signatures), default=-1)
        self._found: dict[tuple[int, int, str], _Candidate] = {}
        self._count: Counter[str] = Counter()
        self._taken: list[str] = []
        self._signed = SignedFiles(machine)
        self.signed_programs = has_signed_programs(machine)

    def in_folders_of_programs(self) -> Iterator[Found]:
        """Every file in a PATH folder."""
        for path in self._machine.path_folders:
            yield Root(path)
            yield from self._files_in(path)

    def in_folders_of_tools(self) -> Iterator[Found]:
        """Every program below the tools' own folders, without packages, which have sources of their own."""
        system = [folder.lstrip("/") for folder in self._wanted.folders if not folder.startswith("~")]
        of_users = [folder for folder in self._wanted.folders if folder.startswith("~/")]
        for found in expand(self._machine, system, of_users):
            if not isinstance(found, Folder):
                yield found
                continue
            yield Root(found.path)
            for seen in self._tree.walk(found.path, FOLDER_DEPTH):
                if isinstance(seen, InterdictError):
                    yield unknown(found.path, seen)
                elif seen[1].kind is Kind.FILE and not any(part in seen[0] for part in _NOT_INTO):
                    yield from self._consider(seen[0], in_folder=True)

    def by_content_alone(self) -> Iterator[Found]:
        """Renamed copies outside of PATH: directly in a home, in its Downloads, in projects."""
        for user in self._machine.users:
            for path in (user.home, join(user.home, "Downloads")):
                yield from self._files_in(path, by_name=False)
        for place in projects(self._machine, PROJECT_DEPTH):
            if isinstance(place, Unknown):
                yield place
            else:
                yield from self._files_in(place, by_name=False, project=True)

    def results(self) -> Iterator[Observation | Unknown]:
        """What the candidates are; those that nothing speaks for are left out."""
        for candidate in self._in_turns():
            if self._machine.stopped():
                return
            try:
                content = self._content(candidate.facts)
            except Gone:
                continue
            except InterdictError as error:
                yield unknown(candidate.facts.path, error)
                content = Content()
            signer, why = signer_or_reason(self._signed, candidate.facts)
            if why is not None:
                yield unknown(candidate.facts.path, why)
            if content.id or signer.key or candidate.in_folder or candidate.named:
                if self._wanted.hashes and candidate.facts.size > MAX_HASHED:
                    yield Unknown(candidate.facts.path, f"larger than {MAX_HASHED} bytes: not hashed")
                yield self._observation(candidate, content, signer)

    def _in_turns(self) -> Iterator[_Candidate]:
        """One of each home after the other: who fills theirs with huge files does not hide what is in the others."""
        homes: dict[str, list[_Candidate]] = {}
        for candidate in sorted(self._found.values(), key=lambda one: one.facts.path):
            homes.setdefault(self._machine.home_of(candidate.facts.path), []).append(candidate)
        for turn in zip_longest(*homes.values()):
            yield from (candidate for candidate in turn if candidate is not None)

    def _is_signpost(self, facts: Facts) -> bool:
        """What the agent itself put in the place of a command: by its form it can do nothing but say so."""
        try:
            return facts.size <= MAX_SIGNPOST and is_signpost(self._tree.head(facts.path, MAX_SIGNPOST))
        except InterdictError:
            return False  # then it is reported like any other

    def _files_in(self, folder: str, by_name: bool = True, project: bool = False) -> Iterator[Unknown]:
        key = ("programs", self._tree.root, folder, by_name)
        recall = self._machine.recall
        kept = recall.kept.get(key)
        unchanged = bool(self._machine.changed) and folder not in self._machine.changed
        if unchanged and isinstance(kept, _Kept) and kept.wanted == self._wanted:
            for path in kept.paths:
                yield from self._consider(path, by_name=by_name, project=project)
            return
        self._taken = []
        unknown_places = 0
        for place in self._all_in(folder, by_name, project):
            unknown_places += 1
            yield place
        recall.kept.pop(key, None)
        if not unknown_places and not self._machine.stopped():
            recall.keep(key, _Kept(self._wanted, tuple(self._taken)), len(self._taken))

    def _all_in(self, folder: str, by_name: bool, project: bool) -> Iterator[Unknown]:
        try:
            with self._tree.hold(folder) as held:
                for entry in recalled(self._machine, held):
                    if self._machine.stopped():
                        return
                    path = join(folder, entry.name)
                    if entry.kind is Kind.FILE:
                        yield from self._look_in(held, entry.name, path, by_name, project)
                    elif entry.kind is Kind.LINK and by_name:
                        yield from self._consider(path, project=project)
        except Gone:
            return
        except InterdictError as error:
            yield blocked(self._tree, folder, error)

    def _look_in(self, held: HeldFolder, name: str, path: str, by_name: bool, project: bool) -> Iterator[Unknown]:
        """A file in an open folder: one question tells that most are none of ours."""
        try:
            facts = held.look(name)
        except Gone:
            return
        if self._is_worth(facts.size) or (by_name and executable_name(name) in self._wanted.names):
            yield from self._consider(path, by_name=by_name, project=project)

    def _consider(
        self, path: str, in_folder: bool = False, by_name: bool = True, project: bool = False
    ) -> Iterator[Unknown]:
        """Takes a file as a candidate if its name, folder or size speaks for a closer look."""
        try:
            facts = self._tree.facts(path)
        except Gone:
            return  # a link into the void
        except InterdictError as error:
            yield unknown(path, error)
            return
        names = {executable_name(path), executable_name(facts.path)}
        named = by_name and bool(names & self._wanted.names) and _startable(facts)
        in_folder = in_folder and (_startable(facts) or facts.size >= _LARGE)
        if facts.kind is not Kind.FILE or not (named or in_folder or self._is_worth(facts.size)):
            return
        home = self._machine.home_of(facts.path)
        if self._count[home] >= MAX_FILES:
            yield Unknown(posixpath.dirname(path), f"more than {MAX_FILES} programs")
            return
        # The path is part of the key where it is a package's own: the same bytes in two packages are two things.
        key = (facts.device, facts.inode, _package_part(facts.path))
        self._count[home] += key not in self._found
        candidate = self._found.setdefault(key, _Candidate(facts))
        candidate.named |= named
        candidate.in_folder |= in_folder
        candidate.project |= project
        self._taken.append(path)
        if path != candidate.facts.path:
            candidate.links.add(path)

    def _is_worth(self, size: int) -> bool:
        """True if a file of this size may be known by its content or its signer."""
        return self._fits(size) or (self.signed_programs and size >= MIN_SIZE)

    def _fits(self, size: int) -> bool:
        return 0 <= self._smallest <= size

    def _content(self, facts: Facts) -> Content:
        known = self._machine.cache.get(facts)
        if known is None:
            known, whole = self._read(facts)
            if whole:
                self._machine.cache.put(facts, known)
        return known

    def _read(self, facts: Facts) -> tuple[Content, bool]:
        """What the bytes say, and whether they stayed the same while we looked."""
        path, signatures = facts.path, self._wanted.signatures
        if not self._fits(facts.size) and not self._wanted.hashes:
            return Content(), False
        with self._tree.open(path) as (fd, now), translated(path):
            found = look(fd, now.size, signatures, self._machine.stopped) if self._fits(now.size) else ()
            wants_hash = self._wanted.hashes and now.size <= MAX_HASHED and (found or self._is_named(facts))
            digest = _sha256(fd, now.size, self._machine) if wants_hash else ""
            settled = is_settled(fd)
        same = self._tree.facts(path)._replace(path="") == facts._replace(path="")
        first = found[0] if found else None
        return Content(
            first.id if first else "", first.version if first else "", digest
        ), same and settled and not self._machine.stopped()

    def _is_named(self, facts: Facts) -> bool:
        candidate = self._found.get((facts.device, facts.inode, _package_part(facts.path)))
        return candidate is not None and (candidate.named or candidate.in_folder)

    def _observation(self, candidate: _Candidate, content: Content, signer: Signer) -> Observation:
        facts = candidate.facts
        container, manager = self._container(facts), ""
        if container is None and (owner := owner_of(self._machine, facts.path)):
            container, manager = owner
        container = container or Container("", "")
        name = posixpath.basename(facts.path)
        version = name if candidate.in_folder and _VERSION.fullmatch(name) else ""
        return Observation(
            source=Executables.name,
            face=Face.EXECUTABLE,
            path=facts.path,
            owner=self._machine.owner(facts.uid),
            uid=facts.uid,
            name=name,
            version=content.version or signer.version or version,
            content=content.id,
            sha256=content.sha256,
            signer=signer.key,
            container=container.purl,
            container_path=container.path,
            links=tuple(sorted(candidate.links)),
            project=candidate.project,
            manager=manager,
            home=self._machine.home_of(facts.path),
            inode=(facts.device, facts.inode),
        )

    def _container(self, facts: Facts) -> Container | None:
        found = container_of(self._tree, facts.path)
        if found is None and facts.size <= MAX_SHIM:
            try:
                return started_by(self._tree, facts.path, self._tree.read(facts.path, MAX_SHIM))
            except InterdictError:
                return None  # unreadable: it stands for itself
        return found


def _startable(facts: Facts) -> bool:
    return bool(facts.mode & 0o111)


def _package_part(path: str) -> str:
    """For a file inside a package the package's folder, else nothing."""
    return path.rpartition("/")[0] if any(part in path for part in _NOT_INTO) else ""


def _sha256(fd: int, size: int, machine: Machine) -> str:
    """The hash of an open file; empty when the look was ended meanwhile."""
    digest = hashlib.sha256()
    reader, at = DescriptorReader(fd, size), 0
    while at < size:
        if machine.stopped():
            return ""
        chunk = reader.read_at(at, _LARGE)
        if not chunk:
            break
        digest.update(chunk)
        at += len(chunk)
    return digest.hexdigest()
