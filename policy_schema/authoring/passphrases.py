"""Asking for passphrases: twice for a new key, once for an old one, or from a file when nobody is there."""

from __future__ import annotations

import getpass
import os
import stat
import sys
from pathlib import Path

from policy_schema.document.source import read_document
from policy_schema.errors import BadCommand, BadFile
from policy_schema.trust.keys import SHORTEST_PASSPHRASE, BadKey

TRIES = 3


def from_file(path: Path) -> str:
    """The first line of a file that only its owner may read.

    Raises:
        BadFile: it cannot be read, is empty, or others may read it.
    """
    content = read_document(path, 4096)
    if sys.platform != "win32" and not _from_systemd(path) and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise BadFile(f"{path}: others may read this passphrase", f"chmod 600 {path}")
    try:
        line = content.decode().splitlines()[0]
    except (UnicodeDecodeError, IndexError):
        raise BadFile(f"{path}: holds no passphrase", "write it in the first line, as UTF-8") from None
    return line


def _from_systemd(path: Path) -> bool:
    """Whether systemd put the file there for us alone (`LoadCredential=`): its list of rights shows as group bits."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return folder is not None and path.absolute().parent == Path(folder)


def ask_new(whose: str, file: Path | None) -> str:
    """A new passphrase, asked twice.

    Raises:
        BadCommand: nobody is there to ask.
        BadKey: too short.
    """
    if file is not None:
        return _long_enough(from_file(file))
    _refuse_without_terminal()
    for _ in range(TRIES):
        first = getpass.getpass(f"New passphrase of {whose} (at least {SHORTEST_PASSPHRASE} characters): ")
        if len(first) < SHORTEST_PASSPHRASE:
            print("That is too short.", file=sys.stderr)
        elif getpass.getpass("Once more: ") != first:
            print("These were two different ones.", file=sys.stderr)
        else:
            return first
    raise BadCommand(f"no passphrase for {whose} after {TRIES} tries", "choose one, then start again")


def ask_old(whose: str, file: Path | None) -> str:
    """The passphrase of an existing key.

    Raises:
        BadCommand: nobody is there to ask.
    """
    if file is not None:
        return from_file(file)
    _refuse_without_terminal()
    return getpass.getpass(f"Passphrase of {whose}: ")


def _refuse_without_terminal() -> None:
    if not sys.stdin.isatty():
        raise BadCommand("a passphrase is needed and there is no terminal", "give --passphrase-file FILE")


def _long_enough(passphrase: str) -> str:
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise BadKey(f"the passphrase has fewer than {SHORTEST_PASSPHRASE} characters", "take a longer one")
    return passphrase
