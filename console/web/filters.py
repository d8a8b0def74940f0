"""What an address narrows a list to, and where in it a page begins. What makes no sense is passed over."""

from __future__ import annotations

from urllib.parse import urlencode

from console.state import SHOWN_FIRST, DeviceState
from console.store.queries.fleet import Place, Wanted
from console.web.context import Visit
from policy_schema.messages.wire import clean


def wanted(visit: Visit) -> Wanted:
    """What the list is narrowed to."""
    state = visit.asked("state")
    return Wanted(
        state=DeviceState(state) if state in set(SHOWN_FIRST) else None,
        ban=clean(visit.asked("ban")),
        search=clean(visit.asked("search").strip()),
        moved=visit.asked("moved") == "yes",
    )


def place(visit: Visit) -> Place | None:
    """After which row the page begins."""
    parts = clean(visit.asked("after"), 400).split("|")
    if len(parts) < 3 or not parts[0].isascii() or not parts[0].isdigit() or len(parts[0]) > 3:
        return None
    return Place(int(parts[0]), "|".join(parts[1:-1]), parts[-1])


def address(wanted: Wanted, **changes: str) -> str:
    """The address of the list, narrowed in another way. A change to the empty text takes a condition away."""
    values = {
        "state": wanted.state.value if wanted.state else "",
        "ban": wanted.ban,
        "search": wanted.search,
        "moved": "yes" if wanted.moved else "",
        **changes,
    }
    kept = {name: value for name, value in values.items() if value}
    return f"?{urlencode(kept)}" if kept else "/"
