"""Tells of most observations at once that they are none of a policy's tools, before anything is taken apart.

A machine shows tens of thousands of packages and programs, of which a policy names a handful. The sieve compares parts
of an observation's own texts with sets made once: the last part of a package's name, a program's base name, the parts
of a path. It may let through what the tables then refuse, and never holds back what they would take; what is written in
an unusual way (escapes, other separators) is let through.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable

from policy_schema.rules.observation import Face, Observation

_COMMON = frozenset(
    {"~", ".cache", ".config", ".local", "AppData", "Applications", "Cache", "Library", "Local", "Programs", "Roaming"}
    | {"bin", "home", "lib", "opt", "share", "usr", "var", "versions"}
)
"""Parts of paths that tell nothing: so many programs lie below them."""


_PACKAGE, _EXTENSION, _EXECUTABLE, _PROCESS, _RESIDUE = (
    Face.PACKAGE,
    Face.EXTENSION,
    Face.EXECUTABLE,
    Face.PROCESS,
    Face.RESIDUE,
)
_EXACT = ("content", "sha256", "signer", "extension", "app")
"""The fields that are met as they are."""
_exact_of = operator.itemgetter(*(Observation._fields.index(name) for name in _EXACT))


class Sieve:
    """Sets of the words by which the tools of a policy can be known at all."""

    __slots__ = ("_exact", "_folders", "_names", "_packages", "_residue")

    def __init__(self) -> None:
        self._packages: set[str] = set()
        self._names: set[str] = set()
        self._folders: set[str] = set()
        self._residue: set[str] = set()
        self._exact: set[str] = set()

    def add(
        self,
        *,
        packages: Iterable[str],
        names: Iterable[str],
        folders: Iterable[str],
        residue: Iterable[str],
        exact: Iterable[str],
    ) -> None:
        """Takes in one tool: keys of packages, names and folders of programs, and texts to be met as they are."""
        self._packages.update(key.rpartition("/")[2] for key in packages)
        for name in names:
            self._names.update((name, f"{name}.exe"))
        self._folders.update(_telling(folder) for folder in folders)
        self._residue.update(residue)
        self._exact.update(text for text in exact if text)

    def lets_through(self, seen: Observation) -> bool:
        """False: certainly none of the tools, in any version. Called for all that is seen, so each step counts."""
        purl = seen.purl
        if purl:
            if "?" in purl or "#" in purl:
                purl = purl.partition("#")[0].partition("?")[0]
            tail = purl.rpartition("/")[2]
            name, at, last = tail.rpartition("@")
            name = name.lower() if at else last.lower()
            if name in self._packages or not name or "%" in name:
                return True
            # PyPI's names are compared without regard to how they are divided.
            if ("_" in name or "." in name or "--" in name) and purl[4:9].lower() == "pypi/":
                return True
        face = seen.face
        if face is not _PACKAGE and face is not _EXTENSION:
            if (face is _EXECUTABLE or face is _PROCESS) and self._may_be_program(seen):
                return True
            if face is _RESIDUE and seen.name in self._residue:
                return True
        for text in _exact_of(seen):
            if text and text in self._exact:
                return True
        return seen.setting != ""

    def _may_be_program(self, seen: Observation) -> bool:
        path, name, names = seen.path, seen.name, self._names
        base = path.rpartition("/")[2]
        if base.casefold() in names or "\\" in path:
            return True
        if name != base and (name.casefold() in names or "/" in name or "\\" in name):
            return True
        for link in seen.links:
            if link.rpartition("/")[2].casefold() in names or "\\" in link:
                return True
        return not self._folders.isdisjoint(path.split("/"))


def _telling(folder: str) -> str:
    """The part of a folder that tells most: whatever lies in the folder has each of its parts in its path."""
    parts = folder.split("/")
    return next((part for part in reversed(parts) if part and part not in _COMMON), parts[-1])
