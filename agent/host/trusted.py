"""Whether a path is out of everybody's hands but certain users': asked before a program is run with their rights."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable


def in_hands_of(path: str, uids: Iterable[int]) -> bool:
    """True if the thing at `path`, and every folder on the way, belongs to one of these users and nobody else may
    change it. Links are followed to what they lead to; each folder on a link's way counts as well.

    A folder that everybody may write to counts where it is sticky (/tmp): names of others' things stay in it.
    """
    if sys.platform == "win32":
        return True  # rights there are access lists; what may be started lies in the system's own folders
    allowed = frozenset(uids)
    real = os.path.realpath(path)
    return all(_safe(place, allowed) for place in {*_way(os.path.abspath(path)), *_way(real)})


def _way(path: str) -> list[str]:
    parts = path.split(os.sep)
    return [os.sep.join(parts[:end]) or os.sep for end in range(1, len(parts) + 1)]


def _safe(place: str, allowed: frozenset[int]) -> bool:
    try:
        facts = os.lstat(place)
    except OSError:
        return False
    if facts.st_uid not in allowed:
        return False
    if stat.S_ISLNK(facts.st_mode):
        return True  # the folder that holds it decides who can change it
    sticky = stat.S_ISDIR(facts.st_mode) and facts.st_mode & stat.S_ISVTX
    return facts.st_mode & 0o022 == 0 or bool(sticky)
