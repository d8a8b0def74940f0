"""All that we use of python-tuf and securesystemslib, in one place.

Both re-export these names without saying so to type checkers; the exceptions to that stand here and nowhere else.
`TrustedMetadataSet` is private in name, but it is python-tuf's only door without files and with a given time: `tuf` is
locked to one major version, and each of its rules that we lean on has a test over a real repository.
"""

from __future__ import annotations

import sys

# securesystemslib would load a library for tokens where one is installed; no verifying process needs it, and whoever
# signs with a token loads it then (`policy_schema.authoring.pkcs11`).
_HIDE = "pkcs11" not in sys.modules
if _HIDE:
    sys.modules["pkcs11"] = None  # type: ignore[assignment]

from securesystemslib.signer import CryptoSigner, Key, SecretsHandler, Signature, Signer, SSlibKey  # type: ignore[attr-defined]  # noqa: E402
from tuf.api.exceptions import (  # noqa: E402
    BadVersionNumberError,
    EqualVersionNumberError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    RepositoryError,
    UnsignedMetadataError,
)
from tuf.api.metadata import (  # type: ignore[attr-defined]  # noqa: E402
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Signed,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization.json import JSONSerializer  # noqa: E402
from tuf.ngclient._internal.trusted_metadata_set import TrustedMetadataSet  # noqa: E402
from tuf.ngclient.config import EnvelopeType  # noqa: E402

if _HIDE:
    del sys.modules["pkcs11"]

__all__ = [
    "BadVersionNumberError",
    "CryptoSigner",
    "DelegatedRole",
    "Delegations",
    "EnvelopeType",
    "EqualVersionNumberError",
    "ExpiredMetadataError",
    "JSONSerializer",
    "Key",
    "LengthOrHashMismatchError",
    "MetaFile",
    "Metadata",
    "RepositoryError",
    "Root",
    "SSlibKey",
    "SecretsHandler",
    "Signature",
    "Signed",
    "Signer",
    "Snapshot",
    "TargetFile",
    "Targets",
    "Timestamp",
    "TrustedMetadataSet",
    "UnsignedMetadataError",
]
