"""Crates: what `cargo install` and cargo-binstall have built or put into folders of programs; cargo is not run.

Where to look: `~/.cargo`, the system's cargo homes, the Rusts of asdf and mise, and every prefix with a `bin` that
programs are started from (`cargo install --root`): there lie the lists that cargo keeps. A crate is its programs, so
it is reported at the one that is called as the crate, or the first; further programs of it belong to that one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from agent.errors import Gone, InterdictError
from agent.host.files import Facts, Kind, Tree
from agent.host.oserrors import reason_of
from agent.inventory.cargo_formats import MAX_CRATES, Crate, parse_binstall, parse_crates_json, parse_crates_toml
from agent.inventory.interface import Found, Machine, Root, unknown
from agent.inventory.places import Folder, expand, join
from agent.inventory.prefixes import revealed_prefixes
from policy_schema.rules.identity import make_purl
from policy_schema.rules.observation import Face, Observation, Unknown

MAX_LIST = 8 << 20
SYSTEM = (
    "usr/local",
    "usr/local/cargo",
    "usr/local/lib/cargo",
    "opt/cargo",
    "opt/rust/cargo",
    "opt/rust",
    "usr/local/rust/cargo",
)
OF_USERS = (
    "~/.cargo",
    "~/.local",
    "~/.local/share/cargo",
    "~/.asdf/installs/rust/*",
    "~/.local/share/mise/installs/rust/*",
    "~/.local/share/mise/installs/cargo-*/*",
    "~/.local/share/rtx/installs/rust/*",
    "~/scoop/persist/rustup/.cargo",
)
LISTS = (
    (".crates.toml", parse_crates_toml),
    (".crates2.json", parse_crates_json),
    ("binstall/crates-v1.json", parse_binstall),
)
"""Below a prefix, the one that cargo believes first."""


class Cargo:
    """The source `cargo`."""

    name = "cargo"

    def collect(self, machine: Machine) -> Iterator[Found]:
        """See `Source.collect`."""
        seen: set[str] = set()
        for found in _prefixes(machine):
            if machine.stopped():
                return
            if not isinstance(found, str):
                yield found
            elif found not in seen:
                seen.add(found)
                yield from _prefix(machine, found)


def _prefixes(machine: Machine) -> Iterator[str | Unknown | Root]:
    for found in expand(machine, SYSTEM, OF_USERS):
        yield found.path if isinstance(found, Folder) else found
    yield from revealed_prefixes(machine)


def _prefix(machine: Machine, prefix: str) -> Iterator[Found]:
    crates, troubles = installed(machine.tree, prefix)
    yield from troubles
    if crates or troubles:
        yield Root(prefix)
        yield Root(join(prefix, "bin"))  # the lists are written over, a program is a new name
    for crate in crates:
        yield from _crate(machine, prefix, crate)


def installed(tree: Tree, prefix: str) -> tuple[list[Crate], list[Unknown]]:
    """The crates that the lists below a prefix name, each once, and the lists that could not be read."""
    crates: dict[str, Crate] = {}
    troubles: list[Unknown] = []
    for name, parse in LISTS:
        path = join(prefix, name)
        try:
            said = parse(tree.read(path, MAX_LIST))
            for crate in said:
                crates.setdefault(crate.name, crate)
            if len(said) >= MAX_CRATES:
                troubles.append(Unknown(path, f"more than {MAX_CRATES} crates"))
        except Gone:
            continue
        except ValueError as error:
            troubles.append(Unknown(path, str(error)))
        except InterdictError as error:
            troubles.append(Unknown(path, reason_of(error, path)))
    return list(crates.values()), troubles


class Programs(NamedTuple):
    """A crate's programs that are there; the first stands for the crate."""

    there: tuple[Facts, ...]
    troubles: tuple[Unknown, ...]


def programs_of(tree: Tree, prefix: str, crate: Crate) -> Programs:
    """The crate's programs in `bin`, the one called as the crate first."""
    found: list[Facts] = []
    troubles: list[Unknown] = []
    for name in sorted(crate.programs, key=lambda one: (one.removesuffix(".exe") != crate.name, one)):
        path = join(prefix, f"bin/{name}")
        try:
            facts = tree.facts(path)
        except Gone:
            continue
        except InterdictError as error:
            troubles.append(unknown(path, error))
            continue
        if facts.kind is Kind.FILE:
            found.append(facts)
    return Programs(tuple(found), tuple(troubles))


def _crate(machine: Machine, prefix: str, crate: Crate) -> Iterator[Found]:
    programs = programs_of(machine.tree, prefix, crate)
    yield from programs.troubles
    own = make_purl("cargo", crate.name)
    for facts in programs.there:
        first = facts is programs.there[0]
        yield Observation(
            source=Cargo.name,
            face=Face.PACKAGE if first else Face.EXECUTABLE,
            path=facts.path,
            owner=machine.owner(facts.uid),
            uid=facts.uid,
            name=crate.name if first else facts.path.rpartition("/")[2],
            version=crate.version,
            purl=make_purl("cargo", crate.name, crate.version),
            container="" if first else own,
            container_path="" if first else programs.there[0].path,
            manager="cargo",
            home=machine.home_of(facts.path),
            inode=(facts.device, facts.inode),
            prefix=prefix,
        )
