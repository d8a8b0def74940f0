"""The Debian package from the first installation to a purge, on machines with systemd as their first process.

Installed silently with a preset, enrolled at a real console, a real package refused, upgraded and downgraded under a
storm of starts, removed and purged: afterwards every file, owner and user is as it was.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fakes.built import NEW, OLD, Built, built
from tests.fakes.little_machine import LittleMachine, little_machine
from tests.fakes.packaged import COMMAND, MODULES, PERSON, Fleet, blocking, fleet, move_in, removing, seeds, until
from tests.fakes.zoo import package as npm_package

pytestmark = [pytest.mark.packages, pytest.mark.root, pytest.mark.slow]
PACKAGE = "@anthropic-ai/claude-code@2.1.22"
SETTINGS = "/etc/interdict/settings.toml"
NOT_COMPARED = (
    *("/proc", "/sys", "/dev", "/run", "/tmp", "/var/log", "/var/lib/dpkg", "/var/cache", "/root", "/home"),
    *("/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-", "/etc/subuid-", "/etc/subgid-"),
    *("/var/lib/systemd/timers", "/var/lib/systemd/random-seed"),
)
"""What dpkg, debconf, the log and the person write themselves."""


@pytest.mark.parametrize("system", ["debian-12", "ubuntu-24.04"])
def test_from_the_first_installation_to_a_purge(system: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with fleet(tmp_path) as servers, little_machine(system) as machine:
        move_in(machine, npm_package(PACKAGE))
        assert _start(machine) == "2.1.22 (Claude Code)"
        before = machine.everything(*NOT_COMPARED)
        servers.publish(blocking())
        _install_with_preset(machine, servers, built(OLD))
        _upgrade_under_load(machine, servers, built(NEW))
        _upgrade_under_load(machine, servers, built(OLD))
        _remove_with_something_in_the_quarantine(machine, servers)
        _purge(machine)
        after = machine.everything(*NOT_COMPARED)
        assert {path: after.get(path, "gone") for path in before | after if before.get(path) != after.get(path)} == {}
        assert _start(machine) == "2.1.22 (Claude Code)"


def _start(machine: LittleMachine) -> str:
    """What the person's command says, or that it was refused."""
    done = machine.run(COMMAND, "--version", user=PERSON, check=False)
    return "refused" if "Operation not permitted" in done.err else (done.out + done.err).strip()


def _install_with_preset(machine: LittleMachine, servers: Fleet, package: Built) -> None:
    machine.put("/etc/interdict/root.json", servers.repository.trust)
    machine.run("debconf-set-selections", stdin=seeds(servers))
    _dpkg(machine, "--install", package)
    settings = machine.read(SETTINGS)
    assert f'server = "{servers.console.address}"' in settings and 'groups = ["engineering", "shanghai"]' in settings
    modes = machine.run("stat", "-c", "%a %U", "/etc/interdict/enrol.secret", SETTINGS).out.splitlines()
    assert modes == ["600 root", "644 root"]
    assert (
        "interdict/secret:" not in machine.run("sh", "-c", "debconf-show interdict | grep -v '(password omitted)'").out
    )
    assert _units(machine) == {"interdict": "active", "interdict-gate": "active", "interdict-gate-handover": "inactive"}
    until("it refuses", lambda: _start(machine) == "refused")
    until("it enrols and reports", lambda: servers.device().get("policy_version") == 1)
    assert servers.device()["agent"] == package.version and servers.device()["region"] == "CN"
    checks = {
        row["name"]: row for row in json.loads(machine.run("interdict", "doctor", "--json", check=False).out)["checks"]
    }
    looked_at = ("settings", "policy", "console", "rights", "gate")
    assert [checks[name]["result"] for name in looked_at] == ["ok"] * len(looked_at), checks


def _upgrade_under_load(machine: LittleMachine, servers: Fleet, package: Built) -> None:
    """Not one of the starts gets through while one version follows the other, in either direction."""
    machine.put(SETTINGS, machine.read(SETTINGS) + f"# changed by hand before {package.version}\n")
    settings = machine.read(SETTINGS)
    gate = machine.run("systemctl", "show", "-P", "MainPID", "interdict-gate").out
    with _storm(machine) as counted:
        _dpkg(machine, "--install", package)
    refused, started, other = counted
    assert (started, other) == (0, 0) and refused > 50, counted
    assert machine.read(SETTINGS) == settings, "what fleet management wrote stays"
    assert machine.run("interdict", "--version").out.split() == ["interdict", package.version]
    assert machine.run("systemctl", "show", "-P", "MainPID", "interdict-gate").out != gate, "the gate is a new one"
    assert _units(machine) == {"interdict": "active", "interdict-gate": "active", "interdict-gate-handover": "inactive"}
    until("the console hears of it", lambda: servers.device()["agent"] == package.version)


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


def _remove_with_something_in_the_quarantine(machine: LittleMachine, servers: Fleet) -> None:
    servers.publish(removing())
    machine.run("systemctl", "kill", "--signal=USR1", "interdict.service")
    place = f"{MODULES}/@anthropic-ai/claude-code/package.json"
    machine.wait("it is quarantined", "sh", "-c", f"! test -e {place}")
    machine.wait("it says so", "sh", "-c", "interdict quarantine list | grep -q sealed")
    said = machine.run("dpkg", "--remove", "interdict")
    assert "holds 1 quarantined item" in said.out + said.err
    until("the console knows that it left", lambda: servers.device()["removed_at"] is not None)
    assert _units(machine) == {
        "interdict": "inactive",
        "interdict-gate": "inactive",
        "interdict-gate-handover": "inactive",
    }
    assert machine.run("pgrep", "-f", "interdict", check=False).out == ""


def _purge(machine: LittleMachine) -> None:
    """Refused while the quarantine holds something; its own script gives that back; then everything goes."""
    said = machine.run("dpkg", "--purge", "interdict", check=False)
    assert said.code != 0 and "nothing was removed" in said.err
    script = "/var/lib/interdict/quarantine/restore.py"  # all is one filesystem in there
    cell = machine.run("python3", script, "list").out.split()[0]
    assert "is back at" in machine.run("python3", script, cell).out
    machine.run("dpkg", "--purge", "interdict")
    assert "interdict" not in machine.run("dpkg", "--list").out
    assert "interdict" not in machine.run("debconf-get-selections", check=False).out


def _dpkg(machine: LittleMachine, verb: str, package: Built) -> None:
    path = machine.put(f"/root/{package.deb.name}", package.deb.read_bytes())
    machine.run("dpkg", verb, path, timeout=300)


def _units(machine: LittleMachine) -> dict[str, str]:
    names = ("interdict", "interdict-gate", "interdict-gate-handover")
    said = machine.run("systemctl", "is-active", *names, check=False).out.split()
    return dict(zip(names, said, strict=True))
