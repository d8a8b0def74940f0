"""The settings in force: those of the file, and over them those that a device management has set."""

from __future__ import annotations

import os
import sys

from agent.host.managed_settings import WHERE, managed_mark, managed_values
from agent.host.own_files import file_mark, read_bounded
from agent.settings import DEFAULT_FILES, Settings, default_file, load_file, parse_settings

_MOST_ROOT = 1_000_000


def load_settings(path: str = "") -> Settings:
    """Reads the settings. A file that is named stands alone; where management has set something, none is needed.

    Raises:
        BadSettings: missing, unreadable, writable by others, or a field that cannot be.
    """
    name = path or default_file()
    managed = managed_values() if _managed_counts(name) else {}
    if not managed:
        return load_file(name)
    over = parse_settings(managed, WHERE)
    if not os.path.lexists(name):
        return over._replace(file=name)
    return load_file(name)._replace(**{key: getattr(over, key) for key in managed})


def first_trust(settings: Settings) -> bytes:
    """The first root, from its file or from the setting itself; empty when none is set.

    Raises:
        InterdictError: the file cannot be read.
    """
    text = settings.trust_root
    if text.lstrip().startswith("{"):
        # A profile or a registry key can carry the document; it is public, and what it is worth is checked later.
        return text.encode()
    return read_bounded(text, _MOST_ROOT) if text else b""


def settings_mark(settings: Settings) -> object:
    """What changes whenever these settings would be read differently."""
    return file_mark(settings.file), managed_mark() if _managed_counts(settings.file) else None


def _managed_counts(name: str) -> bool:
    """Whether management has a say: not over a file that somebody named for a trial."""
    return name == DEFAULT_FILES.get(sys.platform)
