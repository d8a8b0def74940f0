"""From the names that ecosystems use to the keys of the rulebook's tables, and to stable ids.

Rules: the purl specification (percent-encoded segments, PyPI names lower case), PEP 503 for PyPI normalisation.
"""

from __future__ import annotations

from _blake2 import blake2b  # hashlib is the same and brings OpenSSL: 4 MB in the gate
from typing import NamedTuple

_PURL_BOUND = 512
DISTRIBUTION_TYPES = frozenset({"alpm", "apk", "deb", "rpm"})
"""purl types whose namespace is the distribution (`pkg:deb/debian/git`). It is no part of the key: a face or a ban
means the package of that name in every distribution, and a vendor's own repository has no name of its own there."""
_KEPT = dict.fromkeys(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:")
_CASE_KEPT = frozenset({"cargo", "gem", "rpm"})


class Purl(NamedTuple):
    """A package URL taken apart. `key` is `type/namespace/name`, normalised, without the version."""

    type: str
    key: str
    version: str


def parse_purl(text: str) -> Purl:
    """Reads a purl such as `pkg:npm/%40anthropic-ai/claude-code@2.1.197`.

    Raises:
        ValueError: not a purl, or longer than 512 characters.
    """
    if not text.startswith("pkg:") or len(text) > _PURL_BOUND:
        raise ValueError(f"{text[:80]!r} is not a package URL such as pkg:npm/%40scope/name")
    body = text[4:].lstrip("/").split("#", 1)[0].split("?", 1)[0]
    kind, _, rest = body.partition("/")
    path, _, version = rest.rpartition("@") if "@" in rest.rpartition("/")[2] else (rest, "", "")
    name = "/".join(_unquote(part) for part in path.split("/") if part)
    if not kind or not name:
        raise ValueError(f"{text[:80]!r} names no package: write pkg:TYPE/NAME")
    return Purl(kind.lower(), package_key(kind, name), _unquote(version))


def package_key(kind: str, name: str) -> str:
    """The table key of a package: `npm/@anthropic-ai/claude-code`, `pypi/claude-agent-sdk`, `deb/git`."""
    kind = kind.lower()
    if kind in DISTRIBUTION_TYPES:
        name = name.rpartition("/")[2]
    return f"{kind}/{normal_name(kind, name)}"


def normal_name(kind: str, name: str) -> str:
    """A package's name as its ecosystem compares it (PEP 503 for PyPI; npm is case-sensitive but always lower)."""
    if kind == "pypi":
        parts: list[str] = []
        for char in name.lower():
            if char in "-_.":
                if not parts or parts[-1] != "-":
                    parts.append("-")
            else:
                parts.append(char)
        return "".join(parts)
    return name.lower()


def make_purl(kind: str, name: str, version: str = "") -> str:
    """Writes a purl: `make_purl("npm", "@anthropic-ai/claude-code", "2.1.197")`."""
    written = name if kind in _CASE_KEPT else normal_name(kind, name)
    path = "/".join(_quote(part) for part in written.split("/"))
    return f"pkg:{kind}/{path}" + (f"@{_quote(version)}" if version else "")


def executable_name(path: str) -> str:
    """The name that a catalogue's `executables.names` are compared with: base name, folded, without `.exe`."""
    name = path.replace("\\", "/").rpartition("/")[2].casefold()
    return name[:-4] if name.endswith(".exe") else name


def finding_id(ban: str, tool: str, face: str, path: str, pid: int | None, started: float | None) -> str:
    """The stable id of a finding, equal over rescans and restarts: for a process its pid and start time count."""
    what = f"{pid}@{started:.2f}" if pid is not None and started is not None else path
    return "f-" + short_hash(ban, tool, face, what)


def installation_id(tool: str, path: str) -> str:
    """The stable id of one copy of one tool on one machine."""
    return "i-" + short_hash(tool, path)


def short_hash(*parts: str) -> str:
    """Ten hexadecimal digits over the parts (their borders count)."""
    digest = blake2b(digest_size=5)
    for part in parts:
        raw = part.encode("utf-8", "surrogateescape")
        digest.update(len(raw).to_bytes(4, "big") + raw)
    return digest.hexdigest()


def rollout_bucket(ban: str, device: str) -> int:
    """0 to 99: where a device stands in a ban's percentages. Salted by the ban, so no device is always first."""
    return int.from_bytes(blake2b(f"{ban}\0{device}".encode(), digest_size=8).digest(), "big") % 100


def _unquote(text: str) -> str:
    if "%" not in text and text.isascii():
        return text
    raw = bytearray()
    data = text.encode("utf-8", "surrogateescape")
    i = 0
    while i < len(data):
        pair = data[i + 1 : i + 3]
        if data[i] == 0x25 and len(pair) == 2 and all(c in b"0123456789abcdefABCDEF" for c in pair):
            raw.append(int(pair, 16))
            i += 3
        else:
            raw.append(data[i])
            i += 1
    return raw.decode("utf-8", "replace")


def _quote(text: str) -> str:
    if not text.translate(_KEPT):
        return text
    return "".join(chr(c) if c in _KEPT else f"%{c:02X}" for c in text.encode("utf-8", "replace"))
