"""A fleet of one machine: a signed policy and a console on our loopback, and what is put into a little machine."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import select

from console.store.tables import device
from policy_schema.document.canonical import encode
from policy_schema.rules.instant import Instant, format_instant
from tests.fakes.little_machine import LittleMachine
from tests.fakes.policies import ban, closed
from tests.fakes.policy_server import PolicyRepository, PolicyServer
from tests.fakes.running_console import SECRET, RunningConsole, running

PERSON = "anna"
MODULES = f"/home/{PERSON}/.npm-global/lib/node_modules"
COMMAND = f"/home/{PERSON}/.npm-global/bin/claude"
LOAD = """
import os, sys, threading, time
command, ends = sys.argv[1], time.monotonic() + float(sys.argv[2])
count = {"refused": 0, "started": 0, "other": 0}
lock = threading.Lock()
def go():
    while time.monotonic() < ends and not os.path.exists("/tmp/enough"):
        try:
            pid = os.posix_spawn(command, [command, "--version"], {"PATH": "/usr/bin:/bin", "HOME": "/tmp"},
                                 file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)])
        except PermissionError:
            what = "refused"
        except OSError:
            what = "other"
        else:
            os.waitpid(pid, 0)
            what = "started"
        with lock:
            count[what] += 1
threads = [threading.Thread(target=go) for _ in range(4)]
[t.start() for t in threads]
[t.join() for t in threads]
print(count["refused"], count["started"], count["other"])
"""
"""Starts a command again and again, four at once, until /tmp/enough is there: refused, started, other."""


class Fleet:
    """The servers of one machine."""

    def __init__(self, repository: PolicyRepository, server: PolicyServer, console: RunningConsole) -> None:
        self.repository = repository
        self.policy_url = server.url
        self.console = console

    def publish(self, *bans: dict[str, object], **changes: object) -> None:
        """Publishes a closed policy with these bans."""
        self.repository.publish_bytes(encode(closed(*bans, **changes)))

    def device(self) -> dict[str, object]:
        """The one device as the console knows it; empty while it knows none."""
        with self.console.database.read() as connection:
            row = connection.execute(select(device)).mappings().one_or_none()
        return dict(row) if row else {}


@contextmanager
def fleet(folder: Path) -> Iterator[Fleet]:
    """Starts both servers."""
    repository = PolicyRepository(now=int(time.time()))
    with PolicyServer(lambda: repository.files) as server, running(folder) as console:
        console.clock = lambda: Instant(int(time.time()))  # type: ignore[method-assign]  # machines have the real time
        yield Fleet(repository, server, console)


def blocking(**changes: object) -> dict[str, object]:
    """A ban of Claude Code that has blocked since an hour, without time to finish."""
    began = format_instant(Instant(int(time.time()) - 3600))
    stage = {"from": began, "action": "block", "let_finish": 0, "kill_after": 2}
    return ban(stages=[stage], **changes)


def removing(**changes: object) -> dict[str, object]:
    """The same, and since a moment ago it is taken away."""
    now = int(time.time())
    rows = [(now - 7200, "block"), (now - 3600, "remove")]
    stages = [
        {"from": format_instant(Instant(at)), "action": action, "let_finish": 0, "kill_after": 2} for at, action in rows
    ]
    return ban(stages=stages, **changes)


def move_in(machine: LittleMachine, unpacked: Path) -> None:
    """A person with a home, and a real package as `npm install -g` lays it down."""
    machine.run("useradd", "--create-home", "--shell", "/bin/bash", PERSON)
    home = machine.root / "home" / PERSON
    package = home / ".npm-global/lib/node_modules/@anthropic-ai/claude-code"
    shutil.copytree(unpacked, package)
    (package / "cli.js").chmod(0o755)
    (home / ".npm-global/bin").mkdir()
    (home / ".npm-global/bin/claude").symlink_to("../lib/node_modules/@anthropic-ai/claude-code/cli.js")
    machine.run("chown", "-R", f"{PERSON}:{PERSON}", f"/home/{PERSON}")
    machine.put("/opt/load.py", LOAD)


def seeds(fleet: Fleet) -> str:
    """Debconf's answers, as fleet management brings them."""
    rows = {
        "policy-url": ("string", fleet.policy_url),
        "server": ("string", fleet.console.address),
        "secret": ("password", SECRET),
        "groups": ("string", "engineering, shanghai"),
        "region": ("string", "CN"),
    }
    return "".join(f"interdict interdict/{name} {kind} {value}\n" for name, (kind, value) in rows.items())


def until(what: str, holds: Callable[[], bool], seconds: float = 60) -> None:
    """Asks again and again until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not after {seconds} s: {what}"
        time.sleep(0.3)
