"""`interdict` as it is typed: what is wrong is one line and exit code 2, never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
POLICY = ROOT / "examples" / "claude-code-ban" / "policy.yaml"
COMMAND = (sys.executable, "-m", "agent")


def _scan(folder: Path) -> list[str]:
    settings = folder / "settings.toml"
    settings.write_text("system = false\n")
    settings.chmod(0o600)
    (folder / "home").mkdir()
    return [*COMMAND, "inventory", "--config", str(settings), "--home", str(folder / "home"), "--path", str(folder)]


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["noticed at the end", "noticed at once"])
def test_a_reader_that_went_away_is_not_complained_about(tmp_path: Path, unbuffered: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        done = subprocess.run(
            _scan(tmp_path),
            cwd=ROOT,
            stdout=closed,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            timeout=60,
        )
    assert (done.returncode, done.stderr) == (2, b"")


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["noticed at the end", "noticed at once"])
def test_an_output_without_room_is_one_line(tmp_path: Path, unbuffered: str) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            _scan(tmp_path),
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            timeout=60,
            text=True,
        )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "No space left" in done.stderr
