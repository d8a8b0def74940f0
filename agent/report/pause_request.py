"""What `interdict pause` asks the daemon for: a small file of root's in the state folder, taken once.

The daemon looks at it when it is told to (SIGHUP), at each look at its settings, and at its start; it alone keeps what
follows from it, in its journal. A file, since the daemon listens to nobody at the machine.
"""

from __future__ import annotations

import json
import os
import secrets
from typing import NamedTuple

from agent.errors import Gone, InterdictError
from agent.host.files import read_bounded, trusted, write_atomically

_FILE = "pause.json"
_MOST = 4096


class PauseRequest(NamedTuple):
    """Asked for by whom, when, for how many seconds (0: act again)."""

    id: str
    by: str
    at: int
    seconds: int


def write_request(state_dir: str, by: str, at: int, seconds: int) -> PauseRequest:
    """Asks for it.

    Raises:
        InterdictError: the state folder cannot be written.
    """
    request = PauseRequest(secrets.token_hex(8), by, at, seconds)
    data = json.dumps({"schema": 1, **request._asdict()}).encode() + b"\n"
    write_atomically(os.path.join(state_dir, _FILE), data, 0o600)
    return request


def read_request(state_dir: str) -> PauseRequest | None:
    """The last request; None when there is none, or when somebody else could have written it."""
    path = os.path.join(state_dir, _FILE)
    try:
        data = read_bounded(path, _MOST)
        if not trusted(path):
            return None
        value = json.loads(data)
        return PauseRequest(str(value["id"])[:40], str(value["by"])[:100], int(value["at"]), int(value["seconds"]))
    except Gone:
        return None
    except (InterdictError, ValueError, KeyError, TypeError, RecursionError):
        return None
