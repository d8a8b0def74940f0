"""Files and folders that become something else at the moment in which a look opens or lists them.

For a process of its own (`tests.fakes.caged_look`): the doors of the system itself are watched, `os.open` and
`os.scandir`, so that the swap happens after every check that our code makes before.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

Touch = Callable[["Moment", str], None]
"""Told what is about to happen to which path of the system."""


class Moment(StrEnum):
    """What a look is about to do."""

    OPEN_FILE = "opened"
    OPEN_FOLDER = "entered"
    LIST = "listed"


@contextmanager
def touched(touch: Touch) -> Iterator[None]:
    """Calls `touch` before each file is opened, each folder entered (by one step) and each one listed."""
    real_open, real_scandir = os.open, os.scandir

    def where(path: object, folder: int | None) -> str:
        name = os.fsdecode(path) if isinstance(path, (str, bytes)) else ""
        return name if folder is None else os.path.join(os.readlink(f"/proc/self/fd/{folder}"), name)

    def opening(path: object, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        touch(Moment.OPEN_FOLDER if flags & os.O_DIRECTORY else Moment.OPEN_FILE, where(path, dir_fd))
        return real_open(path, flags, mode, dir_fd=dir_fd)  # type: ignore[arg-type]

    def listing(path: object = ".") -> object:
        touch(Moment.LIST, where("", path).rstrip("/") if isinstance(path, int) else str(path))
        return real_scandir(path)  # type: ignore[call-overload]

    os.open, os.scandir = opening, listing  # type: ignore[assignment]
    try:
        yield
    finally:
        os.open, os.scandir = real_open, real_scandir


class Swaps:
    """Puts something else in the place of one thing at one moment, once; `undo` puts everything back."""

    def __init__(self, moment: Moment, become: Callable[[Path], None], places: frozenset[str]) -> None:
        self._moment, self._become, self._places = moment, become, places
        self.done: list[Path] = []

    def __call__(self, moment: Moment, path: str) -> None:
        """See `Touch`."""
        at = Path(path)
        if moment is self._moment and path in self._places and at not in self.done and os.path.lexists(path):
            at.rename(f"{path}.gone")
            self._become(at)
            self.done.append(at)

    def undo(self) -> None:
        """Everything as it was."""
        for at in reversed(self.done):
            if at.is_dir() and not at.is_symlink():
                shutil.rmtree(at)
            else:
                at.unlink(missing_ok=True)
            Path(f"{at}.gone").rename(at)
