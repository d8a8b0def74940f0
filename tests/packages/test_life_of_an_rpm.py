"""The rpm package from the first installation to a purge, by rpm, on a machine with systemd as its first process.

The machine is Debian 12 with rpm and a database of rpm's own, so what the package requires is not looked for (its names
are Fedora's); its scripts, files and order of steps are rpm's. Of Python there is no more than python3-minimal.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.built import NEW, OLD, Built, built
from tests.fakes.little_machine import LittleMachine, little_machine
from tests.fakes.packaged import (
    NOT_COMPARED,
    PACKAGE,
    SAYS,
    blocking,
    differences,
    fleet,
    follow_under_load,
    leave_with_a_quarantine,
    move_in,
    preset,
    purge_in_the_end,
    start,
    takes_settings,
    works,
)
from tests.fakes.zoo import package as npm_package

pytestmark = [pytest.mark.packages, pytest.mark.root, pytest.mark.slow]
RPM = ("rpm", "--force-debian", "--nodeps")
PRESET = "/etc/interdict/preset.ini"


def test_from_the_first_installation_to_a_purge(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with fleet(tmp_path) as servers, little_machine("debian-12-with-rpm") as machine:
        _as_fedora_has_it(machine)
        move_in(machine, npm_package(PACKAGE))
        assert start(machine) == SAYS
        before = machine.everything(*NOT_COMPARED)
        servers.publish(blocking())
        machine.put("/etc/interdict/root.json", servers.repository.trust)
        machine.put(PRESET, preset(servers), 0o600)
        _rpm(machine, built(OLD), "--install")
        assert machine.run("ls", PRESET, check=False).code != 0, "it holds the secret: it is read once"
        works(machine, servers, OLD)
        takes_settings(machine)
        follow_under_load(machine, servers, NEW, lambda: _rpm(machine, built(NEW), "--upgrade"))
        follow_under_load(machine, servers, OLD, lambda: _rpm(machine, built(OLD), "--upgrade", "--oldpackage"))
        assert machine.run("rpm", "--query", "--all").out.split() == [f"interdict-{OLD}-1.x86_64"]
        assert machine.run("rpm", "--verify", "--nodeps", "interdict").out == ""
        leave_with_a_quarantine(machine, servers, *RPM, "--erase", "interdict")
        purge_in_the_end(machine, "/var/lib/interdict/purge")
        assert machine.run("rpm", "--query", "--all").out == ""
        assert differences(before, machine.everything(*NOT_COMPARED)) == {}
        assert start(machine) == SAYS


def _as_fedora_has_it(machine: LittleMachine) -> None:
    """Folders that Fedora's packages `filesystem` and `systemd` bring, and Debian only where something lies in them."""
    machine.run("mkdir", "-p", "/etc/xdg/autostart", "/usr/lib/systemd/user", "/etc/systemd/user")


def _rpm(machine: LittleMachine, package: Built, *how: str) -> None:
    path = machine.put(f"/root/{package.rpm.name}", package.rpm.read_bytes())
    done = machine.run(*RPM, *how, path, timeout=300)
    assert "scriptlet failed" not in done.out + done.err, done.err
