"""What the keeper of the gate tells the deciding thread, and how it describes the gate. Pure values."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from agent.ipc.gate_messages import AllowedLate, OrdersTaken, Trouble
from agent.ipc.refusals import Refusals


class GateCame(NamedTuple):
    """A gate connected."""

    pid: int
    features: str


class GateEnded(NamedTuple):
    """The gate is gone. `uid` is whose starts it had trouble with just before; -1 when nobody's are known."""

    why: str
    """`silent`, `crashed`, `not-started`: a code."""
    detail: str
    uid: int
    groups: int
    """Groups that had to be taken over since it did not even die."""
    lived: float


class EntriesRead(NamedTuple):
    """The entry files of installed packages, by the package's path."""

    entries: dict[str, tuple[str, ...]]


GateEvent = GateCame | GateEnded | EntriesRead | Refusals | AllowedLate | OrdersTaken | Trouble


class GateState(NamedTuple):
    """How the gate is, for `status`, `doctor` and the heartbeat."""

    stage: str
    features: str
    serial: int
    """Number of the orders in force in the gate."""
    problem: str
    deaths: int
    refused: int


NO_GATE = GateState("off", "", 0, "", 0, 0)


class Keeper(Protocol):
    """The gate as the deciding thread sees it."""

    def orders(self, serial: int) -> None:
        """Other orders lie there."""

    def leave(self) -> None:
        """The gate goes on when the keeper ends."""

    def state(self) -> GateState:
        """How it is now."""
