"""Homebrew and Linuxbrew: formulae and casks, by the folders in which they lie; brew is not run.

Where to look: `Cellar/NAME/VERSION` and `Caskroom/NAME/VERSION` below the prefixes of Homebrew, for the system and in
homes. A folder is what is installed: brew itself asks no more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from agent.errors import Gone, InterdictError
from agent.host.files import Kind
from agent.inventory.interface import Found, Machine, Root, unknown
from agent.inventory.places import Folder, expand, join, listed
from policy_schema.rules.identity import make_purl
from policy_schema.rules.observation import Face, Observation, Unknown

PREFIXES = ("opt/homebrew", "usr/local", "usr/local/Homebrew", "home/linuxbrew/.linuxbrew")
PREFIXES_OF_USERS = ("~/.linuxbrew", "~/homebrew", "~/.homebrew")
STORES = ("Cellar", "Caskroom")
MAX_PACKAGES = 20_000
MAX_VERSIONS = 200
MAX_LINKS = 200
_NAME = re.compile(r"[a-z0-9][a-z0-9+@._-]{0,149}", re.ASCII)
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.,+~_-]{0,99}", re.ASCII)


class Keg(NamedTuple):
    """One installed version: the formula's or cask's name, its version without brew's own revision (`_1`)."""

    name: str
    version: str


def parse_keg(name: str, folder: str) -> Keg | None:
    """What the names of the two folders say; None if brew would make none of them."""
    if not _NAME.fullmatch(name) or not _VERSION.fullmatch(folder):
        return None
    version, separator, revision = folder.rpartition("_")
    return Keg(name, version if separator and version and revision.isdigit() else folder)


class Brew:
    """The source `brew`."""

    name = "brew"

    def collect(self, machine: Machine) -> Iterator[Found]:
        """See `Source.collect`."""
        system = [f"{prefix}/{store}" for prefix in PREFIXES for store in STORES]
        of_users = [f"{prefix}/{store}" for prefix in PREFIXES_OF_USERS for store in STORES]
        for found in expand(machine, system, of_users):
            if isinstance(found, Folder):
                yield Root(found.path)
                yield from _store(machine, found.path)
            else:
                yield found


def _store(machine: Machine, path: str) -> Iterator[Found]:
    entries = listed(machine.tree, path)
    if isinstance(entries, Unknown):
        yield entries
        return
    names = [entry.name for entry in entries if entry.kind is Kind.FOLDER and _NAME.fullmatch(entry.name)]
    if len(names) > MAX_PACKAGES:
        yield Unknown(path, f"more than {MAX_PACKAGES} packages")
    for name in names[:MAX_PACKAGES]:
        if machine.stopped():
            return
        yield Root(join(path, name))  # an upgrade is another folder in it
        versions = listed(machine.tree, join(path, name))
        if isinstance(versions, Unknown):
            yield versions
            continue
        folders = [entry.name for entry in versions if entry.kind is Kind.FOLDER]
        if len(folders) > MAX_VERSIONS:
            yield Unknown(join(path, name), f"more than {MAX_VERSIONS} versions")
        for folder in folders[:MAX_VERSIONS]:
            keg = parse_keg(name, folder)
            if keg is not None:
                yield from _keg(machine, path, join(path, f"{name}/{folder}"), keg)


def _keg(machine: Machine, store: str, path: str, keg: Keg) -> Iterator[Found]:
    prefix = store.rpartition("/")[0]
    try:
        facts = machine.tree.facts(path)
    except Gone:
        return
    except InterdictError as error:
        yield unknown(path, error)
        return
    yield Observation(
        source=Brew.name,
        face=Face.PACKAGE,
        path=facts.path,
        owner=machine.owner(facts.uid),
        uid=facts.uid,
        name=keg.name,
        version=keg.version,
        purl=make_purl("brew", keg.name, keg.version),
        links=tuple(_links(machine, prefix, facts.path, keg.name)),
        manager="brew",
        home=machine.home_of(facts.path),
        inode=(facts.device, facts.inode),
        prefix=prefix,
    )


def _links(machine: Machine, prefix: str, keg: str, name: str) -> Iterator[str]:
    """The links by which the keg's programs are started, and `opt/NAME`, which leads to the version in use."""
    programs = listed(machine.tree, join(keg, "bin"))
    names = [] if isinstance(programs, Unknown) else [entry.name for entry in programs[:MAX_LINKS]]
    for link in (*(join(prefix, f"bin/{program}") for program in names), join(prefix, f"opt/{name}")):
        try:
            target = machine.tree.resolve(link) if machine.tree.readlink(link) else ""
        except InterdictError:
            continue  # no link of brew's
        if target == keg or target.startswith(f"{keg}/"):
            yield link
