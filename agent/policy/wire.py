"""The documents between the daemon and its children, both ways: JSON, and bytes in base64. Standard library only.

What may be large goes as it is: `agent.policy.frames` takes bytes, and whoever reads bytes here takes them too.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping

from agent.policy.frames import Parts
from policy_schema.trust.layout import Files, root_number
from policy_schema.trust.refusal import Refusal, Refused


class BadAnswer(ValueError):
    """A document between us and a child is not as agreed."""


def pack(files: Files) -> dict[str, str]:
    """Files as JSON."""
    return {path: base64.b64encode(content).decode("ascii") for path, content in files.items()}


def unpack(value: object) -> dict[str, bytes]:
    """Files from JSON.

    Raises:
        BadAnswer: they are not.
    """
    if not isinstance(value, Mapping):
        raise BadAnswer("files are a mapping")
    return {text(path): unpack_bytes(content) for path, content in value.items()}


def unpack_bytes(value: object) -> bytes:
    """Bytes, as they are or from base64.

    Raises:
        BadAnswer: it is neither.
    """
    if isinstance(value, bytes):
        return value
    try:
        return base64.b64decode(text(value), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadAnswer("not base64") from error


def parsed(value: object) -> Mapping[str, object]:
    """A mapping that came as the bytes of its JSON.

    Raises:
        BadAnswer: something else.
    """
    if not isinstance(value, bytes | Parts):
        raise BadAnswer("the bytes of a document are expected")
    try:
        return mapping(json.loads(bytes(value)))
    except (ValueError, RecursionError) as error:
        raise BadAnswer("not JSON") from error


def text(value: object, otherwise: str | None = None) -> str:
    """A text; `otherwise` for nothing at all.

    Raises:
        BadAnswer: something else.
    """
    if value is None and otherwise is not None:
        return otherwise
    if not isinstance(value, str):
        raise BadAnswer("a text is expected")
    return value


def number(value: object) -> int:
    """A whole number.

    Raises:
        BadAnswer: something else.
    """
    if type(value) is not int:
        raise BadAnswer("a whole number is expected")
    return value


def mapping(value: object) -> Mapping[str, object]:
    """A mapping with texts as keys.

    Raises:
        BadAnswer: something else.
    """
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise BadAnswer("a mapping is expected")
    return value


def refusal(error: Refused) -> dict[str, object]:
    """A refusal as JSON."""
    return {"result": "refused", "code": error.code.value, "detail": error.detail}


def raise_refusal(answer: Mapping[str, object]) -> None:
    """Raises the refusal that an answer holds, if it holds one.

    Raises:
        Refused: it does.
        BadAnswer: with a code that nobody knows.
    """
    if answer.get("result") != "refused":
        return
    try:
        code = Refusal(text(answer.get("code")))
    except ValueError as error:
        raise BadAnswer("an unknown refusal") from error
    raise Refused(code, text(answer.get("detail"), ""))


def together(stored: Files, fetched: Files) -> dict[str, bytes]:
    """One repository from what was verified before and what came now. Old roots stay: they are the chain of trust."""
    roots = {path: content for path, content in stored.items() if root_number(path)}
    return {**stored, **fetched, **roots}
