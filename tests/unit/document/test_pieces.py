"""A closed policy read piece by piece: the same answer as of the whole, in the memory of one ban."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from policy_schema.document import reader
from policy_schema.document.canonical import encode, policy_id
from policy_schema.document.catalogue import load_catalogue
from policy_schema.document.close import close_policy
from policy_schema.document.closed import parse_closed
from policy_schema.document.compile import compile_policy
from policy_schema.document.load import parse_policy
from policy_schema.document.pieces import compile_bytes, read_pieces
from policy_schema.document.reader import NotPlain, Reader
from policy_schema.errors import BadDocument
from policy_schema.rules.rulebook import Rulebook

SAMPLES = Path(__file__).parents[2] / "samples" / "policies"
Change = Callable[[Any], object]


@cache
def signed(name: str = "base.yaml") -> bytes:
    """The bytes of a sample, closed."""
    text = (SAMPLES / name).read_text(encoding="utf-8")
    return encode(dict(close_policy(parse_policy(text, name), load_catalogue()).document))


def changed(change: Change) -> bytes:
    """The base policy, with another content."""
    document = json.loads(signed())
    change(document)
    return encode(document)


def whole(data: bytes) -> object:
    """What the whole document comes to: the rulebook, or what is wrong."""
    try:
        return json.loads(json.dumps(compile_policy(parse_closed(data).document, 7, policy_id(data))))
    except BadDocument as error:
        return error.lines()
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return str(error)


def by_pieces(data: bytes) -> object:
    """The same, piece by piece."""
    try:
        return json.loads(b"".join(compile_bytes(data, 7).parts()))
    except BadDocument as error:
        return error.lines()
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return str(error)


def add(**fields: object) -> Change:
    """A change: one more ban, like the first but for these fields."""
    return lambda d: d["bans"].append({**d["bans"][0], "id": "another", **fields})


def nested(levels: int) -> object:
    """Lists in one another."""
    value: object = "x"
    for _ in range(levels):
        value = [value]
    return value


TAKEN_AS_THEY_ARE: dict[str, Change] = {
    "nothing changed": lambda d: None,
    "no ban at all": lambda d: d.update(bans=[]),
    "neither bans nor tools": lambda d: d.update(bans=[], tools={}),
    "a text of other letters": lambda d: d["bans"][0]["reason"].update({"zh-Hans": "原因" * 500}),
    "a ban with a range": add(targets=[{"tool": "claude-code", "versions": ">=2.1.91 <2.1.198"}]),
    "a ban that spares packages": add(**{"except": [{"purl": "pkg:npm/%40anthropic-ai/claude-code@2.1.198"}]}),
    "a ban that needs what is not there": add(needs=["telepathy"], stages="of another form", targets=[]),
    "a field of a later release in a ban": add(colour="blue"),
    "a field of a later release in a tool": lambda d: d["tools"]["qoder"].update(colour={"deep": "blue"}),
    "a field of a later release before all": lambda d: d.update(aaa=[1, 2.5, None]),
    "a field of a later release after all": lambda d: d.update(zzz={"tools": {}}),
    "a quotation mark and a backslash": lambda d: d["organisation"].update(name='a "b" \\ c'),
}
REFUSED: dict[str, Change] = {
    "a field of a later release that is too deep": add(colour=nested(23)),
    "a ban that needs what is not there, too deep": add(needs=["telepathy"], targets=nested(23)),
    "a range that is none": add(targets=[{"tool": "claude-code", "versions": "~~"}]),
    "a ban of nothing in it": add(targets=[{"tool": "acme/gone", "versions": None}]),
    "a ranged ban of nothing in it": add(targets=[{"tool": "acme/gone", "versions": "<2"}]),
    "a package longer than is read": lambda d: d["tools"]["qoder"]["faces"].update(packages=["pkg:npm/" + "a" * 600]),
    "a ban that is a text": lambda d: d["bans"].append("all"),
    "tools in a list": lambda d: d.update(tools=[]),
    "no tools": lambda d: d.pop("tools"),
}


@pytest.mark.parametrize("change", TAKEN_AS_THEY_ARE.values(), ids=TAKEN_AS_THEY_ARE)
def test_a_policy_that_is_right_is_never_held_whole(change: Change) -> None:
    data = changed(change)
    made = compile_bytes(data, 7)
    assert made.pieces is not None
    assert by_pieces(data) == whole(data)
    Rulebook(json.loads(b"".join(made.parts())))


@pytest.mark.parametrize("change", REFUSED.values(), ids=REFUSED)
def test_a_policy_that_is_wrong_is_refused_in_the_same_words(change: Change) -> None:
    data = changed(change)
    assert by_pieces(data) == whole(data)
    assert not isinstance(by_pieces(data), dict)


@pytest.mark.parametrize("name", sorted(path.name for path in SAMPLES.glob("*.yaml")))
def test_every_sample_compiles_to_the_same(name: str) -> None:
    try:
        data = signed(name)
    except BadDocument:
        return  # a sample of what lint says
    read_pieces(data)
    assert by_pieces(data) == whole(data)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 20_000), st.one_of(st.binary(max_size=3), st.sampled_from([b"[", b'"', b"}", b",", b"0", b"\\"])))
@example(0, b" ")
@example(20_000, b"")
def test_changed_bytes_come_to_what_they_come_to_as_a_whole(place: int, put: bytes) -> None:
    data = signed()
    place = min(place, len(data))
    changed = data[:place] + put + data[place + max(1, len(put)) :]
    assert by_pieces(changed) == whole(changed)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(min_codepoint=32, exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp"))),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text("abé漢", max_size=3), inside, max_size=4),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(JSON, max_size=6), st.integers(1, 40))
def test_values_are_read_through_a_window_of_any_size(values: list[Any], window: int) -> None:
    data = encode({"rows": values})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "_WINDOW", window)
        for known in (False, True):
            place = Reader(data, known=known)
            names = place.names()
            assert next(names) == "rows"
            assert list(place.rows()) == values
            assert list(names) == []
            place.take(b"\n")
            assert place.over


NOT_CANONICAL = {
    "a blank": b"[1, 2]\n",
    "a key twice": b'[{"a":1,"a":1}]\n',
    "keys in another order": b'[{"b":1,"a":1}]\n',
    "a number of another form": b"[1.50]\n",
    "an escape that is not needed": b'["\\u0061"]\n',
    "no number": b"[NaN]\n",
    "a hidden character": '["a\u202e"]\n'.encode(),
    "no UTF-8": b'["\xff"]\n',
    "an end that is missing": b"[1,2\n",
    "a comma too many": b"[1,2,]\n",
    "too deep for a parser": b"[" * 200_000,
}


@pytest.mark.parametrize("data", NOT_CANONICAL.values(), ids=NOT_CANONICAL)
def test_what_is_not_canonical_is_not_read(data: bytes) -> None:
    with pytest.raises(NotPlain):
        list(Reader(data).rows())


def test_a_large_policy_is_compiled_in_the_memory_of_its_bytes() -> None:
    document = json.loads(signed())
    tool, ban = document["tools"]["qoder"], document["bans"][0]
    document["tools"] |= {f"acme/t-{n}": {**tool, "id": f"acme/t-{n}"} for n in range(1000)}
    document["bans"] = [
        {**ban, "id": f"b-{n}", "targets": [{"tool": f"acme/t-{n}", "versions": None}]} for n in range(1000)
    ]
    data = encode(document)
    del document
    tracemalloc.start()
    try:
        made = compile_bytes(data, 7)
        length = sum(map(len, made.parts()))
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert made.pieces is not None
    assert length > len(data) // 2
    assert most < len(data)
