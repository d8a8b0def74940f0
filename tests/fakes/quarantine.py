"""A small world to quarantine in: a home with a package and its link, a state folder, and steps that go wrong."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import shutil
import signal
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agent.cases import Kind
from agent.enforce.cell import open_cell
from agent.enforce.interface import Intent, Outcome
from agent.enforce.quarantine import Quarantiner
from agent.enforce.recovery import Recovered, recover_cell
from agent.enforce.restore import Restorer
from agent.host.folders import Before, nothing
from agent.host.vault import find_vaults
from policy_schema.rules.decision import Action
from policy_schema.rules.instant import Instant

NOW = Instant(1_800_000_000)


def now() -> Instant:
    return NOW


class World:
    """`home/lib/node_modules/@vendor/tool`, `home/bin/tool` leading into it, and an agent's state beside."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.home = base / "home"
        self.tree = self.home / "lib" / "node_modules" / "@vendor" / "tool"
        self.link = self.home / "bin" / "tool"
        self.state = base / "state"

    def build(self) -> World:
        self.state.mkdir(parents=True)
        self.link.parent.mkdir(parents=True)
        build_tree(self.tree)
        self.link.symlink_to("../lib/node_modules/@vendor/tool/cli.js")
        age(self.home)
        return self

    def intent(self, **changes: Any) -> Intent:
        intent = Intent(
            Kind.QUARANTINE,
            "f-1",
            "i-1",
            "c-1",
            Action.REMOVE,
            "tool-ban",
            "tool",
            path=str(self.tree),
            links=(str(self.link),),
            package=True,
            reason="Not allowed here.",
            policy_version=7,
        )
        return intent._replace(**changes)

    def take(self, before: Before = nothing, **changes: Any) -> Outcome:
        actor = Quarantiner(state_dir=str(self.state), now=now, before=before)
        return actor.act(self.intent(**changes))

    def give(self, quarantine_id: str, before: Before = nothing) -> Outcome:
        actor = Restorer(state_dir=str(self.state), now=now, before=before)
        return actor.act(self.intent(kind=Kind.RESTORE, quarantine_id=quarantine_id))

    def recover(self, before: Before = nothing) -> list[Recovered]:
        """Recovers this world's quarantines; other tests of this machine may have some of their own."""
        found: list[Recovered | None] = []
        for vault in find_vaults(str(self.state), before=before):
            with vault:
                if not vault.ids():
                    continue
                with vault.locked():
                    for name in vault.ids():
                        if self._is_mine(Path(vault.path) / name):
                            with open_cell(vault, name, now) as cell:
                                found.append(recover_cell(cell))
        return [one for one in found if one is not None]

    def held(self) -> list[Path]:
        """Quarantines that hold a tree."""
        return sorted(cell for cell in self.cells() if os.path.lexists(cell / "held" / "0"))

    def cells(self) -> list[Path]:
        """Every quarantine of this world. As root that may be the vault at the mount's top, which others use too."""
        found: list[Path] = []
        for vault in find_vaults(str(self.state)):
            with vault:
                found += [Path(vault.path) / name for name in vault.ids()]
        return [cell for cell in found if self._is_mine(cell)]

    def _is_mine(self, cell: Path) -> bool:
        manifest = cell / "manifest.json"
        return cell.is_relative_to(self.base) or (manifest.exists() and f'"{self.base}/' in manifest.read_text())

    def remove(self) -> None:
        """Takes everything away, what lies in a vault elsewhere too."""
        for folder in (*self.cells(), self.base):
            for path, _, _ in os.walk(folder):
                os.chmod(path, 0o700)
            shutil.rmtree(folder, ignore_errors=True)

    def snapshot(self) -> dict[str, object]:
        return snapshot(self.home)


def build_tree(tree: Path) -> None:
    """A package with everything that must come back: links, hard links, odd names, modes, attributes, holes."""
    (tree / "sub" / "deep").mkdir(parents=True)
    (tree / "empty").mkdir()
    (tree / "cli.js").write_bytes(b"#!/usr/bin/env node\nconsole.log('tool')\n")
    (tree / "package.json").write_text('{"name": "@vendor/tool", "version": "1.0.0"}')
    os.link(tree / "cli.js", tree / "sub" / "again.js")
    (tree / "sub" / "up").symlink_to("../cli.js")
    (tree / "sub" / "nowhere").symlink_to("/does/not/exist")
    with open(os.fsencode(tree / "sub" / "deep") + b"/name-\xff\xfe\n", "wb") as file:
        file.write(b"not UTF-8")
    with open(tree / "sub" / "holes", "wb") as file:
        file.seek(300_000)
        file.write(b"after a hole")
    os.mkfifo(tree / "sub" / "pipe")
    try:
        os.setxattr(tree / "cli.js", "user.origin", b"\0binary")
        os.setxattr(tree / "sub", "user.folder", b"yes")
    except OSError:
        pass  # this filesystem has none; the others are compared all the same
    (tree / "package.json").chmod(0o400)
    (tree / "cli.js").chmod(0o4755)
    (tree / "sub" / "deep").chmod(0o500)
    (tree / "sub").chmod(0o2750)


def age(folder: Path) -> None:
    """Old times, each a little different, to the nanosecond."""
    paths = sorted(folder.rglob("*"), key=lambda path: -len(path.parts))
    for index, path in enumerate([*paths, folder]):
        stamp = 1_700_000_000_123_456_789 + index * 1_000_000_007
        os.utime(path, ns=(stamp, stamp), follow_symlinks=False)


def snapshot(folder: Path) -> dict[str, object]:
    """Everything that "byte-identical" means, by path: type, mode, owner, size, mtime, links, attributes, content."""
    found: dict[str, object] = {}
    names: dict[tuple[int, int], list[str]] = {}
    for path in sorted([folder, *_below(folder)]):
        facts = os.lstat(path)
        content = hashlib.sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(facts.st_mode) else ""
        target = os.readlink(path) if path.is_symlink() else ""
        attributes = {n: os.getxattr(path, n, follow_symlinks=False) for n in _attribute_names(path)}
        size = 0 if stat.S_ISDIR(facts.st_mode) else facts.st_size
        shown = str(path.relative_to(folder))
        names.setdefault((facts.st_dev, facts.st_ino), []).append(shown)
        found[shown] = (facts.st_mode, facts.st_uid, facts.st_gid, size, facts.st_mtime_ns, target, attributes, content)
    found["hard links"] = sorted(group for group in names.values() if len(group) > 1)
    return found


def _attribute_names(path: Path) -> list[str]:
    return [n for n in os.listxattr(path, follow_symlinks=False) if n != "security.selinux"]


def _below(folder: Path) -> Iterator[Path]:
    for name in os.listdir(folder):
        path = folder / name
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _below(path)


class Steps:
    """The `before` of a test: counts, and at one step (or from it on) raises an error or kills the process.

    `looks`: reading calls count too. `one_filesystem=False`: every rename between the home and the vault is refused,
    as between two filesystems.
    """

    def __init__(
        self,
        at: int = -1,
        error: int | None = None,
        *,
        on: bool = False,
        looks: bool = False,
        one_filesystem: bool = True,
    ) -> None:
        self.at, self.error, self.stays, self.looks, self.one_filesystem = at, error, on, looks, one_filesystem
        self.seen: list[str] = []

    def __call__(self, changes: bool, what: str) -> None:
        if changes or self.looks:
            number = len(self.seen)
            self.seen.append(what)
            if number == self.at or (self.stays and self.at <= number):
                if self.error is None:
                    os.kill(os.getpid(), signal.SIGKILL)
                else:
                    raise OSError(self.error, os.strerror(self.error))
        if not self.one_filesystem and what.startswith("move ") and not what.startswith("move .interdict-"):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))


def in_child(work: Callable[[], object]) -> int:
    """Runs `work` in a real child process; answers the signal that ended it, or 0."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:
            os._exit(99)
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status):
        return os.WTERMSIG(status)
    assert os.WEXITSTATUS(status) == 0, "the child failed before it was killed"
    return 0


@contextmanager
def worlds() -> Iterator[Callable[[], World]]:
    """A factory of fresh worlds, in memory where the machine has such a folder: hundreds are made.

    As root on a filesystem of their own, so that no vault is shared with other tests.
    """
    where = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    base = Path(tempfile.mkdtemp(prefix="interdict-", dir=where))
    mounted = os.geteuid() == 0 and mount("tmpfs", base)
    made: list[World] = []

    def fresh() -> World:
        while made:
            made.pop().remove()
        world = World(base / "world").build()
        made.append(world)
        return world

    try:
        yield fresh
    finally:
        while made:
            made.pop().remove()
        if mounted:
            unmount(base)
        base.rmdir()


def mount(kind: str, where: Path, options: str = "", flags: int = 0) -> bool:
    """Mounts a filesystem without a device; False where that is not allowed."""
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.mount(kind.encode(), bytes(where), kind.encode(), flags, options.encode()) == 0)


def unmount(where: Path) -> None:
    """Takes it away again, whoever still uses it."""
    ctypes.CDLL(None, use_errno=True).umount2(bytes(where), 2)
