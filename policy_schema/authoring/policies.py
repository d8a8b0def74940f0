"""Finds the policy that a command's argument means: a file, what a repository has in force, or one of its versions."""

from __future__ import annotations

import json
from pathlib import Path

from policy_schema.authoring.publishing import closed_bytes
from policy_schema.authoring.workspace import REPOSITORY, Workspace
from policy_schema.document.closed import ClosedPolicy, parse_closed
from policy_schema.document.source import read_document
from policy_schema.errors import BadCommand, BadFile
from policy_schema.trust.layout import LIMITS, POLICY, POLICY_LIMIT, Role, metadata_path, policy_path
from policy_schema.trust.state import published_policy

HELP = "a policy in YAML, a closed policy.json, an author's folder (what is in force), or FOLDER@VERSION"


def policy_named(text: str) -> ClosedPolicy:
    """The closed policy that `text` names (see HELP).

    Raises:
        BadFile, BadDocument: there is no such file, or it is no policy.
        BadCommand: the folder has no such version, or nothing is published in it.
    """
    folder, separator, version = text.rpartition("@")
    if separator and version.isdecimal() and not Path(text).exists():
        return parse_closed(_published(Path(folder), int(version)))
    path = Path(text)
    if path.is_dir():
        space = Workspace.existing(path)
        in_force = published_policy(space.published())
        if in_force is None:
            raise BadCommand(f"{text}: nothing is published in it", "name a policy file")
        return parse_closed(in_force)
    if path.suffix == ".json":
        return parse_closed(read_document(path, POLICY_LIMIT))
    return parse_closed(closed_bytes(path))


def _published(folder: Path, version: int) -> bytes:
    """One version out of a repository, which keeps all of them. For comparing: nothing is verified (`verify` does)."""
    served = Workspace.existing(folder).repository if (folder / "repository").is_dir() else folder
    described = served / metadata_path(Role.TARGETS, version)
    if not described.is_file():
        known = sorted(int(p.name.partition(".")[0]) for p in served.glob("metadata/*.targets.json"))
        raise BadCommand(f"{folder}: has no version {version}", f"its versions: {', '.join(map(str, known)) or 'none'}")
    try:
        target = json.loads(read_document(described, LIMITS[Role.TARGETS]))["signed"]["targets"][POLICY]
        name = policy_path(str(target["hashes"]["sha256"]))
    except (ValueError, KeyError, TypeError) as error:
        raise BadFile(f"{described}: is not what `publish` writes", f"compare {REPOSITORY[0]} with a copy") from error
    return read_document(served / name, POLICY_LIMIT)
