"""What an address narrows a list to, and where in it a page begins. What makes no sense is passed over."""

from __future__ import annotations

from urllib.parse import urlencode

from console.state import SHOWN_FIRST, DeviceState
from console.store.queries.fleet import Place, Wanted
from console.web.context import Visit
from policy_schema.messages.wire import clean


def wanted(visit: Visit) -> Wanted:
    """What the list is narrowed to, never more than the viewer may see."""
    state = visit.asked("state")
    return Wanted(
        state=DeviceState(state) if state in set(SHOWN_FIRST) else None,
        ban=clean(visit.asked("ban")),
        search=clean(visit.asked("search").strip()),
        moved=visit.asked("moved") == "yes",
        groups=visit.viewer.groups,
        group=clean(visit.asked("group")),
        os=clean(visit.asked("os")),
        agent=clean(visit.asked("agent")),
    )


def place(visit: Visit) -> Place | None:
    """After which row of the list of devices the page begins."""
    parts = clean(visit.asked("after"), 400).split("|")
    if len(parts) < 3 or not parts[0].isascii() or not parts[0].isdigit() or len(parts[0]) > 3:
        return None
    return Place(int(parts[0]), "|".join(parts[1:-1]), parts[-1])


def pair(visit: Visit) -> tuple[str, str] | None:
    """After which row of a list by name the page begins: its name and its id."""
    name, mark, last = clean(visit.asked("after"), 400).rpartition("|")
    return (name, last) if mark else None


def values(wanted: Wanted) -> dict[str, str]:
    """What the address says of a narrowed list; what is empty narrows nothing."""
    told = {
        "state": wanted.state.value if wanted.state else "",
        "ban": wanted.ban,
        "search": wanted.search,
        "moved": "yes" if wanted.moved else "",
        "group": wanted.group,
        "os": wanted.os,
        "agent": wanted.agent,
    }
    return {name: value for name, value in told.items() if value}


def address(path: str, wanted: Wanted, **changes: str) -> str:
    """The address of the list, narrowed in another way. A change to the empty text takes a condition away."""
    return query(path, {**values(wanted), **changes})


def query(path: str, told: dict[str, str]) -> str:
    """A path with what is not empty behind it."""
    kept = {name: value for name, value in told.items() if value}
    return f"{path}?{urlencode(kept)}" if kept else path
