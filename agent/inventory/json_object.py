"""JSON from strangers: the object that a file holds, or a ValueError that says why there is none. Pure."""

from __future__ import annotations

import json


def read_object(data: bytes) -> dict[str, object]:
    """The JSON object of a file.

    Raises:
        ValueError: no JSON, nested too deeply, or no object.
    """
    value = read_json(data)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value


def read_json(data: bytes) -> object:
    """Any JSON value. A byte order mark is passed over, bytes that are no text are replaced.

    Raises:
        ValueError: no JSON, or nested too deeply.
    """
    try:
        value: object = json.loads(data.decode("utf-8-sig", "replace"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ValueError:
        raise ValueError("not JSON") from None
    return value


def text_of(value: object, limit: int) -> str:
    """A text that can be shown: printable, without blanks around it, of at most `limit` letters; else empty."""
    text = value.strip() if isinstance(value, str) and len(value) <= 4 * limit else ""
    return text if len(text) <= limit and text.isprintable() else ""
