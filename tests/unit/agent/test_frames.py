"""Documents between the daemon and its children: what is written is read again, and anything else is refused."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.policy import frames

KEY = st.text(max_size=5)
DOCUMENTS = st.dictionaries(
    KEY,
    st.recursive(
        st.none() | st.integers() | st.text(max_size=9) | st.lists(st.integers(), max_size=3) | st.binary(max_size=40),
        lambda inside: st.dictionaries(KEY, inside, max_size=4),
        max_leaves=12,
    ),
    max_size=5,
)


def sent(document: dict[str, Any]) -> bytes:
    """A document as it goes through a pipe."""
    return b"".join(frames.write(document))


def read(data: bytes) -> Any:
    """What comes out of the pipe."""
    return frames.read(io.BytesIO(data))


@settings(max_examples=150, deadline=None)
@given(DOCUMENTS)
def test_a_document_comes_out_as_it_went_in(document: dict[str, Any]) -> None:
    assert read(sent(document)) == document


def test_a_document_without_bytes_is_plain_json() -> None:
    assert json.loads(sent({"op": "refresh", "held": [1]})) == {"op": "refresh", "held": [1]}


def test_what_is_made_while_it_is_sent_comes_last_and_whole() -> None:
    def make() -> Iterator[bytes]:
        yield from (b"one,", b"two")

    document = {"made": frames.Parts(make), "plain": {"a": b"\0\xff"}, "word": "x"}
    assert read(sent(document)) == {"made": b"one,two", "plain": {"a": b"\0\xff"}, "word": "x"}


def _header(header: object, rest: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return b"\0" + len(text).to_bytes(4, "big") + text + rest


BAD = {
    "nothing": b"",
    "no JSON": b"{",
    "a list": b"[]",
    "deep enough to exhaust a parser": b"[" * 200_000,
    "a header that is cut": _header({"document": {}, "blobs": []})[:-1],
    "a header longer than all there is": b"\0\xff\xff\xff\xff{}",
    "no length": b"\0\0",
    "a header without a document": _header({"blobs": []}),
    "a header without blobs": _header({"document": {}}),
    "a blob that is cut": _header({"document": {}, "blobs": [[["a"], 9]]}, b"short"),
    "a blob longer than any memory": _header({"document": {}, "blobs": [[["a"], 10**15]]}, b"short"),
    "a blob longer than any number": _header({"document": {}, "blobs": [[["a"], 10**30]]}, b"short"),
    "a blob of a length below nothing": _header({"document": {}, "blobs": [[["a"], -1]]}, b"x"),
    "a blob without a place": _header({"document": {}, "blobs": [[[], 1]]}, b"x"),
    "a blob in a number": _header({"document": {"a": 1}, "blobs": [[["a", "b"], 1]]}, b"x"),
    "a place that is no list": _header({"document": {}, "blobs": [["a", 1]]}, b"x"),
    "a blob that is no pair": _header({"document": {}, "blobs": ["ab"]}, b"x"),
    "more than is named": _header({"document": {}, "blobs": [[["a"], 1]]}, b"xy"),
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(frames.BadFrames):
        read(data)
