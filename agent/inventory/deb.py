"""Debian packages: what dpkg has installed, by its own status file; dpkg is not run.

Where to look: `/var/lib/dpkg/status`, and `status.d` of images that were built without dpkg. Only what is installed
counts; a package that was removed but left its settings behind is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agent.errors import Gone, InterdictError
from agent.host.files import Kind
from agent.inventory.interface import Found, Machine, Root, unknown
from agent.inventory.places import join, listed
from agent.inventory.system_packages import (
    MAX_PACKAGES,
    RELEASES,
    Manager,
    Observer,
    SystemPackage,
    entry_of,
    stanzas,
    usable,
)
from policy_schema.rules.observation import Unknown

FOLDER = "/var/lib/dpkg"
STATUS = f"{FOLDER}/status"
STATUS_FOLDER = f"{FOLDER}/status.d"
INFO = f"{FOLDER}/info"
MANAGER = Manager("deb", "deb", "apt")
_INSTALLED = frozenset({"installed", "unpacked", "half-configured", "triggers-awaited", "triggers-pending"})
"""States of dpkg(1) in which the package's files are there."""
_FIELD = re.compile(rb"^(Package|Status|Version|Architecture):[ \t]*([^\n]*?)[ \t\r]*$", re.MULTILINE)


def parse_stanza(data: bytes) -> SystemPackage | None:
    """One entry of a status file; None for a package that is not installed. Without a Status field (status.d) it is.

    Raises:
        ValueError: it has no usable name.
    """
    field = {key: value.decode("utf-8", "replace") for key, value in reversed(_FIELD.findall(data))}
    words = field.get(b"Status", "install ok installed").split()
    if len(words) == 3 and words[2] not in _INSTALLED:
        return None
    return usable(field.get(b"Package", ""), field.get(b"Version", ""), field.get(b"Architecture", ""))


class Deb:
    """The source `deb`."""

    name = "deb"

    def rests_on(self, machine: Machine) -> Iterator[str]:
        """See `Source.collect`. dpkg replaces its files; those of `status.d` are asked one by one."""
        if machine.system:
            yield from (STATUS, INFO, STATUS_FOLDER, *RELEASES)
            entries = listed(machine.tree, STATUS_FOLDER)
            yield from (join(STATUS_FOLDER, e.name) for e in ([] if isinstance(entries, Unknown) else entries))

    def collect(self, machine: Machine) -> Iterator[Found]:
        """See `Source.collect`."""
        if not machine.system:
            return
        there = machine.tree.exists(FOLDER)
        yield Root(FOLDER, looked=there)
        yield from _status(machine)
        yield Root(STATUS_FOLDER, looked=machine.tree.exists(STATUS_FOLDER))
        yield from _status_folder(machine)


def _status(machine: Machine) -> Iterator[Found]:
    try:
        observer = Observer(machine, MANAGER, machine.tree.facts(STATUS).uid)
        info = listed(machine.tree, INFO)
        lists = frozenset(entry.name for entry in info) if not isinstance(info, Unknown) else frozenset()
        for count, stanza in enumerate(stanzas(machine.tree, STATUS)):
            if machine.stopped():
                return
            if count >= MAX_PACKAGES:
                yield Unknown(STATUS, f"more than {MAX_PACKAGES} packages")
                return
            try:
                package = parse_stanza(stanza)
            except ValueError as error:
                yield Unknown(STATUS, str(error))
                continue
            if package is not None:
                yield observer.see(package, _record(package, lists))
    except Gone:
        return
    except InterdictError as error:
        yield unknown(STATUS, error)


def _status_folder(machine: Machine) -> Iterator[Found]:
    entries = listed(machine.tree, STATUS_FOLDER)
    if isinstance(entries, Unknown):
        yield entries
        return
    if not entries:
        return
    if len(entries) > MAX_PACKAGES:
        yield Unknown(STATUS_FOLDER, f"more than {MAX_PACKAGES} packages")
    observer = Observer(machine, MANAGER, 0)
    for entry in entries[:MAX_PACKAGES]:
        if machine.stopped():
            return
        path = join(STATUS_FOLDER, entry.name)
        if entry.kind is not Kind.FILE or entry.name.endswith(".md5sums"):
            continue
        try:
            for stanza in stanzas(machine.tree, path):
                package = parse_stanza(stanza)
                if package is not None:
                    yield observer.see(package, path)
        except Gone:
            continue
        except (InterdictError, ValueError) as error:
            yield unknown(path, error) if isinstance(error, InterdictError) else Unknown(path, str(error))


def _record(package: SystemPackage, lists: frozenset[str]) -> str:
    """The list of the package's files; its entry in the status file for one that has none."""
    for name in (f"{package.name}:{package.arch}.list", f"{package.name}.list"):
        if name in lists:
            return join(INFO, name)
    return entry_of(STATUS, package.name)
