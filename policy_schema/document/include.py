"""`include:`: other files whose bans, lifted bans, own tools and approved tools belong to the policy.

What is included is merged before anything is checked, so that a policy in ten files and the same in one are closed to
the same bytes. Every value keeps the file and the line that it came from. An included file includes nothing itself.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath

from policy_schema.document.complaints import nearest_field
from policy_schema.document.policy import Included
from policy_schema.document.problems import Path, Places, Problem
from policy_schema.document.yaml_tree import Document, Tree, parse_yaml
from policy_schema.errors import BadDocument, BadFile

KEY = "include"
MAX_FILES = 500
MAX_CHARACTERS = 1024 * 1024
"""Of all files of a policy together."""
Reader = Callable[[str], str]
"""The text of an included file by the name that stands in the policy. Raises BadFile, BadDocument."""


def with_included(main: Document, read: Reader) -> Document:
    """The document with everything that it includes, in the order of `include`.

    Raises:
        BadDocument: a name that is none, a file that cannot be read or holds what does not belong there.
    """
    names = main.tree.get(KEY)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return main  # nothing included, or of a wrong form, which the schema says
    return _Merging(main, read).merged([str(name) for name in names])


def included_path(main: str, name: str) -> str:
    """The path of an included file beside the policy `main`."""
    return str(PurePosixPath(main.replace("\\", "/")).parent / name)


class _Merging:
    """One policy being put together: tree and places so far, and what is wrong."""

    def __init__(self, main: Document, read: Reader) -> None:
        self.main, self.read = main, read
        self.tree: dict[str, Tree] = {
            key: list(value) if isinstance(value, list) else value for key, value in main.tree.items()
        }
        self.lines, self.files = dict(main.places.lines), dict(main.places.files)
        self.problems: list[Problem] = []
        self.room = MAX_CHARACTERS

    def merged(self, names: list[str]) -> Document:
        if len(names) > MAX_FILES:
            self._wrong((KEY,), f"names {len(names)} files, and {MAX_FILES} are allowed", "put several bans in a file")
        for number, name in enumerate(names[:MAX_FILES]):
            complaint = _not_a_name(name) or ("is named twice" if name in names[:number] else "")
            if complaint:
                self._wrong((KEY, number), complaint, 'write a file beside the policy, such as "bans/cursor.yaml"')
            else:
                self._include(name, (KEY, number))
        if self.problems:
            raise BadDocument(self.problems)
        return Document(self.tree, Places(self.main.places.file, self.lines, self.files))

    def _include(self, name: str, path: Path) -> None:
        try:
            text = self.read(name)
            self.room -= len(text)
            if self.room < 0:
                self._wrong(path, f"makes more than {MAX_CHARACTERS:,} characters together", "shorten the texts")
                return
            part = parse_yaml(text, included_path(self.main.places.file, name))
        except BadFile as error:
            self._wrong(path, str(error), error.advice())
        except BadDocument as error:
            self.problems += error.problems
        else:
            self._add(part)

    def _add(self, part: Document) -> None:
        for key, rows in part.tree.items():
            if key not in Included.model_fields:
                mend = f"{nearest_field((key,), Included)} (the rest stands in the policy itself)"
                self.problems.append(part.places.problem((key,), "does not belong in an included file", mend))
                continue
            mine = self.tree.setdefault(key, [])
            if not isinstance(rows, list) or not isinstance(mine, list):
                where = part.places if not isinstance(rows, list) else self.main.places
                self.problems.append(where.problem((key,), "is not a list", "write lines that begin with a dash"))
                continue
            start = len(mine)
            mine += rows
            for number in range(len(rows)):
                self.files[key, start + number] = part.places.file
            for place, line in part.places.lines.items():
                if len(place) > 1 and place[0] == key and isinstance(place[1], int):
                    self.lines[(key, start + place[1], *place[2:])] = line

    def _wrong(self, path: Path, message: str, mend: str) -> None:
        self.problems.append(self.main.places.problem(path, message, mend))


def _not_a_name(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
        return "leaves the folder of the policy"
    if any(character in name for character in "*?["):
        return "is a pattern"
    return "" if path.suffix in (".yaml", ".yml") else "is no .yaml file"
