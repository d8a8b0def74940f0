"""The package for macOS as far as any system can tell: where its files lie, its jobs and scripts.

That it installs is the business of its workflow file, on a real Mac.
"""

from __future__ import annotations

import plistlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

pytestmark = pytest.mark.packages
ROOT = Path(__file__).parents[2]
MACOS = ROOT / "packaging/macos"
SCRIPTS = sorted([*(MACOS / "scripts").iterdir(), MACOS / "uninstall"])


@pytest.fixture(autouse=True)
def making() -> Iterator[None]:
    sys.path.insert(0, str(ROOT / "packaging"))
    yield
    sys.path.remove(str(ROOT / "packaging"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """What the package would put on a Mac."""
    from making.pkg import lay_out_pkg  # type: ignore[import-not-found]  # the folder of the packagers is no package

    payload = tmp_path / "payload"
    (payload / "_internal").mkdir(parents=True)
    (payload / "interdict").write_bytes(b"\xcf\xfa\xed\xfe")
    (payload / "interdict").chmod(0o755)
    made: Path = lay_out_pkg(payload, tmp_path / "root")
    return made


def test_its_files_lie_where_macos_looks_for_them(root: Path) -> None:
    files = {str(path.relative_to(root)): path.lstat().st_mode & 0o777 for path in root.rglob("*") if not path.is_dir()}
    assert files == {
        "Library/Interdict/interdict": 0o755,
        "Library/Interdict/uninstall": 0o755,
        "Library/LaunchDaemons/com.interdict.agent.plist": 0o644,
        "Library/LaunchAgents/com.interdict.notifier.plist": 0o644,
        "usr/local/bin/interdict": 0o777,
    }
    assert (root / "usr/local/bin/interdict").readlink() == Path("/Library/Interdict/interdict")


def test_every_job_starts_a_program_that_is_there(root: Path) -> None:
    for folder in ("LaunchDaemons", "LaunchAgents"):
        for path in (root / "Library" / folder).iterdir():
            job = plistlib.loads(path.read_bytes())
            assert job["Label"] == path.stem
            program = root / job["ProgramArguments"][0].removeprefix("/")
            assert program.is_symlink() or program.is_file()
            done = subprocess.run(["plistutil", "-i", path, "-f", "bin", "-o", "/dev/null"], capture_output=True)
            assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_one_that_the_shell_understands(script: Path) -> None:
    done = subprocess.run(["shellcheck", "--shell=sh", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert script.stat().st_mode & 0o111


def test_every_program_of_a_script_is_named_with_its_whole_path() -> None:
    words = {"launchctl", "mkdir", "chown", "chmod", "stat", "rm", "pkgutil", "grep", "awk", "sort", "who", "id"}
    for script in SCRIPTS:
        for line in script.read_text().splitlines():
            for word in line.partition("#")[0].replace("(", " ").replace("|", " ").replace(";", " ").split():
                assert word not in words, f"{script.name}: {line}"


def test_the_distribution_names_the_component_that_is_built() -> None:
    document = ElementTree.parse(MACOS / "distribution.xml").getroot()
    from making.pkg import IDENTIFIER

    assert {row.get("id") for row in document.iter("pkg-ref")} == {IDENTIFIER}
    assert [row.text for row in document.iter("pkg-ref") if row.text and row.text.strip()] == ["component.pkg"]


def test_without_a_program_nothing_is_laid_out(tmp_path: Path) -> None:
    from making.pkg import lay_out_pkg

    (tmp_path / "payload").mkdir()
    with pytest.raises(ValueError, match="there is no program"):
        lay_out_pkg(tmp_path / "payload", tmp_path / "root")
