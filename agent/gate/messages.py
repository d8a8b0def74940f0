"""What gate and daemon say to each other: JSON, one object a message, at most 8 KiB; the contract is in docs/gate.md.

gate to daemon: `hello`, `beat`, `refused`, `allowed-late`, `orders`, `trouble`. Daemon to gate: `orders`, `stop`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from enum import StrEnum

LIMIT = 8192
_PATH_LIMIT = 4096


class Command(StrEnum):
    """What the daemon may ask for."""

    ORDERS = "orders"
    STOP = "stop"


class Trouble(StrEnum):
    """What went wrong and did not stop the gate."""

    DESCRIPTORS = "descriptors"
    """Too many questions at once: some of this uid were answered with yes."""
    INTERNAL = "internal"
    """A question could not be judged; it was answered with yes."""
    MARKS = "marks"
    """A filesystem or an entry file did not take its mark."""


def hello(pid: int, features: str, serial: int, groups: Iterable[int]) -> bytes:
    """Who speaks; `groups` are the numbers of its descriptors of fanotify groups, for whoever must take them over."""
    return _made(t="hello", pid=pid, features=features, serial=serial, groups=list(groups))


def beat(number: int) -> bytes:
    """The answering thread lives."""
    return _made(t="beat", n=number)


def orders(serial: int, ok: bool, why: str, groups: Iterable[int]) -> bytes:
    """Whether orders hold now; after new ones the groups are others."""
    return _made(t="orders", serial=serial, ok=ok, why=_short(why), groups=list(groups))


def refused(
    *,
    at: int,
    uid: int,
    pid: int,
    tty: int,
    path: str,
    tool: str,
    ban: str,
    version: str,
    matches: Iterable[str],
    by: str,
    owner: int = -1,
    file: str = "",
) -> bytes:
    """A start that did not take place. `owner` is whose the file is, `file` what tells it from root's other files."""
    return _made(
        t="refused",
        at=at,
        uid=uid,
        pid=pid,
        tty=tty,
        path=_short(path),
        tool=tool,
        ban=ban,
        version=_short(version),
        matches=list(matches),
        by=by,
        owner=owner,
        file=file,
    )


def allowed_late(pid: int, path: str, uid: int) -> bytes:
    """A start that took too long to judge: the watcher looks at it."""
    return _made(t="allowed-late", pid=pid, path=_short(path), uid=uid)


def trouble(code: Trouble, uid: int) -> bytes:
    """Something went wrong; `uid` is who caused it, -1 when nobody did."""
    return _made(t="trouble", code=code.value, uid=uid)


def parse_command(data: bytes) -> Command | None:
    """What the daemon asks for; None for anything that this version does not know."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    text = value.get("t") if isinstance(value, dict) else None
    return Command(text) if text in list(Command) else None


def _made(**fields: object) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()


def _short(text: str) -> str:
    # Names of files are any bytes; in a message they are text, and a pair of quotes fits six times into 8 KiB.
    clean = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    while len(json.dumps(clean)) > _PATH_LIMIT:
        clean = clean[: len(clean) // 2]
    return clean
