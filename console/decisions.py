"""How a console follows the policy, publishes exceptions and brakes: [policy], [exceptions], [brake] of its settings.

A key file is locked with a passphrase, or names a token (its PIN is then the passphrase); the passphrase stands in the
first line of a file that only the console's user may read, such as one of systemd's credentials.
"""

from __future__ import annotations

import os
import stat
import sys
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from console.config import Config, Section
from console.errors import BadFile
from console.policy.follow import Source


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
    mail_to: tuple[str, ...] = ()
    """Who gets a mail about each alarm, through the server of [mail]."""
    webhook: str = ""
    """An address that gets a POST about each alarm, signed with the secret of [webhook]."""


class Decisions(NamedTuple):
    """The whole file."""

    source: Source = Source()
    publishing: Publishing = Publishing()
    brake: Brake = Brake()


def decisions_of(config: Config) -> Decisions:
    """What the settings file says.

    Raises:
        BadFile: a value makes no sense; names the section and the key.
    """
    followed, given, braked = (config.section(name) for name in ("policy", "exceptions", "brake"))
    how = _how(given.text("publish", Publish.OFF.value), config.where)
    source = _source(followed, config.where, bins=how is Publish.STAGED)
    publishing = _publishing(given, how, source, config.where)
    usual = Brake()
    brake = Brake(
        least=braked.number("least", usual.least, 1, 10_000_000),
        percent=braked.number("percent", usual.percent, 0, 100),
        times=braked.number("times", usual.times, 1, 1000),
        settle=braked.seconds("settle", usual.settle),
        settle_percent=braked.number("settle_percent", usual.settle_percent, 0, 100),
        wrong=braked.number("wrong", usual.wrong, 1, 10_000_000),
        mail_to=braked.texts("mail_to", ()),
        webhook=braked.text("webhook", ""),
    )
    for section in (followed, given, braked):
        section.done()
    return Decisions(source, publishing, brake)


def _how(text: str, where: str) -> Publish:
    try:
        return Publish(text)
    except ValueError:
        raise BadFile(f"{where}: publish in [exceptions] is none of {', '.join(Publish)}") from None


def _source(section: Section, where: str, *, bins: bool) -> Source:
    source, root = section.text("source", ""), section.text("trust_root", "")
    if bool(source) != bool(root):
        raise BadFile(f"{where}: [policy] needs source and trust_root", "Name both, or take the whole table out.")
    return Source(source, Path(root), max(5, section.seconds("every", Source().every)), bins)


def _publishing(section: Section, how: Publish, source: Source, where: str) -> Publishing:
    needed = {
        Publish.OFF: (),
        Publish.DIRECTLY: ("folder", "key", "key_passphrase", "online_key", "online_passphrase"),
        Publish.STAGED: ("folder",),
    }
    paths = {key: section.text(key, "") for key in needed[Publish.DIRECTLY]}
    for key in needed[how]:
        if not paths[key]:
            raise BadFile(f"{where}: publish = {how.value!r} in [exceptions] needs {key}", "See docs/exceptions.md.")
    if how is not Publish.OFF and not source.where:
        raise BadFile(f"{where}: [exceptions] needs a [policy] that is followed", "Name source and trust_root.")
    valid = section.seconds("online_valid", Publishing().online_valid)
    named = {key: Path(path) for key, path in paths.items()}
    return Publishing(how, online_valid=valid, trust_root=source.trust_root, **named)


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
