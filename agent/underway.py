"""Which acts are under way: asked for and not answered yet. Nothing is asked for twice."""

from __future__ import annotations

from collections.abc import Iterable

from agent.case_values import Kind, Subject
from agent.enforce.interface import Intent

_Key = tuple[str, Kind, str]
_TAKING = (Kind.QUARANTINE, Kind.UNINSTALL)


class Underway:
    """Belongs to the deciding thread."""

    def __init__(self) -> None:
        self._keys: set[_Key] = set()

    def begun(self, intents: Iterable[Intent]) -> None:
        """Actors were asked."""
        self._keys |= {key_of(intent) for intent in intents}

    def ended(self, intent: Intent) -> None:
        """Its actor has answered."""
        self._keys.discard(key_of(intent))

    def has(self, intent: Intent) -> bool:
        """Whether just this is under way."""
        return key_of(intent) in self._keys

    def acts_on(self, finding: str) -> bool:
        """Whether an act on it is under way, whose outcome will say how it ended."""
        return any(one == finding and kind is not Kind.NOTIFY for one, kind, _ in self._keys)

    def takes(self, subject: Subject) -> bool:
        """Whether it is a remainder of what an act on another finding is taking away just now."""
        return any(
            kind in _TAKING and finding != subject.finding and inside(subject.path, path)
            for finding, kind, path in self._keys
        )


def key_of(intent: Intent) -> _Key:
    """What may be under way once only."""
    return intent.finding_id, intent.kind, intent.path


def inside(path: str, folder: str) -> bool:
    """Whether a path is that of a folder or lies in it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")
