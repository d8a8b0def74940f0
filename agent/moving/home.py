"""A person's own home: settings files read within bounds, refused where they are links or somebody else's.

A tool's file that is read may be a link inside the home (people keep their settings in one folder); a file that is
written may not, nor any folder on the way to it.
"""

from __future__ import annotations

import os
from types import TracebackType
from typing import NamedTuple

from agent.errors import Denied, Gone, NotRegular
from agent.host.files import Kind, Tree, printable
from agent.host.users import own_uid
from policy_schema.rules.portable import SETTINGS_FILE


class File(NamedTuple):
    """A settings file as it is now."""

    path: str
    data: bytes
    mode: int


class Home:
    """The home of whoever runs the command. Use with `with`; paths are `~/…` as the catalogue writes them."""

    def __init__(self, folder: str) -> None:
        """Opens it.

        Raises:
            Denied: it belongs to somebody else.
            Gone: there is no such folder.
        """
        # A home on a network is its owner's to wait for: this is their own process, not the agent.
        self._tree = Tree("/", {})
        facts = self._tree.facts(folder)
        if facts.kind is not Kind.FOLDER or (facts.uid != own_uid() and os.name == "posix"):
            self._tree.close()
            raise Denied(f"{printable(folder)} is not your own folder", "Run this as yourself, with your own HOME.")
        self.path = facts.path.rstrip("/")

    def __enter__(self) -> Home:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._tree.close()

    def read(self, place: str, most: int) -> File | None:
        """A file that is only read; None when there is none.

        Raises:
            NotRegular, TooBig, Denied: it is not looked at, and why.
        """
        path = self._absolute(place)
        try:
            facts = self._tree.facts(path)
            if not facts.path.startswith(self.path + "/"):
                raise NotRegular(f"{place}: a link that leads out of your home")
            return File(path, self._tree.read(facts.path, most), facts.mode)
        except Gone:
            return None

    def read_target(self, place: str, most: int) -> File | None:
        """A file that is to be written; None when there is none yet.

        Raises:
            NotRegular, TooBig, Denied: it cannot be written safely, and why.
        """
        path = self._absolute(place)
        parts = path[len(self.path) + 1 :].split("/")
        here = self.path
        for number, part in enumerate(parts, 1):
            here = f"{here}/{part}"
            try:
                facts = self._tree.facts(here, follow=False)
            except Gone:
                return None
            if facts.kind is Kind.LINK:
                raise NotRegular(f"{self.shown(here)}: is a link")
            if facts.uid != own_uid() and os.name == "posix":
                raise Denied(f"{self.shown(here)}: belongs to somebody else")
            if facts.kind is not (Kind.FILE if number == len(parts) else Kind.FOLDER):
                raise NotRegular(f"{self.shown(here)}: is not what was expected there")
            if number == len(parts) and facts.names > 1:
                raise NotRegular(f"{self.shown(here)}: has a second name elsewhere")
        return File(path, self._tree.read(path, most), facts.mode)

    def shown(self, path: str) -> str:
        """A path below the home as people write it."""
        return printable("~" + path[len(self.path) :] if path.startswith(self.path + "/") else path)

    def _absolute(self, place: str) -> str:
        if not SETTINGS_FILE.fullmatch(place):
            raise NotRegular(f"{printable(place, 200)}: no settings file of a person")
        return self.path + place[1:]
