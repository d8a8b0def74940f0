"""As root, against the owner of what is taken: a second user id who sits inside, swaps, renames and races."""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import shutil
import signal
import stat
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.cli import quarantine as _loaded_before_the_rights_are_gone
from agent.cli.main import main
from agent.enforce.interface import Detail, OutcomeCode
from agent.host.vault import mount_vault
from tests.fakes.other_person import UID, become, give_to, person, tried
from tests.fakes.quarantine import Steps, World, build_tree, mount, unmount, worlds

pytestmark = pytest.mark.root

assert _loaded_before_the_rights_are_gone.NAME == "quarantine"

READ_ONLY, REMOUNT = 1, 32
IMMUTABLE = 0x10


@pytest.fixture
def world() -> Iterator[World]:
    """A world whose home belongs to the other person."""
    with worlds() as fresh:
        made = fresh()
        give_to(made.home)
        made.base.chmod(0o755)
        made.base.parent.chmod(0o755)
        yield made


@contextmanager
def disk(where: Path, megabytes: int) -> Iterator[Path]:
    """A real ext4 of a few megabytes, on a file."""
    image = where / f"disk-{megabytes}"
    with open(image, "wb") as file:
        file.truncate(megabytes << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-m0", image], check=True, capture_output=True)
    place = where / "disk"
    place.mkdir()
    subprocess.run(["mount", "-o", "loop", image, place], check=True)
    try:
        yield place
    finally:
        unmount(place)


def immutable(path: Path, on: bool) -> None:
    fd = os.open(path, os.O_RDONLY)
    fcntl.ioctl(fd, 0x40086602, struct.pack("L", IMMUTABLE if on else 0))
    os.close(fd)


# ------------------------------------------------------------------------------------------------------ sitting inside
def test_the_owner_who_sits_inside_cannot_carry_anything_out(world: World) -> None:
    """With a working directory, open folders and an open file in the tree, as in the prototype that lost its tool."""
    kept: dict[str, int] = {}

    def prepare() -> None:
        os.chdir(world.tree / "sub")
        kept["tree"] = os.open(world.tree, os.O_RDONLY)
        kept["home"] = os.open(world.home, os.O_RDONLY)

    def act() -> dict[str, str]:
        tree, home = kept["tree"], kept["home"]
        return {
            **tried("start it", lambda: os.execv("again.js", ["again.js"])),
            **tried("start it by the folder", lambda: os.execv(f"/proc/self/fd/{tree}/cli.js", ["cli.js"])),
            **tried("make a file", lambda: os.open("new", os.O_CREAT | os.O_WRONLY)),
            **tried("rename it out", lambda: os.rename("again.js", "stolen", src_dir_fd=None, dst_dir_fd=home)),
            **tried("rename by the folder", lambda: os.rename("cli.js", "stolen", src_dir_fd=tree, dst_dir_fd=home)),
            **tried("link it out", lambda: os.link("cli.js", "stolen", src_dir_fd=tree, dst_dir_fd=home)),
            **tried("open it", lambda: os.open("cli.js", os.O_RDONLY, dir_fd=tree)),
            **tried("give the folder rights", lambda: os.fchmod(tree, 0o777)),
            **tried("go up", lambda: os.chdir("..")),
        }

    with person(prepare, act) as owner:
        taken = world.take()
        assert taken.result is OutcomeCode.QUARANTINED
        assert [occupant.pid for occupant in taken.occupants] == [owner.pid]
        assert set(owner.act().values()) == {"PermissionError"}
    assert not (world.home / "stolen").exists()


def test_what_belongs_to_whom_comes_back_and_files_are_never_touched(world: World) -> None:
    before = world.snapshot()
    foreign = world.tree / "of-root"
    foreign.write_text("root's")
    before = world.snapshot()
    inode, changed = (world.tree / "cli.js").stat().st_ino, (world.tree / "cli.js").stat().st_ctime_ns
    taken = world.take()
    (cell,) = world.held()
    held = (cell / "held" / "0" / "cli.js").stat()
    assert (held.st_ino, held.st_ctime_ns, held.st_uid) == (inode, changed, UID)
    folders = [path for path in (cell / "held" / "0").rglob("*") if path.is_dir() and not path.is_symlink()]
    assert {(path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) for path in folders} == {(0, 0o700)}
    world.give(taken.quarantine_id)
    assert world.snapshot() == before


def test_the_owner_may_not_restore_or_purge(world: World) -> None:
    taken = world.take().quarantine_id
    settings = world.base / "settings.toml"
    settings.write_text(f'state_dir = "{world.state}"\n')
    for verb in ("restore", "purge"):
        pid = os.fork()
        if pid == 0:
            become()
            os._exit(main(["quarantine", "--config", str(settings), verb, taken]))
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 2
    assert len(world.held()) == 1


# ------------------------------------------------------------------------------------------------------------- racing
def test_an_owner_who_keeps_renaming_never_gets_something_else_taken(world: World) -> None:
    """Three hundred tries against a process that swaps the tool with an innocent folder as fast as it can."""
    innocent = world.tree.with_name("innocent")
    innocent.mkdir()
    (innocent / "letter").write_text("dear friend")
    give_to(innocent)
    identity = (world.tree.stat().st_dev, world.tree.stat().st_ino)
    pid = os.fork()
    if pid == 0:
        become()
        libc = ctypes.CDLL(None)
        one, two = bytes(world.tree), bytes(innocent)
        while os.getppid() != 1:
            libc.renameat2(-100, one, -100, two, 2)  # 2: exchange the two
        os._exit(0)
    try:
        results = set()
        for _ in range(300):
            outcome = world.take(identity=identity, links=())
            results.add(outcome.result)
            if outcome.result is OutcomeCode.QUARANTINED:
                (cell,) = world.held()
                assert (cell / "held" / "0" / "cli.js").exists()
                assert not (cell / "held" / "0" / "letter").exists()
                world.give(outcome.quarantine_id)
            else:
                assert world.held() == []
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert OutcomeCode.QUARANTINED in results
    world.recover()
    assert world.held() == []
    survivors = [path for path in world.tree.parent.iterdir() if (path / "letter").exists()]
    tools = [path for path in world.tree.parent.iterdir() if (path / "cli.js").exists()]
    assert (len(survivors), len(tools)) == (1, 1)


def test_an_owner_who_keeps_making_folders_while_it_is_sealed(world: World) -> None:
    """From inside, by open folders: what is made in time is sealed too, and given back to them at the end."""
    pid = os.fork()
    if pid == 0:
        try:
            become()
            folder = os.open(world.tree / "sub", os.O_RDONLY)
            for number in range(10_000_000):
                name = f"made-{number % 50}"
                try:
                    os.mkdir(name, dir_fd=folder)
                except FileExistsError:
                    os.rmdir(name, dir_fd=folder)
        finally:
            os._exit(0)
    try:
        taken = world.take(package=True)
        assert taken.result is OutcomeCode.QUARANTINED, taken.detail
        assert os.waitpid(pid, 0)[1] == 0, "they ended when they were shut out"
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        raise
    world.give(taken.quarantine_id)
    made = [path for path in (world.tree / "sub").iterdir() if path.name.startswith("made-")]
    assert {path.stat().st_uid for path in made} <= {UID}


def test_a_link_to_a_system_folder_is_not_followed(world: World) -> None:
    target = world.base / "etc"
    build_tree(target / "node_modules" / "@vendor" / "tool")
    shutil.rmtree(world.home / "lib")
    (world.home / "lib").symlink_to(target)
    outcome = world.take()
    assert (outcome.result, outcome.detail) == (OutcomeCode.FAILED, Detail.SPECIAL_FILE)
    assert (target / "node_modules" / "@vendor" / "tool" / "cli.js").exists()


def test_a_restore_never_leads_through_a_link_of_the_owner(world: World) -> None:
    victim = world.base / "victim"
    (victim / "node_modules" / "@vendor").mkdir(parents=True)
    taken = world.take()
    shutil.rmtree(world.home / "lib")
    (world.home / "lib").symlink_to(victim)
    given = world.give(taken.quarantine_id)
    assert given.result is OutcomeCode.FAILED
    assert list((victim / "node_modules" / "@vendor").iterdir()) == []
    assert len(world.held()) == 1


def test_a_restore_never_leads_into_a_folder_of_somebody_else(world: World) -> None:
    taken = world.take()
    parent = world.tree.parent
    parent.rename(parent.with_name("@mine"))
    parent.mkdir()
    os.chown(parent, UID + 1, UID + 1)
    given = world.give(taken.quarantine_id)
    assert (given.result, given.detail) == (OutcomeCode.FAILED, Detail.DENIED)
    assert len(world.held()) == 1


# ------------------------------------------------------------------------------------------------- vaults, filesystems
def test_a_mount_top_of_root_holds_the_vault_of_that_filesystem(world: World) -> None:
    home = world.base / "mounted"
    home.mkdir()
    assert mount("tmpfs", home, "mode=0755")
    try:
        tree = home / "li" / "tool"
        build_tree(tree)
        give_to(home / "li")
        inode = tree.stat().st_ino
        taken = world.take(path=str(tree), links=())
        vault = home / mount_vault(str(world.state))
        assert (vault.stat().st_uid, stat.S_IMODE(vault.stat().st_mode)) == (0, 0o700)
        assert (vault / taken.quarantine_id / "held" / "0").stat().st_ino == inode
        assert (vault / "restore.py").exists()
        assert world.give(taken.quarantine_id).where == str(tree)
    finally:
        unmount(home)


def test_a_home_that_is_its_own_filesystem_is_copied_with_the_rights_of_its_owner(world: World) -> None:
    """A mount whose top belongs to its user has no safe place for a vault."""
    home = world.base / "own"
    home.mkdir()
    assert mount("tmpfs", home, f"mode=0700,uid={UID},gid={UID}")
    try:
        tree, other = home / "tool", World(home)
        build_tree(tree)
        give_to(tree)
        other.home = home
        before = other.snapshot()
        taken = world.take(path=str(tree), links=())
        assert (taken.result, taken.detail) == (OutcomeCode.QUARANTINED, Detail.NONE)
        assert list(home.iterdir()) == []
        (cell,) = world.held()
        assert cell.is_relative_to(world.state)
        assert json.loads((cell / "manifest.json").read_text())["pieces"][0]["copied"] is True
        given = world.give(taken.quarantine_id)
        assert (given.result, given.detail) == (OutcomeCode.RESTORED, Detail.NONE)
        after = other.snapshot()
        assert {n: f for n, f in after.items() if n != "."} == {n: f for n, f in before.items() if n != "."}
    finally:
        unmount(home)


def test_a_squatted_vault_name_is_not_used(world: World) -> None:
    """In a sticky folder such as /tmp anybody can take the name first."""
    tmp = world.base / "tmp"
    tmp.mkdir()
    assert mount("tmpfs", tmp, "mode=1777")
    try:
        (tmp / mount_vault(str(world.state))).mkdir(mode=0o777)
        os.chown(tmp / mount_vault(str(world.state)), UID, UID)
        build_tree(tmp / "tool")
        give_to(tmp / "tool")
        taken = world.take(path=str(tmp / "tool"), links=())
        assert taken.result is OutcomeCode.QUARANTINED
        assert list((tmp / mount_vault(str(world.state))).iterdir()) == []
    finally:
        unmount(tmp)


def test_a_mount_inside_the_tree_is_refused_and_nothing_moves(world: World) -> None:
    assert mount("tmpfs", world.tree / "empty")
    try:
        outcome = world.take()
        assert outcome.detail is Detail.MOUNT_INSIDE
        assert (world.tree / "cli.js").exists()
    finally:
        unmount(world.tree / "empty")


def test_a_full_disk_leaves_the_original(world: World, tmp_path: Path) -> None:
    before = world.snapshot()
    with disk(tmp_path, 8) as small:
        world.state = small / "state"
        world.state.mkdir()
        (world.tree / "big").write_bytes(os.urandom(12 << 20))
        os.chown(world.tree / "big", UID, UID)
        before = world.snapshot()
        # Another filesystem whose top belongs to the owner, so that only a copy is possible.
        os.chown(world.base.parent, UID, UID)
        outcome = world.take()
        assert (outcome.result, outcome.detail) == (OutcomeCode.FAILED, Detail.DISK_FULL)
        assert world.snapshot() == before
        assert world.held() == []
        assert list(world.state.glob("quarantine/q-*")) == []


def test_no_room_for_the_manifest_leaves_the_original(world: World, tmp_path: Path) -> None:
    with disk(tmp_path, 8) as small:
        world.home, world.state = small / "home", small / "state"
        world.tree = world.home / "tool"
        world.state.mkdir()
        build_tree(world.tree)
        before = world.snapshot()
        with open(small / "filler", "wb") as filler, pytest.raises(OSError, match="No space"):
            while True:
                filler.write(bytes(1 << 16))
        outcome = world.take(path=str(world.tree), links=())
        assert (outcome.result, outcome.detail) == (OutcomeCode.FAILED, Detail.DISK_FULL)
        after = world.snapshot()
        assert {n: f for n, f in after.items() if n != "."} == {n: f for n, f in before.items() if n != "."}


def test_a_disk_that_became_read_only(world: World, tmp_path: Path) -> None:
    with disk(tmp_path, 16) as place:
        world.home, world.state = place / "home", place / "state"
        world.tree = world.home / "tool"
        world.state.mkdir()
        build_tree(world.tree)
        before = world.snapshot()
        subprocess.run(["mount", "-o", "remount,ro", place], check=True)
        outcome = world.take(path=str(world.tree), links=())
        assert (outcome.result, outcome.detail) == (OutcomeCode.FAILED, Detail.READ_ONLY)
        subprocess.run(["mount", "-o", "remount,rw", place], check=True)
        taken = world.take(path=str(world.tree), links=())
        assert taken.result is OutcomeCode.QUARANTINED
        subprocess.run(["mount", "-o", "remount,ro", place], check=True)
        given = world.give(taken.quarantine_id)
        assert given.result is OutcomeCode.FAILED
        subprocess.run(["mount", "-o", "remount,rw", place], check=True)
        world.recover()
        assert world.give(taken.quarantine_id).result is OutcomeCode.RESTORED
        assert world.snapshot() == before


@pytest.mark.parametrize("which", [pytest.param("", id="the folder itself"), pytest.param("sub", id="a folder in it")])
def test_what_root_made_immutable_is_left_and_said(world: World, tmp_path: Path, which: str) -> None:
    with disk(tmp_path, 16) as place:
        world.home, world.state = place / "home", place / "state"
        world.tree = world.home / "tool"
        world.state.mkdir()
        build_tree(world.tree)
        immutable(world.tree / which, True)
        try:
            outcome = world.take(path=str(world.tree), links=())
            assert (outcome.result, outcome.detail) == (OutcomeCode.FAILED, Detail.IMMUTABLE)
            assert (world.tree / "cli.js").exists()
        finally:
            immutable(world.tree / which, False)
        assert world.take(path=str(world.tree), links=()).result is OutcomeCode.QUARANTINED


def test_devices_are_taken_and_given_back(world: World) -> None:
    os.mknod(world.tree / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    before = world.snapshot()
    taken = world.take(Steps(one_filesystem=True))
    world.give(taken.quarantine_id)
    assert world.snapshot() == before
    assert os.stat(world.tree / "null").st_rdev == os.makedev(1, 3)


def test_access_lists_of_folders_come_back(world: World) -> None:
    """An access list and the mode share bits: sealing changes it, so it is given back from the manifest."""
    # version 2: user::rwx user:1:rwx group::r-x mask::rwx other::---
    entries = [(1, 7, 0xFFFFFFFF), (2, 7, 1), (4, 5, 0xFFFFFFFF), (16, 7, 0xFFFFFFFF), (32, 0, 0xFFFFFFFF)]
    value = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    os.setxattr(world.tree / "sub", "system.posix_acl_access", value)
    before = world.snapshot()
    taken = world.take()
    (cell,) = world.held()
    assert stat.S_IMODE((cell / "held" / "0" / "sub").stat().st_mode) == 0o700
    world.give(taken.quarantine_id)
    assert world.snapshot() == before
