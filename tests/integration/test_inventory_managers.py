"""The system's packages: what the managers' own tools say about real databases, beside what the inventory reads."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from agent.inventory.interface import Look, Wanted
from agent.inventory.machine import open_machine
from agent.inventory.owners import owner_of
from agent.inventory.runner import look
from tests.fakes.machine_folder import SAMPLES
from tests.fakes.system_roots import (
    arch_package,
    deb_package,
    deb_root,
    dpkg,
    ndb_rpm,
    os_release,
    pacman,
    rpm,
    rpm_package,
    run,
)
from tests.fakes.zoo import pip_target

pytestmark = [pytest.mark.managers, pytest.mark.root]


def look_at(root: Path | str, *sources: str, wanted: Wanted | None = None) -> Look:
    with open_machine(root=str(root), wanted=wanted) as machine:
        return look(machine, sources)


def rows(found: Look, source: str) -> list[tuple[str, str]]:
    assert found.complete
    return sorted((one.name, one.version) for one in found.observations[source])


# ---------------------------------------------------------------------------- deb
def test_this_machine_has_the_packages_that_dpkg_query_names() -> None:
    said = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${db:Status-Status} ${Package} ${Version}\n"],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line.split(" ") for line in said.stdout.splitlines()]
    theirs = sorted((name, version) for state, name, version in lines if state == "installed")
    assert rows(look_at("/", "deb"), "deb") == theirs
    assert len(theirs) > 50


def test_what_dpkg_installs_and_removes_in_another_root_is_seen(tmp_path: Path) -> None:
    root = deb_root(tmp_path / "root")
    packages = [
        deb_package(tmp_path, "claude-desktop", "1:1.2.3-1~deb12u1", ("/usr/bin/claude-desktop", "/opt/claude/app")),
        deb_package(tmp_path, "libtool-x", "0.1", arch="all"),
        deb_package(tmp_path, "gone", "9.9-1", ("/usr/bin/gone",)),
    ]
    dpkg(root, "--install", *map(str, packages))
    dpkg(root, "--purge", "gone")
    found = look_at(root, "deb", "executables", wanted=Wanted(frozenset({"claude-desktop"})))
    assert rows(found, "deb") == [("claude-desktop", "1:1.2.3-1~deb12u1"), ("libtool-x", "0.1")]
    (package,) = (one for one in found.observations["deb"] if one.name == "claude-desktop")
    assert package.purl == "pkg:deb/debian/claude-desktop@1:1.2.3-1~deb12u1?arch=all&distro=debian-12"
    assert package.path == "/var/lib/dpkg/info/claude-desktop.list"
    (program,) = found.observations["executables"]
    assert (program.container, program.container_path) == ("pkg:deb/claude-desktop", package.path)
    assert program.manager == "apt"


def test_every_program_of_this_machine_belongs_to_the_package_that_dpkg_names() -> None:
    programs = ["/usr/bin/dpkg", "/usr/bin/git", "/usr/bin/bash", "/usr/bin/rpm"]
    wanted = Wanted(frozenset(Path(path).name for path in programs))
    found = {one.path: one for one in look_at("/", "executables", wanted=wanted).observations["executables"]}
    said = {path: owner_by_dpkg(path) for path in programs}
    assert {path: found[path].container for path in programs} == {p: f"pkg:deb/{name}" for p, name in said.items()}


def owner_by_dpkg(path: str) -> str:
    for name in (path, path.removeprefix("/usr")):
        said = subprocess.run(["dpkg-query", "--search", name], capture_output=True, text=True, check=False)
        if said.returncode == 0:
            return said.stdout.partition(":")[0]
    raise AssertionError(path)


# ---------------------------------------------------------------------------- rpm
def test_what_rpm_installs_and_removes_in_another_root_is_seen(tmp_path: Path) -> None:
    root = tmp_path / "root"
    os_release(root, "fedora", "41")
    many = tuple(f"/opt/many/{'f' * 60}-{number}" for number in range(800))
    packages = [
        rpm_package(tmp_path, "claude-desktop", "1.2.3~rc1", ("/usr/bin/claude-desktop", "/opt/claude/app"), epoch=2),
        rpm_package(tmp_path, "ImageMagick", "7.1", many),
        rpm_package(tmp_path, "gone", "9.9", ("/usr/bin/gone",)),
    ]
    rpm(root, "--install", *map(str, packages))
    rpm(root, "--erase", "gone")
    said = rpm(root, "--query", "--all", "--queryformat", "%{NAME} %{EVR}\n")
    found = look_at(root, "rpm", "executables", wanted=Wanted(frozenset({"claude-desktop"})))
    assert rows(found, "rpm") == sorted((line.split()[0], line.split()[1]) for line in said.splitlines())
    purls = {one.name: one.purl for one in found.observations["rpm"]}
    assert purls == {
        "claude-desktop": "pkg:rpm/fedora/claude-desktop@1.2.3~rc1-1?arch=noarch&distro=fedora-41&epoch=2",
        "ImageMagick": "pkg:rpm/fedora/ImageMagick@7.1-1?arch=noarch&distro=fedora-41",
    }
    (program,) = found.observations["executables"]
    assert program.container == "pkg:rpm/claude-desktop"
    assert program.container_path == "/var/lib/rpm/rpmdb.sqlite#claude-desktop"


def test_every_file_of_an_rpm_package_is_owned_as_rpm_says(tmp_path: Path) -> None:
    root, files = tmp_path / "root", ("/usr/bin/a", "/usr/bin/b", "/opt/a/bin/a", "/opt/b/a")
    rpm(root, "--install", str(rpm_package(tmp_path, "one", "1", files[:2])))
    rpm(root, "--install", str(rpm_package(tmp_path, "two", "2", files[2:])))
    said = {path: rpm(root, "--query", "--file", path, "--queryformat", "pkg:rpm/%{NAME}") for path in files}
    with open_machine(root=str(root)) as machine:
        owners = {path: owner_of(machine, path) for path in files}
        assert owner_of(machine, "/opt/c/a") is None
    assert {path: owner.container.purl for path, owner in owners.items() if owner} == said


@pytest.mark.parametrize("sample", ["Packages.little", "Packages.big"])
def test_a_berkeley_db_holds_what_rpm_reads_from_it(sample: str, tmp_path: Path) -> None:
    """rpm still reads that form, and writes it no more; how the samples were made: tests/samples/rpm."""
    database = tmp_path / "var/lib/rpm"
    database.mkdir(parents=True)
    shutil.copyfile(SAMPLES / "rpm" / sample, database / "Packages")
    query = ("rpm", "--define", "_db_backend bdb_ro", "--dbpath", str(database), "--query", "--queryformat")
    said = run(*query, "%{NAME} %{EVR}\n", "--all").splitlines()
    assert rows(look_at(tmp_path, "rpm"), "rpm") == sorted((line.split()[0], line.split()[1]) for line in said)
    assert len(said) == 4
    files = [line.split() for line in run(*query, "[%{=NAME} %{FILENAMES}\n]", "--all").splitlines()]
    with open_machine(root=str(tmp_path)) as machine:
        owners = [owner_of(machine, path) for _, path in files]
    assert [owner.container.purl for owner in owners if owner] == [f"pkg:rpm/{name}" for name, _ in files]
    assert len(files) == 154


@pytest.mark.online
def test_what_rpm_installs_and_removes_in_an_ndb_is_seen(tmp_path: Path) -> None:
    """Debian's rpm knows no ndb; one that does comes from PyPI."""
    program = pip_target(tmp_path / "tool", "rpm-inspector-rpm==4.16.1.3.210404") / "rpm_inspector_rpm/bin/rpm"
    program.chmod(0o755)
    root, ndb = tmp_path / "root", ndb_rpm(program)
    names = [f"part-{number}" for number in range(3)]
    made = [rpm_package(tmp_path, name, "1.2~rc1", (f"/usr/bin/{name}",), epoch=2) for name in names]
    made.append(rpm_package(tmp_path, "many", "7.1", tuple(f"/opt/many/{'f' * 60}-{number}" for number in range(800))))
    for package in made:
        ndb(root, "--install", str(package))
    ndb(root, "--erase", "part-1")
    said = ndb(root, "--query", "--all", "--queryformat", "%{NAME} %{EVR}\n").splitlines()
    assert (root / "var/lib/rpm/Packages.db").read_bytes().startswith(b"RpmP")
    assert rows(look_at(root, "rpm"), "rpm") == sorted((line.split()[0], line.split()[1]) for line in said)
    assert len(said) == 3
    with open_machine(root=str(root)) as machine:
        owner = owner_of(machine, "/usr/bin/part-2")
        assert owner_of(machine, "/usr/bin/part-1") is None
    assert owner
    assert owner.container == ("pkg:rpm/part-2", "/var/lib/rpm/Packages.db#part-2")


# ---------------------------------------------------------------------------- pacman
def test_what_pacman_installs_and_removes_in_another_root_is_seen(tmp_path: Path) -> None:
    root = tmp_path / "root"
    os_release(root, "arch", "")
    packages = [
        arch_package(tmp_path, "claude-desktop", "1:1.2.3-4", ("/usr/bin/claude-desktop",)),
        arch_package(tmp_path, "gone", "9.9-1", ("/usr/bin/gone",)),
    ]
    pacman(root, "--upgrade", *map(str, packages))
    pacman(root, "--remove", "gone")
    found = look_at(root, "pacman", "executables", wanted=Wanted(frozenset({"claude-desktop"})))
    said = pacman(root, "--query")
    assert rows(found, "pacman") == sorted((line.split()[0], line.split()[1]) for line in said.splitlines())
    (package,) = found.observations["pacman"]
    assert package.purl == "pkg:alpm/arch/claude-desktop@1:1.2.3-4?arch=any"
    assert package.path == "/var/lib/pacman/local/claude-desktop-1:1.2.3-4"
    (program,) = found.observations["executables"]
    assert (program.container, program.container_path) == ("pkg:alpm/claude-desktop", package.path)
