"""Checks of an organisation's own tools, and of what no policy can touch."""

from __future__ import annotations

from collections.abc import Iterator

from policy_schema.document.catalogue import load_catalogue
from policy_schema.document.checks.subject import Lint
from policy_schema.document.problems import Path, Problem
from policy_schema.document.tool import Tool
from policy_schema.rules.guard import SHARED_FOLDERS, protected_package, protected_place, touched
from policy_schema.rules.identity import parse_purl


def defined_ids(lint: Lint) -> Iterator[Problem]:
    """An own tool's id has the organisation's prefix, so that no later catalogue can take the name away."""
    catalogue, seen = load_catalogue(), set[str]()
    for number, tool in enumerate(lint.policy.define):
        here: Path = ("define", number, "id")
        if "/" not in tool.id:
            yield lint.error(
                here, f"{tool.id!r} has no prefix", f"write it with your organisation's, as acme/{tool.id}"
            )
        if tool.id in seen or catalogue.find(tool.id) is not None:
            yield lint.error(here, f"{tool.id!r} exists already", "choose another id")
        seen.add(tool.id)
        for position, name in enumerate(tool.embeds):
            if lint.catalogue.find(name) is None:
                mend = lint.catalogue.nearest(name)
                yield lint.error(("define", number, "embeds", position), f"{name!r} is not a tool", mend)


def folders(lint: Lint) -> Iterator[Problem]:
    """A folder face is one tool's own folder: absolute or below a home, written out, and not everybody's."""
    for number, tool in enumerate(lint.policy.define):
        for position, folder in enumerate(tool.faces.executables.folders):
            here: Path = ("define", number, "faces", "executables", "folders", position)
            wrong = folder_wrong(folder)
            if wrong is not None:
                yield lint.error(here, *wrong)


def without_faces(lint: Lint) -> Iterator[Problem]:
    """A tool that has no face, or a name alone, can be banned and is never acted on."""
    for found in lint.aims:
        for aim in found:
            faces = lint.catalogue.tools[aim.tool].faces
            sure = (faces.packages, faces.content, faces.hashes, faces.executables.folders, faces.signers.apple)
            more = (faces.signers.authenticode, *_values(lint.catalogue.tools[aim.tool]))
            if not any((*sure, *more)):
                message = f"{aim.tool} is known by a name at most: it would be reported and never acted on"
                yield lint.warning(aim.path, message, "add a package, folder, hash or content signature to the tool")


def protected_faces(lint: Lint) -> Iterator[Problem]:
    """Shells, interpreters, package managers, device management and Interdict itself cannot be banned."""
    for ban, found in zip(lint.policy.bans, lint.aims, strict=True):
        for aim in found:
            for face in _protected(lint.catalogue.tools[aim.tool]):
                mend = f"take it out of the faces of {aim.tool}: no policy can touch it"
                yield lint.error(aim.path, f"ban {ban.id} would hit {face}, which a machine needs", mend)


def folder_wrong(folder: str) -> tuple[str, str] | None:
    """What is wrong with a folder face and what to do, or None."""
    parts = folder.rstrip("/").split("/")
    if parts[0] not in ("", "~") or ".." in parts or "." in parts or "" in parts[1:]:
        return f"{folder!r} is not an absolute folder", "begin it with / or ~/ and write it without . and .."
    if any(char in folder for char in "*?["):
        return f"{folder!r} is a pattern", "write the tool's own folder out; what lies below it is meant too"
    if folder.rstrip("/") in SHARED_FOLDERS or protected_place(folder) or len(parts) < 2:
        return f"{folder!r} is a folder of everybody's", "name the tool's own folder in it"
    return None


def _protected(tool: Tool) -> Iterator[str]:
    faces = tool.faces
    yield from (f"the package {purl}" for purl in faces.packages if protected_package(parse_purl(purl).key))
    yield from touched(
        names=faces.executables.names,
        folders=faces.executables.folders,
        apps=_apps(tool),
        signers=_signers(tool),
    )


def _apps(tool: Tool) -> Iterator[str]:
    apps = tool.faces.apps
    for kind, ids in (("macos", apps.macos), ("windows", apps.windows), ("linux", apps.linux)):
        yield from (f"{kind}:{one}" for one in ids)


def _signers(tool: Tool) -> Iterator[str]:
    signers = tool.faces.signers
    yield from (f"apple:{one.team}/{one.identifier}" for one in signers.apple)
    yield from (f"authenticode:{one.subject}/{one.product}" for one in signers.authenticode)


def _values(tool: Tool) -> Iterator[tuple[str, ...]]:
    extensions, apps = tool.faces.extensions, tool.faces.apps
    yield from (
        extensions.vscode,
        extensions.jetbrains,
        extensions.chromium,
        extensions.firefox,
        extensions.zed,
        extensions.vim,
        extensions.native_host,
        apps.macos,
        apps.windows,
        apps.linux,
    )
