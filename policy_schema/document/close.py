"""Policy + catalogue → closed policy: targets and includes resolved, local times in UTC. The last step to signing."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from policy_schema.document.canonical import Json
from policy_schema.document.catalogue import Catalogue
from policy_schema.document.closed import ClosedPolicy, checked
from policy_schema.document.policy import Ban, ModelBan, ModelStage, Policy, RolloutStep, Stage
from policy_schema.document.problems import Path, Problem
from policy_schema.document.scalars import Wrong
from policy_schema.document.targets import Aim, aims, expand_target, known_id
from policy_schema.document.times import LocalTime, parse_zone
from policy_schema.document.tool import Tool
from policy_schema.errors import BadDocument
from policy_schema.rules.instant import format_instant


def close_policy(policy: Policy, catalogue: Catalogue) -> ClosedPolicy:
    """Resolves everything that a policy names. The result depends on its two arguments only.

    Raises:
        BadDocument: a name that does not exist, a target that means nothing, a time that is not one.
    """
    return _Closing(policy, catalogue).close()


def included_tools(policy: Policy, catalogue: Catalogue) -> tuple[Tool, ...]:
    """The tools that go into the closed policy: targeted, approved and alternative ones, and those that embed them."""
    known = catalogue.with_defined(policy.define)
    named = [aim.tool for number, ban in enumerate(policy.bans) for aim in aims(ban, number, policy, known)]
    named += policy.approved
    alternatives = [*(b.alternatives for b in policy.bans), *(b.alternatives for b in policy.model_bans)]
    named += [other.tool for others in alternatives for other in others if other.tool]
    wanted = {tool.id for name in named if (tool := known.find(name))}
    around = {head.id for head in known.heads.values() if wanted.intersection(head.embeds)}
    return tuple(known.tools[name] for name in sorted(wanted | around))


class _Closing:
    """One closing: what it reads, and the problems so far."""

    def __init__(self, policy: Policy, catalogue: Catalogue) -> None:
        self.policy = policy
        self.catalogue = catalogue.with_defined(policy.define)
        self.included = included_tools(policy, catalogue)
        self.zone: ZoneInfo = parse_zone(policy.organisation.time_zone)
        self.problems: list[Problem] = []

    def close(self) -> ClosedPolicy:
        document: dict[str, Json] = self.policy.model_dump(mode="json", by_alias=True, exclude={"define", "include"})
        document["approved"] = [self._tool_id(t, ("approved", i)) for i, t in enumerate(self.policy.approved)]
        document["catalogue"] = {"version": self.catalogue.version}
        document["tools"] = {tool.id: _tool(tool) for tool in self.included}
        document["bans"] = [self._ban(ban, number) for number, ban in enumerate(self.policy.bans)]
        document["model_bans"] = [self._model_ban(ban, number) for number, ban in enumerate(self.policy.model_bans)]
        if self.problems:
            raise BadDocument(self.problems)
        return checked(document)

    def _ban(self, ban: Ban, number: int) -> Json:
        path: Path = ("bans", number)
        made: dict[str, Json] = ban.model_dump(mode="json", by_alias=True)
        made["targets"] = self._targets(ban, number)
        made["stages"] = self._stages(ban.stages, path)
        made["rollout"] = self._stages(ban.rollout, path, "rollout")
        if ban.no_later_than is not None:
            made["no_later_than"] = self._utc(ban.no_later_than, (*path, "no_later_than"))
        made["alternatives"] = self._alternatives(ban, path)
        return made

    def _model_ban(self, ban: ModelBan, number: int) -> Json:
        path: Path = ("model_bans", number)
        made: dict[str, Json] = ban.model_dump(mode="json", by_alias=True)
        return {**made, "stages": self._stages(ban.stages, path), "alternatives": self._alternatives(ban, path)}

    def _alternatives(self, ban: Ban | ModelBan, path: Path) -> Json:
        made: list[Json] = []
        for position, other in enumerate(ban.alternatives):
            tool = self._tool_id(other.tool, (*path, "alternatives", position, "tool")) if other.tool else None
            made.append({"name": other.name, "tool": tool, "url": other.url})
        return made

    def _targets(self, ban: Ban, number: int) -> list[Json]:
        for position, target in enumerate(ban.targets):
            path: Path = ("bans", number, "targets", position)
            try:
                if not expand_target(target, self.policy, self.catalogue):
                    self._wrong(
                        path, Wrong("means no tool: all are left out", "shorten `except`, or remove the target")
                    )
            except Wrong as wrong:
                self._wrong(path, wrong)
        return [
            {"tool": aim.tool, "versions": aim.versions}
            for aim in merged(aims(ban, number, self.policy, self.catalogue))
        ]

    def _stages(
        self, rows: Sequence[Stage | ModelStage | RolloutStep], path: Path, field: str = "stages"
    ) -> list[Json]:
        made: list[Json] = []
        for position, row in enumerate(rows):
            start = self._utc(row.start, (*path, field, position, "from"))
            made.append({**row.model_dump(mode="json", by_alias=True), "from": start})
        return made

    def _utc(self, moment: LocalTime, path: Path) -> str:
        try:
            return format_instant(moment.at(self.zone))
        except ValueError as error:
            self._wrong(path, Wrong(str(error), "choose another time of the day"))
            return ""

    def _tool_id(self, name: str, path: Path) -> str:
        try:
            return known_id(name, self.catalogue)
        except Wrong as wrong:
            self._wrong(path, wrong)
            return name

    def _wrong(self, path: Path, wrong: Wrong) -> None:
        self.problems.append(self.policy.places.problem(path, wrong.message, wrong.mend))


def merged(found: tuple[Aim, ...]) -> tuple[Aim, ...]:
    """Targets add up: a tool that is meant in all versions is meant once, whatever ranges stand beside it."""
    whole = {aim.tool for aim in found if aim.versions is None}
    kept = {(aim.tool, aim.versions): aim for aim in found if aim.versions is None or aim.tool not in whole}
    return tuple(kept[key] for key in sorted(kept, key=lambda key: (key[0], key[1] or "")))


def _tool(tool: Tool) -> Json:
    made: Json = tool.model_dump(
        mode="json", by_alias=True, exclude={"sources": True, "portable": {"__all__": {"sources"}}}
    )
    return made
