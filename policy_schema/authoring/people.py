"""The public half of a signer, in a file that travels by git: `li-wei.pub.json`.

Private keys are made where they stay, so only this file moves. It holds the two public keys and a name; ids are
worked out anew here, never read, so that a file cannot give its key the id of somebody else's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from policy_schema.authoring.keys import ONLINE_OWNER, slug
from policy_schema.document.source import read_document
from policy_schema.errors import BadFile
from policy_schema.trust.keys import PublicKeys, Use, owner, public_key
from policy_schema.trust.layout import Role
from policy_schema.trust.library import Key, Root

SCHEMA = 1
LIMIT = 4096
LONGEST_NAME = 100
ADVICE = "take the file that `interdict-policy keys new NAME` wrote"


def public_file(folder: Path, name: str) -> Path:
    """Where the public file of a signer lies."""
    return folder / f"{slug(name)}.pub.json"


def public_bytes(person: PublicKeys) -> bytes:
    """The content of a public file."""
    document = {
        "schema": SCHEMA,
        "name": person.name,
        Use.ROOT.value: person.root.keyval["public"],
        Use.POLICY.value: person.policy.keyval["public"],
    }
    return json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n"


def read_public(path: Path) -> PublicKeys:
    """The signer whose public file this is.

    Raises:
        BadFile: it cannot be read, or is no such file.
    """
    try:
        fields = json.loads(read_document(path, LIMIT))
        return _person(fields)
    except RecursionError:
        raise BadFile(f"{path}: is not a signer's public file", ADVICE) from None
    except ValueError as error:
        what = "not JSON" if isinstance(error, json.JSONDecodeError | UnicodeDecodeError) else error
        raise BadFile(f"{path}: is not a signer's public file: {what}", ADVICE) from None


def fingerprint(root: Key, policy: Key) -> str:
    """What two people compare by telephone: `3f2a 91c0 77de 05b4`, over both public keys."""
    digits = hashlib.sha256(f"{root.keyid}\n{policy.keyid}\n".encode()).hexdigest()
    return " ".join(digits[at : at + 4] for at in range(0, 16, 4))


def fingerprints(root: Root) -> tuple[tuple[str, str], ...]:
    """Each signer of a root with the fingerprint of their keys, in alphabetical order."""
    keys = {role: [root.get_key(keyid) for keyid in root.roles[role].keyids] for role in (Role.ROOT, Role.TARGETS)}
    policy = {owner(key): key for key in keys[Role.TARGETS]}
    return tuple(
        (owner(key), fingerprint(key, policy[owner(key)]))
        for key in sorted(keys[Role.ROOT], key=owner)
        if owner(key) in policy
    )


def _person(fields: object) -> PublicKeys:
    if not isinstance(fields, Mapping) or set(fields) != {"schema", "name", Use.ROOT, Use.POLICY}:
        raise ValueError("it has schema, name, root and policy")
    if fields["schema"] != SCHEMA:
        raise ValueError(f"schema {fields['schema']} is not known here")
    name = fields["name"]
    if not isinstance(name, str) or not name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
        raise ValueError("name is not a person's name")
    if name == ONLINE_OWNER:
        raise ValueError(f"{ONLINE_OWNER} is the publishing machine's name")
    keys = {use: _key(fields[use], use, name) for use in (Use.ROOT, Use.POLICY)}
    if keys[Use.ROOT].keyid == keys[Use.POLICY].keyid:
        raise ValueError("root and policy are the same key")
    return PublicKeys(name, keys[Use.ROOT], keys[Use.POLICY])


def _key(text: object, use: Use, name: str) -> Key:
    if not isinstance(text, str) or len(text) != 64 or set(text) - set("0123456789abcdef"):
        raise ValueError(f"{use} is not an Ed25519 key in 64 hexadecimal digits")
    return public_key(Ed25519PublicKey.from_public_bytes(bytes.fromhex(text)), name)
