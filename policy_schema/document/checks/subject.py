"""What every check looks at, with what several of them need worked out once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from policy_schema.document.catalogue import Catalogue
from policy_schema.document.close import included_tools
from policy_schema.document.policy import Ban, Policy
from policy_schema.document.problems import Level, Path, Problem
from policy_schema.document.scalars import Wrong
from policy_schema.document.targets import Aim, aims
from policy_schema.document.times import LocalTime, parse_zone
from policy_schema.document.tool import Tool
from policy_schema.rules.instant import Instant


class Lint:
    """A policy under inspection. The catalogue holds the policy's own tools too."""

    def __init__(self, policy: Policy, catalogue: Catalogue) -> None:
        self.policy = policy
        self.catalogue = catalogue

    @cached_property
    def aims(self) -> tuple[tuple[Aim, ...], ...]:
        """For each ban, the tools that it aims at."""
        return tuple(aims(ban, number, self.policy, self.catalogue) for number, ban in enumerate(self.policy.bans))

    @cached_property
    def included(self) -> tuple[Tool, ...]:
        """The tools that the closed policy will hold."""
        return included_tools(self.policy, self.catalogue)

    @cached_property
    def bans(self) -> Sequence[tuple[Path, Ban]]:
        """The bans with where they stand."""
        return [(("bans", number), ban) for number, ban in enumerate(self.policy.bans)]

    def instant(self, time: LocalTime) -> Instant | None:
        """A local time as an instant; None for a time that the clocks skip or repeat (another check names it)."""
        try:
            return time.at(parse_zone(self.policy.organisation.time_zone))
        except ValueError:
            return None

    def error(self, path: Path, message: str, mend: str) -> Problem:
        """A problem that stops the policy."""
        return self.policy.places.problem(path, message, mend)

    def warning(self, path: Path, message: str, mend: str) -> Problem:
        """A problem that is worth a look."""
        return self.policy.places.problem(path, message, mend, Level.WARNING)

    def wrong(self, path: Path, wrong: Wrong) -> Problem:
        """The same for something that was raised."""
        return self.error(path, wrong.message, wrong.mend)
