"""fapolicyd of the distribution, measured like the gate, where nobody else on the machine notices it.

It marks every mount of its mount namespace. So it runs in one of its own, with a pid namespace around it that ends
with its first process, and a watchdog that kills that: `timeout`, `unshare --kill-child`.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from agent.gate.fanotify import ALLOW, OPEN_EXEC_PERM, Group
from benchmarks.gate.start import as_person, timed
from tests.fakes.other_person import UID

SECONDS = 90
PAIRS = 1500
CONFIG = """\
permissive = 0
nice_val = 14
q_size = 800
uid = 0
gid = 0
do_stat_report = 0
detailed_report = 0
db_max_size = 50
subj_cache_size = 1549
obj_cache_size = 8191
watch_fs = ext2,ext3,ext4,tmpfs,xfs
trust = file
integrity = none
"""
Figures = tuple[str, float, float, str]


@contextlib.contextmanager
def yes_to_everything(mount: Path) -> Iterator[None]:
    """A process that answers each question about a filesystem with yes and does nothing else."""
    group = Group()
    folder = os.open(mount, os.O_PATH)
    group.mark_filesystem(OPEN_EXEC_PERM, folder)
    os.close(folder)
    pid = os.fork()
    if pid == 0:
        os.setpriority(os.PRIO_PROCESS, 0, -10)
        poll = select.poll()
        poll.register(group.fd, select.POLLIN)
        while True:
            poll.poll()
            for event in group.read():
                group.answer(event.fd, ALLOW)
                os.close(event.fd)
    try:
        yield
    finally:
        group.flush_filesystems()
        group.close()
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def fapolicyd() -> Iterator[Figures]:
    """The same figures as the gate's, from a child that cannot outlive its time; nothing where it is not installed."""
    if shutil.which("fapolicyd") is None:
        print("fapolicyd is not installed: left out (apt-get install fapolicyd)", file=sys.stderr)
        return
    own = ["unshare", "-m", "--propagation", "private", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc"]
    with tempfile.TemporaryDirectory(prefix="gate-peer-") as work:
        done = subprocess.run(
            ["timeout", "-s", "KILL", str(SECONDS), *own, sys.executable, "-m", "benchmarks.gate.peers", work],
            capture_output=True,
            text=True,
            check=False,
            cwd=Path(__file__).parents[2],
        )
    if done.returncode:
        print(f"fapolicyd could not be measured: {done.stderr[-300:]}", file=sys.stderr)
        return
    for row in json.loads(done.stdout.splitlines()[-1]):
        yield tuple(row)


def _inside() -> list[Figures]:
    """In the namespaces: without it, then with it."""
    work = Path(sys.argv[1])
    _mount("tmpfs", work)
    banned, ours = work / "banned", work / "true"
    for path in (banned, ours):
        shutil.copy("/bin/true", path)
    os.chown(ours, UID, UID)
    programs = {"root": ("/bin/true", 0), "a user": (os.fspath(ours), UID)}
    before = {owner: _median(*row) for owner, row in programs.items()}
    _configure(banned)
    subprocess.run(["fapolicyd"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _wait_until_it_refuses(banned)
    rows: list[Figures] = [
        (f"fapolicyd: start of a program that {owner} owns, median", _median(*row) * 1e6, before[owner] * 1e6, "us")
        for owner, row in programs.items()
    ]
    return [*rows, ("fapolicyd: a banned start is refused, median", _refusal(banned) * 1e6, 0.0, "us")]


def _mount(kind: str, point: Path) -> None:
    subprocess.run(["mount", "-t", kind, kind, os.fspath(point)], check=True)


def _configure(banned: Path) -> None:
    etc, state = Path("/etc/fapolicyd"), Path("/var/lib/fapolicyd")
    for folder in (etc, state, Path("/run")):
        _mount("tmpfs", folder)
    (Path("/run") / "fapolicyd").mkdir()
    (etc / "trust.d").mkdir()
    (etc / "fapolicyd.conf").write_text(CONFIG, encoding="ascii")
    (etc / "fapolicyd.trust").write_text("", encoding="ascii")
    rules = f"deny perm=execute all : path={banned}\nallow perm=any all : all\n"
    (etc / "compiled.rules").write_text(rules, encoding="ascii")
    for folder in (etc, state, Path("/run/fapolicyd")):
        subprocess.run(["chown", "-R", "0:0", os.fspath(folder)], check=True)


def _wait_until_it_refuses(banned: Path) -> None:
    for _ in range(200):
        try:
            timed([[os.fspath(banned)]], 0)
        except ChildProcessError:
            return
        time.sleep(0.05)
    raise SystemExit("it does not refuse")


def _median(program: str, uid: int) -> float:
    return float(as_person(uid, lambda: str(statistics.median(_starts(program))).encode()))


def _starts(program: str) -> Iterator[float]:
    for _ in range(PAIRS):
        began = time.perf_counter()
        os.waitpid(os.posix_spawn(program, [program], {}), 0)
        yield time.perf_counter() - began


def _refusal(banned: Path) -> float:
    took = []
    for _ in range(500):
        began = time.perf_counter()
        try:
            os.waitpid(os.posix_spawn(banned, [os.fspath(banned)], {}), 0)
        except PermissionError:
            took.append(time.perf_counter() - began)
    return statistics.median(took)


if __name__ == "__main__":
    print(json.dumps(_inside()))
