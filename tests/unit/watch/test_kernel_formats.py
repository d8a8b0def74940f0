"""What the kernel writes: `/proc`, the process connector, inotify. Captured lines, cut-off ones, any bytes."""

from __future__ import annotations

import os
import struct
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

if sys.platform != "linux":
    pytest.skip("Linux's formats", allow_module_level=True)

from agent.host import _linux_connector as connector
from agent.host import _linux_inotify as inotify
from agent.host import _linux_proc as proc
from agent.host.folder_events import FolderEvent

TAIL = b" S 9515 9521 2486 34816 9600 4194304 1 0 0 0 1 0 0 0 20 0 11 0 123456 1000 200 18446744073709551615 0 0\n"


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(b"node", id="a plain name"),
        pytest.param(b"npm exec node@2", id="a name with blanks"),
        pytest.param(b"a) S 1 (b", id="a name that looks like the rest of the line"),
        pytest.param(b"((((", id="opening brackets"),
        pytest.param(b"\xff\xfe\n\t", id="bytes that are no text"),
        pytest.param(b"", id="no name"),
    ],
)
def test_a_stat_line_is_read_whatever_the_process_calls_itself(name: bytes) -> None:
    stat = proc.parse_stat(b"9521 (" + name + b")" + TAIL)
    assert stat == proc.Stat(os.fsdecode(name), "S", 9515, 34816, False, 123456)


def test_a_kernel_thread_is_told_by_its_flag() -> None:
    assert proc.parse_stat(b"2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 5 0 0\n").kernel


@given(st.binary(max_size=64))
def test_any_name_comes_back_unchanged(name: bytes) -> None:
    assert os.fsencode(proc.parse_stat(b"1 (" + name + b")" + TAIL).comm) == name


@given(st.binary(max_size=200))
def test_any_other_bytes_are_refused_or_read(data: bytes) -> None:
    for parse in (proc.parse_stat, proc.parse_uid):
        try:
            parse(data)
        except ValueError:
            continue


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(b"node\0a.js\0", ("node", "a.js"), id="two words"),
        pytest.param(b"claude\0\0\0\0\0\0", ("claude",), id="a rewritten title leaves NULs behind"),
        pytest.param(b"node\0\0x\0", ("node", "", "x"), id="an empty word in between stays"),
        pytest.param(b"title without an end", ("title without an end",), id="a title without a NUL"),
        pytest.param(b"", (), id="nothing"),
        pytest.param(b"\0\0", (), id="NULs only"),
        pytest.param(b"a\0\xff\xfe\0", ("a", "\udcff\udcfe"), id="bytes that are no text"),
    ],
)
def test_a_command_line_is_split(data: bytes, words: tuple[str, ...]) -> None:
    assert proc.parse_argv(data) == words


def test_a_word_that_the_bound_cut_off_is_dropped() -> None:
    assert proc.parse_argv(b"node\0/long/pa", bound=13) == ("node",)


@given(st.lists(st.binary(min_size=1, max_size=10).filter(lambda word: b"\0" not in word), max_size=200))
def test_words_come_back_up_to_a_limit(words: list[bytes]) -> None:
    read = proc.parse_argv(b"".join(word + b"\0" for word in words))
    assert [os.fsencode(word) for word in read] == words[: proc.ARGV_ITEMS]


def message(what: int, *words: int) -> bytes:
    head = struct.pack("=IHHIIIIIIHH", 76, 3, 0, 0, 0, 1, 1, 0, 0, 40, 0)
    return head + struct.pack("=IIQ", what, 0, 1) + struct.pack(f"={len(words)}I", *words) + b"\0" * 16


@pytest.mark.parametrize(
    ("data", "pid"),
    [
        pytest.param(message(connector.EXEC, 4711, 4711), 4711, id="a program start"),
        pytest.param(message(connector.EXEC, 4712, 4711), 4711, id="a start by a thread names the process"),
        pytest.param(message(0x1, 1, 1, 2, 2), None, id="a fork is none"),
        pytest.param(message(0x80000000, 1, 1), None, id="an exit is none"),
        pytest.param(message(connector.NONE, 0, 0), None, id="an acknowledgement is none"),
        pytest.param(message(connector.EXEC, 4711, 4711)[:59], None, id="a cut-off message"),
        pytest.param(b"", None, id="nothing"),
    ],
)
def test_a_connector_message_tells_of_a_start(data: bytes, pid: int | None) -> None:
    assert connector.parse_start(data) == pid


@pytest.mark.parametrize(
    ("data", "error"),
    [
        pytest.param(message(connector.NONE, 0), 0, id="subscribed"),
        pytest.param(message(connector.NONE, 1), 1, id="refused with EPERM"),
        pytest.param(message(connector.EXEC, 7, 7), 0, id="a start came before the answer"),
        pytest.param(b"short", 71, id="no connector speaks like that"),
    ],
)
def test_a_connector_answer_is_understood(data: bytes, error: int) -> None:
    assert connector.parse_answer(data) == error


@given(st.binary(max_size=120))
def test_any_connector_message_is_read_without_an_error(data: bytes) -> None:
    connector.parse_start(data)
    connector.parse_answer(data)


def happened(number: int, mask: int, name: bytes = b"") -> bytes:
    padded = name + b"\0" * (-len(name) % 16) if name else b""
    return struct.pack("iIII", number, mask, 0, len(padded)) + padded


def test_folder_events_are_read_one_after_another() -> None:
    data = (
        happened(1, inotify.CREATE | inotify.ISDIR, b"@anthropic-ai")
        + happened(2, inotify.CLOSE_WRITE, b"\xff")
        + happened(1, inotify.DELETE_SELF)
        + happened(-1, inotify.Q_OVERFLOW)
        + happened(3, inotify.CREATE, b"cut off")[:-1]
    )
    assert list(inotify.parse_events(data)) == [
        FolderEvent(1, "@anthropic-ai", new_folder=True),
        FolderEvent(2, "\udcff"),
        FolderEvent(1, gone=True),
        FolderEvent(-1),
    ]


@given(st.binary(max_size=200))
def test_any_folder_events_are_read_without_an_error(data: bytes) -> None:
    list(inotify.parse_events(data))
