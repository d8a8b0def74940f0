"""The record's chain: one however many write, and every change to it is seen."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, select, update

from console import audit, audit_check
from console.audit_check import Anchor, read_anchors, verify, write_anchor
from console.errors import BadFile
from console.store.db import Database
from console.store.tables import audit as lines
from console.store.tables_access import audit_head
from console.web.pages.audit import KINDS

NOW = 1_000


def written(database: Database, count: int, who: str = "chen") -> None:
    for number in range(count):
        with database.write() as connection:
            audit.record(connection, NOW + number, who=who, what="viewed", about=f"d-{number}", detail="/x")


def problems(database: Database, *anchors: Anchor) -> tuple[str, ...]:
    with database.read() as connection:
        return verify(connection, anchors).problems


def test_an_untouched_record_is_whole(database: Database) -> None:
    assert problems(database) == ()
    written(database, 3)
    with database.read() as connection:
        verdict = verify(connection)
    assert (verdict.lines, verdict.head.place, verdict.problems) == (3, 3, ())


def test_an_auditor_needs_nothing_of_ours_to_check_it(database: Database) -> None:
    written(database, 3)
    before = "0" * 64
    with database.read() as connection:
        for row in connection.execute(select(lines).order_by(lines.c.place)):
            line = json.dumps(
                [before, row.place, row.at, row.who, row.what, row.about, row.detail], separators=(",", ":")
            )
            before = hashlib.sha256(line.encode()).hexdigest()
            assert row.digest == before


def change(**values: object) -> Callable[[Connection], object]:
    return lambda connection: connection.execute(update(lines).where(lines.c.place == 3).values(**values))


def swap(connection: Connection) -> None:
    """Two lines change places, their hashes with them."""
    for old, new in ((3, 99), (4, 3), (99, 4)):
        connection.execute(update(lines).where(lines.c.place == old).values(place=new))


def put_back(connection: Connection, until: int) -> None:
    """The chain ends earlier, and its head says so."""
    connection.execute(delete(lines).where(lines.c.place > until))
    digest = connection.execute(select(lines.c.digest).where(lines.c.place == until)).scalar_one()
    connection.execute(update(audit_head).values(place=until, digest=digest))


def anew(connection: Connection) -> None:
    """Somebody who may write everything changes a line and makes the whole chain again."""
    connection.execute(update(lines).where(lines.c.place == 3).values(who="somebody else"))
    connection.execute(update(audit_head).values(place=0, digest=audit.FIRST))
    connection.execute(update(lines).values(place=None, digest=None))
    connection.info["interdict_audit"] = True


CHANGES: dict[str, tuple[Callable[[Connection], object], str]] = {
    "another person": (change(who="wang"), "line 3 was changed"),
    "another time": (change(at=1), "line 3 was changed"),
    "another deed": (change(what="login"), "line 3 was changed"),
    "another device": (change(about="d-9"), "line 3 was changed"),
    "another detail": (change(detail=""), "line 3 was changed"),
    "another hash": (change(digest="f" * 64), "line 3 was changed"),
    "a line taken out": (lambda c: c.execute(delete(lines).where(lines.c.place == 3)), "line 3 is gone"),
    "two lines taken out": (
        lambda c: c.execute(delete(lines).where(lines.c.place.in_((3, 4)))),
        "lines 3 to 4 are gone",
    ),
    "the last line taken out": (lambda c: c.execute(delete(lines).where(lines.c.place == 6)), "line 6 is gone"),
    "the first line taken out": (lambda c: c.execute(delete(lines).where(lines.c.place == 1)), "line 1 is gone"),
    "everything taken out": (lambda c: c.execute(delete(lines)), "lines 1 to 6 are gone"),
    "two lines in each other's place": (swap, "line 3 was changed, or stands in another's place"),
    "another head": (lambda c: c.execute(update(audit_head).values(digest="f" * 64)), "the chain ends at line 6"),
    "a head that lags": (lambda c: c.execute(update(audit_head).values(place=5)), "the chain ends at line 6"),
    "a line past the chain": (
        lambda c: c.execute(lines.insert().values(at=1, who="x", what="login", about="", detail="")),
        "1 lines were added past the chain",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_seen(database: Database, name: str) -> None:
    written(database, 6)
    act, says = CHANGES[name]
    with database.write() as connection:
        act(connection)
    found = problems(database)
    assert any(problem.startswith(says) for problem in found), found


@pytest.mark.parametrize("act", [anew, lambda connection: put_back(connection, 4)], ids=["made anew", "cut short"])
def test_whoever_writes_the_whole_chain_is_seen_by_an_anchor_alone(
    database: Database, tmp_path: Path, act: Callable[[Connection], object]
) -> None:
    written(database, 6)
    file = tmp_path / "anchors"
    with database.read() as connection:
        write_anchor(connection, file, NOW)
    with database.write() as connection:
        act(connection)
    assert problems(database) == ()
    assert any("anchored" in problem for problem in problems(database, *read_anchors(file)))


def test_anchors_of_every_age_fit_an_untouched_record(database: Database, tmp_path: Path) -> None:
    for count in (0, 2, 3):
        written(database, count)
        with database.read() as connection:
            write_anchor(connection, tmp_path / "anchors", NOW)
    assert [anchor.place for anchor in read_anchors(tmp_path / "anchors")] == [0, 2, 5]
    assert problems(database, *read_anchors(tmp_path / "anchors")) == ()


@pytest.mark.parametrize("text", ["x", "1 2 3", "2026-01-01T00:00:00Z -1 " + "0" * 64, "\xff"], ids=repr)
def test_a_file_that_holds_no_anchors_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "anchors").write_bytes(text.encode("latin-1"))
    with pytest.raises(BadFile, match=r"anchor|read"):
        read_anchors(tmp_path / "anchors")


def test_many_writers_at_once_make_one_chain(store: str) -> None:
    """Eight with connections of their own, some of whom change their mind; other rows are locked before and after."""
    begin = threading.Barrier(8)

    def life(place: int) -> int:
        database, random, kept = Database(store), Random(place), 0
        begin.wait(60)
        try:
            for number in range(12):
                kept += _one(database, f"writer-{place}", random.randint(1, 3), undo=number % 4 == 3)
        finally:
            database.close()
        return kept

    with ThreadPoolExecutor(8) as crowd:
        kept = sum(crowd.map(life, range(8)))
    database = Database(store)
    with database.read() as connection:
        verdict = verify(connection)
    database.close()
    assert (verdict.lines, verdict.problems) == (kept, ())


class ChangedTheirMind(Exception):
    pass


def _one(database: Database, who: str, count: int, *, undo: bool) -> int:
    try:
        with database.write() as connection:
            for number in range(count):
                audit.record(connection, NOW, who=who, what="viewed", about=f"d-{number}")
            if undo:
                raise ChangedTheirMind
    except ChangedTheirMind:
        return 0
    return count


def test_a_line_that_nobody_chained_joins_with_the_next_one(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(lines.insert().values(at=1, who="x", what="login", about="", detail=""))
    written(database, 1)
    with database.read() as connection:
        verdict = verify(connection)
    assert (verdict.lines, verdict.problems) == (2, ())


def test_what_was_undone_leaves_no_line_and_no_gap(database: Database) -> None:
    _one(database, "chen", 2, undo=True)
    written(database, 1)
    with database.read() as connection:
        assert verify(connection).problems == ()
        assert connection.execute(select(lines.c.place)).scalars().all() == [1]


TEXT = st.text(max_size=40)


@settings(max_examples=200)
@given(st.tuples(TEXT, TEXT, TEXT, TEXT), st.tuples(TEXT, TEXT, TEXT, TEXT))
def test_no_two_lines_have_the_same_hash(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    """Texts that could run into each other do not: `("ab", "c")` is another line than `("a", "bc")`."""
    same = audit.line_digest(audit.FIRST, 1, 0, *one) == audit.line_digest(audit.FIRST, 1, 0, *other)
    assert same is (one == other)


def test_the_chain_is_read_in_pieces(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_check, "AT_ONCE", 2)
    written(database, 5)
    with database.read() as connection:
        assert verify(connection).lines == 5


def test_every_kind_of_line_has_its_words_and_every_word_its_line() -> None:
    """`what="..."` wherever the console writes a line, against the table of the page Audit."""
    written: set[str] = set()
    for source in sorted((Path(__file__).parents[3] / "console").rglob("*.py")):
        text = source.read_text(encoding="utf-8")
        if "audit.record(" in text or ".record(visit" in text:
            written |= set(re.findall(r'what="([a-z-]+)"', text)) | set(re.findall(r'record\(visit, "([a-z-]+)"', text))
            written |= _chosen(text)
    assert written == set(KINDS)


def _chosen(text: str) -> set[str]:
    """`what = "login" if ... else "break-glass"`"""
    return {name for line in re.findall(r"what = (.*)", text) for name in re.findall(r'"([a-z-]+)"', line)}
