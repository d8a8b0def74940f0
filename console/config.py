"""The console's settings file, `console.toml`: what is too long, or too secret, for a command line.

A value can also come from the environment: `INTERDICT_CONSOLE_OIDC_ISSUER` is `issuer` in `[oidc]`, and goes before
the file. Secrets stand in files of their own, which the settings name.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from console.errors import BadFile
from policy_schema.rules.instant import parse_duration

NAME: Final = "console.toml"
PREFIX: Final = "INTERDICT_CONSOLE_"
LONGEST: Final = 1 << 20
LONGEST_SECRET: Final = 10_000


class Section:
    """One table of the file, read key by key; `done` refuses what nobody read."""

    def __init__(self, name: str, values: Mapping[str, Any], where: str) -> None:
        self._name = name
        self._values = dict(values)
        self._where = where
        self._known: list[str] = []

    def __bool__(self) -> bool:
        """Whether anything is set."""
        return bool(self._values)

    def text(self, key: str, default: str | None = None) -> str:
        """A text; without a default it is required.

        Raises:
            BadFile: it is missing, or no text.
        """
        found = self._take(key)
        if found is None:
            if default is None:
                raise self._bad(key, "is missing", "Add it, or take the whole table out.")
            return default
        if not isinstance(found, str) or not found.strip() or len(found) > 2_000:
            raise self._bad(key, "is not a text", f'Write {key} = "…".')
        return found

    def texts(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """A list of texts; in the environment separated by blanks.

        Raises:
            BadFile: it is something else.
        """
        found = self._take(key)
        if found is None:
            return default
        listed = found.split() if isinstance(found, str) else found
        if not isinstance(listed, list) or not all(isinstance(one, str) and one for one in listed):
            raise self._bad(key, "is not a list of texts", f'Write {key} = ["…", "…"].')
        return tuple(listed)

    def flag(self, key: str, default: bool) -> bool:
        """Yes or no.

        Raises:
            BadFile: it is something else.
        """
        found = self._take(key)
        if found is None:
            return default
        words = {"true": True, "false": False}
        if isinstance(found, bool) or found in words:
            return found if isinstance(found, bool) else words[found]
        raise self._bad(key, "is neither true nor false", f"Write {key} = true or {key} = false.")

    def seconds(self, key: str, default: int) -> int:
        """A duration such as `30s` or `12h`, in seconds.

        Raises:
            BadFile: it is something else, or none at all.
        """
        found = self._take(key)
        if found is None:
            return default
        try:
            seconds = parse_duration(str(found))
        except ValueError as error:
            raise self._bad(key, f"is no duration: {error}", f'Write for example {key} = "30s".') from error
        if seconds <= 0:
            raise self._bad(key, "is no time at all", f'Write for example {key} = "30s".')
        return seconds

    def number(self, key: str, default: int, least: int, most: int) -> int:
        """A whole number within bounds; in the environment written as digits.

        Raises:
            BadFile: it is something else.
        """
        found = self._take(key)
        if found is None:
            return default
        text = str(found)
        if isinstance(found, bool) or not text.isascii() or not text.isdecimal() or not least <= int(text) <= most:
            raise self._bad(key, f"is no number from {least} to {most}", f"Write for example {key} = {default}.")
        return int(text)

    def tables(self, key: str) -> tuple[Section, ...]:
        """A list of tables, `[[section.key]]`.

        Raises:
            BadFile: it is something else.
        """
        found = self._take(key)
        if found is None:
            return ()
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise self._bad(key, "is not a list of tables", f"Write [[{self._name}.{key}]].")
        return tuple(Section(f"{self._name}.{key}", one, self._where) for one in found)

    def secret(self, key: str) -> str:
        """The first line of the file that `key` names; empty when it names none.

        Raises:
            BadFile: the file cannot be read, or holds nothing.
        """
        name = self.text(key, "")
        if not name:
            return ""
        try:
            text = Path(name).read_text(encoding="utf-8")[:LONGEST_SECRET]
        except (OSError, UnicodeError) as error:
            raise BadFile(f"{name}, which {key} in [{self._name}] names, cannot be read") from error
        if not (first := text.strip().split("\n")[0].strip()):
            raise BadFile(f"{name}, which {key} in [{self._name}] names, is empty")
        return first

    def done(self) -> None:
        """Nothing may be left: a misspelt setting must not be passed over.

        Raises:
            BadFile: a key that is none.
        """
        if left := sorted(set(self._values) - set(self._known)):
            known = ", ".join(sorted(self._known))
            raise self._bad(left[0], "is no setting", f"There are {known}.")

    def _take(self, key: str) -> Any:
        self._known.append(key)
        return self._values.get(key)

    def _bad(self, key: str, what: str, advice: str) -> BadFile:
        return BadFile(f"{self._where}: {key} in [{self._name}] {what}", advice)


class Config(NamedTuple):
    """The file as it is, and the environment."""

    where: str
    tables: Mapping[str, Any]
    environment: Mapping[str, str]

    def section(self, name: str) -> Section:
        """One table of it; empty when there is none.

        Raises:
            BadFile: it is no table.
        """
        table = self.tables.get(name, {})
        if not isinstance(table, dict):
            raise BadFile(f"{self.where}: {name} is no table", f"Write [{name}] and its settings below.")
        start = f"{PREFIX}{name.upper()}_"
        said = {
            key.removeprefix(start).lower(): text for key, text in self.environment.items() if key.startswith(start)
        }
        return Section(name, {**table, **said}, self.where)


def load(given: Path | None, data: Path, environment: Mapping[str, str]) -> Config:
    """The settings file: the one that was given, or `console.toml` beside the database if there is one.

    Raises:
        BadFile: it cannot be read, or is no TOML.
    """
    path = given or data / NAME
    if given is None and not path.is_file():
        return Config(str(path), {}, environment)
    try:
        with path.open("rb") as opened:
            text = opened.read(LONGEST + 1)
        if len(text) > LONGEST:
            raise BadFile(f"{path} has more than {LONGEST} bytes")
        return Config(str(path), tomllib.loads(text.decode("utf-8")), environment)
    except OSError as error:
        raise BadFile(f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeError, tomllib.TOMLDecodeError) as error:
        raise BadFile(f"{path} is no TOML: {error}") from error
