"""Folders held open: one step at a time, never through a link, nothing opened that is no regular file."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.errors import Denied, Gone, InterdictError, NotRegular, TooBig
from agent.host.files import Entry, Kind, Tree


def fill(root: Path) -> None:
    """A folder with one of each."""
    inner = root / "inner"
    (inner / "below").mkdir(parents=True)
    (inner / "below" / "file").write_text("deep")
    (inner / "file").write_text("content")
    (inner / "link").symlink_to("file")
    (inner / "way").symlink_to("below")
    (root / "secret").write_text("secret")
    (inner / "out").symlink_to("../secret")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree's root."""
    fill(tmp_path)
    return tmp_path


def test_what_is_in_it(root: Path) -> None:
    with Tree(str(root)) as tree, tree.hold("/inner") as held:
        assert held.path == "/inner"
        assert held.facts() == tree.facts("/inner")
        assert held.list() == tree.list("/inner")
        assert Entry("link", Kind.LINK) in held.list()
        assert held.read("file", 100) == b"content"
        assert held.head("file", 3) == b"con"
        assert held.look("file") == tree.facts("/inner/file")
        assert held.look("link").kind is Kind.LINK
        assert held.target("link") == "file"
        with held.step("below") as below:
            assert (below.path, below.read("file", 4)) == ("/inner/below", b"deep")


def test_a_folder_behind_links_is_held_where_it_is(root: Path) -> None:
    (root / "first").symlink_to("inner/way")
    with Tree(str(root)) as tree, tree.hold("/first") as held:
        assert held.path == "/inner/below"


ACTS: dict[str, Callable[[Tree], object]] = {
    "a step through a link": lambda tree: tree.hold("/inner").step("way"),
    "a step into a file": lambda tree: tree.hold("/inner").step("file"),
    "a step into nothing": lambda tree: tree.hold("/inner").step("nothing"),
    "reading through a link": lambda tree: tree.hold("/inner").read("link", 100),
    "reading through a link out of it": lambda tree: tree.hold("/inner").read("out", 100),
    "reading a folder": lambda tree: tree.hold("/inner").read("below", 100),
    "reading nothing": lambda tree: tree.hold("/inner").read("nothing", 100),
    "the text of what is no link": lambda tree: tree.hold("/inner").target("file"),
    "holding a file": lambda tree: tree.hold("/inner/file"),
    "holding nothing": lambda tree: tree.hold("/nothing"),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS.keys())
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_what_is_refused(root: Path, act: Callable[[Tree], object]) -> None:
    with Tree(str(root)) as tree, pytest.raises((Gone, NotRegular)):
        act(tree)


@pytest.mark.skipif(sys.platform == "win32", reason="pipes and sockets in folders are POSIX's")
@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_what_would_wait_is_not_opened(root: Path, kind: str) -> None:
    at = root / "inner" / "package.json"
    if sys.platform == "win32":
        return
    if kind == "pipe":
        os.mkfifo(at)
    else:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(os.path.relpath(at))
    with Tree(str(root)) as tree, tree.hold("/inner") as held, pytest.raises(NotRegular):
        held.read("package.json", 100)


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "/etc", "../secret"])
def test_a_name_is_a_single_part(root: Path, name: str) -> None:
    with Tree(str(root)) as tree, tree.hold("/inner") as held:
        for act in (held.step, held.look, lambda name: held.read(name, 10)):
            with pytest.raises(ValueError, match="single part"):
                act(name)
        assert not held.has(name)


@pytest.mark.parametrize(
    ("below", "there"),
    [("file", True), ("below/file", True), ("way/file", False), ("link", False), ("below/none", False), ("x/y", False)],
)
def test_whether_something_is_below_without_links(root: Path, below: str, there: bool) -> None:
    with Tree(str(root)) as tree, tree.hold("/inner") as held:
        assert held.has(below) is there


@pytest.mark.parametrize(("limit", "fits"), [(6, False), (7, True), (8, True)])
def test_sizes_have_a_bound(root: Path, limit: int, fits: bool) -> None:
    with Tree(str(root)) as tree, tree.hold("/inner") as held:
        if fits:
            assert held.read("file", limit) == b"content"
        else:
            with pytest.raises(TooBig, match="larger than 6 bytes"):
                held.read("file", limit)


def test_folders_have_a_bound(root: Path) -> None:
    with Tree(str(root)) as tree, tree.hold("/inner") as held, pytest.raises(TooBig, match="more than 2 entries"):
        held.list(2)


def test_a_foreign_filesystem_is_not_entered(root: Path) -> None:
    with (
        Tree(str(root), foreign={"/inner/below": "a network filesystem is not read"}) as tree,
        tree.hold("/inner") as held,
        pytest.raises(Denied, match="a network filesystem is not read"),
    ):
        held.step("below")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no descriptors of folders")
def test_a_folder_that_is_swapped_for_a_link_stays_the_one_that_was_opened(root: Path) -> None:
    with Tree(str(root)) as tree, tree.hold("/inner") as held:
        (root / "inner").rename(root / "moved")
        (root / "inner").symlink_to("/etc")
        assert held.read("file", 100) == b"content"
        with held.step("below") as below:
            assert below.read("file", 100) == b"deep"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no descriptors of folders")
def test_descriptors_are_given_back(root: Path) -> None:
    before = len(os.listdir("/dev/fd"))
    with Tree(str(root)) as tree:
        for name in ("below", "way", "file", "nothing"):
            try:
                with tree.hold("/inner") as held, held.step(name) as inner:
                    inner.list()
                    inner.read("file", 100)
                    inner.has("a/b/c")
            except InterdictError:
                continue
        assert len(os.listdir("/dev/fd")) == before + 1
