"""All that we use of python-tuf and securesystemslib, in one place.

Both re-export these names without saying so to type checkers; the exceptions to that stand here and nowhere else.
`TrustedMetadataSet` is private in name, but it is python-tuf's only door without files and with a given time: `tuf` is
locked to one major version, and each of its rules that we lean on has a test over a real repository.
"""

from __future__ import annotations

import importlib.util
import sys
import types

# securesystemslib would load a library for tokens where one is installed; no verifying process needs it, and whoever
# signs with a token loads it then (`policy_schema.trust.tokens`).
_HIDE = "pkcs11" not in sys.modules
if _HIDE:
    sys.modules["pkcs11"] = None  # type: ignore[assignment]

# The package of python-tuf's own client begins with its HTTP client: 3 MB that none of our processes uses. Its two
# modules without files and network are loaded as if the package began with nothing; whoever wants it whole gets it.
_ALONE = "tuf.ngclient" not in sys.modules
if _ALONE:
    _found = importlib.util.find_spec("tuf.ngclient")
    if _found is not None and _found.submodule_search_locations is not None:
        sys.modules["tuf.ngclient"] = types.ModuleType("tuf.ngclient")
        sys.modules["tuf.ngclient"].__path__ = list(_found.submodule_search_locations)

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
if _ALONE:
    del sys.modules["tuf.ngclient"]

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
