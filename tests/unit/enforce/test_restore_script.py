"""What `restore.py` does by itself because a small Python lacks it: JSON, and renames that replace nothing."""

from __future__ import annotations

import ast
import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.enforce import restore_records as records
from agent.enforce import restore_script as script
from agent.enforce.quarantine import restore_program

pytestmark = pytest.mark.skipif(os.name == "nt", reason="it says on Windows what to do by hand")
NAMES = st.binary(max_size=12).map(os.fsdecode) | st.text(max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | NAMES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)
ENOUGH = {"base64", "contextlib", "errno", "fcntl", "hashlib", "os", "re", "stat", "sys", "time", "typing"}
"""Of Debian's python3-minimal (libpython3.11-minimal and what is built into its program), what it may import."""


def test_it_needs_what_a_small_python_has() -> None:
    nodes = list(ast.walk(ast.parse(restore_program())))
    named = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    named |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)} - {"__future__"}
    assert named <= ENOUGH


def test_it_is_one_file_that_imports_nothing_of_ours() -> None:
    text = restore_program()
    froms = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]
    assert "agent" not in {str(node.module).partition(".")[0] for node in froms}
    for module in (script, records):
        for node in ast.parse(Path(module.__file__).read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                assert text.count(ast.get_source_segment(Path(module.__file__).read_text("utf-8"), node) or "?") == 1


@given(VALUES, st.sampled_from([None, 1]))
def test_it_reads_what_the_agent_writes(value: Any, indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    assert records.parse(text + "\n") == json.loads(text)


@given(VALUES)
def test_the_agent_reads_what_it_writes(value: Any) -> None:
    text = records.written(value)
    assert text.isascii()
    assert json.loads(text) == json.loads(json.dumps(value))


@given(st.text(alphabet='{}[]",:\\u0d8 \n-1tfalsn', max_size=30))
def test_what_is_no_json_is_refused(text: str) -> None:
    """It takes less than JSON allows (no fractions) and nothing that means another thing there."""
    try:
        value = records.parse(text)
    except ValueError:
        return
    try:
        assert value == json.loads(text)
    except json.JSONDecodeError:
        assert any(number in text for number in ("00", "01", "08")), "a number with a nought before it"


@pytest.mark.parametrize(
    "text", ["", "{", "[1,]", "[1 2]", '{"a"}', "{1: 2}", "1.5", "nul", '"\\x"', '"\\u12"', "[1]]"]
)
def test_broken_files_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not JSON"):
        records.parse(text)


def a_file(path: Path) -> None:
    path.write_text("mine")


def a_link(path: Path) -> None:
    path.symlink_to("nowhere")


def a_folder(path: Path) -> None:
    path.mkdir()
    (path / "file").write_text("mine")


def an_empty_folder(path: Path) -> None:
    path.mkdir(0o751)


KINDS = [a_file, a_link, a_folder, an_empty_folder]


@pytest.mark.parametrize("there", KINDS, ids=lambda make: f"over {make.__name__}".replace("_", " "))
@pytest.mark.parametrize("moved", KINDS, ids=lambda make: make.__name__.replace("_", " "))
class TestRename:
    def test_it_replaces_nothing(self, moved: Any, there: Any, tmp_path: Path) -> None:
        source, target = folders(tmp_path)
        moved(tmp_path / "from/0")
        there(tmp_path / "to/tool")
        before = looks(tmp_path / "from/0"), looks(tmp_path / "to/tool")
        with pytest.raises(FileExistsError):
            script.rename(source, "0", target, "tool")
        assert (looks(tmp_path / "from/0"), looks(tmp_path / "to/tool")) == before

    def test_nor_what_comes_at_the_last_moment(
        self, moved: Any, there: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Somebody whose folder it is takes away the empty one that was made, and puts something of theirs there."""
        source, target = folders(tmp_path)
        moved(tmp_path / "from/0")
        rename, place = os.rename, tmp_path / "to/tool"

        def late(*words: Any, **more: Any) -> None:
            place.rmdir()
            there(place)
            rename(*words, **more)

        monkeypatch.setattr(os, "rename", late)
        if not looks(tmp_path / "from/0").startswith("folder"):
            script.rename(source, "0", target, "tool")  # one step alone: there is no last moment
            return
        if there is an_empty_folder:
            script.rename(source, "0", target, "tool")  # nothing was in it
            return
        with pytest.raises(OSError) as caught:
            script.rename(source, "0", target, "tool")
        assert caught.value.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)
        assert looks(place) != "" and looks(tmp_path / "from/0") != ""


@pytest.mark.parametrize("moved", KINDS, ids=lambda make: make.__name__.replace("_", " "))
def test_it_renames(moved: Any, tmp_path: Path) -> None:
    source, target = folders(tmp_path)
    moved(tmp_path / "from/0")
    before = looks(tmp_path / "from/0")
    script.rename(source, "0", target, "tool")
    assert (looks(tmp_path / "to/tool"), os.listdir(tmp_path / "from")) == (before, [])


@pytest.mark.parametrize("number", script.NO_HARD_LINKS, ids=errno.errorcode.get)
def test_where_there_are_no_hard_links_it_looks_first(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", none)
    source, target = folders(tmp_path)
    a_file(tmp_path / "from/0")
    script.rename(source, "0", target, "tool")
    a_file(tmp_path / "from/1")
    with pytest.raises(FileExistsError):
        script.rename(source, "1", target, "tool")


def folders(base: Path) -> tuple[int, int]:
    """Two open folders."""
    for name in ("from", "to"):
        (base / name).mkdir()
    return os.open(base / "from", script.FOLDER), os.open(base / "to", script.FOLDER)


def looks(path: Path) -> str:
    """What is there, in a word and its inode; empty: nothing."""
    if not os.path.lexists(path):
        return ""
    kind = "link" if path.is_symlink() else "folder" if path.is_dir() else "file"
    return f"{kind} {path.lstat().st_ino} {oct(path.lstat().st_mode)}"
