"""What the gate remembers, and the queues: bounds, and who is let in."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.gate.calls import Lease, ask_for_lease, openat2
from agent.gate.questions import BOUND, Question, Questions
from agent.gate.table import KNOWN_LIMIT, NOTHING, Known, Table, file_key, may_keep

SECOND = 1_000_000_000
BANNED = Known(content="claude-code/0", by="content")


def status(**changes: int) -> Any:
    """What stat says, as far as the table asks."""
    base = {"st_dev": 1, "st_ino": 2, "st_ctime_ns": 3, "st_size": 4, "st_mtime_ns": 5}
    return SimpleNamespace(**{**base, **changes})


@pytest.mark.parametrize("field", ["st_dev", "st_ino", "st_ctime_ns", "st_size"])
def test_another_state_of_a_file_is_not_what_was_remembered(field: str) -> None:
    table = Table()
    table.put(file_key(status(), "/x"), NOTHING)
    assert table.get(file_key(status(), "/x")) is NOTHING
    assert table.get(file_key(status(**{field: 99}), "/x")) is None


def test_another_path_of_the_same_file_is_asked_about_again() -> None:
    table = Table()
    table.put(file_key(status(), "/outside"), NOTHING)
    assert table.get(file_key(status(), "/package/tool")) is None


@given(st.integers(1, 40), st.lists(st.integers(0, 100), max_size=200))
def test_the_table_never_grows_beyond_its_bound_and_drops_the_oldest(limit: int, inodes: list[int]) -> None:
    table = Table(limit)
    for inode in inodes:
        table.put(file_key(status(st_ino=inode), ""), NOTHING)
        assert table.get(file_key(status(st_ino=inode), "")) is NOTHING
        assert len(table) <= limit


def test_a_recognised_file_is_known_under_every_name_and_after_a_change_of_owner() -> None:
    table = Table()
    table.recognise(status(), BANNED)
    assert table.recall(status(st_ctime_ns=99)) is BANNED
    assert table.recall(status(st_mtime_ns=99)) is None
    assert table.recall(status(st_size=99)) is None
    for number in range(KNOWN_LIMIT):
        table.recognise(status(st_ino=1000 + number), BANNED)
    assert table.recall(status()) is None


def test_what_was_on_a_filesystem_goes_with_it() -> None:
    table = Table()
    for device in (1, 256, 257):
        table.put(file_key(status(st_dev=device), ""), NOTHING)
        table.recognise(status(st_dev=device), BANNED)
    table.forget_device(1)
    assert table.get(file_key(status(), "")) is None
    assert table.recall(status()) is None
    assert table.get(file_key(status(st_dev=257), "")) is NOTHING
    assert table.recall(status(st_dev=256)) is BANNED


@pytest.mark.parametrize(
    ("age", "kept"),
    [(3, True), (1, False), (-10, False)],
    ids=["changed a while ago", "changed just now", "changed in the future"],
)
def test_what_may_be_remembered(age: int, kept: bool) -> None:
    assert may_keep(status(st_ctime_ns=100 * SECOND), 100 + age) is kept


def test_a_file_with_a_writer_or_a_writable_mapping_gives_no_lease(tmp_path: Path) -> None:
    import mmap

    file = tmp_path / "x"
    file.write_bytes(bytes(4096))
    fd = os.open(file, os.O_RDONLY)
    try:
        assert ask_for_lease(fd) is Lease.HAD
        with file.open("r+b") as held:
            assert ask_for_lease(fd) is Lease.REFUSED
            mapping = mmap.mmap(held.fileno(), 0)
        assert ask_for_lease(fd) is Lease.REFUSED
        mapping.close()
        assert ask_for_lease(fd) is Lease.HAD
    finally:
        os.close(fd)


def test_names_do_not_lead_through_links(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    os.close(openat2(-100, os.fspath(tmp_path / "real"), os.O_PATH))
    with pytest.raises(OSError, match="symbolic links"):
        openat2(-100, os.fspath(tmp_path / "link"), os.O_PATH)


def question(uid: int, number: int = 0) -> Question:
    """One that waits."""
    return Question(SimpleNamespace(entries=None), None, number, 1, uid, 0.0)  # type: ignore[arg-type]  # not looked at


def test_people_take_turns_however_much_one_of_them_asks() -> None:
    questions = Questions()
    for number in range(5):
        questions.put(question(1, number))
    questions.put(question(2))
    order = []
    for _ in range(6):
        taken = questions.take()
        assert taken is not None
        order.append(taken.uid)
        questions.finished(taken.uid)
    assert order == [1, 2, 1, 1, 1, 1]


def test_one_person_has_one_worker_at_a_time() -> None:
    questions = Questions()
    for uid in (1, 1, 2):
        questions.put(question(uid))
    first, second = questions.take(), questions.take()
    assert first is not None and second is not None
    assert (first.uid, second.uid) == (1, 2)


def test_a_queue_is_bound_for_each_person_and_what_is_held_is_counted() -> None:
    questions = Questions()
    assert [questions.put(question(1)) for _ in range(BOUND + 2)].count(False) == 2
    assert questions.put(question(2))
    assert questions.held == BOUND + 1


def test_the_end_comes_after_everything_that_waits() -> None:
    questions = Questions()
    questions.put(question(1))
    questions.close()
    taken = questions.take()
    assert taken is not None
    questions.finished(1)
    assert questions.take() is None
    assert questions.held == 0


def test_a_question_is_claimed_once() -> None:
    one = question(1)
    assert [one.claim(), one.claim(), one.answered] == [True, False, True]
