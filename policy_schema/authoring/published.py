"""Version ranges of a policy that no published version matches: a typing error, or a ban of nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policy_schema.authoring.offers import CannotFetch, NoPackage, Registry
from policy_schema.document.catalogue import Catalogue
from policy_schema.document.policy import Policy
from policy_schema.document.problems import Level, Path, Problem
from policy_schema.document.tool import Tool
from policy_schema.rules.identity import parse_purl
from policy_schema.rules.target import SCHEME_OF_PURL
from policy_schema.rules.versions import compile_range


def unmatched_ranges(policy: Policy, catalogue: Catalogue, registries: Mapping[str, Registry]) -> Iterator[Problem]:
    """An error for each range that no version on npm or PyPI matches, a warning where the registries cannot say."""
    known = catalogue.with_defined(policy.define)
    for number, ban in enumerate(policy.bans):
        for position, target in enumerate(ban.targets):
            tool = known.find(target.tool) if target.tool is not None else None
            if tool is None or target.versions is None:
                continue
            here: Path = ("bans", number, "targets", position, "versions")
            yield from _unmatched(tool, target.versions, here, policy, registries)


def _unmatched(
    tool: Tool, versions: str, here: Path, policy: Policy, registries: Mapping[str, Registry]
) -> Iterator[Problem]:
    looked, reasons = 0, []
    for text in tool.faces.packages:
        kind, _, name = parse_purl(text).key.partition("/")
        if kind not in registries:
            continue
        try:
            offered = registries[kind].versions(name)
        except NoPackage:
            continue  # has no version that could match
        except CannotFetch as refused:
            reasons.append(f"{text}: {refused}")
            continue
        wanted = compile_range(SCHEME_OF_PURL[kind], versions)
        if any(wanted.contains(version) for version in offered):
            return
        looked += len(offered)
    if looked and not reasons:
        message = f"{versions!r} matches none of the {looked} versions that are published of {tool.name}"
        yield policy.places.problem(here, message, "check the numbers; see `npm view` and `pip index versions`")
        return
    why = reasons[0] if reasons else "neither npm nor PyPI offers it"
    message = f"whether a published version of {tool.name} matches cannot be said: {why}"
    yield policy.places.problem(here, message, "check the numbers by hand", Level.WARNING)
