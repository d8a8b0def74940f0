"""Packages of the system: a made-up one, really installed on this machine, taken out by apt and by rpm, given back."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.enforce.interface import Detail, OutcomeCode
from agent.enforce.managers.interface import Command
from agent.enforce.uninstall import run_manager
from agent.host.command import Account, Output, Tool
from agent.inventory.machine import open_machine
from agent.inventory.runner import look
from policy_schema.rules.observation import Face, Observation
from tests.fakes.quarantine import snapshot
from tests.fakes.system_roots import deb_package, rpm_package
from tests.fakes.uninstalling import Uninstalling

pytestmark = [pytest.mark.managers, pytest.mark.root]

NAME = "interdict-made-up"
NEEDS = f"{NAME}-addon"
OWN = Path("/usr/lib") / NAME
FILES = (f"/usr/bin/{NAME}", f"{OWN}/app/main", f"/etc/{NAME}.conf", f"/usr/share/doc/{NAME}/copyright")


def _needing(folder: Path) -> Path:
    """Another package that needs the first."""
    source = folder / NEEDS
    (source / "DEBIAN").mkdir(parents=True)
    control = f"Package: {NEEDS}\nVersion: 1\nArchitecture: all\nMaintainer: E <e@example.com>\nDepends: {NAME}\n"
    (source / "DEBIAN" / "control").write_text(control + "Description: made for a test\n")
    subprocess.run(["dpkg-deb", "--build", "-Znone", source, f"{source}.deb"], check=True, capture_output=True)
    return Path(f"{source}.deb")


@contextmanager
def installed(*packages: Path) -> Iterator[None]:
    """Installs with dpkg on this machine, and takes every trace away again."""
    subprocess.run(["dpkg", "--install", *packages], check=True, capture_output=True)
    try:
        yield
    finally:
        Path(f"/var/lib/dpkg/info/{NAME}.prerm").unlink(missing_ok=True)
        subprocess.run(["dpkg", "--purge", "--force-all", NEEDS, NAME], check=False, capture_output=True)
        subprocess.run(["rm", "-rf", *FILES[:1], OWN, *FILES[2:3], f"/usr/share/doc/{NAME}"], check=True)


def find() -> Observation:
    with open_machine() as machine:
        (seen,) = [one for one in look(machine, ["deb"]).observations["deb"] if one.name == NAME]
    return seen


def status() -> str:
    command = ["dpkg-query", "--show", "--showformat=${db:Status-Status}", NAME]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def test_what_apt_removed_is_back_with_every_file_and_its_settings_never_went(tmp_path: Path) -> None:
    machine = Uninstalling(tmp_path)
    with installed(deb_package(tmp_path, NAME, "1.2-3", FILES)):
        before = snapshot(OWN), Path(FILES[0]).stat()
        done = machine.uninstall(find())
        assert (done.result, done.detail) == (OutcomeCode.UNINSTALLED, Detail.NONE)
        assert [name for name, _ in machine.ran] == ["dpkg-query", "apt-get", "apt-get"]
        assert status() in ("", "config-files", "not-installed")
        assert not OWN.exists()
        told = subprocess.run([FILES[0]], capture_output=True, text=True, check=False)
        assert (told.returncode, "Made Up" in told.stderr) == (126, True)
        machine.restore(done.quarantine_id)
        after = Path(FILES[0]).stat()
        assert snapshot(OWN) == before[0]
        assert (after.st_mode, after.st_uid, after.st_mtime_ns) == (
            before[1].st_mode,
            before[1].st_uid,
            before[1].st_mtime_ns,
        )


def test_apt_is_not_asked_when_another_package_needs_it(tmp_path: Path) -> None:
    machine = Uninstalling(tmp_path)
    with installed(deb_package(tmp_path, NAME, "1.2-3", FILES), _needing(tmp_path)):
        done = machine.uninstall(find())
        assert (done.result, done.detail) == (OutcomeCode.FAILED, Detail.TAKES_OTHERS)
        assert status() == "installed"
        assert Path(FILES[0]).exists()
        assert "--yes" not in machine.arguments


def test_when_apt_fails_nothing_has_happened(tmp_path: Path) -> None:
    """Its package refuses to go: dpkg's own script says no."""
    machine = Uninstalling(tmp_path)
    package = deb_package(tmp_path, NAME, "1.2-3", FILES)
    source = tmp_path / f"{NAME}-1.2-3"
    (source / "DEBIAN" / "prerm").write_text("#!/bin/sh\nexit 1\n")
    (source / "DEBIAN" / "prerm").chmod(0o755)
    subprocess.run(["dpkg-deb", "--build", "-Znone", source, package], check=True, capture_output=True)
    with installed(package):
        before = snapshot(OWN)
        done = machine.uninstall(find())
        assert (done.result, done.detail) == (OutcomeCode.FAILED, Detail.MANAGER_FAILED)
        assert snapshot(OWN) == before
        assert not [cell for cell in (tmp_path / "state" / "quarantine").glob("q-*") if (cell / "held" / "0").exists()]


class Rpm(Uninstalling):
    """A machine whose rpm has a database of its own: Debian's keeps it in the home of whoever calls it."""

    def __init__(self, base: Path) -> None:
        super().__init__(base)
        self.own = {"HOME": str(base), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        self.instead = self._with_database

    def _with_database(self, tool: Tool, command: Command, account: Account | None) -> Output:
        return run_manager(tool, command._replace(environment={**command.environment, **self.own}), account)

    def rpm(self, *arguments: str | Path) -> int:
        return subprocess.run(["rpm", *arguments], env=self.own, check=False, capture_output=True).returncode

    @contextmanager
    def installed(self, *packages: Path) -> Iterator[Observation]:
        """Installs, says what the inventory would, and takes every trace away again."""
        assert self.rpm("--install", "--nodeps", *packages) == 0
        purl = f"pkg:rpm/fedora/{NAME}@1.2-1"
        try:
            yield Observation(
                "rpm", Face.PACKAGE, f"/var/lib/rpm/rpmdb.sqlite#{NAME}", uid=0, purl=purl, manager="dnf", prefix="/"
            )
        finally:
            subprocess.run(["rm", "-rf", f"/opt/{NAME}", f"/usr/bin/{NAME}"], check=True)


def test_what_rpm_erased_is_back_with_every_file(tmp_path: Path) -> None:
    machine, own = Rpm(tmp_path), Path("/opt") / NAME
    with machine.installed(rpm_package(tmp_path, NAME, "1.2", (f"/usr/bin/{NAME}", f"{own}/app/main"))) as seen:
        before = snapshot(own / "app")
        done = machine.uninstall(seen)
        assert (done.result, done.detail) == (OutcomeCode.UNINSTALLED, Detail.NONE)
        assert [name for name, _ in machine.ran] == ["rpm", "rpm", "rpm"]
        assert not (own / "app" / "main").exists()
        assert machine.rpm("--query", NAME) == 1
        machine.restore(done.quarantine_id)
        assert snapshot(own / "app") == before


def test_rpm_is_not_asked_when_another_package_needs_it(tmp_path: Path) -> None:
    machine = Rpm(tmp_path)
    needing = rpm_package(tmp_path, NEEDS, "1", requires=NAME)
    with machine.installed(rpm_package(tmp_path, NAME, "1.2", (f"/opt/{NAME}/app/main",)), needing) as seen:
        done = machine.uninstall(seen)
        assert (done.result, done.detail) == (OutcomeCode.FAILED, Detail.MANAGER_FAILED)
        assert Path(f"/opt/{NAME}/app/main").exists()
        assert machine.arguments[-3:] == ["--erase", "--test", NAME]
