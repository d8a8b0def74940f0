"""The guard at adoption: every rule, content included, is run over the programs without which a machine is lost.

A ban that would hit one of them is not carried out here, whoever signed it; it is reported instead.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from policy_schema.rules.guard import PROTECTED_PROGRAMS, protected_package
from policy_schema.rules.observation import Confidence, Face, Observation
from policy_schema.rules.rulebook import DeviceRules

Content = Callable[[str], tuple[str, str]]


def protected_hits(
    rules: DeviceRules, content: Content, programs: Iterable[str] = PROTECTED_PROGRAMS
) -> dict[str, str]:
    """Ban id to the sentence that says what protected thing it would hit."""
    hits: dict[str, str] = {}
    for ban in rules.book.bans:
        for target in ban.targets:
            tool = rules.book.tools[target.tool]
            packages = [key for key in tool.packages if protected_package(key)]
            if packages:
                hits[ban.id] = f"The guard holds it: {tool.name} claims the package {packages[0]}."
    targeted = {target.tool: ban.id for ban in rules.book.bans for target in ban.targets}
    for path in programs:
        tool_id = _recognised(rules, path, content)
        if tool_id in targeted:
            hits[targeted[tool_id]] = f"The guard holds it: it would hit {path}."
    return hits


def _recognised(rules: DeviceRules, path: str, content: Content) -> str:
    """The tool that a protected program would be taken for, by anything stronger than its name."""
    if not os.path.isfile(path):
        return ""
    signature, _ = content(path)
    seen = Observation("guard", Face.EXECUTABLE, os.path.realpath(path), content=signature)
    identity = rules.identify(seen)
    weak = identity is None or identity.confidence is Confidence.WEAK
    return "" if weak or identity is None else identity.tool
