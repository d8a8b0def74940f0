"""rpm's database where it is a plain file: which form it has, what is installed by it, and whose a program is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final

from agent.errors import NotRegular, TooBig
from agent.host.files import Tree, printable
from agent.host.oserrors import translated
from agent.inventory import rpm_bdb, rpm_ndb
from agent.inventory.rpm_formats import brings, parse_header
from agent.inventory.rpm_records import MAX_HEADER, Damage, Record, Records, package_of
from agent.inventory.system_packages import MAX_DATABASE, SystemPackage
from policy_schema.rules.descriptor import DescriptorReader
from policy_schema.rules.observation import Unknown

FORMS: Final = MappingProxyType[str, Records]({"Packages.db": rpm_ndb.records, "Packages": rpm_bdb.records})
"""By the name of the file, in rpm's own order: of several that are there it takes the first."""


def packages(tree: Tree, path: str, form: str, stopped: Callable[[], bool]) -> Iterator[SystemPackage | Unknown]:
    """What is installed, and every place of the file that could not be read.

    Raises:
        InterdictError: the file cannot be read, or is not of that form.
    """
    before = tree.facts(path)
    with _opened(tree, path, form) as found:
        for record in found:
            if stopped():
                return
            if isinstance(record, Damage):
                yield Unknown(path, record.reason)
                continue
            try:
                yield package_of(record.read)
            except ValueError as error:
                yield Unknown(path, f"package number {record.number}: {error}")
    if tree.facts(path) != before:
        yield Unknown(path, "rpm changed it while it was read")


def owner_in(tree: Tree, path: str, form: str, names: list[bytes]) -> SystemPackage | None:
    """The package that brought a file, by the lists in all headers; None if none did or its header is broken.

    Raises:
        InterdictError: the file cannot be read, or is not of that form.
    """
    with _opened(tree, path, form) as found:
        for record in found:
            if isinstance(record, Damage):
                continue  # the source says that it cannot be read
            try:
                header = record.read(MAX_HEADER)
                if brings(header, names):
                    return parse_header(header)
            except ValueError:
                continue
    return None


@contextmanager
def _opened(tree: Tree, path: str, form: str) -> Iterator[Iterator[Record | Damage]]:
    with tree.open(path) as (fd, facts), translated(path):
        if facts.size > MAX_DATABASE:
            raise TooBig(f"{printable(path)}: larger than {MAX_DATABASE} bytes")
        reader = DescriptorReader(fd, facts.size)
        try:
            yield FORMS[form](reader.read_at, facts.size)
        except ValueError as error:
            raise NotRegular(f"{printable(path)}: {error}") from error
