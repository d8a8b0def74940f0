"""What a source of the inventory is, and what it is given. How to add one: CONTRIBUTING.md, "A source"."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from agent.errors import InterdictError
from agent.host.files import Tree, printable
from agent.host.oserrors import reason_of
from agent.host.users import User
from agent.inventory.content_cache import ContentCache
from agent.inventory.recall import Recall
from policy_schema.rules.content import Signature
from policy_schema.rules.observation import Coverage, Observation, Unknown


class Wanted(NamedTuple):
    """What to look for, from the rulebook. With nothing wanted, packages are listed all the same."""

    names: frozenset[str] = frozenset()
    """Names of programs as `policy_schema.rules.identity.executable_name` writes them."""
    folders: tuple[str, ...] = ()
    """Folders of the tools' own, `~` for every home."""
    signatures: tuple[Signature, ...] = ()
    hashes: bool = False
    """True if a rule names hashes: then programs that are reported are hashed too."""
    signers: frozenset[str] = frozenset()
    """Signers of programs as an observation writes them: `apple:TEAM/IDENTIFIER`, `authenticode:SUBJECT/PRODUCT`."""
    residue: tuple[str, ...] = ()
    """What tools leave behind, `~` for every home."""


class Root(NamedTuple):
    """A folder that a source looked at, or (`looked=False`) one in which such folders would appear.

    `watch`: what is installed later shows as a new name directly in it.
    """

    path: str
    watch: bool = True
    looked: bool = True


class Machine(NamedTuple):
    """Everything that a source may use. Built by `agent.inventory.machine.open_machine`."""

    tree: Tree
    users: tuple[User, ...]
    wanted: Wanted
    path_folders: tuple[str, ...]
    """Where programs are started from, in the tree: of the system, of each user, those given."""
    project_roots: tuple[str, ...]
    """Folders in which projects are looked for."""
    hints: tuple[str, ...]
    """Files that running processes run, in the tree: they reveal prefixes that nobody configured."""
    system: bool
    """False: only homes and what was given are looked at (a trial)."""
    cache: ContentCache
    recall: Recall
    """What small files and folders said in former looks."""
    owner: Callable[[int], str]
    """The name of a user id, or its number where it has none."""
    stopped: Callable[[], bool]
    changed: frozenset[str] = frozenset()
    """Not empty in a look at a change: only what lies in these folders is new since the source's last look."""
    unknown: tuple[Unknown, ...] = ()
    """Homes that could not be looked at: every source's look is incomplete by them."""

    def home_of(self, path: str) -> str:
        """The home below which a path lies; empty elsewhere."""
        return next((user.home for user in self.users if path.startswith(user.home.rstrip("/") + "/")), "")


class Part(NamedTuple):
    """A part of a source's look that can be looked at again by itself, when nothing but its folder changed.

    Whatever it says depends on what lies in and below `path` only; what it finds outside (through a link) makes the
    runner look at the whole source again.
    """

    path: str
    """As `Root.path` names it."""
    found: Iterator[Observation | Unknown | Root]
    again: Callable[[Machine], Iterator[Observation | Unknown | Root]]


Found = Observation | Unknown | Root | Part


class Source(Protocol):
    """One kind of place where software is found."""

    name: str

    def collect(self, machine: Machine) -> Iterator[Found]:
        """Yields what is seen, what could not be looked at and which folders were looked at.

        Must end early when `machine.stopped()`; may raise InterdictError: the runner makes an Unknown of it. A source
        whose answer rests on few files may have a method `rests_on(machine)` that yields their paths: while their
        facts stay the same, its last answer stands.
        """


class Look(NamedTuple):
    """What one look by some sources found. By source, in the order in which they ran."""

    coverage: tuple[Coverage, ...]
    observations: dict[str, tuple[Observation, ...]]
    watch: dict[str, frozenset[str]]
    """Folders in which later installs appear, by source; not all of them are there yet."""
    stopped: bool = False
    """True if the look was ended early: what is missing may still be there."""

    @property
    def complete(self) -> bool:
        """True if everything could be looked at."""
        return not self.stopped and not any(row.unknown for row in self.coverage)


def unknown(where: str, error: InterdictError) -> Unknown:
    """A place that could not be looked at, from the error that says why."""
    return Unknown(where, reason_of(error, printable(where)))
