"""The guard at adoption: every rule is run over the programs without which this machine is lost.

A ban that would hit one of them is not carried out here, whoever signed it; it is reported instead, and the rest of the
policy is in force. What a tool is said to be (names, packages, folders, applications, signers) is compared with the
lists that lint has too; then every rule, content and hashes included, is run over the programs that are really there.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator

from agent.host.essentials import files_of_package, hash_of
from policy_schema.rules.guard import PROTECTED_PROGRAMS, touched
from policy_schema.rules.observation import Confidence, Face, Observation
from policy_schema.rules.rulebook import Ban, DeviceRules

Content = Callable[[str], tuple[str, str]]
Signer = Callable[[str], str]
LONGEST = 20.0
"""Seconds that all programs may take. A ban by bytes that could not be compared with all of them waits."""


def protected_hits(
    rules: DeviceRules,
    content: Content,
    programs: Iterable[str] = PROTECTED_PROGRAMS,
    *,
    own: tuple[str, ...] = (),
    signer: Signer = lambda path: "",
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, str]:
    """Ban id to the sentence that says what protected thing it would hit. `own` are Interdict's own folders."""
    there = tuple(dict.fromkeys(path for path in programs if os.path.isfile(path)))
    hits = {tool: f"The guard holds it: it would hit {what}." for tool, what in _by_lists(rules, own, there)}
    deadline = clock() + LONGEST
    for number, path in enumerate(there):
        if clock() > deadline:
            late = (
                f"The guard holds it: {len(there) - number} protected programs could not be compared with it in time."
            )
            hits = {tool.id: late for tool in rules.book.tools.values() if tool.content or tool.hashes} | hits
            break
        for tool_id in _recognised(rules, path, content, signer):
            hits.setdefault(tool_id, f"The guard holds it: it would hit {path}.")
    found = {ban.id: _first(ban, hits) for ban in rules.book.bans}
    return {ban: why for ban, why in found.items() if why}


def _first(ban: Ban, hits: dict[str, str]) -> str:
    return next((hits[target.tool] for target in ban.targets if target.tool in hits), "")


def _by_lists(rules: DeviceRules, own: tuple[str, ...], there: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Each targeted tool that says of itself to be something protected, with what."""
    for tool_id in sorted({target.tool for ban in rules.book.bans for target in ban.targets}):
        tool = rules.book.tools[tool_id]
        whats = touched(
            names=tool.names,
            packages=tool.packages,
            folders=tool.folders,
            apps=tool.apps,
            signers=tool.signers,
            own=own,
        )
        what = next(whats, "") or _owned(tool.packages, there)
        if what:
            yield tool_id, what


def _owned(packages: Iterable[str], there: tuple[str, ...]) -> str:
    """A package of Debian's that brings a protected program, by the package's own list of files."""
    for key in packages:
        kind, _, name = key.partition("/")
        if kind != "deb":
            continue
        files = files_of_package(name)
        path = next((path for path in there if path in files), "")
        if path:
            return f"{path}, which the package {key} brings"
    return ""


def _recognised(rules: DeviceRules, path: str, content: Content, signer: Signer) -> Iterator[str]:
    """The tools that a protected program would be taken for, by anything stronger than its name."""
    signature, _ = content(path)
    wants_hash = any(tool.hashes for tool in rules.book.tools.values())
    seen = Observation(
        "guard",
        Face.EXECUTABLE,
        path,
        content=signature,
        sha256=hash_of(path) if wants_hash else "",
        signer=signer(path),
    )
    for one in dict.fromkeys((path, os.path.realpath(path))):
        identities = rules.book.tables.identify(seen._replace(path=one))
        yield from (each.tool for each in identities if each.confidence is not Confidence.WEAK)
