"""Pages in a real, headless Chromium by Playwright, judged by axe-core: what is cut off, asked for, said.

Playwright's driver and axe-core come from npm into the zoo's cache, once for each version; the browser is the system's.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.fakes.zoo import cache_folder, npm_local

PACKAGES = ("playwright-core@1.65.1", "axe-core@4.14.1")
_SCRIPT = Path(__file__).with_suffix(".mjs")
_PATIENCE = 120


class View(NamedTuple):
    """How a page is looked at."""

    name: str
    file: Path
    width: int = 1280
    height: int = 900
    scheme: str = "light"
    scale: float = 1
    media: str = "screen"
    shot: Path | None = None

    def asked(self) -> dict[str, object]:
        """What the script is asked."""
        return {**self._asdict(), "file": str(self.file), "shot": str(self.shot) if self.shot else None}


class Seen(NamedTuple):
    """What came of it."""

    file: str
    violations: list[str]
    passes: int
    requests: list[str]
    complaints: list[str]
    reached: list[str]
    """What the first presses of Tab led to."""
    cut_off: list[str]
    dead_links: list[str]
    scripts: int
    text: str


def look(views: Sequence[View]) -> dict[str, Seen]:
    """Looks at each page; what was seen, by the view's name."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.fail("no browser: apt-get install chromium", pytrace=False)
    asked = {"chromium": chromium, "modules": str(_modules()), "pages": [view.asked() for view in views]}
    done = subprocess.run(
        ["node", str(_SCRIPT)], input=json.dumps(asked), capture_output=True, text=True, timeout=_PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return {view.name: Seen(**row) for view, row in zip(views, json.loads(done.stdout), strict=True)}


def _modules() -> Path:
    folder = cache_folder() / "browser" / "+".join(PACKAGES).replace("@", "-")
    modules = folder / "node_modules"
    if not all((modules / package.rpartition("@")[0] / "package.json").exists() for package in PACKAGES):
        npm_local(folder, *PACKAGES)
    return modules
