"""Folders held open: both ways of holding them keep the same promises; names are single components."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.errors import Gone, InterdictError, NotRegular
from agent.host import copies, trees
from agent.host._path_folder import open_path_folder
from agent.host.faults import Occupied
from agent.host.folders import FileKind, Folder, open_folder
from agent.host.mounts import Mount, mount_of, parse_mountinfo

Opener = Callable[[str], Folder]
BOTH = pytest.mark.parametrize(
    "opener", [pytest.param(open_folder, id="by descriptor"), pytest.param(open_path_folder, id="by path")]
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path.resolve()


@BOTH
def test_a_move_never_replaces_anything(place: Path, opener: Opener) -> None:
    (place / "one").write_text("1")
    (place / "two").write_text("2")
    with opener(str(place)) as folder:
        with pytest.raises(Occupied):
            folder.move("one", folder, "two")
        folder.move("one", folder, "three")
    assert ((place / "two").read_text(), (place / "three").read_text()) == ("2", "1")


@BOTH
@pytest.mark.parametrize("kind", ["a pipe", "a link", "a folder"])
def test_only_regular_files_are_read(place: Path, opener: Opener, kind: str) -> None:
    target = place / "x"
    if kind == "a pipe":
        os.mkfifo(target)
    elif kind == "a link":
        target.symlink_to("/etc/passwd")
    else:
        target.mkdir()
    with opener(str(place)) as folder, pytest.raises(NotRegular):
        folder.read("x")


@BOTH
def test_a_link_in_the_path_is_refused(place: Path, opener: Opener) -> None:
    (place / "real" / "inner").mkdir(parents=True)
    (place / "link").symlink_to("real")
    with pytest.raises(NotRegular):
        opener(str(place / "link" / "inner"))
    with opener(str(place)) as folder, pytest.raises(NotRegular):
        folder.folder("link")


@BOTH
def test_a_durable_write_replaces_as_a_whole(place: Path, opener: Opener) -> None:
    (place / "x").write_text("old")
    (place / "x.new").write_text("left over from a crash")
    with opener(str(place)) as folder:
        folder.write_durably("x", b"new")
        assert folder.read_all("x", 3) == b"new"
    assert os.listdir(place) == ["x"]


@BOTH
@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\0b"])
def test_a_name_is_one_component(place: Path, opener: Opener, name: str) -> None:
    with opener(str(place)) as folder, pytest.raises(ValueError, match="not a name"):
        folder.unlink(name) if name else folder.look("/")


@BOTH
def test_what_is_not_there_is_gone(place: Path, opener: Opener) -> None:
    with opener(str(place)) as folder:
        with pytest.raises(Gone):
            folder.look("missing")
        assert not folder.exists("missing")
    with pytest.raises(Gone):
        opener(str(place / "missing"))


@BOTH
def test_a_folder_that_was_swapped_is_never_used(place: Path, opener: Opener) -> None:
    (place / "a").mkdir()
    with opener(str(place / "a")) as folder:
        (place / "a").rename(place / "b")
        (place / "a").mkdir()
        (place / "a" / "victim").touch()
        with pytest.raises(InterdictError):
            folder.unlink("victim")
    assert (place / "a" / "victim").exists()


@BOTH
def test_a_tree_is_copied_compared_and_removed(place: Path, opener: Opener) -> None:
    (place / "tree" / "sub").mkdir(parents=True)
    (place / "tree" / "file").write_bytes(b"x" * 3_000_000)
    os.link(place / "tree" / "file", place / "tree" / "sub" / "again")
    (place / "tree" / "sub" / "link").symlink_to("../file")
    with opener(str(place)) as folder:
        entries = trees.survey(folder, "tree", 10)
        assert [entry.facts.kind for entry in entries if entry.path == "sub/link"] == [FileKind.LINK]
        copies.copy_tree(folder, "tree", folder, "copy", entries)
        assert copies.same_content(folder, "tree", folder, "copy", entries) is None
        (place / "copy" / "file").write_bytes(b"y" * 3_000_000)
        assert copies.same_content(folder, "tree", folder, "copy", entries) == "file"
        trees.remove(folder, "tree")
    assert os.listdir(place) == ["copy"]


def test_what_was_changed_since_the_survey_is_not_removed(place: Path) -> None:
    (place / "tree").mkdir()
    for name in ("same", "changed"):
        (place / "tree" / name).write_text("1")
    with open_folder(str(place)) as folder:
        entries = trees.survey(folder, "tree", 10)
        (place / "tree" / "changed").write_text("two")
        (place / "tree" / "new").write_text("3")
        copies.remove_recorded(folder, "tree", entries)
    assert sorted(os.listdir(place / "tree")) == ["changed", "new"]


def test_names_outside_a_tree_are_counted(place: Path) -> None:
    (place / "tree").mkdir()
    (place / "tree" / "a").touch()
    os.link(place / "tree" / "a", place / "tree" / "b")
    os.link(place / "tree" / "a", place / "outside")
    with open_folder(str(place)) as folder:
        assert trees.outside_names(trees.survey(folder, "tree", 10)) == {"a": 1}


MOUNTINFO = (
    "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw\n"
    "30 22 0:5 / /home rw - ext4 /dev/sdb1 rw\n"
    "31 30 0:6 / /home/li/my\\040drive rw - fuse.sshfs host: rw\n"
    "32 22 0:7 / /mnt\x0bodd rw - nfs4 server:/x rw\n"
    "broken line\n"
)


@pytest.mark.parametrize(
    ("path", "mount"),
    [
        pytest.param("/usr/bin", Mount("/", "ext4"), id="the root filesystem"),
        pytest.param("/home", Mount("/home", "ext4"), id="a mount point itself"),
        pytest.param("/homes/li", Mount("/", "ext4"), id="a name that only begins like one"),
        pytest.param("/home/li/my drive/x", Mount("/home/li/my drive", "fuse.sshfs"), id="a blank in the name"),
        pytest.param("/mnt\x0bodd/x", Mount("/mnt\x0bodd", "nfs4"), id="an odd separator in the name"),
    ],
)
def test_the_mount_of_a_path(path: str, mount: Mount) -> None:
    assert mount_of(path, parse_mountinfo(MOUNTINFO)) == mount


@pytest.mark.parametrize(
    ("kind", "local"), [("ext4", True), ("fuseblk", True), ("fuse.sshfs", False), ("nfs4", False), ("autofs", False)]
)
def test_which_filesystems_are_local(kind: str, local: bool) -> None:
    assert Mount("/", kind).local is local
