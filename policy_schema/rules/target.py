"""What a ban aims at, in which versions, and what it spares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from policy_schema.rules.decision import Identity
from policy_schema.rules.identity import parse_purl
from policy_schema.rules.match import MCP, MCP_PACKAGE, ToolFaces
from policy_schema.rules.observation import Confidence, Observation
from policy_schema.rules.versions import Range, compile_range

SCHEME_OF_PURL = {"deb": "deb", "npm": "semver", "pypi": "pep440", "rpm": "rpm"}
"""A package's versions are compared as its ecosystem does, whatever the tool's own scheme (docs/adr/0010)."""


class Target(NamedTuple):
    """One tool, in all versions (`versions` is empty) or in a range, compiled for each scheme that can occur."""

    tool: str
    versions: str
    ranges: Mapping[str, Range]


class Verdict(NamedTuple):
    """Whether a version is hit, and how sure that is."""

    hit: bool
    confidence: Confidence


class Allowed(NamedTuple):
    """What a ban's `except` spares: packages (with or without a version), hashes, folders."""

    packages: tuple[tuple[str, str], ...]
    hashes: frozenset[str]
    paths: tuple[str, ...]

    def why(self, seen: Observation, identity: Identity) -> str:
        """The sentence that says why this is spared, or nothing."""
        named = seen.purl or (seen.setting.removeprefix(MCP) if seen.setting.startswith(MCP_PACKAGE) else "")
        if named:
            purl = parse_purl(named)
            for key, version in self.packages:
                if key == purl.key and version in ("", identity.version):
                    return f"{key} {version or '(every version)'} is spared by its except list."
        if seen.sha256 and seen.sha256 in self.hashes:
            return "a file with this hash is spared by its except list."
        for path in self.paths:
            if seen.path == path or seen.path.startswith(path + "/"):
                return f"what lies in {path} is spared by its except list."
        return ""


def parse_target(text: Mapping[str, object], tools: Mapping[str, ToolFaces]) -> Target:
    """Reads one target of a compiled ban. Raises ValueError for a range that cannot be read."""
    tool, versions = str(text["tool"]), str(text.get("versions") or "")
    if not versions:
        return Target(tool, "", {})
    wanted = {tools[tool].version_scheme, *(SCHEME_OF_PURL.get(p.split("/", 1)[0], "") for p in tools[tool].packages)}
    return Target(tool, versions, {scheme: compile_range(scheme, versions) for scheme in wanted if scheme})


def parse_allowed(rows: Sequence[Mapping[str, object]]) -> Allowed:
    """Reads a ban's `except` list."""
    purls = [parse_purl(str(row["purl"])) for row in rows if row.get("purl")]
    return Allowed(
        packages=tuple((purl.key, purl.version) for purl in purls),
        hashes=frozenset(str(row["sha256"]).lower() for row in rows if row.get("sha256")),
        paths=tuple(str(row["path"]).rstrip("/") for row in rows if row.get("path")),
    )


def version_verdict(target: Target, scheme: str, seen: Observation, identity: Identity) -> Verdict:
    """Is this version meant? One that cannot be read is a match of strong at most, never "no match"."""
    if not target.versions:
        return Verdict(True, identity.confidence)
    if seen.purl:
        scheme = SCHEME_OF_PURL.get(parse_purl(seen.purl).type, scheme)
    inside = target.ranges[scheme].contains(identity.version) if identity.version else None
    if inside is None:
        weaker = min(identity.confidence, Confidence.STRONG, key=lambda c: c.rank)
        return Verdict(True, weaker)
    return Verdict(inside, identity.confidence)
