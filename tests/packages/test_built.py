"""What was built: the same twice, with all that is inside named, small, without places of the building machine, and
clean in the eyes of the usual tools; and repositories that apt and rpm trust by their signatures alone."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.architecture.source import ROOT
from tests.fakes.built import ENVIRONMENT, NEW, OLD, Built, built
from tests.fakes.little_machine import little_machine

pytestmark = [pytest.mark.packages, pytest.mark.root, pytest.mark.slow]
MOST_MB = 60
BUILD = [sys.executable, os.fspath(ROOT / "packaging" / "build")]


@pytest.fixture(scope="module")
def old() -> Built:
    return built(OLD)


def test_two_builds_are_byte_identical(old: Built, tmp_path: Path) -> None:
    """In another folder, from a copy of the source elsewhere."""
    words = ["frozen", "deb", "rpm", "--version", old.version, "--out", os.fspath(tmp_path / "elsewhere")]
    subprocess.run([*BUILD, *words], check=True, stdout=subprocess.DEVNULL, env=ENVIRONMENT)
    made = tmp_path / "elsewhere"
    for package in (old.deb, old.rpm):
        assert _digest(made / package.name) == _digest(package), package.name


def test_the_list_of_what_is_inside_is_valid_and_complete(old: Built) -> None:
    text = (old.frozen.parent / "interdict.cdx.json").read_text(encoding="utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    named = {row["name"] for row in json.loads(text)["components"]}
    assert {
        "cpython",
        "cryptography",
        "httpx",
        "msgspec",
        "psutil",
        "pydantic",
        "tuf",
        "pyinstaller",
        "libcrypto.so.3",
    } <= named
    metadata = {path.name.split("-")[0].lower().replace("_", "-") for path in old.frozen.rglob("*.dist-info")}
    assert metadata <= named
    assert not named & {"pytest", "starlette", "rich", "click"}


def test_no_place_of_the_building_machine_is_left(old: Built) -> None:
    home = os.fsencode(Path(sys.base_prefix).parent)
    for path in sorted(old.frozen.rglob("*.so*")):
        shown = subprocess.run(["readelf", "-d", path], capture_output=True, text=True, check=True).stdout
        assert "RUNPATH" not in shown and "RPATH" not in shown, path
    programs = [path for path in old.frozen.rglob("*") if path.is_file() and path.stat().st_mode & 0o6022]
    assert programs == [], "nobody but root may write, nothing runs with rights of others"
    assert home not in (old.frozen / "lib" / "base_library.zip").read_bytes()


def test_it_stays_small_and_the_gate_holds_the_standard_library_alone(old: Built) -> None:
    size = sum(path.stat().st_size for path in old.frozen.rglob("*") if path.is_file())
    assert size < MOST_MB * 1_000_000, f"{size / 1_000_000:.1f} MB"
    listed = subprocess.run(
        [sys.executable, "-m", "PyInstaller.utils.cliutils.archive_viewer", "-r", "-b", old.frozen / "interdict-gate"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "policy_schema.rules" in listed
    assert [name for name in ("agent.host", "ssl", "msgspec", "psutil", "pydantic") if f"'{name}'" in listed] == []


def test_the_usual_tools_find_nothing(old: Built) -> None:
    done = subprocess.run(
        [os.fspath(ROOT / "packaging" / "check"), os.fspath(old.deb.parent)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "systemd-analyze security: interdict-gate.service: 4" in done.stdout


def test_apt_and_rpm_take_packages_from_signed_repositories_and_no_others(old: Built, tmp_path: Path) -> None:
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    key = "packages@example.org"
    make = ["gpg", "--homedir", os.fspath(home), "--batch", "--quiet", "--passphrase", ""]
    subprocess.run([*make, "--quick-generate-key", key, "rsa3072", "sign", "never"], check=True, capture_output=True)
    source = tmp_path / "packages"
    source.mkdir()
    for package in (old.deb, built(NEW).deb, old.rpm):
        shutil.copy2(package, source)
    words = [key, "--home", os.fspath(home), "--from", os.fspath(source), "--into", os.fspath(tmp_path / "repository")]
    try:
        subprocess.run(
            [os.fspath(ROOT / "packaging" / "repository"), *words], check=True, capture_output=True, env=_own()
        )
    finally:
        subprocess.run(["gpgconf", "--homedir", os.fspath(home), "--kill", "all"], check=False)
    _apt(tmp_path / "repository" / "apt")
    _rpm(tmp_path / "repository" / "rpm", tmp_path / "rpmdb")


def _apt(repository: Path) -> None:
    with little_machine("debian-12") as machine:
        shutil.copytree(repository, machine.root / "srv/apt")
        line = "deb [signed-by=/srv/apt/interdict.asc] file:/srv/apt stable main\n"
        machine.put("/etc/apt/sources.list", line)
        machine.run("apt-get", "update")
        machine.run("apt-get", "install", "--yes", "--no-install-recommends", f"interdict={OLD}", timeout=300)
        machine.run("apt-get", "upgrade", "--yes", timeout=300)
        assert machine.run("interdict", "--version").out.split()[1] == NEW
        release = machine.root / "srv/apt/dists/stable/InRelease"
        release.write_bytes(release.read_bytes().replace(b"Origin: Interdict", b"Origin: Interdixt"))
        machine.run("rm", "-rf", "/var/lib/apt/lists")
        refused = machine.run("apt-get", "update", check=False)
        assert refused.code != 0 and "invalid" in (refused.out + refused.err).lower()


def _rpm(repository: Path, database: Path) -> None:
    (package,) = repository.glob("*.rpm")
    check = ["rpm", "--dbpath", os.fspath(database), "--checksig", os.fspath(package)]
    assert "NOT OK" in subprocess.run(check, capture_output=True, text=True, check=False).stdout
    subprocess.run(["rpm", "--dbpath", os.fspath(database), "--import", repository / "interdict.asc"], check=True)
    assert "digests signatures OK" in subprocess.run(check, capture_output=True, text=True, check=True).stdout
    assert {"repomd.xml", "repomd.xml.asc"} <= {path.name for path in (repository / "repodata").iterdir()}


def _own() -> dict[str, str]:
    """The script runs with this very Python."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
