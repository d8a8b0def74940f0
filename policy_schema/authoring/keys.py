"""Key files: where each key of a root lies, writing new ones, opening one with its passphrase.

The name of a file follows from the public key alone, so there is no index that could be wrong:
`li-wei.policy.1a2b3c4d.pem` is the policy key of Li Wei whose id begins so; with `.pkcs11` in place of `.pem` it is in
a token, and the file says in which one (`policy_schema.trust.tokens`).
"""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path
from typing import NamedTuple

from policy_schema.authoring.files import write_file
from policy_schema.document.source import read_document
from policy_schema.errors import BadFile
from policy_schema.trust.keys import BadKey, PublicKeys, Use, lock, make_key, owner
from policy_schema.trust.layout import Role
from policy_schema.trust.library import CryptoSigner, Key, Root, Signer
from policy_schema.trust.tokens import IN_TOKEN, Place, open_content

KEY_LIMIT = 16_384
ONLINE_OWNER = "on-line"


class KeyRow(NamedTuple):
    """One key of the root, and whether its private half is here."""

    owner: str
    use: Use
    keyid: str
    file: Path
    here: bool


class NewPerson(NamedTuple):
    """The new keys of one signer, private halves included."""

    name: str
    root: CryptoSigner
    policy: CryptoSigner

    @property
    def public(self) -> PublicKeys:
        """What goes into the root."""
        return PublicKeys(self.name, self.root.public_key, self.policy.public_key)


def new_person(name: str) -> NewPerson:
    """Makes the two keys of a signer."""
    return NewPerson(name, make_key(name), make_key(name))


def slug(name: str) -> str:
    """A name as the beginning of a file name: `li-wei`."""
    plain = unicodedata.normalize("NFKC", name).lower()
    return (re.sub(r"\W+", "-", plain).strip("-_") or "signer")[:60]


def key_file(folder: Path, key: Key, use: Use, ending: str = "pem") -> Path:
    """Where the private half of a key lies."""
    return folder / f"{slug(owner(key))}.{use}.{key.keyid[:8]}.{ending}"


def found_file(folder: Path, key: Key, use: Use) -> Path:
    """The file of a key that is there; where it should be, if none is."""
    token = key_file(folder, key, use, IN_TOKEN)
    return token if token.is_file() else key_file(folder, key, use)


def key_rows(root: Root, folder: Path) -> tuple[KeyRow, ...]:
    """Every key of the root: people in alphabetical order, the on-line key last."""
    rows: list[KeyRow] = []
    for role, use in ((Role.ROOT, Use.ROOT), (Role.TARGETS, Use.POLICY), (Role.TIMESTAMP, Use.ONLINE)):
        for keyid in root.get_delegated_role(role).keyids:
            key = root.get_key(keyid)
            file = found_file(folder, key, use)
            rows.append(KeyRow(owner(key), use, keyid, file, file.is_file()))
    return tuple(sorted(rows, key=lambda row: (row.use is Use.ONLINE, row.owner, row.use)))


def write_key(folder: Path, signer: CryptoSigner, use: Use, passphrase: str) -> Path:
    """Writes a locked key, readable by its owner alone.

    Raises:
        BadKey: the passphrase is too short.
        BadFile: the disk refuses.
    """
    content = lock(signer, passphrase)
    path = key_file(_private_folder(folder), signer.public_key, use)
    write_file(path, content, 0o600)
    return path


def write_token_key(folder: Path, key: Key, use: Use, place: Place) -> Path:
    """Writes where a key is that is in a token.

    Raises:
        BadFile: the disk refuses.
    """
    path = key_file(_private_folder(folder), key, use, IN_TOKEN)
    write_file(path, f"{place.uri}\n".encode(), 0o600)
    return path


def _private_folder(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        os.chmod(folder, 0o700)
    except OSError as error:
        raise BadFile(f"{folder}: {error.strerror}") from error
    return folder


def write_person(folder: Path, person: NewPerson, passphrase: str) -> tuple[Path, Path]:
    """Writes the root key and the policy key of a signer.

    Raises:
        BadKey, BadFile: as `write_key`.
    """
    return (
        write_key(folder, person.root, Use.ROOT, passphrase),
        write_key(folder, person.policy, Use.POLICY, passphrase),
    )


def open_key(row: KeyRow, root: Root, passphrase: str) -> Signer:
    """The signer of a key.

    Raises:
        BadKey: the passphrase is wrong, or the file holds another key.
        BadFile, BadCommand: it cannot be read, or names no token.
    """
    return open_file(row.file, root.get_key(row.keyid), passphrase)


def open_file(path: Path, key: Key, passphrase: str) -> Signer:
    """The signer of a key whose file this is: a locked key, or the place of one in a token, whose PIN is given.

    Raises:
        BadKey: the passphrase is wrong, or the file holds another key.
        BadFile, BadCommand: it cannot be read, or names no token.
    """
    content = read_document(path, KEY_LIMIT)
    try:
        return open_content(content, path.suffix == f".{IN_TOKEN}", key, passphrase)
    except BadKey as error:
        raise BadKey(f"{path}: {error}", error.advice()) from None


def rows_of(rows: tuple[KeyRow, ...], name: str, *uses: Use) -> tuple[KeyRow, ...]:
    """The rows of one owner for these uses."""
    return tuple(row for row in rows if row.owner == name and row.use in uses)
