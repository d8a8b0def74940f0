"""The console's errors.

ConsoleError
├── BadCommand       the command line cannot be carried out
├── BadFile          a file that the command names cannot be used
├── StoreUnusable    the database cannot be opened, or is newer than this program
└── ExtraMissing     the libraries of the console are not installed
"""

from __future__ import annotations


class ConsoleError(Exception):
    """Root of the tree. `str()` says what is wrong; `advice()` says what to do, in one sentence."""

    default_advice = "See `interdict-console --help`."

    def __init__(self, message: str, advice: str | None = None) -> None:
        super().__init__(message)
        self._advice = advice

    def advice(self) -> str:
        """One sentence somebody can act on."""
        return self._advice or self.default_advice


class BadCommand(ConsoleError):
    """The command line asks for something that cannot be done."""


class BadFile(ConsoleError):
    """A file that the command names cannot be used."""

    default_advice = "Check the path, its permissions and its form."


class StoreUnusable(ConsoleError):
    """The database cannot be opened, or is newer than this program."""

    default_advice = "Check the --data folder and its permissions."


class ExtraMissing(ConsoleError):
    """The libraries of the console are not installed."""

    default_advice = 'pip install "interdict[console]"'
