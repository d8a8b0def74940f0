"""Who is behind a user id."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.host import users

TABLE = {
    "an ordinary account is itself": ("li:100000:65536\n", 1000, 1000),
    "a subordinate id is its owner's": ("1000:100000:65536\n", 100_005, 1000),
    "the last one of a range too": ("1000:100000:65536\n", 165_535, 1000),
    "the one after it is not": ("1000:100000:65536\n", 165_536, 165_536),
    "an owner may be named": ("root:100000:65536\n", 100_000, 0),
    "an owner that there is not gives nothing": ("nobody-at-all:100000:65536\n", 100_005, 100_005),
    "nonsense is passed over": ("\0:\n1000:x:y\n:::\n1000:100000:٣\n1000:100000:10\n", 100_005, 1000),
    "the system's own accounts are not asked about": ("1000:0:65536\n", 0, 0),
}


@pytest.mark.parametrize(("text", "uid", "person"), TABLE.values(), ids=TABLE.keys())
def test_person_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, uid: int, person: int) -> None:
    file = tmp_path / "subuid"
    file.write_text(text)
    monkeypatch.setattr(users, "_SUBUID", str(file))
    users._subordinate.cache_clear()
    try:
        assert users.person_of(uid) == person
    finally:
        users._subordinate.cache_clear()


def test_a_changed_file_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "subuid"
    monkeypatch.setattr(users, "_SUBUID", str(file))
    assert users.person_of(100_005) == 100_005
    file.write_text("1000:100000:65536\n")
    assert users.person_of(100_005) == 1000
    file.write_text("1001:100000:65536\n")
    os.utime(file, ns=(1, 1))
    assert users.person_of(100_005) == 1001
