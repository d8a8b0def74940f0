"""The search path of our own process: one of the hints where programs are started from."""

from __future__ import annotations

import os


def own_search_path() -> tuple[str, ...]:
    """The absolute folders of PATH, in their order."""
    return tuple(path for path in os.environ.get("PATH", "").split(os.pathsep) if os.path.isabs(path))
