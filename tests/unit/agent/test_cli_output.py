"""What commands print: names, versions and paths come from people who may wish to write to somebody's terminal."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cli.output import plain, print_json, print_table, say

HOSTILE = {
    "a window title": "\x1b]0;owned\x07",
    "a cleared screen": "\x1b[2J",
    "the one-byte form of it": "\x9b2J",
    "a line begun anew": "real\rfake",
    "text that reads backwards": "\u202egpj.exe",
    "nothing that is seen": "a\u200bb",
    "another kind of line end": "a\u2028b",
    "a deletion": "a\x7f\x08b",
    "tags beyond the first plane": "a\U000e0041b",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_nothing_that_a_terminal_obeys_goes_out(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    say(text)
    print_table(("PATH", "NOTE"), [(text, text)])
    print_json({"path": text})
    said = capsys.readouterr().out
    assert all(character == "\n" or character.isprintable() for character in said), ascii(said)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_json_says_the_same_however_it_is_escaped(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        written: list[str] = []
        patch.setattr("agent.cli.output.sys.stdout.write", written.append)
        print_json([text])
    assert json.loads("".join(written)) == [text]


@given(st.text())
def test_plain_text_keeps_its_lines(text: str) -> None:
    assert plain(text).count("\n") == text.count("\n")
