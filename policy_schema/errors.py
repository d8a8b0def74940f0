"""The errors of the author's side and of everything that reads a policy.

PolicyError
├── BadDocument     a policy cannot be used; `problems` says where and why
├── BadCatalogue    the catalogue itself is wrong
├── BadCommand      the command line cannot be carried out
└── BadFile         a file cannot be read or written

Further branches (trust, keys, publishing) hang below PolicyError in their own packages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from policy_schema.document.problems import Problem


class PolicyError(Exception):
    """Root of the tree. `str()` says what is wrong; `advice()` says what to do, in one sentence."""

    default_advice = "See `interdict-policy --help`."

    def __init__(self, message: str, advice: str | None = None) -> None:
        super().__init__(message)
        self._advice = advice

    def advice(self) -> str:
        """One sentence somebody can act on."""
        return self._advice or self.default_advice

    def lines(self) -> tuple[str, ...]:
        """What the command line prints: one line for each thing to mend, never empty."""
        return (f"{self}; {self.advice()}",)


class BadDocument(PolicyError):
    """A policy cannot be used as it stands. One problem or more, each with its own advice."""

    default_advice = "Mend the document and run `interdict-policy lint` on it."

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems[0].text(), self.problems[0].mend)

    def lines(self) -> tuple[str, ...]:
        """One line a problem, in the order of the document."""
        return tuple(problem.line_of_text() for problem in self.problems)


class BadCatalogue(BadDocument):
    """A catalogue entry is wrong: the same as a bad document, but not the author's fault."""


class BadCommand(PolicyError):
    """The command line asks for something that cannot be done."""


class BadFile(PolicyError):
    """A file cannot be read or written."""

    default_advice = "check the path and its permissions"
