"""Settings of other tools: JSON with comments, TOML and YAML by the parts that settings are written in."""

from __future__ import annotations

import io
import json
import tomllib
import tracemalloc

import pytest
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from agent.inventory.flow_text import UNREAD
from agent.inventory.settings_text import LIMITS, MAX_COMMENTED, Form, read_settings, values
from agent.inventory.toml_subset import read_toml
from agent.inventory.yaml_subset import read_yaml

KEYS = frozenset({"model", "command", "args"})

WRITTEN = {
    "plain JSON": (Form.JSON, b'{"model": "x", "other": 1}', {"model": "x"}),
    "JSON with comments and commas too many": (
        Form.JSON,
        b'// a\n{"model": "x//y", /* "model": "z", */ "a": {"model": "/*",},}',
        {"model": "x//y", "a": {"model": "/*"}},
    ),
    "JSON of which only the keys asked for are kept": (
        Form.JSON,
        b'{"apiKey": "secret", "deep": {"apiKey": "secret", "list": [{"apiKey": "secret"}]}, "model": "x"}',
        {"model": "x"},
    ),
    "JSON whose comment never ends": (Form.JSON, b'{"model": "x"} /* no end', {"model": "x"}),
    "a byte order mark": (Form.JSON, b'\xef\xbb\xbf{"model": "x"}', {"model": "x"}),
    "TOML tables": (
        Form.TOML,
        b'model = "x" # c\n[a."b.c"]\nargs = [ "-y", # no "end"\n  \'p\',\n]\n[[t]]\nk = { model = "m", n = [1, 2] }\n',
        {"model": "x", "a": {"b.c": {"args": ["-y", "p"]}}, "t": {"k": {"model": "m", "n": ["1", "2"]}}},
    ),
    "a TOML text over several lines": (
        Form.TOML,
        b'a = """\nmodel = "no"\n"""\nmodel = "x"\n',
        {"a": UNREAD, "model": "x"},
    ),
    "YAML mappings and lists": (
        Form.YAML,
        b"a:\n  - model: x # c\n    b: 'it''s'\n  -\n    - p\n    - \"q\\n\"\n"
        b"c: [1, {d: e, url: http://h:1/p}]\nf:\n- g\n",
        {"a": [{"model": "x", "b": "it's"}, ["p", "q\n"]], "c": ["1", {"d": "e", "url": "http://h:1/p"}], "f": ["g"]},
    ),
    "YAML block texts and aliases stay unread": (
        Form.YAML,
        b"a: |\n  model: no\n\n  more\nb: *x\nc: &y d\ne: >-\n  f\nmodel: x\n",
        {"a": UNREAD, "b": UNREAD, "c": "d", "e": UNREAD, "model": "x"},
    ),
    "YAML behind its own header, and one document of two": (
        Form.YAML,
        b"%YAML 1.2\n---\na: b\n---\nc: d\n",
        {"a": "b"},
    ),
    "a YAML list that goes on below": (Form.YAML, b"a: [x,\n    y,\n    z]\nb: c\n", {"a": ["x", "y", "z"], "b": "c"}),
    "a YAML list that never ends": (Form.YAML, b"a: [x, y\nb: c\n", {"a": UNREAD, "b": "c"}),
    "an empty YAML file": (Form.YAML, b"# nothing\n", None),
    "one line": (Form.LINE, b"gpt-4o \nmore\n", "gpt-4o"),
    "no line": (Form.LINE, b"", ""),
}


@pytest.mark.parametrize(("form", "data", "expected"), WRITTEN.values(), ids=WRITTEN.keys())
def test_settings_are_read(form: Form, data: bytes, expected: object) -> None:
    assert read_settings(data, form, KEYS) == expected


REFUSED = {
    "half a JSON object": (Form.JSON, b'{"model": ', "not JSON"),
    "JSON nested 100,000 deep": (Form.JSON, b'{"a":' * 100_000, "nested too deeply"),
    "a number of a million digits": (Form.JSON, b'{"model": ' + b"1" * 1_000_000 + b"}", "not JSON"),
    "2 MB that are no JSON": (Form.JSON, b'"' * (2 << 20), f"not JSON, and larger than {MAX_COMMENTED} bytes"),
    "9 MB of JSON": (Form.JSON, b" " * (9 << 20), "larger than"),
    "TOML without a sign": (Form.TOML, b"a = 1\nmodel x\n", "line 2 is not written"),
    "a TOML key of 100,000 parts": (Form.TOML, b"a." * 100_000 + b"b = 1\n", "line 1 is not written"),
    "TOML nested 100,000 deep": (Form.TOML, b"a = " + b"[" * 100_000, "nested too deeply"),
    "YAML nested 100,000 deep": (Form.YAML, b"- " * 100_000, "nested too deeply"),
    "a YAML flow nested 100,000 deep": (Form.YAML, b"a: " + b"{a: " * 60_000, "nested too deeply"),
    "YAML indented by tabs": (Form.YAML, b"a:\n\tb: c\n", "line 2 is indented by a tab"),
    "YAML that ends where it should not": (Form.YAML, b"  a: b\nc: d\n", "line 2 is not written"),
    "YAML of 300 KB": (Form.YAML, b"a: b\n" * 60_000, "larger than"),
}


@pytest.mark.parametrize(("form", "data", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_settings_are_refused(form: Form, data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_settings(data, form, KEYS)


HEAVY = {
    "8 MB of history": (Form.JSON, b'{"history": [' + b",".join([b'{"a": "' + b"x" * 40 + b'"}'] * 140_000) + b"]}"),
    "a megabyte of quotes": (Form.JSON, b'"' * (1 << 20)),
    "a megabyte of comments": (Form.JSON, b"/**/" * (1 << 18)),
    "200 KB of open lists": (Form.TOML, b"a=[\n" * 50_000),
    "200 KB of keys": (Form.YAML, b"a:\n" * 80_000),
    "200 KB of quotes in YAML": (Form.YAML, b"a: [" + b'"' * 200_000),
}


@pytest.mark.parametrize(("form", "data"), HEAVY.values(), ids=HEAVY.keys())
def test_a_heavy_file_costs_little_memory(form: Form, data: bytes) -> None:
    tracemalloc.start()
    try:
        read_settings(data, form, KEYS)
    except ValueError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert len(data) <= LIMITS[form]
    assert peak < 25 << 20


PATHS = {
    "a key": (("a", "b"), [1]),
    "every key": (("a", "*"), [1, 2]),
    "every member of a list": (("l", "*", "b"), [3, 4]),
    "a key that is not there": (("x", "b"), []),
    "below a text": (("t", "b"), []),
    "a list where a table is meant": (("l", "b"), []),
    "what was not read": (("u", "b"), [UNREAD]),
    "members of what was not read": (("u", "*", "b"), [UNREAD]),
}


@pytest.mark.parametrize(("path", "expected"), PATHS.values(), ids=PATHS.keys())
def test_values_at_a_path(path: tuple[str, ...], expected: list[object]) -> None:
    document = {"a": {"b": 1, "c": 2}, "l": [{"b": 3}, {"b": 4}, 5], "t": "b", "u": UNREAD}
    assert list(values(document, path)) == expected


# ---------------------------------------------------------------------------- against the real readers
WORD = st.from_regex(r"[A-Za-z][A-Za-z0-9_./@-]{0,12}", fullmatch=True).filter(
    lambda word: word.lower() not in ("null", "true", "false", "yes", "no", "on", "off", "y", "n")
)
TEXT = st.one_of(WORD, st.text(st.sampled_from("abcXYZ019 :#-,'\"[]{}=/.\\_"), max_size=12))
TREE = st.recursive(TEXT, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORD, inner, max_size=4))


@given(st.dictionaries(WORD, TREE, min_size=1, max_size=4), st.booleans())
@settings(max_examples=80, deadline=None)
def test_yaml_is_read_as_its_own_library_writes_it(document: dict[str, object], flow: bool) -> None:
    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style, writer.width = flow, 4096
    out = io.BytesIO()
    writer.dump(document, out)
    try:
        read = writer.load(out.getvalue())
    except YAMLError:
        reject()  # it writes some odd texts in a way that it cannot read itself
    assume(read == document)
    assert _fits(read_yaml(out.getvalue()), document)


@given(st.dictionaries(WORD, TREE, max_size=5))
@settings(max_examples=50, deadline=None)
def test_json_is_read_whole_when_every_key_is_asked_for(document: dict[str, object]) -> None:
    assert read_settings(json.dumps(document).encode(), Form.JSON, _keys(document)) == document


@given(st.dictionaries(WORD, st.one_of(TEXT, st.lists(TEXT, max_size=4)), min_size=1, max_size=5), st.booleans())
@settings(max_examples=60, deadline=None)
def test_toml_is_read_as_the_standard_library_reads_it(table: dict[str, object], below: bool) -> None:
    lines = [f"{json.dumps(key)} = {json.dumps(value)}" for key, value in table.items()]
    data = "\n".join((["[a.b]"] if below else []) + lines)
    assert read_toml(data.encode()) == tomllib.loads(data)


@given(st.binary(max_size=300), st.sampled_from([Form.JSON, Form.TOML, Form.YAML, Form.LINE]))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_settings_or_refused(data: bytes, form: Form) -> None:
    try:
        read_settings(data, form, KEYS)
    except ValueError as error:
        assert str(error)


@given(st.text(st.sampled_from("ab:-[]{},\"'#=. \n&*!|>\\"), max_size=80), st.sampled_from([Form.TOML, Form.YAML]))
@settings(max_examples=150, deadline=None)
def test_anything_that_looks_like_settings_is_read_or_refused(text: str, form: Form) -> None:
    try:
        read_settings(text.encode(), form, KEYS)
    except ValueError as error:
        assert str(error)


def _keys(value: object) -> frozenset[str]:
    if isinstance(value, dict):
        return frozenset(value).union(*(_keys(one) for one in value.values()))
    return frozenset().union(*(_keys(one) for one in value)) if isinstance(value, list) else frozenset()


def _fits(found: object, expected: object) -> bool:
    """The same, or said to be unread. Empty texts and nothing are one here: no setting that counts is empty."""
    if found is UNREAD:
        return True
    if isinstance(found, dict) and isinstance(expected, dict):
        return found.keys() == expected.keys() and all(_fits(found[key], expected[key]) for key in found)
    if isinstance(found, list) and isinstance(expected, list):
        return len(found) == len(expected) and all(map(_fits, found, expected))
    return (found or None) == (expected or None)
