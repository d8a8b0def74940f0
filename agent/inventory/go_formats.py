"""The build information that Go puts into every program it builds: which module and version it is. Pure; reads a
program piece by piece through a function, any bytes in, a value or None out.

Rules: Go's own reader (package debug/buildinfo). The blob begins with `\\xff Go buildinf:` at a multiple of 16 in the
section `.go.buildinfo` (ELF), `__go_buildinfo` (Mach-O), or at the beginning of the first writable data. Since Go 1.18
two strings with a length in front stand behind its 32 bytes; before, two addresses of string headers stand in it.
"""

from __future__ import annotations

import re
import struct
from typing import Final, NamedTuple

from agent.inventory.go_images import Image, ReadAt, open_image
from policy_schema.rules.identity import make_purl

MAGIC: Final = b"\xff Go buildinf:"
REACH: Final = 256 * 1024
"""How far into the data it is looked for: the linker puts it at the beginning, Go's own reader gave up at 64 KB."""
MAX_TEXT: Final = 4 << 20
"""Of the list of modules; that of the largest programs has some 100 KB."""
_ALIGN: Final = 16
_HEADER: Final = 32
_FRAME: Final = 16
_MODULE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~!$&'()+,;=@/-]{0,299}")
_VERSION = re.compile(r"v[0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.+-]{0,100}")


class Build(NamedTuple):
    """What a Go program says of itself."""

    path: str
    """The package of its `main`: `github.com/x/tool/cmd/tool`."""
    module: str
    """The module that holds it; empty if it was built without one."""
    version: str
    """Such as `v1.2.3`; empty when it was built from a folder (`(devel)`) or the version is none of Go's."""
    go: str
    """`go1.22.1`."""


def read_build(read: ReadAt, size: int) -> Build | None:
    """The build information of a program; None for everything that is no program of Go's.

    `read` gives up to that many bytes from an offset on and never raises for a place beyond the end.
    """
    image = open_image(read, size)
    if image is None:
        return None
    for place in image.data():
        blob = _find(read, place.start, min(place.end, place.start + REACH))
        if blob is not None:
            texts = _texts(read, image, blob)
            return _build(*texts) if texts else None
    return None


def package_purl(build: Build) -> str:
    """The purl of the program's module, of its main package where it was built without modules; else empty."""
    if build.module:
        return make_purl("golang", build.module, build.version)
    return make_purl("golang", build.path) if "." in build.path.partition("/")[0] else ""


def _find(read: ReadAt, start: int, end: int) -> int | None:
    """The offset of the blob in a part of the file."""
    at = start
    while at < end:
        piece = read(at, min(1 << 16, end - at) + _HEADER)
        found = piece.find(MAGIC)
        while found >= 0:
            if (at + found - start) % _ALIGN == 0:
                return at + found
            found = piece.find(MAGIC, found + 1)
        if len(piece) <= _HEADER:
            return None
        at += min(1 << 16, end - at)
    return None


def _texts(read: ReadAt, image: Image, at: int) -> tuple[bytes, bytes] | None:
    """Go's version and the framed list of modules, in either form."""
    header = read(at, _HEADER)
    if len(header) < _HEADER:
        return None
    pointer, flags = header[14], header[15]
    if flags & 2:
        go, after = _counted(read, at + _HEADER)
        modules, _ = _counted(read, after)
        return go, modules
    if pointer not in (4, 8):
        return None
    form = (">" if flags & 1 else "<") + ("I" if pointer == 4 else "Q")
    first, second = struct.unpack_from(f"{form[0]}2{form[1]}", header, 16)
    return _pointed(read, image, form, first), _pointed(read, image, form, second)


def _counted(read: ReadAt, at: int) -> tuple[bytes, int]:
    """A text behind its length, and where the next begins. A length beyond the bound is no text."""
    head, length, used = read(at, 10), 0, 0
    for used, byte in enumerate(head, 1):
        length |= (byte & 0x7F) << (7 * (used - 1))
        if not byte & 0x80:
            break
    else:
        return b"", at
    if length > MAX_TEXT:
        return b"", at
    text = read(at + used, length)
    return (text if len(text) == length else b""), at + used + length


def _pointed(read: ReadAt, image: Image, form: str, address: int) -> bytes:
    """A text by the address of its header: (address, length)."""
    width = struct.calcsize(form)
    header = read(image.offset(address, 2 * width), 2 * width)
    if len(header) < 2 * width:
        return b""
    place, length = struct.unpack(f"{form[0]}2{form[1]}", header)
    if length > MAX_TEXT:
        return b""
    text = read(image.offset(place, length), length)
    return text if len(text) == length else b""


def _build(go: bytes, modules: bytes) -> Build | None:
    if not go:
        return None
    framed = len(modules) >= 2 * _FRAME + 1 and modules[-_FRAME - 1 : -_FRAME] == b"\n"
    text = modules[_FRAME:-_FRAME] if framed else b""
    path = module = version = ""
    for line in text.decode("utf-8", "replace").split("\n"):
        kind, _, rest = line.partition("\t")
        fields = rest.split("\t")
        if kind == "path" and not path:
            path = _module(fields[0])
        elif kind == "mod" and not module:
            module, version = _module(fields[0]), _version(fields[1] if len(fields) > 1 else "")
        elif kind in ("dep", "=>"):
            break  # what follows are the modules it was built from
    return Build(path, module, version, go.decode("utf-8", "replace")[:40])


def _module(text: str) -> str:
    return text if _MODULE.fullmatch(text) else ""


def _version(text: str) -> str:
    return text if _VERSION.fullmatch(text) else ""
