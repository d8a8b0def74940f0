"""The Debian package from the first installation to a purge, on machines with systemd as their first process.

Installed silently with a preset, enrolled at a real console, a real package refused, upgraded and downgraded under a
storm of starts, removed and purged: afterwards every file, owner and user is as it was.
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
    purge_in_the_end,
    seeds,
    start,
    takes_settings,
    works,
)
from tests.fakes.zoo import package as npm_package

pytestmark = [pytest.mark.packages, pytest.mark.root, pytest.mark.slow]


@pytest.mark.parametrize("system", ["debian-12", "ubuntu-24.04"])
def test_from_the_first_installation_to_a_purge(system: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with fleet(tmp_path) as servers, little_machine(system) as machine:
        move_in(machine, npm_package(PACKAGE))
        assert start(machine) == SAYS
        before = machine.everything(*NOT_COMPARED)
        servers.publish(blocking())
        machine.put("/etc/interdict/root.json", servers.repository.trust)
        machine.run("debconf-set-selections", stdin=seeds(servers))
        _install(machine, built(OLD))
        _the_secret_is_out_of_debconf(machine)
        works(machine, servers, OLD)
        takes_settings(machine)
        for version in (NEW, OLD):
            follow_under_load(machine, servers, version, lambda which=version: _install(machine, built(which)))  # type: ignore[misc]
        leave_with_a_quarantine(machine, servers, "dpkg", "--remove", "interdict")
        purge_in_the_end(machine, "dpkg", "--purge", "interdict")
        assert "interdict" not in machine.run("dpkg", "--list").out
        assert "interdict" not in machine.run("debconf-get-selections", check=False).out
        assert differences(before, machine.everything(*NOT_COMPARED)) == {}
        assert start(machine) == SAYS


def _install(machine: LittleMachine, package: Built) -> None:
    path = machine.put(f"/root/{package.deb.name}", package.deb.read_bytes())
    machine.run("dpkg", "--install", path, timeout=300)


def _the_secret_is_out_of_debconf(machine: LittleMachine) -> None:
    shown = machine.run("sh", "-c", "debconf-show interdict | grep -v '(password omitted)'").out
    assert "interdict/secret:" not in shown
