"""The way out on macOS, run here on folders of our own: what is held stays, and so does what cannot be looked at.

launchd and the list of receipts are not here: the script goes on without them, as it does for an agent half removed.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.quarantine import World

pytestmark = [pytest.mark.packages, pytest.mark.root]
ROOT = Path(__file__).parents[2]
FILES = (
    "Library/LaunchDaemons/com.interdict.agent.plist",
    "Library/LaunchAgents/com.interdict.notifier.plist",
    "Library/Logs/Interdict/agent.log",
    "usr/local/bin/interdict",
)
PROGRAM = """#!{python}
import sys
sys.path.insert(0, {root!r})
from agent.cli.output import print_json
if sys.argv[1] == "leave":
    open({told!r}, "w").close()
    sys.exit(2)
if {code}:
    sys.exit({code})
print_json({{"schema": 1, "items": {items!r}, "unknown": {unknown!r}}})
"""
"""Says what is held in the agent's own form; the console cannot be reached."""


class Mac:
    """A Mac's folders, as far as the package goes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.state = root / "Library/Application Support/Interdict"
        self.told = root / "told"
        for name in FILES:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).touch()
        (self.state / "state").mkdir(parents=True)
        text = (ROOT / "packaging/macos/uninstall").read_text(encoding="utf-8")
        for name in ("/Library/", "/usr/local/bin"):
            text = text.replace(name, f"{root}{name}")
        self.script = root / "uninstall"
        self.script.write_text(text, encoding="utf-8")

    def install(self, code: int = 0, items: tuple[object, ...] = (), unknown: tuple[str, ...] = ()) -> None:
        """Puts a program there that says this of the quarantine."""
        program = self.root / "Library/Interdict/interdict"
        program.parent.mkdir()
        facts = {"python": sys.executable, "root": str(ROOT), "told": str(self.told), "code": code}
        program.write_text(PROGRAM.format(**facts, items=list(items), unknown=list(unknown)))
        program.chmod(0o755)

    def uninstall(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Runs the script."""
        return subprocess.run(["sh", self.script, *words], capture_output=True, text=True, check=False)

    def left(self) -> set[str]:
        """What of it is there."""
        places = ("Library/Interdict", "Library/Application Support/Interdict", *FILES)
        return {place for place in places if (self.root / place).exists()}


@pytest.fixture
def mac(tmp_path: Path) -> Iterator[Mac]:
    yield Mac(tmp_path / "mac")


def test_it_takes_the_agent_away_and_tells_the_console(mac: Mac) -> None:
    mac.install(items=({"id": "q-7h3kx9pm"},))
    done = mac.uninstall()
    assert (done.returncode, mac.told.exists()) == (0, True), done.stderr
    assert mac.left() == {"Library/Application Support/Interdict", "Library/Logs/Interdict/agent.log"}


def test_purge_leaves_nothing(mac: Mac) -> None:
    mac.install()
    done = mac.uninstall("--purge")
    assert (done.returncode, mac.left()) == (0, set()), done.stderr


@pytest.mark.parametrize(
    ("code", "items", "unknown"),
    [(0, ({"id": "q-7h3kx9pm"},), ()), (0, (), ("/Volumes/Data/.interdict-quarantine",)), (2, (), ())],
    ids=["something is held", "a quarantine cannot be read", "the agent cannot say"],
)
def test_purge_refuses_and_removes_nothing_where(
    mac: Mac, code: int, items: tuple[object, ...], unknown: tuple[str, ...]
) -> None:
    mac.install(code, items, unknown)
    before = mac.left()
    done = mac.uninstall("--purge")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert "restore.py" in done.stderr
    assert (mac.left(), mac.told.exists()) == (before, False)


def test_purge_refuses_where_the_agent_is_gone_and_its_quarantine_is_not(mac: Mac) -> None:
    (mac.state / "state").rmdir()
    world = World(mac.state).build()
    assert world.take().quarantine_id
    cells = world.cells()
    done = mac.uninstall("--purge")
    assert done.returncode == 1, done.stderr
    assert cells and all(cell.is_dir() for cell in cells)


def test_purge_takes_an_empty_quarantine_of_an_agent_that_is_gone(mac: Mac) -> None:
    (mac.state / "state/quarantine/q-7h3kx9pm/held").mkdir(parents=True)
    done = mac.uninstall("--purge")
    assert (done.returncode, mac.left()) == (0, set()), done.stderr


def test_it_says_how_it_is_called(mac: Mac) -> None:
    done = mac.uninstall("--all")
    assert (done.returncode, done.stderr) == (2, "interdict: uninstall [--purge]\n")
