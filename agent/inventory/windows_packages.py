"""The package managers of Windows that keep a folder for each package: what they share. Not a source itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from agent.errors import Gone, InterdictError
from agent.host.files import Entry, Facts, Kind
from agent.host.oserrors import reason_of
from agent.inventory.interface import Machine, unknown
from agent.inventory.places import listed
from policy_schema.rules.identity import make_purl
from policy_schema.rules.observation import Face, Observation, Unknown

MAX_PACKAGES = 20_000


class Manager(NamedTuple):
    """A manager of packages: its source, the type of its purls, what uninstalls them."""

    source: str
    purl_type: str
    program: str


def folders_in(machine: Machine, path: str) -> list[Entry] | Unknown:
    """The folders of packages in a folder; Unknown if it cannot be listed or holds more than any real one."""
    entries = listed(machine.tree, path)
    if isinstance(entries, Unknown):
        return entries
    found = [entry for entry in entries if entry.kind is Kind.FOLDER]
    return found if len(found) <= MAX_PACKAGES else Unknown(path, f"more than {MAX_PACKAGES} packages")


def facts_of(machine: Machine, path: str) -> Facts | Unknown | None:
    """What the filesystem says; None if it is gone meanwhile."""
    try:
        return machine.tree.facts(path)
    except Gone:
        return None
    except InterdictError as error:
        return unknown(path, error)


def why(where: str, error: InterdictError | ValueError) -> Unknown:
    """The Unknown for a description that cannot be read or used."""
    return Unknown(where, reason_of(error, where) if isinstance(error, InterdictError) else str(error))


def package(
    machine: Machine, manager: Manager, path: str, name: str, version: str, links: tuple[str, ...] = ()
) -> Iterator[Observation | Unknown]:
    """A package that has a folder of its own."""
    facts = facts_of(machine, path)
    if isinstance(facts, Unknown):
        yield facts
    if not isinstance(facts, Facts):
        return
    yield Observation(
        source=manager.source,
        face=Face.PACKAGE,
        path=facts.path,
        owner=machine.owner(facts.uid),
        uid=facts.uid,
        name=name,
        version=version,
        purl=make_purl(manager.purl_type, name, version),
        links=links,
        manager=manager.program,
        home=machine.home_of(facts.path),
        inode=(facts.device, facts.inode),
        prefix=facts.path.rpartition("/")[0],
    )
