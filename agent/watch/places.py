"""Where the watches of roots stand: the root, its scopes, what is new in it, or the parent that it will appear in.

Used by one thread (`agent.watch.files`). Says which roots changed; when they are told of is not decided here.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from agent.errors import Denied, Gone, TooBig
from agent.host import folder_events
from agent.host.folder_events import Entry, FolderEvent, Tap, Watch

MOST_FOLDERS = 4096
"""Folders watched at most (about 1 KB of kernel memory each)."""
MOST_YOUNG = 256
"""New folders watched at once."""
YOUNG_DEPTH = 3
"""How deep below a root: `_npx/HASH/node_modules/@scope`."""
YOUNG_FOR = 30.0
"""Seconds for which a new folder is watched after its last change."""


class Role(StrEnum):
    """Why a folder is watched."""

    ROOT = "root"
    SCOPE = "scope"
    YOUNG = "young"
    PARENT = "parent"


class _Use(NamedTuple):
    """One root's interest in a watched folder."""

    root: str
    role: Role
    depth: int = 0


class _Folder:
    """One watched folder."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.entry = folder_events.folder_entry(path)
        self.uses: dict[str, _Use] = {}
        self.stirred = 0.0
        """When something last happened in it, monotonic seconds."""


class Trouble(NamedTuple):
    """Why a root is not watched as it should be."""

    reason: str
    limit: bool
    """True when the system watches no more folders for us: the root can still be looked at now and then."""


class Places:
    """All watches of all roots."""

    def __init__(self, tap: Tap, most: int = MOST_FOLDERS) -> None:
        self._tap = tap
        self._most = most
        self._folders: dict[int, _Folder] = {}
        self._young = 0
        self.troubles: dict[str, Trouble] = {}

    def place(self, root: str, now: float) -> None:
        """Watches a root, or its nearest existing parent; again until that was right before and after."""
        for _ in range(16):
            path = _nearest(root)
            with contextlib.suppress(Gone):
                self._add(path, _Use(root, Role.ROOT if path == root else Role.PARENT), now)
                if path == _nearest(root):
                    break
        if path == root:
            for name in scopes(root):
                with contextlib.suppress(Gone):
                    self._add(os.path.join(root, name), _Use(root, Role.SCOPE), now)

    def drop(self, root: str) -> None:
        """Ends one root's interest everywhere."""
        for number, folder in list(self._folders.items()):
            self._leave(number, folder, root)
        self.troubles.pop(root, None)

    def replace(self, root: str, now: float) -> None:
        """Places a root anew: it, or a parent on the way to it, came or went. What is in a new root is new too."""
        self.drop(root)
        self.place(root, now)
        if folder_events.is_folder(root):
            for name in folder_events.sub_folders(root, MOST_YOUNG):
                self._appeared(os.path.join(root, name), name, _Use(root, Role.ROOT), now)

    def happened(self, event: FolderEvent, now: float) -> set[str]:
        """Takes one event; the roots that changed by it."""
        folder = self._folders.get(event.number)
        if folder is None:
            return set()
        folder.stirred = now
        if event.gone:
            return self._vanished(event.number, folder, now)
        changed = set()
        for use in tuple(folder.uses.values()):
            if use.role is not Role.PARENT:
                changed.add(use.root)
                if event.new_folder:
                    self._appeared(os.path.join(folder.path, event.name), event.name, use, now)
            elif event.new_folder and _next_part(folder.path, use.root) == event.name:
                self.replace(use.root, now)
                changed.add(use.root)
        return changed

    def end_youth(self, now: float) -> None:
        """Lets go of new folders in which nothing happened for a while."""
        if not self._young:
            return
        for number, folder in list(self._folders.items()):
            if folder.stirred + YOUNG_FOR <= now:
                for use in [use for use in folder.uses.values() if use.role is Role.YOUNG]:
                    self._leave(number, folder, use.root)

    @property
    def young(self) -> bool:
        """Whether any new folder is watched: then `end_youth` has to be called some time."""
        return self._young > 0

    def misplaced(self) -> set[str]:
        """Roots whose folder is another one by now: somebody moved a folder above it, which no event tells."""
        return {
            use.root
            for folder in self._folders.values()
            for use in folder.uses.values()
            if use.role in (Role.ROOT, Role.PARENT) and not _same(folder.entry, folder_events.folder_entry(folder.path))
        }

    def _add(self, path: str, use: _Use, now: float) -> bool:
        """Watches one folder for one root; False when that cannot be.

        Raises:
            Gone: there is no such folder any more.
        """
        try:
            if len(self._folders) >= self._most:
                raise TooBig(f"the agent's limit of {self._most} watched folders is reached")
            number = self._tap.add(path, Watch.MADE if use.role is Role.PARENT else Watch.CHANGED)
        except TooBig as error:
            self.troubles[use.root] = Trouble(str(error), limit=True)
            return False
        except Denied as error:
            if use.role is not Role.YOUNG:
                self.troubles[use.root] = Trouble(str(error), limit=False)
            return False
        folder = self._folders.setdefault(number, _Folder(path))
        self._count(folder.uses.get(use.root), -1)
        self._count(use, +1)
        folder.uses[use.root] = use
        folder.stirred = now
        return True

    def _leave(self, number: int, folder: _Folder, root: str) -> None:
        use = folder.uses.pop(root, None)
        self._count(use, -1)
        if use is not None and not folder.uses:
            del self._folders[number]
            self._tap.remove(number)

    def _count(self, use: _Use | None, by: int) -> None:
        if use is not None and use.role is Role.YOUNG:
            self._young += by

    def _appeared(self, path: str, name: str, use: _Use, now: float) -> None:
        """A folder was made in a watched one: it is a scope for good, or young for a while."""
        scope = use.role is Role.ROOT and name.startswith("@")
        below = _Use(use.root, Role.YOUNG, use.depth + 1)
        if not scope and (below.depth > YOUNG_DEPTH or self._young >= MOST_YOUNG):
            return
        with contextlib.suppress(Gone):
            if self._add(path, _Use(use.root, Role.SCOPE) if scope else below, now):
                # What was made in it before the watch stood has been told to nobody.
                for inner in folder_events.sub_folders(path, MOST_YOUNG):
                    self._appeared(os.path.join(path, inner), inner, below, now)

    def _vanished(self, number: int, folder: _Folder, now: float) -> set[str]:
        uses = tuple(folder.uses.values())
        for use in uses:
            self._leave(number, folder, use.root)
        for use in uses:
            if use.role in (Role.ROOT, Role.PARENT):
                self.replace(use.root, now)
        return {use.root for use in uses}


def scopes(root: str) -> Iterable[str]:
    """Names of npm's `@scope` folders in a root."""
    return (name for name in folder_events.sub_folders(root, MOST_FOLDERS) if name.startswith("@"))


def _same(one: Entry | None, other: Entry | None) -> bool:
    return one is not None and other is not None and one.inode == other.inode


def _nearest(path: str) -> str:
    """The path itself if it is a folder, else the nearest folder above it."""
    while not folder_events.is_folder(path) and path != os.path.dirname(path):
        path = os.path.dirname(path)
    return path


def _next_part(parent: str, root: str) -> str:
    """The name in `parent` that leads to `root`."""
    return os.path.relpath(root, parent).split(os.sep, 1)[0]
