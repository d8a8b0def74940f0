"""A machine of its own inside this one: Debian's or Ubuntu's files made by debootstrap, systemd as its first process.

Its root, /dev, /run and /tmp are temporary filesystems of its own in a mount, process and cgroup namespace of its own,
so that a gate in there asks about nothing of ours, and everything is gone when its first process ends. It shares our
network: a server on our loopback is reached from inside.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple


class System(NamedTuple):
    """A root file system: debootstrap's suite, where its packages are, and what else is in it."""

    suite: str
    mirror: str
    more: tuple[str, ...]


_DEBIAN, _UBUNTU = "http://deb.debian.org/debian", "http://archive.ubuntu.com/ubuntu"
SYSTEMS: Mapping[str, System] = {
    "debian-12": System("bookworm", _DEBIAN, ("python3",)),
    "ubuntu-24.04": System("noble", _UBUNTU, ("python3",)),
    "debian-12-with-rpm": System("bookworm", _DEBIAN, ("python3-minimal", "rpm")),
}
_INSIDE = ("systemd", "systemd-sysv", "dbus", "debconf", "ca-certificates", "passwd", "procps", "nodejs")
_GROUPS = Path("/sys/fs/cgroup/unified") if Path("/sys/fs/cgroup/unified").is_dir() else Path("/sys/fs/cgroup")
_BOOT = """
echo 0 >"$GROUP/cgroup.procs"
mount --make-rprivate /
mount -t tmpfs -o size=3G,mode=755 tmpfs "$ROOT"
cp -a "$FILES/." "$ROOT/"
mount -t proc proc "$ROOT/proc"
mount -t sysfs sysfs "$ROOT/sys"
mount -t tmpfs -o mode=755 tmpfs "$ROOT/dev"
for row in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
    IFS=: read -r name major minor <<<"$row"
    mknod -m 666 "$ROOT/dev/$name" c "$major" "$minor"
done
touch "$ROOT/dev/console"
mkdir "$ROOT/dev/pts" "$ROOT/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$ROOT/dev/pts"
ln -s pts/ptmx "$ROOT/dev/ptmx"
ln -s /proc/self/fd "$ROOT/dev/fd"
mount -t tmpfs tmpfs "$ROOT/dev/shm"
mount -t tmpfs -o mode=755 tmpfs "$ROOT/run"
cd "$ROOT"
mkdir -p old
pivot_root . old
exec unshare --cgroup /bin/bash -c '
    umount -l /old && rmdir /old && mount -t cgroup2 cgroup2 /sys/fs/cgroup
    exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --log-target=console'
"""


class Done(NamedTuple):
    """What a command in there did."""

    code: int
    out: str
    err: str


def files_of(name: str) -> Path:
    """The files of a new system, made once by debootstrap and kept in `$XDG_CACHE_HOME/interdict-roots`."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "interdict-roots"
    made = base / name
    if made.is_dir():
        return made
    base.mkdir(parents=True, exist_ok=True)
    system = SYSTEMS[name]
    new = base / f"{name}.new-{os.getpid()}"
    keys = (
        []
        if name.startswith("debian") or Path(f"/usr/share/keyrings/{_keyring(name)}").exists()
        else ["--no-check-gpg"]
    )
    more = ["--components=main,universe"] if name.startswith("ubuntu") else []
    script = Path("/usr/share/debootstrap/scripts") / system.suite
    based_on = [] if script.exists() else ["/usr/share/debootstrap/scripts/gutsy"]
    options = ["--variant=minbase", f"--include={','.join(_INSIDE + system.more)}", *keys, *more]
    command = ["debootstrap", *options, system.suite, os.fspath(new), system.mirror, *based_on]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        shutil.rmtree(new, ignore_errors=True)
        raise RuntimeError(f"debootstrap {system.suite}: {done.stdout[-500:]} {done.stderr[-500:]}")
    for unit in (
        "console-getty.service",
        "systemd-networkd.service",
        "systemd-resolved.service",
        "systemd-timesyncd.service",
    ):
        (new / "etc/systemd/system" / unit).unlink(missing_ok=True)
        (new / "etc/systemd/system" / unit).symlink_to("/dev/null")
    (new / "usr/sbin/policy-rc.d").unlink(missing_ok=True)
    new.rename(made)
    return made


def _keyring(name: str) -> str:
    return f"{name.partition('-')[0]}-archive-keyring.gpg"


class LittleMachine:
    """A machine that runs."""

    def __init__(self, first: int) -> None:
        self.first = first
        """The process here that is its first one in there."""
        self.root = Path(f"/proc/{first}/root")

    def run(self, *words: str, check: bool = True, timeout: float = 120, stdin: str = "", user: str = "root") -> Done:
        """Runs a command in there."""
        done = subprocess.run(
            self.command(*words, user=user), input=stdin, capture_output=True, text=True, timeout=timeout
        )
        if check and done.returncode:
            raise AssertionError(f"{shlex.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return Done(done.returncode, done.stdout, done.stderr)

    def command(self, *words: str, user: str = "root") -> list[str]:
        """The command line out here for one in there."""
        become = [] if user == "root" else ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]
        inside = [
            "env",
            "--chdir=/",
            "-i",
            "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG=C.UTF-8",
            "DEBIAN_FRONTEND=noninteractive",
        ]
        enter = [
            "nsenter",
            f"--target={self.first}",
            "--mount",
            "--pid",
            "--ipc",
            "--uts",
            "--cgroup",
            "--root",
            "--wd=/",
        ]
        return [*enter, *inside, *become, *words]

    def put(self, path: str, data: bytes | str, mode: int = 0o644) -> str:
        """Writes a file in there."""
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data.encode() if isinstance(data, str) else data)
        target.chmod(mode)
        return path

    def read(self, path: str) -> str:
        """Reads a file in there."""
        return (self.root / path.lstrip("/")).read_text(encoding="utf-8")

    def wait(self, what: str, *words: str, seconds: float = 60) -> Done:
        """Runs a command until it succeeds."""
        until = time.monotonic() + seconds
        while True:
            done = self.run(*words, check=False)
            if done.code == 0:
                return done
            if time.monotonic() > until:
                raise AssertionError(f"{what}: not after {seconds} s: {done.out}{done.err}\n{self.journal()}")
            time.sleep(0.2)

    def journal(self) -> str:
        """The last lines of its journal."""
        return self.run("journalctl", "--no-pager", "-n", "60", check=False).out

    def everything(self, *without: str) -> dict[str, str]:
        """Every file in there with what it is: kind, mode, owner and content; but not below these folders."""
        skip = " -o ".join(f"-path {shlex.quote(path)}" for path in without)
        look = f"find / -xdev \\( {skip} \\) -prune -o -printf '%y %m %u:%g %l %p\\n'"
        sums = f"find / -xdev \\( {skip} \\) -prune -o -type f -print0 | xargs -0 sha256sum"
        facts = {line.rpartition(" ")[2]: line for line in self.run("sh", "-c", look).out.splitlines()}
        for line in self.run("sh", "-c", sums).out.splitlines():
            digest, _, path = line.partition("  ")
            facts[path] = f"{facts.get(path, '')} {digest}"
        return facts


@contextmanager
def little_machine(name: str = "debian-12") -> Iterator[LittleMachine]:
    """Boots one, and ends it."""
    group = Path(tempfile.mkdtemp(prefix="interdict-machine-", dir=_GROUPS))
    root = Path(tempfile.mkdtemp(prefix="interdict-machine-"))
    values = {"GROUP": os.fspath(group), "ROOT": os.fspath(root), "FILES": os.fspath(files_of(name))}
    names = ["unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child"]
    outer = subprocess.Popen(
        [*names, "bash", "-euc", _BOOT],
        env={"PATH": os.environ["PATH"], **values},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        machine = LittleMachine(_first_process(outer))
        machine.wait("it boots", "sh", "-c", "systemctl is-system-running --wait | grep -qE 'running|degraded'")
        yield machine
    finally:
        outer.kill()
        outer.communicate()
        _let_go(group, root)


def _first_process(outer: subprocess.Popen[bytes]) -> int:
    """The only child of unshare, once it is systemd."""
    until = time.monotonic() + 60
    while time.monotonic() < until and outer.poll() is None:
        children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()
        if children and Path(f"/proc/{children[0]}/cmdline").read_bytes().startswith(b"/lib/systemd/systemd"):
            return int(children[0])
        time.sleep(0.05)
    outer.kill()
    assert outer.stdout is not None
    raise RuntimeError(f"the machine did not boot: {outer.stdout.read().decode()}")


def _let_go(group: Path, root: Path) -> None:
    until = time.monotonic() + 10
    for folder in [*sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True), group]:
        while folder.is_dir() and time.monotonic() < until:
            try:
                folder.rmdir()
            except OSError:
                time.sleep(0.02)  # its processes are ending
    root.rmdir()
