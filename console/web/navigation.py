"""The main navigation: the pages that there are and that the viewer may open."""

from __future__ import annotations

from typing import Final, NamedTuple

from console.web.languages import mark as _


class Item(NamedTuple):
    """One entry."""

    path: str
    label: str
    icon: str
    """The strokes of a 24 × 24 picture (the `d` of an SVG path)."""

    def leads_to(self, path: str) -> bool:
        """Whether a page belongs to this entry."""
        return path == self.path or (self.path != "/" and path.startswith(f"{self.path}/"))


ITEMS: Final = (
    Item("/", _("Overview"), "M4 13h6V4H4zM14 20h6v-9h-6zM4 20h6v-3H4zM14 7h6V4h-6z"),
    Item("/bans", _("Bans"), "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM5.7 18.3 18.3 5.7"),
    Item("/devices", _("Devices"), "M4 5h16v11H4zM2 20h20M9 16v4M15 16v4"),
    Item("/exceptions", _("Exceptions"), "M12 3 4 6v6c0 5 3.5 8 8 9 4.5-1 8-4 8-9V6zM9 12l2 2 4-4"),
    Item("/moves", _("Moves"), "M4 8h13M13 4l4 4-4 4M20 16H7M11 12l-4 4 4 4"),
    Item("/policy", _("Policy"), "M6 3h9l4 4v14H6zM14 3v5h5M9 13h7M9 17h5"),
    Item("/reports", _("Reports"), "M4 20h16M7 20v-6M12 20V8M17 20v-9"),
    Item("/health", _("Health"), "M3 12h4l2.5-6 4 12 2.5-6H21"),
    Item("/audit", _("Audit"), "M12 4v8l5 3M12 3a9 9 0 1 0 9 9"),
    Item("/settings", _("Settings"), "M4 7h10M18 7h2M4 17h2M10 17h10M16 5v4M8 15v4"),
)
"""Those whose path stands in the table of routes are shown."""
