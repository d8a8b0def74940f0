"""What installed software of Windows says about itself. Pure; any bytes or texts in, a value or a ValueError.

Uninstall entries, MSIX packages, winget's folders, Scoop's and Chocolatey's packages. XML is read without entities and
nothing is fetched. Rules: "Uninstall Registry Key", "App package manifest" of Microsoft's documentation; the nuspec
reference; Scoop's app manifests.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from typing import NamedTuple
from xml.parsers import expat

from agent.inventory.json_object import read_object, text_of
from agent.inventory.pe_files import short_version
from policy_schema.rules.identity import make_purl

MAX_NAME = 200
MAX_NESTING = 200
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]{0,79}", re.ASCII)
_WINGET_ID = re.compile(r"[^\s.\\/:*?\"<>|\x00-\x1f]{1,32}(\.[^\s.\\/:*?\"<>|\x00-\x1f]{1,32}){1,7}")
_PACKAGE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,149}", re.ASCII)
_MSIX = re.compile(
    r"(?P<name>[A-Za-z0-9.-]{3,50})_(?P<version>[0-9]{1,5}(?:\.[0-9]{1,5}){3})_(?P<arch>[a-z0-9]{1,8})"
    r"_(?P<resource>[A-Za-z0-9.~-]{0,30})_(?P<publisher>[0-9a-hjkmnp-tv-z]{13})",
    re.ASCII,
)
WINGET_SOURCE = "_Microsoft.Winget.Source_"
_CROCKFORD = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"0123456789abcdefghjkmnpqrstvwxyz")


class Program(NamedTuple):
    """An uninstall entry."""

    name: str
    """Without its version, where the entry's own version stands at its end."""
    version: str
    location: str
    """Where it says to be installed, as Windows writes it; not to be trusted."""
    winget: str
    """The id by which winget installed it; empty otherwise."""
    manager: str

    @property
    def key(self) -> str:
        """The key of the rulebook's table: `windows:Claude`."""
        return f"windows:{self.name}"

    @property
    def purl(self) -> str:
        """`pkg:winget/…`; empty where winget says nothing."""
        return make_purl("winget", self.winget, self.version) if self.winget else ""


class Msix(NamedTuple):
    """An MSIX package by the name of its folder."""

    name: str
    version: str
    publisher: str
    """The publisher's hash."""

    @property
    def family(self) -> str:
        """What Windows calls all versions of it together: `Claude_pzs8sxrjxfjjc`."""
        return f"{self.name}_{self.publisher}"

    @property
    def key(self) -> str:
        """The key of the rulebook's table: `windows:Claude_pzs8sxrjxfjjc`."""
        return f"windows:{self.family}"

    @property
    def purl(self) -> str:
        """`pkg:msix/claude_pzs8sxrjxfjjc@1.2.3`."""
        return make_purl("msix", self.family, self.version)


class Named(NamedTuple):
    """A package's name and version; the version is empty when nothing usable tells it."""

    name: str
    version: str


def parse_uninstall(key: str, values: Mapping[str, str]) -> Program | None:
    """What an uninstall entry is; None for one that Windows shows to nobody: parts and updates of something else."""
    says = {name.casefold(): value.strip() for name, value in values.items() if len(value) <= 4 * MAX_NAME}
    name = text_of(says.get("displayname"), MAX_NAME)
    if not name or says.get("systemcomponent") == "1" or says.get("parentkeyname") or says.get("releasetype"):
        return None
    shown = says.get("displayversion", "")
    version = shown.split(" ", 1)[0]
    version = short_version(version) or (version if _VERSION.fullmatch(version) else "")
    winget = says.get("wingetpackageidentifier", "")
    msi = says.get("windowsinstaller") == "1" or "msiexec" in says.get("uninstallstring", "").casefold()
    return Program(
        _without_version(name, shown),
        version,
        says.get("installlocation", "").strip('"'),
        winget if _WINGET_ID.fullmatch(winget) else "",
        "winget" if _WINGET_ID.fullmatch(winget) else "msi" if msi else "",
    )


def parse_msix_folder(name: str) -> Msix | None:
    """A folder of `WindowsApps`; None for a bundle, a language, or what is no package at all."""
    found = _MSIX.fullmatch(name)
    if found is None or found["resource"] == "~" or found["resource"].startswith("split."):
        return None
    return Msix(found["name"], short_version(found["version"]), found["publisher"])


def parse_appx_manifest(data: bytes) -> Msix:
    """The identity in an `AppxManifest.xml`. Raises ValueError."""
    identity = _read_xml(data, "Package", ()).attributes.get("Identity", {})
    name, version = identity.get("Name", ""), identity.get("Version", "")
    publisher = publisher_id(identity.get("Publisher", "")) if identity.get("Publisher") else ""
    if _MSIX.fullmatch(f"{name}_{version}_x64__{publisher}") is None:
        raise ValueError("no usable identity in it")
    return Msix(name, short_version(version), publisher)


def publisher_id(publisher: str) -> str:
    """The hash that stands for a publisher: 64 bits of SHA-256 over the name, in Crockford's base 32."""
    digest = hashlib.sha256(publisher.encode("utf-16-le", "replace")).digest()[:8]
    return base64.b32encode(digest + b"\0\0").translate(_CROCKFORD)[:13].decode()


def parse_winget_folder(name: str) -> str:
    """The id in the name of a folder of `WinGet/Packages`; empty for other folders."""
    known, separator, _ = name.partition(WINGET_SOURCE)
    found = known if separator else name.partition("_")[0]
    return found if _WINGET_ID.fullmatch(found) else ""


def parse_scoop_manifest(data: bytes) -> str:
    """The version in a `manifest.json` of Scoop; empty when it is none that can be reported. Raises ValueError."""
    version = text_of(read_object(data).get("version"), 80)
    return version if _VERSION.fullmatch(version) else ""


def parse_nuspec(data: bytes) -> Named:
    """Id and version in a package of Chocolatey. Raises ValueError."""
    found = _read_xml(data, "package", ("metadata/id", "metadata/version")).texts
    name, version = found.get("metadata/id", "").strip(), found.get("metadata/version", "").strip()
    if not _PACKAGE_ID.fullmatch(name):
        raise ValueError("no usable id in it")
    return Named(name, version if _VERSION.fullmatch(version) else "")


def is_package_name(name: str) -> bool:
    """True for a name that Scoop or Chocolatey would give a package."""
    return _PACKAGE_ID.fullmatch(name) is not None


def _without_version(name: str, version: str) -> str:
    """`Tool 1.2.3` and `Tool version 1.2.3` are Tool."""
    if version and name.endswith(f" {version}"):
        name = name.removesuffix(f" {version}").removesuffix(" version").rstrip(" -") or name
    return name


class _Document(NamedTuple):
    """Texts by their path below the root, and attributes of the elements directly below it."""

    texts: dict[str, str]
    attributes: dict[str, dict[str, str]]


def _read_xml(data: bytes, root: str, wanted: tuple[str, ...]) -> _Document:
    reader = _Reader(root, wanted)
    try:
        reader.parser.Parse(data, True)
    except expat.ExpatError as error:
        raise ValueError(f"not XML: {expat.ErrorString(error.code)}") from None
    except LookupError:
        raise ValueError("not XML: an unknown encoding") from None
    return reader.found


class _Reader:
    """Collects; of two of one name the first counts. Prefixes of namespaces are passed over."""

    def __init__(self, root: str, wanted: tuple[str, ...]) -> None:
        self.found = _Document({}, {})
        self._root = root
        self._wanted = frozenset(wanted)
        self._path: list[str] = []
        self._done: set[str] = set()
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.EntityDeclHandler = self._entity

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(":")[2]
        if not self._path and name != self._root:
            raise ValueError(f"the document is no {self._root}")
        if len(self._path) >= MAX_NESTING:
            raise ValueError("nested too deeply")
        self._path.append(name)
        if len(self._path) == 2 and len(self.found.attributes) < 50:
            self.found.attributes.setdefault(name, attributes)

    def _end(self, name: str) -> None:
        if len(self._path) == 3:
            self._done.add("/".join(self._path[1:]))
        self._path.pop()

    def _characters(self, text: str) -> None:
        at = "/".join(self._path[1:]) if len(self._path) == 3 else ""
        if at in self._wanted and at not in self._done and len(self.found.texts.get(at, "")) < 4 * MAX_NAME:
            self.found.texts[at] = self.found.texts.get(at, "") + text

    def _entity(self, *declaration: object) -> None:
        raise ValueError("it declares entities")
