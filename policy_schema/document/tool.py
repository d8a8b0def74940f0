"""A tool of the catalogue, and the same fields under an organisation's `define:`.

`version_scheme` is the scheme of versions that come without a package (a native installer's folder). A version that
comes with a package is compared as that package's ecosystem does: npm by semver, PyPI by PEP 440 (docs/adr/0010).
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from policy_schema.document.base import Part
from policy_schema.document.scalars import Exact, Line, Link, Package, SchemeName, SettingsFile, Sha256, Size, ToolId
from policy_schema.rules.portable import SettingForm, SettingKind


class Mark(StrEnum):
    """How we know a face: seen first-hand, read in the vendor's own words, or neither."""

    SEEN = "seen"
    DOCUMENTED = "documented"
    UNVERIFIED = "unverified"


class Magic(StrEnum):
    """Kinds of files by their first bytes."""

    ELF = "elf"
    MACHO = "macho"
    PE = "pe"
    TEXT = "text"


class FaceName(StrEnum):
    """The forms in which a tool shows itself; the fields of `Faces`."""

    PACKAGES = "packages"
    EXTENSIONS = "extensions"
    APPS = "apps"
    EXECUTABLES = "executables"
    SIGNERS = "signers"
    CONTENT = "content"
    HASHES = "hashes"
    RESIDUE = "residue"


class Extensions(Part):
    """Extension ids by host family; for Vim a plugin's folder name, for a native host the name in its manifest."""

    vscode: tuple[Line, ...] = ()
    jetbrains: tuple[Line, ...] = ()
    chromium: tuple[Line, ...] = ()
    firefox: tuple[Line, ...] = ()
    zed: tuple[Line, ...] = ()
    vim: tuple[Line, ...] = ()
    native_host: tuple[Line, ...] = ()


class Apps(Part):
    """Applications: bundle ids on macOS, display names on Windows, desktop ids on Linux."""

    macos: tuple[Line, ...] = ()
    windows: tuple[Line, ...] = ()
    linux: tuple[Line, ...] = ()


class Executables(Part):
    """Programs by name (weak: reported, never acted on) and by the tool's own folders (strong)."""

    names: tuple[Line, ...] = ()
    folders: tuple[Line, ...] = ()


class AppleSigner(Part):
    """Team and identifier of a macOS code signature."""

    team: Line
    identifier: Line


class AuthenticodeSigner(Part):
    """Common name of a Windows code signature, and the product of the version resource."""

    subject: Line
    product: Line


class Signers(Part):
    """Who signs the tool's programs."""

    apple: tuple[AppleSigner, ...] = ()
    authenticode: tuple[AuthenticodeSigner, ...] = ()


class Some(Part):
    """At least `least` of these texts."""

    least: int = Field(ge=1, le=64)
    of: tuple[Exact, ...] = Field(min_length=1, max_length=64)


class Content(Part):
    """A signature over a file's bytes. It needs a cheap test first: a size, a section or a trailer beside the magic."""

    magic: tuple[Magic, ...] = Field(min_length=1)
    min_size: Size | None = None
    max_size: Size | None = None
    section: Exact | None = None
    trailer: Exact | None = None
    tail: Size | None = None
    version: Exact | None = None
    all: tuple[Exact, ...] = Field(min_length=1, max_length=64)
    some: Some | None = None


class Hash(Part):
    """One exact file."""

    sha256: Sha256


class Faces(Part):
    """Every form in which the tool shows itself."""

    packages: tuple[Package, ...] = ()
    extensions: Extensions = Extensions()
    apps: Apps = Apps()
    executables: Executables = Executables()
    signers: Signers = Signers()
    content: tuple[Content, ...] = ()
    hashes: tuple[Hash, ...] = ()
    residue: tuple[Line, ...] = ()


class SettingPlace(Part):
    """Where a tool keeps one kind of a person's settings, and how they are written there."""

    file: SettingsFile
    form: SettingForm
    mark: Mark
    sources: tuple[Link, ...] = ()


class Tool(Part):
    """A product with all its faces."""

    id: ToolId
    name: Line
    vendor: Line
    category: Line
    version_scheme: SchemeName
    aliases: tuple[Line, ...] = ()
    faces: Faces
    embeds: tuple[ToolId, ...] = ()
    marks: dict[FaceName, Mark] = Field(default_factory=dict)
    sources: dict[FaceName, tuple[Link, ...]] = Field(default_factory=dict)
    install: dict[Line, Line] = Field(default_factory=dict)
    portable: dict[SettingKind, SettingPlace] = Field(default_factory=dict)
    """What of a person's settings can be carried over to, or from, another tool that has the same kind."""
