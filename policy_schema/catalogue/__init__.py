"""The catalogue: `tools/*.yaml`, one file a tool, in the form of `policy_schema.document.tool`.

Only texts here; `policy_schema.document.catalogue` makes models of them. An entry states how each face is known
(`marks`) and where from (`sources`). VERSION is the day of the last change and goes into every closed policy.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files

VERSION = "2026.11.21"


def entry_texts() -> Iterator[tuple[str, str]]:
    """File name and text of each entry, alphabetically."""
    folder = files(__name__).joinpath("tools")
    for entry in sorted(folder.iterdir(), key=lambda item: item.name.removesuffix(".yaml")):
        if entry.name.endswith(".yaml"):
            yield entry.name, entry.read_text(encoding="utf-8")
