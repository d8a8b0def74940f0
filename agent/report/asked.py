"""What an administrator asks the agent of a machine for: small files of root's in the state folder, each taken once.

The daemon looks at them when it is told to (SIGHUP), at each look at its settings, and at its start; it alone keeps
what follows from them, in its journal. Files: who may write there is root, and an agent that is dead finds them later.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from agent.errors import InterdictError
from agent.host.files import read_bounded, trusted, write_atomically

_PAUSE = "pause.json"
_RELEASE = "release.json"
_MOST = 64 * 1024
_MOST_BANS = 1000


class PauseRequest(NamedTuple):
    """Asked for by whom, when, for how many seconds (0: act again)."""

    id: str
    by: str
    at: int
    seconds: int


class ReleaseRequest(NamedTuple):
    """Bans that shall act again although the brake holds them; `agent.brake.EVERYTHING` for all of them."""

    id: str
    by: str
    at: int
    bans: tuple[str, ...]


def ask_pause(state_dir: str, by: str, at: int, seconds: int) -> None:
    """Asks for a pause, or (0) for its end.

    Raises:
        InterdictError: the state folder cannot be written.
    """
    _write(state_dir, _PAUSE, PauseRequest(secrets.token_hex(8), by, at, seconds)._asdict())


def ask_release(state_dir: str, by: str, at: int, bans: Iterable[str]) -> None:
    """Asks to let bans act; what was asked for before and has not been taken yet stays asked for.

    Raises:
        InterdictError: the state folder cannot be written.
    """
    waiting = asked_release(state_dir)
    together = dict.fromkeys([*(waiting.bans if waiting else ()), *bans])
    _write(state_dir, _RELEASE, ReleaseRequest(secrets.token_hex(8), by, at, tuple(together))._asdict())


def asked_pause(state_dir: str) -> PauseRequest | None:
    """The last request; None when there is none, or when somebody else could have written it."""
    value = _read(state_dir, _PAUSE)
    try:
        return PauseRequest(*_who(value), int(str(value["seconds"])))
    except (KeyError, ValueError):
        return None


def asked_release(state_dir: str) -> ReleaseRequest | None:
    """The same of what shall be let go."""
    value = _read(state_dir, _RELEASE)
    bans = value.get("bans")
    try:
        names = tuple(str(ban)[:200] for ban in bans[:_MOST_BANS]) if isinstance(bans, list) else ()
        return ReleaseRequest(*_who(value), names)
    except (KeyError, ValueError):
        return None


def _who(value: Mapping[str, object]) -> tuple[str, str, int]:
    return str(value["id"])[:40], str(value["by"])[:100], int(str(value["at"]))


def _write(state_dir: str, name: str, value: Mapping[str, object]) -> None:
    data = json.dumps({"schema": 1, **value}).encode() + b"\n"
    write_atomically(os.path.join(state_dir, name), data, 0o600)


def _read(state_dir: str, name: str) -> Mapping[str, object]:
    path = os.path.join(state_dir, name)
    try:
        data = read_bounded(path, _MOST)
        value = json.loads(data) if trusted(path) else None
    except (InterdictError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
