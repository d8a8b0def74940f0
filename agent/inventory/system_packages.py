"""What deb, rpm, apk and pacman have in common: one database of the system's packages, whose owner is root.

A package is reported at the place where its manager keeps the record of it. Nothing can be taken from there: such a
package is taken out by its own manager only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from agent.errors import InterdictError, TooBig
from agent.host.files import Tree, printable
from agent.host.oserrors import translated
from agent.inventory.interface import Machine
from policy_schema.rules.descriptor import DescriptorReader
from policy_schema.rules.identity import make_purl
from policy_schema.rules.observation import Face, Observation

MAX_DATABASE = 512 << 20
MAX_STANZA = 4 << 20
MAX_PACKAGES = 100_000
RELEASES = ("/etc/os-release", "/usr/lib/os-release")
_CHUNK = 1 << 20
_OS_RELEASE = 64 * 1024
_NAME = re.compile(r"[A-Za-z0-9_@][A-Za-z0-9_@.+-]{0,149}", re.ASCII)
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+~^_%{}:-]{0,99}", re.ASCII)
_WORD = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}", re.ASCII)
_RELEASE_LINE = re.compile(r"^(ID|VERSION_ID)=[\"']?([^\"'\n]*)", re.MULTILINE)


class SystemPackage(NamedTuple):
    """A package as its manager's database names it; `version` with epoch and revision where there are any."""

    name: str
    version: str
    arch: str


class Distribution(NamedTuple):
    """Which distribution it is, by /etc/os-release (`debian`, `12`); empty text where that cannot be told."""

    id: str
    version: str


class Manager(NamedTuple):
    """One package manager of the system: the source's name, the type of its purls, and who uninstalls."""

    source: str
    purl_type: str
    program: str


def usable(name: str, version: str, arch: str) -> SystemPackage:
    """A package whose name can be reported; a version or architecture that cannot be one is left empty.

    Raises:
        ValueError: the name is none.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"no usable name in it: {printable(name, 60)!r}" if name else "no usable name in it")
    return SystemPackage(
        name, version if _VERSION.fullmatch(version) else "", arch if _WORD.fullmatch(arch.lower()) else ""
    )


def distribution_of(tree: Tree) -> Distribution:
    """What os-release(5) says; nothing where there is none or it cannot be read: purls then name no distribution."""
    for path in RELEASES:
        try:
            return parse_os_release(tree.read(path, _OS_RELEASE))
        except InterdictError:
            continue
    return Distribution("", "")


def parse_os_release(data: bytes) -> Distribution:
    """ID and VERSION_ID; text that is no such word is left out."""
    found = dict(_RELEASE_LINE.findall(data.decode("utf-8", "replace")))
    word = {key: value if _WORD.fullmatch(value) else "" for key, value in found.items()}
    return Distribution(word.get("ID", ""), word.get("VERSION_ID", ""))


def package_purl(kind: str, package: SystemPackage, distribution: Distribution) -> str:
    """`pkg:deb/debian/git@1:2.39.5-0?arch=amd64&distro=debian-12`; an rpm's epoch is a qualifier, as the rules say."""
    name = f"{distribution.id}/{package.name}" if distribution.id else package.name
    version, qualifiers = package.version, [f"arch={package.arch}"] if package.arch else []
    if distribution.id and distribution.version:
        qualifiers.append(f"distro={distribution.id}-{distribution.version}")
    if kind == "rpm" and ":" in version:
        epoch, _, version = version.partition(":")
        qualifiers.append(f"epoch={epoch}")
    return make_purl(kind, name, version) + ("?" + "&".join(qualifiers) if qualifiers else "")


def entry_of(database: str, name: str) -> str:
    """The place of a package whose record is one of many in a file: `/var/lib/rpm/rpmdb.sqlite#git`."""
    return f"{database}#{name}"


class Observer:
    """Makes the observations of one database in one look."""

    def __init__(self, machine: Machine, manager: Manager, uid: int) -> None:
        self._manager = manager
        self._uid = uid
        self._owner = machine.owner(uid)
        self._distribution = distribution_of(machine.tree)

    def see(self, package: SystemPackage, record: str) -> Observation:
        """An installed package; `record` is the place where its manager keeps what it knows of it."""
        return Observation(
            source=self._manager.source,
            face=Face.PACKAGE,
            path=record,
            owner=self._owner,
            uid=self._uid,
            name=package.name,
            version=package.version,
            purl=package_purl(self._manager.purl_type, package, self._distribution),
            manager=self._manager.program,
            prefix="/",
        )


def stanzas(tree: Tree, path: str) -> Iterator[bytes]:
    """The parts of a file that an empty line divides, one after the other, so that a large one costs little memory.

    Raises:
        InterdictError: it cannot be read, or it or one part of it is larger than any real one.
    """
    with tree.open(path) as (fd, facts), translated(path):
        if facts.size > MAX_DATABASE:
            raise TooBig(f"{printable(path)}: larger than {MAX_DATABASE} bytes")
        reader, at, rest = DescriptorReader(fd, facts.size), 0, b""
        while chunk := reader.read_at(at, _CHUNK):
            at += len(chunk)
            *whole, rest = (rest + chunk).split(b"\n\n")
            yield from (part for part in whole if part)
            if len(rest) > MAX_STANZA:
                raise TooBig(f"{printable(path)}: an entry larger than {MAX_STANZA} bytes")
        if rest.strip():
            yield rest
