"""Checks of what a ban aims at."""

from __future__ import annotations

from collections.abc import Iterator

from packageurl import PackageURL

from policy_schema.document.checks.subject import Lint
from policy_schema.document.problems import Path, Problem
from policy_schema.document.scalars import Wrong
from policy_schema.document.targets import APPROVED, expand_target, spared_ids
from policy_schema.document.tool import Tool
from policy_schema.rules.guard import protected_place
from policy_schema.rules.target import SCHEME_OF_PURL
from policy_schema.rules.versions import compile_range


def targets_known(lint: Lint) -> Iterator[Problem]:
    """Each target names one thing that exists, and so does its `except`."""
    for path, ban in lint.bans:
        for position, target in enumerate(ban.targets):
            here: Path = (*path, "targets", position)
            try:
                expand_target(target, lint.policy, lint.catalogue)
            except Wrong as wrong:
                yield lint.wrong(here, wrong)
                continue
            if target.tool is not None and target.tool not in lint.catalogue.tools:
                now = lint.catalogue.find(target.tool)
                yield lint.warning(here, f"{target.tool} is a former id", f"write {now.id if now else 'the new one'}")
            wanted = expand_target(target.model_copy(update={"spared": ()}), lint.policy, lint.catalogue)
            for name in spared_ids(target, lint.policy, lint.catalogue):
                if name not in wanted and APPROVED not in target.spared:
                    yield lint.warning((*here, "except"), f"{name} is not meant anyway", "leave it out")


def ban_empty(lint: Lint) -> Iterator[Problem]:
    """A target that means no tool is a mistake, not a small ban."""
    for path, ban in lint.bans:
        for position, target in enumerate(ban.targets):
            try:
                found = expand_target(target, lint.policy, lint.catalogue)
            except Wrong:
                continue
            if not found:
                mend = "shorten `except`, or remove the target"
                yield lint.error((*path, "targets", position), "means no tool: all are left out", mend)


def versions_need_one_tool(lint: Lint) -> Iterator[Problem]:
    """Tools number their versions each in their own way: one range for a whole vendor means nothing."""
    for path, ban in lint.bans:
        for position, target in enumerate(ban.targets):
            if target.versions is not None and target.tool is None:
                here: Path = (*path, "targets", position, "versions")
                yield lint.error(here, "needs one tool: others count differently", "write one target for each tool")


def version_ranges(lint: Lint) -> Iterator[Problem]:
    """A range can be read in every scheme that the tool's versions come in, and is not empty there."""
    for path, ban in lint.bans:
        for position, target in enumerate(ban.targets):
            tool = lint.catalogue.find(target.tool) if target.tool is not None else None
            if tool is None or target.versions is None:
                continue
            here: Path = (*path, "targets", position, "versions")
            found = {wrong for scheme in version_schemes(tool) if (wrong := _range_wrong(scheme, target.versions))}
            for message, mend in sorted(found)[:1]:
                yield lint.error(here, message, mend)


def two_version_lines(lint: Lint) -> Iterator[Problem]:
    """One range over two registries whose numbers have nothing to do with each other hits by chance."""
    for path, ban in lint.bans:
        for position, target in enumerate(ban.targets):
            tool = lint.catalogue.find(target.tool) if target.tool is not None else None
            if tool is not None and target.versions is not None and len(version_schemes(tool)) > 1:
                message = f"{tool.name} counts differently on {' and '.join(_registries(tool))}"
                mend = "check that the range means the right copies in each, or ban all versions"
                yield lint.warning((*path, "targets", position, "versions"), message, mend)


def except_entries(lint: Lint) -> Iterator[Problem]:
    """An entry of a ban's `except` says one thing, about what the ban could hit, and no more than it must."""
    for number, (path, ban) in enumerate(lint.bans):
        packages = {p for aim in lint.aims[number] for p in lint.catalogue.tools[aim.tool].faces.packages}
        for position, entry in enumerate(ban.spared):
            here: Path = (*path, "except", position)
            given = [name for name in ("purl", "sha256", "path") if getattr(entry, name) is not None]
            if len(given) != 1:
                what = " and ".join(given) or "nothing"
                yield lint.error(here, f"names {what}", "write exactly one of purl, sha256 and path")
            if entry.purl is not None and _without_version(entry.purl) not in packages:
                yield lint.warning((*here, "purl"), "is no package of what is banned here", "check the name")
            if entry.path is not None and not entry.path.startswith(("/", "~/")):
                yield lint.error((*here, "path"), "is not absolute", "write a folder that begins with / or ~/")
            elif entry.path is not None and (protected_place(entry.path) or entry.path.count("/") < 2):
                yield lint.warning((*here, "path"), "spares a very wide place", "name a deeper folder")


def version_schemes(tool: Tool) -> tuple[str, ...]:
    """Every scheme that a tool's versions can come in: its own, and those of its packages (docs/adr/0010)."""
    kinds = {PackageURL.from_string(purl).type for purl in tool.faces.packages}
    from_packages = {SCHEME_OF_PURL[kind] for kind in kinds if kind in SCHEME_OF_PURL}
    return tuple(sorted(from_packages | {tool.version_scheme}))


def _registries(tool: Tool) -> list[str]:
    kinds = {PackageURL.from_string(purl).type for purl in tool.faces.packages}
    return sorted(kind for kind in kinds if kind in SCHEME_OF_PURL)


def _range_wrong(scheme: str, text: str) -> tuple[str, str] | None:
    try:
        compiled = compile_range(scheme, text)
    except ValueError as error:
        what, _, advice = str(error).partition(": ")
        return (what, advice) if advice else (what, "write comparators separated by blanks, such as >=2.1.91 <2.1.198")
    if compiled.is_empty():
        return f"{text!r} is empty: no {scheme} version lies in it", "turn the bounds round, or remove one"
    return None


def _without_version(purl: str) -> str:
    text: str = PackageURL.from_string(purl)._replace(version=None).to_string()
    return text
