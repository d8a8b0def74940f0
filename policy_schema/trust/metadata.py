"""Small helpers around `tuf.api.metadata`: reading, writing, dating and naming one signed file."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

from policy_schema.errors import PolicyError
from policy_schema.rules.instant import format_instant, parse_instant
from policy_schema.trust.keys import owner
from policy_schema.trust.layout import Files, Role, metadata_path, newest_root
from policy_schema.trust.library import (
    JSONSerializer,
    Metadata,
    RepositoryError,
    Root,
    Signed,
    Signer,
    Snapshot,
    Targets,
    Timestamp,
    UnsignedMetadataError,
)
from policy_schema.trust.refusal import Refusal, Refused

SIGNED_AT_FIELD = "x-interdict-signed-at"
"""A field of every signed file: when it was made. The newest one is the floor of a device's clock."""

SOLO_FIELD = "x-interdict-one-signer"
"""A field of the root: this repository trusts a single person."""

SPEC = "1.0.34"
"""The version of the TUF specification that these files follow."""

SignedFile = TypeVar("SignedFile", Root, Timestamp, Snapshot, Targets)


class Lifetimes(NamedTuple):
    """How long signatures are good for, in seconds."""

    root: int = 365 * 86_400
    targets: int = 90 * 86_400
    online: int = 7 * 86_400


def moment(instant: int) -> datetime:
    """An instant as TUF wants it."""
    return datetime.fromtimestamp(instant, UTC)


def instant(value: datetime) -> int:
    """A date of TUF as an instant."""
    return int(value.replace(tzinfo=value.tzinfo or UTC).timestamp())


def read(kind: type[SignedFile], content: bytes, path: str) -> Metadata[SignedFile]:
    """Reads a file of our own repository, whose signatures are checked elsewhere.

    Raises:
        Refused: it is not metadata of this kind.
    """
    try:
        loaded: Metadata[SignedFile] = Metadata.from_bytes(content)
    except RepositoryError as error:
        raise Refused(Refusal.TAMPERED, f"{path} is not TUF metadata") from error
    if not isinstance(loaded.signed, kind):
        raise Refused(Refusal.TAMPERED, f"{path} is not {kind.__name__.lower()} metadata")
    return loaded


def write(metadata: Metadata[Any]) -> bytes:
    """The bytes of a file, indented: signatures travel by git, where people read them."""
    return JSONSerializer(compact=False).serialize(metadata) + b"\n"


def dated(signed: SignedFile, now: int) -> SignedFile:
    """Writes into a file when it was made."""
    signed.unrecognized_fields[SIGNED_AT_FIELD] = format_instant(now)
    return signed


def signed_at(signed: Signed) -> int:
    """When a verified file was made; 0 when it does not say."""
    text = signed.unrecognized_fields.get(SIGNED_AT_FIELD)
    try:
        return parse_instant(text) if isinstance(text, str) else 0
    except ValueError:
        return 0


def one_signer(root: Root) -> bool:
    """Does one person alone decide here: marked so, or by the numbers?"""
    marked = root.unrecognized_fields.get(SOLO_FIELD) is True
    return marked or root.get_delegated_role(Role.TARGETS).threshold < 2


def sign(signed: SignedFile, signers: Iterable[Signer]) -> bytes:
    """The bytes of a file with these signatures."""
    metadata = Metadata(signed)
    for signer in signers:
        put_signature(metadata, signer)
    return write(metadata)


def put_signature(metadata: Metadata[Any], signer: Signer) -> None:
    """Adds a signature.

    Raises:
        PolicyError: what the signer itself raises: a key in a token may refuse.
    """
    try:
        metadata.sign(signer, append=True)
    except UnsignedMetadataError as error:
        if isinstance(error.__cause__, PolicyError):
            raise error.__cause__ from None
        raise


def root_of(files: Files) -> Root:
    """The newest root of a repository of our own.

    Raises:
        Refused: there is none, or it cannot be read.
    """
    path = metadata_path(Role.ROOT, newest_root(files))
    if path not in files:
        raise Refused(Refusal.NOT_A_REPOSITORY, "there is no metadata/1.root.json")
    return read(Root, files[path], path).signed


def owners(root: Root, role: Role) -> list[str]:
    """The people who may sign for a role, in alphabetical order."""
    return sorted(owner(root.get_key(keyid)) for keyid in root.get_delegated_role(role).keyids)
