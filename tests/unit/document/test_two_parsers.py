"""Two YAML parsers: where the one in C is believed, the one in Python says the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from policy_schema.document import yaml_tree
from policy_schema.document.yaml_tree import Document, parse_quickly, parse_surely, parse_yaml
from policy_schema.errors import BadDocument

SAMPLES = sorted((Path(__file__).parents[2] / "samples" / "policies").glob("*.yaml"))
TEXTS = [path.read_text(encoding="utf-8")[:2000] for path in SAMPLES]
PIECES = (
    *"\t :#-?{}[],\"'|>&*!%@`\\\n~x0é",
    *(
        "\u2028",
        "\ufeff",
        "\x00",
        "\x85",
        "\r\n",
        "\r",
        "- ",
        ": ",
        "::",
        "---\n",
        "...\n",
        "%YAML 1.1\n",
        "? a\n",
        "#x\n",
    ),
    *(
        "|2\n",
        "|+\n",
        ">-\n  a\n",
        '"a\n\n b"',
        "'it''s'",
        '"\\/"',
        '"\\x41"',
        '"\\ud800"',
        "<<: x",
        "!!str ",
        "{a: b:c}",
    ),
)


def surely(text: str) -> Document | None:
    """By the parser in Python; None where it refuses."""
    try:
        return parse_surely(text, "p.yaml")
    except BadDocument:
        return None


def same(one: Document, other: Document | None) -> bool:
    """Whether two readings have the same values in the same lines."""
    return other is not None and (one.tree, one.places.lines) == (other.tree, other.places.lines)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_policy_as_people_write_it_is_read_quickly(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    quick = parse_quickly(text, "p.yaml")
    assert quick is not None
    assert same(quick, surely(text))


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(TEXTS),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 3), st.sampled_from(PIECES)), min_size=1, max_size=3),
)
@example("a:\tb\n", [(9, 0, "\n")])
@example('a: {b: "1", c,d: "2"}\n', [(99, 0, "\n")])
@example('a: "x\x85y"\nb: "1"\n', [(99, 0, "\n")])
def test_what_is_read_quickly_is_what_is_read_surely(text: str, changes: list[tuple[int, int, str]]) -> None:
    for place, gone, put in changes:
        text = text[:place] + put + text[place + gone :]
    quick = parse_quickly(text, "p.yaml")
    assert quick is None or same(quick, surely(text))


LEFT = {
    "a tab": "a:\tb\n",
    "another line end": 'a: "x\u2028y"\n',
    "a mark of the byte order": 'a: "\ufeff"\n',
    "a key without a value": "a:\n",
    "a key twice": "a: b\na: c\n",
    "an anchor": "a: &x b\n",
    "a colon too many": "{a:: b}\n",
    "no YAML": "{a: [b}\n",
    "nothing": "",
}


@pytest.mark.parametrize("text", LEFT.values(), ids=LEFT)
def test_what_is_wrong_or_unusual_is_left_to_the_parser_in_python(text: str) -> None:
    assert parse_quickly(text, "p.yaml") is None


def test_without_the_parser_in_c_everything_is_read_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = TEXTS[0]
    quick = parse_yaml(text, "p.yaml")
    monkeypatch.setattr(yaml_tree, "CParser", None)
    assert same(quick, parse_yaml(text, "p.yaml"))
