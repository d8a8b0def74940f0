"""The source that is frozen: a copy with the version and the time of the build written into it.

Both come from git (`git describe`, the time of the commit), so that whoever builds the same commit gets the same bytes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("agent", "policy_schema")
_KEPT = ("PATH", "HOME", "TMPDIR", "SYSTEMROOT", "COMSPEC", "PATHEXT", "TEMP", "USERPROFILE", "LOCALAPPDATA", "APPDATA")
"""What the tools need of the environment; all but the first three are Windows', where nothing starts without them."""
_VERSION = re.compile(r"[0-9]+(\.[0-9]+)+(\+[0-9a-z]+(\.[0-9a-z]+)*)?")


class Build(NamedTuple):
    """What is built: its version and the second that every file in it is dated with."""

    version: str
    epoch: int
    out: Path

    @property
    def environment(self) -> dict[str, str]:
        """What makes the tools write the same bytes again."""
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return {**kept, "SOURCE_DATE_EPOCH": str(self.epoch), "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def choose_build(out: Path, version: str = "", epoch: int | None = None) -> Build:
    """What this tree is: its version by the last tag, and the time of its last commit.

    Raises:
        ValueError: the version is none that deb, rpm and Python all read alike.
    """
    made = version or _described()
    if not _VERSION.fullmatch(made):
        raise ValueError(f"{made}: a version is 1.2.3 or 1.2.3+word.word")
    return Build(made, epoch if epoch is not None else _committed(), out)


def _described() -> str:
    """`0.1.0` at its tag, `0.1.0+git.5ab5b20` elsewhere (`.changed` with edits), the project's own without git."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    plain = re.search(r'^version = "([^"]+)"', text, re.MULTILINE)
    if plain is None:
        raise ValueError("pyproject.toml: no version")
    version = plain[1]
    if _git("describe", "--tags", "--exact-match").removeprefix("v") == version:
        return version
    commit = _git("rev-parse", "--short=9", "HEAD")
    changed = ".changed" if commit and _git("status", "--porcelain", "--", *PACKAGES, "packaging", "installers") else ""
    return f"{version}+git.{commit}{changed}" if commit else version


def _committed() -> int:
    given = os.environ.get("SOURCE_DATE_EPOCH", "")
    return int(given or _git("log", "-1", "--format=%ct") or "1792000000")


def _git(*words: str) -> str:
    done = subprocess.run(["git", "-C", os.fspath(ROOT), *words], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def copy_source(build: Build, into: Path) -> Path:
    """The packages that are frozen, stamped, in a folder of their own."""
    shutil.rmtree(into, ignore_errors=True)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, into / package, ignore=shutil.ignore_patterns("__pycache__", "ruff.toml", ".*"))
    _stamp(into / "agent/version.py", r'^VERSION = "[^"]*"', f'VERSION = "{build.version}"')
    clock = into / "agent/host/clock.py"
    found = re.search(r"^BUILD_TIME = Instant\(([0-9_]+)\)", clock.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise ValueError("agent/host/clock.py: no BUILD_TIME")
    latest = max(int(found[1].replace("_", "")), build.epoch)
    _stamp(clock, r"^BUILD_TIME = Instant\([0-9_]+\)", f"BUILD_TIME = Instant({latest})")
    return into


def _stamp(path: Path, pattern: str, line: str) -> None:
    text, count = re.subn(pattern, line, path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    if count != 1:
        raise ValueError(f"{path}: {pattern} is there {count} times")
    path.write_text(text, encoding="utf-8")
