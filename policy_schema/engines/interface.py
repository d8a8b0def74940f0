"""What an engine is: a module with NAME, HELP and `translate`, and one line in ENGINES.

`translate` gets the orders that hold at an instant for a kind of device and gives files, with a sentence for each thing
that the engine cannot express. What is not sure for an engine is left out and said, never widened: a rule that hits
more than its ban does harm that nobody decided.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from policy_schema.rules.decision import Action
from policy_schema.rules.instant import Instant

Values = Mapping[str, object]


class Options(NamedTuple):
    """For when and for which devices. Without a region or group, whatever device gets the files is meant."""

    at: Instant
    kind: str = "workstation"
    ownership: str = "company"
    region: str | None = None
    groups: frozenset[str] | None = None
    homes: tuple[str, ...] = ()
    """Absolute home folders, for engines that know no pattern for them."""


class Spared(NamedTuple):
    """One entry of a ban's `except`: exactly one of the three is set."""

    purl: str = ""
    sha256: str = ""
    path: str = ""


class Order(NamedTuple):
    """What one ban says about one tool at the instant that was asked for."""

    ban: str
    action: Action
    tool: Values
    """The catalogue's entry."""
    versions: str
    """Empty for all."""
    spared: tuple[Spared, ...]
    says: str
    """What the person should read: the policy's words, the reason and the alternative in one line."""
    url: str
    """Where to read on or whom to ask; empty if the policy names nothing."""

    @property
    def tool_id(self) -> str:
        """The tool's id."""
        return str(self.tool["id"])

    @property
    def tool_name(self) -> str:
        """The tool's name as people know it."""
        return str(self.tool["name"])

    @property
    def refuses(self) -> bool:
        """Whether starts are to be refused now; else people are only told, or it is only reported."""
        return self.action.rung >= Action.BLOCK.rung


class Orders(NamedTuple):
    """Everything that holds at the instant, and what no engine can express of the policy."""

    policy: str
    """The policy's id, for names and comments inside the files."""
    organisation: str
    orders: tuple[Order, ...]
    cannot: tuple[str, ...]


class File(NamedTuple):
    """One file of the result."""

    name: str
    content: bytes
    goes_to: str
    """What to do with it: the place on a device, or the program that takes it."""


class Translated(NamedTuple):
    """What an engine makes of the orders."""

    files: tuple[File, ...]
    cannot: tuple[str, ...]


class Engine(Protocol):
    """What a module of this folder offers."""

    NAME: str
    HELP: str

    def translate(self, orders: Orders, options: Options) -> Translated:
        """The files, and what they cannot say."""
