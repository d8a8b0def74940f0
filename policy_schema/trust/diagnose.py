"""Why TUF refused a file, in the words of our closed list. Nothing is accepted or refused here: that has happened."""

from __future__ import annotations

from typing import Any

from policy_schema.trust.layout import Role
from policy_schema.trust.library import (
    BadVersionNumberError,
    LengthOrHashMismatchError,
    Metadata,
    RepositoryError,
    Root,
    UnsignedMetadataError,
)
from policy_schema.trust.refusal import Refusal, Refused


def explain(error: RepositoryError, role: Role, path: str, content: bytes, root: Root) -> Refused:
    """The refusal for a file that `TrustedMetadataSet` did not take. `root` is the one whose people had to sign."""
    if isinstance(error, BadVersionNumberError):
        codes = {Role.ROOT: Refusal.TAMPERED, Role.TARGETS: Refusal.HALF_UPLOADED}
        return Refused(codes.get(role, Refusal.OLDER), f"{path} has another version in it")
    try:
        metadata: Metadata[Any] = Metadata.from_bytes(content)
    except RepositoryError:
        return Refused(Refusal.NOT_A_REPOSITORY if role is Role.TIMESTAMP else Refusal.TAMPERED, path)
    if metadata.signed.type != role:
        return Refused(Refusal.TAMPERED, f"{path} holds {metadata.signed.type} metadata")
    signatures = _signatures(metadata, role, path, root)
    if isinstance(error, LengthOrHashMismatchError):
        return signatures or Refused(Refusal.HALF_UPLOADED, f"{path} is not the file that was promised")
    if isinstance(error, UnsignedMetadataError) and signatures:
        return signatures
    return Refused(Refusal.TAMPERED, path)


def _signatures(metadata: Metadata[Any], role: Role, path: str, root: Root) -> Refused | None:
    """What is wrong with the signatures; None when they are good."""
    result = root.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
    if result:
        return None
    if not metadata.signatures:
        return Refused(Refusal.UNSIGNED, path)
    if set(metadata.signatures) & set(result.unsigned):
        return Refused(Refusal.TAMPERED, path)
    if not result.signed:
        return Refused(Refusal.WRONGLY_SIGNED, path)
    return Refused(Refusal.BELOW_THRESHOLD, f"{path}: {len(result.signed)} of {result.threshold} signatures")
