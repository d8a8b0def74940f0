"""The hidden verb `_signer`: makes the device's key and signs reports with it, away from daemon and courier.

The daemon keeps the key (root-owned, 0600) but loads no cryptography; the courier carries what is signed but never
sees the key. Runs without a network, as the adopter's user.

    {"op": "new-key"}                                                  → {"result": "key", "private", "public"}
    {"op": "sign", "key", "device", "method", "path", "sequence", "body", "now"} → {"result": "signed", "headers"}

Keys are the raw 32 bytes of Ed25519; keys and bodies travel in base64.
"""

from __future__ import annotations

from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.policy.wire import BadAnswer, number, pack, text, unpack_bytes
from policy_schema.messages.signature import raw_public_key, sign


def answer(question: Mapping[str, object]) -> Mapping[str, object]:
    """Makes a key or signs.

    Raises:
        BadAnswer: the question is not as agreed.
    """
    operation = text(question.get("op"))
    if operation == "new-key":
        key = Ed25519PrivateKey.generate()
        return {"result": "key", **pack({"private": key.private_bytes_raw(), "public": raw_public_key(key)})}
    if operation == "sign":
        return {"result": "signed", "headers": _sign(question)}
    raise BadAnswer("no such operation")


def _sign(question: Mapping[str, object]) -> dict[str, str]:
    try:
        key = Ed25519PrivateKey.from_private_bytes(unpack_bytes(question.get("key")))
    except ValueError as error:
        raise BadAnswer("not an Ed25519 key") from error
    return sign(
        key,
        device=text(question.get("device")),
        method=text(question.get("method")),
        path=text(question.get("path")),
        sequence=number(question.get("sequence")),
        body=unpack_bytes(question.get("body")),
        now=number(question.get("now")),
    )
