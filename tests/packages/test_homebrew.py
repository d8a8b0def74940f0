"""The Homebrew formula, prepared as its page says, then installed and examined by its own `install` and `test`."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.packages
ROOT = Path(__file__).parents[2]
FORMULA = ROOT / "installers/homebrew/interdict.rb"
TEXT = FORMULA.read_text(encoding="utf-8")
PAGE = (ROOT / "docs/fleet/homebrew.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_ruby_reads_it() -> None:
    done = subprocess.run(["ruby", "-c", FORMULA], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "Syntax OK", done.stderr


def test_it_names_what_the_project_is() -> None:
    assert re.findall(r'^  version "(.+)"', TEXT, re.MULTILINE) == [PROJECT["version"]]
    assert re.findall(r'^  license "(.+)"', TEXT, re.MULTILINE) == [PROJECT["license"]]
    linked = re.findall(r'libexec/"bin/(interdict[a-z-]*)"', TEXT)
    assert linked and set(linked) < set(PROJECT["scripts"])
    (python,) = re.findall(r'depends_on "python@(.+)"', TEXT)
    assert f"Programming Language :: Python :: {python}" in PROJECT["classifiers"]
    assert f'system "python{python}"' in TEXT


@pytest.mark.online
@pytest.mark.slow
def test_it_installs_what_the_page_made(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    for folder in ("packaging", "requirements"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    said = ""
    for line in block.splitlines():
        command = f'PATH="{Path(sys.executable).parent}:$PATH"; {line.removeprefix("$ ")}'
        done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (line, done.stderr)
        said = done.stdout
    sums = iter([row.split()[0] for row in said.splitlines()])
    made = tmp_path / "interdict.rb"
    made.write_text(re.sub(r"0{64}", lambda _: next(sums), TEXT))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python3.13").symlink_to(sys.executable)  # any that the project runs on
    words = [
        shutil.which("ruby"),
        ROOT / "tests/fakes/brew.rb",
        made,
        tmp_path / "prefix",
        *(tmp_path / "dist").iterdir(),
    ]
    path = f"{tmp_path / 'bin'}:/usr/bin:/bin"
    done = subprocess.run(words, env={"PATH": path, "HOME": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert done.stdout == f"installed and tested: {PROJECT['version']}\n", done.stderr
    assert (tmp_path / "prefix/bin/interdict").resolve().is_file()
