"""How a console follows the policy, publishes exceptions, and brakes: one TOML file, `--decisions FILE`.

Everything in it is optional. Paths are absolute, or beside the file. A key file is locked with a passphrase, or names a
token (its PIN is then the passphrase); the passphrase stands in the first line of a file that only the console's user
may read, such as one of systemd's credentials.
"""

from __future__ import annotations

import os
import stat
import sys
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

from console.errors import BadFile
from console.policy.follow import Source
from policy_schema.rules.instant import parse_duration

LONGEST: Final = 64_000
SECTIONS: Final = {
    "policy": {"source", "trust_root", "every"},
    "exceptions": {
        "publish",
        "folder",
        "key",
        "key_passphrase",
        "online_key",
        "online_passphrase",
        "online_valid",
    },
    "brake": {"least", "percent", "times", "settle", "settle_percent", "wrong"},
}


class Publish(StrEnum):
    """How what is decided reaches devices."""

    OFF = "off"
    """Not at all: requests are seen here, and decided elsewhere."""
    DIRECTLY = "directly"
    """This console holds the keys and writes into the repository's folder."""
    STAGED = "staged"
    """It writes a file; whoever holds the key signs it with `interdict-policy exceptions take`."""


class Publishing(NamedTuple):
    """Where exceptions go, and with which keys."""

    how: Publish = Publish.OFF
    folder: Path = Path()
    """The folder of the repository (with `metadata` in it); for `staged`, where the file is written."""
    key: Path = Path()
    key_passphrase: Path = Path()
    online_key: Path = Path()
    online_passphrase: Path = Path()
    online_valid: int = 7 * 86_400
    trust_root: Path = Path()


class Brake(NamedTuple):
    """When the fleet's brake raises an alarm. `docs/exceptions.md` explains each."""

    least: int = 20
    """Devices with something new of one ban within an hour, below which nothing is a jump."""
    percent: int = 2
    """And this share of the devices that report."""
    times: int = 3
    """And so many times the busiest hour of the seven days before."""
    settle: int = 24 * 3600
    """For so long after a ban came or changed its targets there is no past to compare with."""
    settle_percent: int = 25
    """Then: this share of the devices, and only of a ban that already stops or removes."""
    wrong: int = 3
    """Devices on which people say within a day that a finding is wrong."""


class Decisions(NamedTuple):
    """The whole file."""

    source: Source = Source()
    publishing: Publishing = Publishing()
    brake: Brake = Brake()


def read_decisions(path: Path) -> Decisions:
    """Reads the file.

    Raises:
        BadFile: it cannot be read, or a value makes no sense; names the section and the key.
    """
    try:
        with path.open("rb") as file:
            text = file.read(LONGEST).decode("utf-8")
        fields = tomllib.loads(text)
    except OSError as error:
        raise BadFile(f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeError, tomllib.TOMLDecodeError) as error:
        raise BadFile(f"{path}: {error}", "Mend that line; docs/exceptions.md has an example.") from error
    for section, values in fields.items():
        unknown = set(values) - SECTIONS[section] if section in SECTIONS and isinstance(values, dict) else {section}
        if unknown:
            raise BadFile(f"{path}: [{section}] {min(unknown)} is not known", "See docs/exceptions.md.")
    read = _Reader(path, fields)
    source = Source(
        where=read.text("policy", "source"),
        trust_root=read.path("policy", "trust_root"),
        every=read.seconds("policy", "every", 60, 5, 3600),
        bins=read.text("exceptions", "publish") == Publish.STAGED,
    )
    if source.where and not source.where.startswith(("http://", "https://")):
        source = source._replace(where=str(read.path("policy", "source")))
    if bool(source.where) != bool(read.text("policy", "trust_root")):
        raise BadFile(f"{path}: [policy] needs source and trust_root", "Name both.")
    return Decisions(source, _publishing(read, source), _brake(read))


def _publishing(read: _Reader, source: Source) -> Publishing:
    how = read.choice("exceptions", "publish", Publish.OFF)
    needed = {
        Publish.OFF: (),
        Publish.DIRECTLY: ("folder", "key", "key_passphrase", "online_key", "online_passphrase"),
        Publish.STAGED: ("folder",),
    }
    for key in needed[how]:
        if not read.text("exceptions", key):
            raise BadFile(f"{read.file}: [exceptions] publish = {how.value!r} needs {key}", "See docs/exceptions.md.")
    if how is not Publish.OFF and not source.where:
        raise BadFile(f"{read.file}: [exceptions] needs a [policy] that is followed", "Name source and trust_root.")
    paths = {key: read.path("exceptions", key) for key in needed[Publish.DIRECTLY]}
    valid = read.seconds("exceptions", "online_valid", Publishing().online_valid, 60, 365 * 86_400)
    return Publishing(how, online_valid=valid, trust_root=source.trust_root, **paths)


def _brake(read: _Reader) -> Brake:
    usual = Brake()
    return Brake(
        least=read.number("brake", "least", usual.least, 1, 10_000_000),
        percent=read.number("brake", "percent", usual.percent, 0, 100),
        times=read.number("brake", "times", usual.times, 1, 1000),
        settle=read.seconds("brake", "settle", usual.settle, 0, 30 * 86_400),
        settle_percent=read.number("brake", "settle_percent", usual.settle_percent, 0, 100),
        wrong=read.number("brake", "wrong", usual.wrong, 1, 10_000_000),
    )


class _Reader:
    """Values of the file, checked one by one."""

    def __init__(self, file: Path, fields: Mapping[str, Mapping[str, object]]) -> None:
        self.file = file
        self._fields = fields

    def _value(self, section: str, key: str) -> object:
        return self._fields.get(section, {}).get(key)

    def _bad(self, section: str, key: str, wanted: str) -> BadFile:
        return BadFile(f"{self.file}: [{section}] {key} = {self._value(section, key)!r} is not {wanted}")

    def text(self, section: str, key: str) -> str:
        value = self._value(section, key)
        if not isinstance(value, str | None):
            raise self._bad(section, key, "a text")
        return value or ""

    def path(self, section: str, key: str) -> Path:
        return self.file.absolute().parent / self.text(section, key)

    def choice(self, section: str, key: str, usual: Publish) -> Publish:
        text = self.text(section, key) or usual.value
        try:
            return Publish(text)
        except ValueError:
            raise self._bad(section, key, f"one of {', '.join(Publish)}") from None

    def number(self, section: str, key: str, usual: int, least: int, most: int) -> int:
        value = self._value(section, key)
        value = usual if value is None else value
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self._bad(section, key, f"a number from {least} to {most}")
        return value

    def seconds(self, section: str, key: str, usual: int, least: int, most: int) -> int:
        text = self.text(section, key)
        try:
            value = parse_duration(text) if text else usual
        except ValueError:
            raise self._bad(section, key, "a time such as 60s or 24h") from None
        if not least <= value <= most:
            raise self._bad(section, key, f"a time from {least}s to {most}s")
        return value


def read_passphrase(path: Path) -> str:
    """The first line of a file that only its owner may read.

    Raises:
        BadFile: it cannot be read, is empty, or others may read it.
    """
    try:
        if sys.platform != "win32" and not _from_systemd(path) and stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise BadFile(f"{path}: others may read this passphrase", f"chmod 600 {path}")
        with path.open("rb") as file:
            lines = file.read(4096).decode("utf-8").splitlines()
    except OSError as error:
        raise BadFile(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeError as error:
        raise BadFile(f"{path} is not UTF-8 text") from error
    if not lines or not lines[0]:
        raise BadFile(f"{path} holds no passphrase", "Write it in the first line.")
    return lines[0]


def _from_systemd(path: Path) -> bool:
    """Whether systemd put it there for us alone: its list of rights shows as group bits."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return folder is not None and path.absolute().parent == Path(folder)
