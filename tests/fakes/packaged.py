"""A fleet of one machine: a signed policy and a console on our loopback, what is put into a little machine, and the
steps in the life of any kind of package that is installed there."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
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
PACKAGE = "@anthropic-ai/claude-code@2.1.22"
SAYS = "2.1.22 (Claude Code)"
SETTINGS = "/etc/interdict/settings.toml"
NOT_COMPARED = (
    *(
        "/proc",
        "/sys",
        "/dev",
        "/run",
        "/tmp",
        "/var/log",
        "/var/lib/dpkg",
        "/var/lib/rpm",
        "/var/cache",
        "/root",
        "/home",
    ),
    *("/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-", "/etc/subuid-", "/etc/subgid-"),
    *("/var/lib/systemd/timers", "/var/lib/systemd/random-seed"),
)
"""What the package manager, debconf, the log and the person write themselves."""


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


def preset(fleet: Fleet) -> str:
    """The same as lines for an rpm."""
    rows = [line.split(" ", 3) for line in seeds(fleet).splitlines()]
    lines = [f"{name.removeprefix('interdict/').replace('-', '_')} = {value}\n" for _, name, _, value in rows]
    return "[interdict]\n" + "".join(lines)


def until(what: str, holds: Callable[[], bool], seconds: float = 60, told: Callable[[], str] = str) -> None:
    """Asks again and again until something holds. `told` is asked for more to say where it does not."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not after {seconds} s: {what}\n{told()}"
        time.sleep(0.3)


def start(machine: LittleMachine) -> str:
    """What the person's command says, or that it was refused."""
    done = machine.run(COMMAND, "--version", user=PERSON, check=False)
    return "refused" if "Operation not permitted" in done.err else (done.out + done.err).strip()


def units(machine: LittleMachine) -> dict[str, str]:
    """Which of the units run."""
    names = ("interdict", "interdict-gate", "interdict-gate-handover")
    said = machine.run("systemctl", "is-active", *names, check=False).out.split()
    return dict(zip(names, said, strict=True))


def works(machine: LittleMachine, servers: Fleet, version: str) -> None:
    """After the first installation: what the preset said is settled, it refuses, and the console has heard of it."""
    settings = machine.read(SETTINGS)
    assert f'server = "{servers.console.address}"' in settings and 'groups = ["engineering", "shanghai"]' in settings
    modes = machine.run("stat", "-c", "%a %U", "/etc/interdict/enrol.secret", SETTINGS).out.splitlines()
    assert modes == ["600 root", "644 root"]
    assert units(machine) == {"interdict": "active", "interdict-gate": "active", "interdict-gate-handover": "inactive"}
    until("it refuses", lambda: start(machine) == "refused", told=machine.journal)
    until("it enrols and reports", lambda: servers.device().get("policy_version") == 1, told=machine.journal)
    assert servers.device()["agent"] == version and servers.device()["region"] == "CN"
    checks = {
        row["name"]: row for row in json.loads(machine.run("interdict", "doctor", "--json", check=False).out)["checks"]
    }
    looked_at = ("settings", "policy", "console", "rights", "gate")
    assert [checks[name]["result"] for name in looked_at] == ["ok"] * len(looked_at), checks


def takes_settings(machine: LittleMachine) -> None:
    """New settings build the agent anew within its process: for systemd it runs on, and can be ended at once."""
    pid = machine.run("systemctl", "show", "-P", "MainPID", "interdict").out
    machine.put(SETTINGS, machine.read(SETTINGS) + 'report_delay = "3s"\n')
    machine.run("systemctl", "kill", "--signal=HUP", "--kill-who=main", "interdict")
    machine.wait("it takes them", "sh", "-c", "journalctl -u interdict | grep -q settings-taken")
    machine.wait("it listens again", "sh", "-c", "test $(journalctl -u interdict | grep -c '\"started\"') -ge 2")
    assert machine.run("systemctl", "show", "-P", "MainPID", "interdict").out == pid
    assert units(machine)["interdict"] == "active"
    machine.run("systemctl", "restart", "interdict.service", timeout=15)


def follow_under_load(machine: LittleMachine, servers: Fleet, version: str, install: Callable[[], None]) -> None:
    """Not one of the starts gets through while one version follows the other, in either direction."""
    machine.put(SETTINGS, machine.read(SETTINGS) + f"# changed by hand before {version}\n")
    settings = machine.read(SETTINGS)
    gate = machine.run("systemctl", "show", "-P", "MainPID", "interdict-gate").out
    with _storm(machine) as counted:
        install()
    refused, started, other = counted
    assert (started, other) == (0, 0) and refused > 50, counted
    assert machine.read(SETTINGS) == settings, "what fleet management wrote stays"
    assert machine.run("interdict", "--version").out.split() == ["interdict", version]
    assert machine.run("systemctl", "show", "-P", "MainPID", "interdict-gate").out != gate, "the gate is a new one"
    assert units(machine) == {"interdict": "active", "interdict-gate": "active", "interdict-gate-handover": "inactive"}
    until("the console hears of it", lambda: servers.device()["agent"] == version)


@contextmanager
def _storm(machine: LittleMachine) -> Iterator[list[int]]:
    """Four threads that start the banned command without a pause; afterwards: refused, started, other."""
    (machine.root / "tmp/enough").unlink(missing_ok=True)
    command = machine.command("python3", "/opt/load.py", COMMAND, "300", user=PERSON)
    counted: list[int] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as storm:
        try:
            yield counted
        finally:
            machine.put("/tmp/enough", "")
            out, _ = storm.communicate(timeout=60)
            counted += map(int, out.split())


def leave_with_a_quarantine(machine: LittleMachine, servers: Fleet, *remove: str) -> None:
    """The tool is quarantined; then the package is removed, which says so, and the console knows that it left."""
    servers.publish(removing())
    machine.run("systemctl", "kill", "--signal=USR1", "interdict.service")
    place = f"{MODULES}/@anthropic-ai/claude-code/package.json"
    machine.wait("it is quarantined", "sh", "-c", f"! test -e {place}")
    machine.wait("it says so", "sh", "-c", "interdict quarantine list | grep -q sealed")
    said = machine.run(*remove, timeout=300)
    assert "holds 1 quarantined item" in said.out + said.err
    until("the console knows that it left", lambda: servers.device()["removed_at"] is not None)
    assert set(units(machine).values()) == {"inactive"}
    assert machine.run("pgrep", "-f", "interdict", check=False).out == ""


def purge_in_the_end(machine: LittleMachine, *purge: str) -> None:
    """Refused while the quarantine holds something; its own script gives that back; then everything goes."""
    said = machine.run(*purge, check=False)
    assert said.code != 0 and "nothing was removed" in said.out + said.err
    script = "/var/lib/interdict/quarantine/restore.py"  # all is one filesystem in there
    cell = machine.run("python3", script, "list").out.split()[0]
    assert "is back at" in machine.run("python3", script, cell).out
    machine.run(*purge)


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """What is not as it was."""
    return {path: after.get(path, "gone") for path in {**before, **after} if before.get(path) != after.get(path)}
