"""Property lists: the texts at the top, as plistlib reads them; anything else is a ValueError."""

from __future__ import annotations

import plistlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.inventory.property_list import MAX_TEXT, read_texts

FORMS = [pytest.param(plistlib.FMT_XML, id="XML"), pytest.param(plistlib.FMT_BINARY, id="binary")]
NAMES = ("A", "B", "Ключ")
XML = '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://x/y.dtd">\n'


@pytest.mark.parametrize("form", FORMS)
def test_named_texts_at_the_top_are_read_and_no_others(form: plistlib.PlistFormat) -> None:
    data = {"A": "tool", "C": "no", "B": {"A": "inner", "list": ["A", {"B": "deep"}]}, "Ключ": "значение & <b>"}
    assert read_texts(plistlib.dumps(data, fmt=form), NAMES) == {"A": "tool", "Ключ": "значение & <b>"}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("value", [5, 2.5, True, b"A", ["x"], {}, "x" * (MAX_TEXT + 1)], ids=lambda v: str(v)[:10])
def test_what_is_no_short_text_is_left_out(form: plistlib.PlistFormat, value: object) -> None:
    assert read_texts(plistlib.dumps({"A": value, "B": "b"}, fmt=form), NAMES) == {"B": "b"}


SCALARS = st.none() | st.text(alphabet=st.characters(blacklist_categories=["Cs", "Cc", "Cn"]), max_size=20)
VALUES = st.recursive(
    SCALARS.filter(lambda value: value is not None) | st.integers(-5, 5) | st.booleans() | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.parametrize("form", FORMS)
@given(content=st.dictionaries(st.sampled_from([*NAMES, "D", "E"]), VALUES, max_size=5))
def test_any_list_is_read_as_plistlib_does(form: plistlib.PlistFormat, content: dict[str, object]) -> None:
    data = plistlib.dumps(content, fmt=form)
    oracle = plistlib.loads(data)
    assert read_texts(data, NAMES) == {k: v for k, v in oracle.items() if k in NAMES and isinstance(v, str)}


def binary(objects: list[bytes], *, top: int = 0, count: int | None = None, table: int | None = None) -> bytes:
    """A binary list of these objects, one byte for each reference and place."""
    body, places = b"bplist00", b""
    for one in objects:
        places += bytes([len(body)])
        body += one
    numbers = (1, 1, len(objects) if count is None else count, top, len(body) if table is None else table)
    return body + places + struct.pack(">6xBBQQQ", *numbers)


TEXT_A, TEXT_B = b"\x51A", b"\x51B"
BAD = {
    "nothing": b"",
    "text": b"hello",
    "JSON": b'{"A": "b"}',
    "XML of something else": b"<html><dict><key>A</key><string>x</string></dict></html>",
    "a list at the top": plistlib.dumps(["A"]),
    "a binary list at the top": plistlib.dumps(["A"], fmt=plistlib.FMT_BINARY),
    "a text at the top": binary([TEXT_A]),
    "entities": (XML + "<plist><dict><key>A</key><string>&a;</string></dict></plist>")
    .replace('"http://x/y.dtd">', '"http://x/y.dtd" [<!ENTITY a "b">]>')
    .encode(),
    "an entity bomb": (
        b'<!DOCTYPE plist [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
        b"<plist><dict><key>A</key><string>&b;</string></dict></plist>"
    ),
    "XML cut off": plistlib.dumps({"A": "b"})[:-20],
    "XML nested 100,000 deep": b"<plist><dict><key>A</key>" + b"<array>" * 100_000,
    "an unknown encoding": b'<?xml version="1.0" encoding="x-nobody"?><plist/>',
    "binary, only a header": b"bplist00",
    "binary, cut off": plistlib.dumps({"A": "b"}, fmt=plistlib.FMT_BINARY)[:-3],
    "binary, a table beyond the end": binary([b"\xd0"], table=1 << 62),
    "binary, more objects than bytes": binary([b"\xd0"], count=1 << 60),
    "binary, a top that is not there": binary([b"\xd0"], top=9),
    "binary, a dictionary of a billion": binary([b"\xdf\x12\x3b\x9a\xca\x00"]),
    "binary, a key that is not there": binary([b"\xd1\x77\x01", TEXT_A]),
    "binary, a text longer than the file": binary([b"\xd1\x01\x02", TEXT_A, b"\x5f\x11\x03\x00"]),
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())
def test_what_is_none_says_so(data: bytes) -> None:
    with pytest.raises(ValueError):
        read_texts(data, NAMES)


def test_a_dictionary_that_holds_itself_is_not_unfolded() -> None:
    assert read_texts(binary([b"\xd2\x01\x02\x00\x01", TEXT_A, TEXT_B]), NAMES) == {"B": "A"}


REAL = [plistlib.dumps({"A": "tool", "B": {"c": ["d"]}, "Ключ": "я"}, fmt=form.values[0]) for form in FORMS]


@given(st.binary(max_size=200), st.sampled_from([b"", b"bplist00", XML.encode() + b"<plist><dict>"]))
def test_any_bytes_are_read_or_refused(data: bytes, head: bytes) -> None:
    _read(head + data)


@given(st.sampled_from(REAL), st.integers(0, 1000), st.binary(min_size=1, max_size=4))
def test_real_lists_with_any_bytes_changed_are_read_or_refused(data: bytes, at: int, new: bytes) -> None:
    at %= len(data)
    _read(data[:at] + new + data[at + len(new) :])


def _read(data: bytes) -> None:
    try:
        found = read_texts(data, NAMES)
    except ValueError:
        return
    assert all(name in NAMES and len(text) <= MAX_TEXT for name, text in found.items())
