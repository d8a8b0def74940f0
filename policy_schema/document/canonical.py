"""The exact bytes of a closed policy: what is signed, and what its id is made of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from policy_schema.document.closed import ClosedPolicy

Json: TypeAlias = "bool | int | str | list[Json] | dict[str, Json] | None"


def canonical_bytes(closed: ClosedPolicy) -> bytes:
    """Sorted keys, no blanks, UTF-8, one line feed at the end: the same document always gives the same bytes."""
    return encode(closed.document)


def encode(document: Mapping[str, Json]) -> bytes:
    """The canonical bytes of a JSON document.

    Raises:
        UnicodeEncodeError: a text holds half a surrogate pair, which no canonical document does.
    """
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode("utf-8")


def policy_id(data: bytes) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of canonical bytes."""
    return hashlib.sha256(data).hexdigest()[:16]
