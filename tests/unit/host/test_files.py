"""Files at the door: our own ones whole, other people's without a hang, a way out or a crash."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Denied, Gone, InterdictError, NotRegular, TooBig
from agent.host.files import Kind, Tree, distrust, printable, read_bounded, trusted, write_atomically
from agent.host.foreign import select_foreign
from agent.host.mounts import parse_mountinfo

posix = pytest.mark.skipif(sys.platform == "win32", reason="links, pipes and modes are those of POSIX")


@pytest.fixture(params=["in one call", "by hand"])
def below(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """A tree with its root at `tmp_path`, by openat2 and by the walk of kernels without it."""
    if request.param == "by hand":
        monkeypatch.setattr(Tree, "_place_in_one", lambda *_: None)
    tree = Tree(str(tmp_path), foreign={})
    request.addfinalizer(tree.close)
    return tree


# ---------------------------------------------------------------------------- own files
def test_what_is_written_is_there_with_its_mode_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_atomically(str(path), b"old")
    write_atomically(str(path), b"new", mode=0o640)
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["state.json"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.json"
    write_atomically(str(path), b"old")

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InterdictError, match="no space left on device"):
        write_atomically(str(path), b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["state.json"]


def test_writing_into_a_folder_that_is_not_there_names_the_path(tmp_path: Path) -> None:
    with pytest.raises(Gone, match=r"nowhere/x: no such file"):
        write_atomically(str(tmp_path / "nowhere" / "x"), b"")


def test_a_link_at_the_place_is_replaced_and_its_target_left_alone(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"precious")
    link.symlink_to(target)
    write_atomically(str(link), b"new")
    assert target.read_bytes() == b"precious"
    assert not link.is_symlink()


OWN_FILES: dict[str, tuple[Callable[[Path], object], type[InterdictError]]] = {
    "nothing there": (lambda path: None, Gone),
    "a folder": (lambda path: path.mkdir(), NotRegular),
    "a link to a good file": (lambda path: path.symlink_to("/etc/hostname"), NotRegular),
    "a pipe that nobody writes to": (lambda path: os.mkfifo(path), NotRegular),
    "one byte too many": (lambda path: path.write_bytes(b"x" * 11), TooBig),
    "a sparse file of 1 TB": (lambda path: (path.touch(), os.truncate(path, 1 << 40)), TooBig),
}


@posix
@pytest.mark.parametrize("what", OWN_FILES)
def test_an_own_file_is_not_read_when_there_is(what: str, tmp_path: Path) -> None:
    make, error = OWN_FILES[what]
    make(tmp_path / "file")
    with pytest.raises(error):
        read_bounded(str(tmp_path / "file"), 10)


def test_an_own_file_of_exactly_the_bound_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 10)
    assert read_bounded(str(tmp_path / "file"), 10) == b"x" * 10


@posix
def test_trust_ends_where_others_may_write(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o755)
    file = folder / "file"
    file.write_bytes(b"")
    file.chmod(0o644)
    assert distrust(str(file)) == ""
    folder.chmod(0o757)
    assert distrust(str(file)) == f"{folder}: can be written by others"
    folder.chmod(0o755)
    file.chmod(0o646)
    assert not trusted(str(file))


@posix
def test_trust_follows_a_link_and_judges_the_way_behind_it(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open" / "file").touch(mode=0o644)
    (tmp_path / "link").symlink_to("open/file")
    assert trusted(str(tmp_path / "link"))
    (tmp_path / "open").chmod(0o777)
    assert "open: can be written by others" in distrust(str(tmp_path / "link"))


@posix
def test_a_loop_of_links_is_not_trusted(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert "links on the way" in distrust(str(tmp_path / "a"))


# ---------------------------------------------------------------------------- other people's files
@posix
def test_a_link_is_resolved_inside_the_tree_as_a_chroot_would(below: Tree, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "passwd").write_bytes(b"the tree's own")
    (tmp_path / "absolute").symlink_to("/etc/passwd")
    (tmp_path / "upwards").symlink_to("../../../../../etc/passwd")
    (tmp_path / "folder").symlink_to("etc")
    for name in ("/absolute", "/upwards", "/folder/passwd", "/../../etc/passwd", "//etc/./passwd"):
        assert below.read(name, 100) == b"the tree's own"
        assert below.resolve(name) == "/etc/passwd"
    assert below.outside("/etc/passwd") == str(tmp_path / "etc" / "passwd")


HOSTILE: dict[str, tuple[Callable[[Path], object], type[InterdictError]]] = {
    "nothing": (lambda path: None, Gone),
    "a pipe that nobody writes to": (lambda path: os.mkfifo(path), NotRegular),
    "a link to a pipe": (lambda path: (os.mkfifo(f"{path}.pipe"), path.symlink_to(f"{path.name}.pipe")), NotRegular),
    "a link to itself": (lambda path: path.symlink_to(path.name), NotRegular),
    "a link into the void": (lambda path: path.symlink_to("void"), Gone),
    "a folder": (lambda path: path.mkdir(), NotRegular),
    "a file as a folder": (lambda path: (path.with_name("f").touch(), path.symlink_to("f/x")), Gone),
    "one byte too many": (lambda path: path.write_bytes(b"x" * 101), TooBig),
    "a sparse file of 1 TB": (lambda path: (path.touch(), os.truncate(path, 1 << 40)), TooBig),
}


@posix
@pytest.mark.parametrize("what", HOSTILE)
def test_nothing_waits_and_nothing_crashes_when_there_is(what: str, below: Tree, tmp_path: Path) -> None:
    make, error = HOSTILE[what]
    make(tmp_path / "it")
    with pytest.raises(error, match=r"^/it: "):
        below.read("/it", 100)


@posix
def test_forty_links_are_followed_and_one_more_is_not(below: Tree, tmp_path: Path) -> None:
    (tmp_path / "0").write_bytes(b"end")
    for number in range(1, 42):
        (tmp_path / str(number)).symlink_to(str(number - 1))
    assert below.read("/40", 10) == b"end"
    with pytest.raises(NotRegular, match="more than 40 links"):
        below.read("/41", 10)


@posix
def test_names_that_are_no_text_are_listed_opened_and_shown_escaped(below: Tree, tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9\n")
    (tmp_path / name).write_bytes(b"ok")
    assert [entry.name for entry in below.list("/")] == [name]
    assert below.read(f"/{name}", 10) == b"ok"
    assert printable(name) == "caf\\xe9\\x0a"


@posix
def test_kinds_are_told_without_following(below: Tree, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    os.mkfifo(tmp_path / "pipe")
    kinds = {entry.name: entry.kind for entry in below.list("/")}
    assert kinds == {"file": Kind.FILE, "folder": Kind.FOLDER, "link": Kind.LINK, "pipe": Kind.OTHER}
    assert below.readlink("/link") == "folder"
    assert below.facts("/link").kind is Kind.FOLDER
    assert below.facts("/link", follow=False).kind is Kind.LINK


@posix
def test_a_hundred_thousand_entries_are_listed_or_refused_by_the_bound(tmp_path: Path) -> None:
    for number in range(100_000):
        os.mknod(tmp_path / str(number))
    with Tree(str(tmp_path), foreign={}) as tree:
        assert len(tree.list("/")) == 100_000
        with pytest.raises(TooBig, match="/: more than 99999 entries"):
            tree.list("/", limit=99_999)


@posix
def test_a_nest_beyond_the_bound_is_refused_and_a_walk_stops_at_its_depth(below: Tree, tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    for _ in range(600):
        os.mkdir("d", dir_fd=folder)
        inner = os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(folder)
    with pytest.raises(TooBig, match="deeper than 256"):
        below.list("/d" * 500)
    assert len(list(below.walk("/", depth=20))) == 20


@posix
def test_a_walk_stays_out_of_links_and_ends_at_its_bound(below: Tree, tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "loop").symlink_to("..")
    found = [seen[0] for seen in below.walk("/", depth=9) if isinstance(seen, tuple)]
    assert found == ["/a", "/a/b", "/a/loop"]
    assert isinstance(list(below.walk("/", depth=9, limit=2))[-1], TooBig)


@posix
def test_a_file_that_vanishes_between_list_and_read_is_gone(below: Tree, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (entry,) = below.list("/")
    (tmp_path / "file").unlink()
    with pytest.raises(Gone):
        below.read(f"/{entry.name}", 10)


@posix
def test_filesystems_that_are_not_read_are_refused_also_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "net" / "home").mkdir(parents=True)
    (tmp_path / "link").symlink_to("net")
    with Tree(str(tmp_path), foreign={"/net": "a network filesystem (nfs4) is not read"}) as tree:
        for path in ("/net", "/net/home", "/link/home"):
            with pytest.raises(Denied, match="nfs4"):
                tree.list(path)


@posix
def test_no_descriptor_is_left_open_whatever_happens(below: Tree, tmp_path: Path) -> None:
    for number, (make, _) in enumerate(HOSTILE.values()):
        (tmp_path / str(number)).mkdir()
        make(tmp_path / str(number) / "it")
    before = os.listdir("/dev/fd")
    for number in range(len(HOSTILE)):
        for look in (below.facts, below.list, below.resolve, lambda path: below.read(path, 100)):
            try:
                look(f"/{number}/it")
            except InterdictError:
                continue
    assert os.listdir("/dev/fd") == before


@pytest.mark.parametrize("path", ["\0", "/a\0b", "/" + "x" * 300, "/" + "y/" * 3000])
def test_impossible_names_are_refused_like_any_other(path: str, below: Tree) -> None:
    with pytest.raises(InterdictError):
        below.read(path, 10)


@given(
    st.text(alphabet=st.characters(codec="utf-8", max_codepoint=0x2FF), max_size=60)
    | st.binary(max_size=40).map(os.fsdecode)
)
def test_what_is_shown_is_always_one_line_of_valid_text(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    shown.encode("utf-8")


MOUNTS = """\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
23 22 0:5 / /proc rw - proc proc rw
30 22 0:50 / /home/li rw - nfs4 server:/home/li rw
31 22 0:51 / /mnt/a\\040b rw - cifs //server/share rw
32 22 0:52 / /home/wang/cloud rw - fuse.sshfs x rw
33 22 254:1 / /home/zhang rw - ext4 /dev/vdb rw
34 22 254:2 / /mnt/image rw - ext4 /dev/vdc rw
35 34 0:53 / /mnt/image/home rw - nfs server:/x rw
"""


@pytest.mark.parametrize(
    ("root", "places"),
    [("/", ["/home/li", "/home/wang/cloud", "/mnt/a b", "/mnt/image/home", "/proc"]), ("/mnt/image", ["/home"])],
    ids=["of the machine itself", "of another tree, named as that tree names them"],
)
def test_mounts_that_are_not_read(root: str, places: list[str]) -> None:
    assert sorted(select_foreign(parse_mountinfo(MOUNTS), root)) == places
