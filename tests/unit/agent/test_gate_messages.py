"""What the gate says: parsed as if anybody had sent it, and counted so that a loop is one line a minute."""

from __future__ import annotations

import contextlib
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.ipc.gate_messages import AllowedLate, Beat, Hello, OrdersTaken, Refused, Trouble, read_message
from agent.ipc.refusals import EVERY, MOST, Tally
from agent.notify.terminals import Quiet

REFUSED = {"t": "refused", "at": 5, "uid": 1000, "pid": 7, "tty": 34816, "path": "/a", "tool": "t", "ban": "b"}
EVENT = Refused(at=5.0, uid=1000, pid=7, tty=34816, path="/a", tool="t", ban="b")
GOOD = {
    "a greeting": ({"t": "hello", "pid": 7, "features": "full", "serial": 3}, Hello(pid=7, features="full", serial=3)),
    "a greeting of a newer gate": (
        {"t": "hello", "pid": 7, "features": "full", "groups": [5, 6], "new": {}}, Hello(pid=7, features="full"),
    ),
    "a sign of life": ({"t": "beat", "n": 12}, Beat(n=12)),
    "a refusal": (REFUSED, EVENT),
    "a refusal whose path is no text": ({**REFUSED, "path": "/\udcff"}, Refused(
        at=5.0, uid=1000, pid=7, tty=34816, path="/\udcff", tool="t", ban="b",
    )),
    "a late allow": ({"t": "allowed-late", "pid": 7, "path": "/a", "uid": 1}, AllowedLate(pid=7, path="/a", uid=1)),
    "orders that are followed": ({"t": "orders", "serial": 3, "ok": True, "why": ""}, OrdersTaken(serial=3, ok=True)),
    "trouble of nobody's": ({"t": "trouble", "code": "marks", "uid": -1}, Trouble(code="marks")),
}  # fmt: skip


@pytest.mark.parametrize(("sent", "message"), GOOD.values(), ids=GOOD)
def test_a_message_is_read(sent: dict[str, object], message: object) -> None:
    assert read_message(json.dumps(sent).encode()) == message


BAD: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"hello",
    "no object": b"[1]",
    "no kind": b"{}",
    "an unknown kind": b'{"t": "open-sesame"}',
    "a pid that is text": json.dumps({**REFUSED, "pid": "7"}).encode(),
    "a pid below zero": json.dumps({**REFUSED, "pid": -7}).encode(),
    "a path of a megabyte": json.dumps({**REFUSED, "path": "/" * (1 << 20)}).encode(),
    "a number without end": b'{"t": "beat", "n": ' + b"9" * 8000 + b"}",
    "brackets without end": b"[" * 8000,
    "bytes that are no text": b"\xff\xfe{}",
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_what_is_no_message_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):  # any of them: nobody tells them apart
        read_message(data)


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        read_message(data)


def test_a_loop_is_told_once_and_then_once_a_minute() -> None:
    tally = Tally()
    told = [tally.add(EVENT, 100.0 + number / 10) for number in range(1000)]
    assert [row.number for row in told if row] == [1]
    assert tally.due(100.0 + EVERY - 1) == []
    assert [row.number for row in tally.due(100.0 + EVERY)] == [999]
    assert tally.due(100.0 + 2 * EVERY) == [], "a quiet minute says nothing"
    assert tally.add(EVENT, 100.0 + 2 * EVERY) is not None, "and is over"
    assert tally.total == 1001


def test_a_thousand_made_up_paths_take_no_more_room_than_some() -> None:
    tally = Tally()
    rows = [
        Refused(at=1.0, uid=1000, pid=7, path=f"/{number}", tool="t", ban="b") for number in range(2 * MOST)
    ]  # fmt: skip
    assert sum(tally.add(row, 1.0) is not None for row in rows) == MOST
    assert tally.total == 2 * MOST
    assert sys.getsizeof(tally._since) < 100_000


def test_one_terminal_is_told_of_one_tool_once_a_minute() -> None:
    quiet = Quiet()
    assert [quiet.may(("pts/1", "a"), at) for at in (0.0, 59.0, 60.0)] == [True, False, True]
    assert quiet.may(("pts/1", "b"), 0.0) and quiet.may(("pts/2", "a"), 0.0)
