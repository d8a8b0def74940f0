"""`make demo` as somebody runs it who has never seen the product: what it says, what it leaves, how it is ended."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "examples" / "claude-code-ban" / "demo.py"
PATIENCE = 180
STORY = (
    "What people will read",
    "policy signed and published",
    "agent started, policy adopted",
    "installed",
    "found",
    "told",
    "a session runs",
    "block in force",
    "a new start is ended",
    "the running session is ended",
    "removed",
    "moved to the alternative",
    "reported",
    "compliance report",
    "1 never enrolled",
    "Findings are no proof of use.",
    "lifted and restored",
    "Compliance page: http://127.0.0.1:",
    "Nothing outside ",
)


class Person:
    """Somebody with a home of their own, in which a real tool lies, and with a temporary folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.temporary = folder / "tmp"
        for path in (self.home / ".claude" / "projects", self.home / ".npm", self.temporary):
            path.mkdir(parents=True)
        (self.home / ".npmrc").write_text("update-notifier=true\n")
        self.before = self.everything()

    def everything(self) -> dict[str, tuple[int, int]]:
        """Each path of the home, with its size and when it was changed."""
        found = {str(path): path.lstat() for path in [self.home, *self.home.rglob("*")]}
        return {path: (status.st_size, status.st_mtime_ns) for path, status in found.items()}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Starts the demo in a session of its own, as a terminal does."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        environment |= {"HOME": str(self.home), "TMPDIR": str(self.temporary), "PYTHONUNBUFFERED": "1"}
        return subprocess.Popen(
            [sys.executable, "-B", str(DEMO), "--offline", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def processes(self) -> list[str]:
        """What still runs with this person's temporary folder in its environment."""
        return [" ".join(process.cmdline()) for process in psutil.process_iter() if self._is_theirs(process)]

    def _is_theirs(self, process: psutil.Process) -> bool:
        try:
            return str(self.temporary) in process.environ().get("TMPDIR", "")
        except psutil.Error:
            return False


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    one = Person(tmp_path)
    yield one
    assert one.processes() == []
    assert one.everything() == one.before


def test_it_tells_the_whole_story_in_order_and_leaves_nothing(person: Person) -> None:
    demo = person.start("--exit")
    said, _ = demo.communicate(timeout=PATIENCE)
    assert demo.returncode == 0, said
    places = [said.find(words) for words in STORY]
    assert -1 not in places, said
    assert places == sorted(places), said
    assert "no registry: asked not to look" in said
    assert list(person.temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        pytest.param("policy signed and published", signal.SIGINT, id="Ctrl-C while it begins"),
        pytest.param("a session runs", signal.SIGTERM, id="killed in the middle"),
        pytest.param(
            "removed", signal.SIGHUP, id="its terminal closed while something is in quarantine", marks=pytest.mark.slow
        ),
    ],
)
def test_ended_early_it_ends_all_that_it_started(person: Person, moment: str, number: signal.Signals) -> None:
    demo = person.start()
    assert demo.stdout is not None
    for line in demo.stdout:
        if moment in line:
            break
    os.killpg(demo.pid, number)
    said, _ = demo.communicate(timeout=PATIENCE)
    assert demo.returncode == 128 + number, said
    assert "Traceback" not in said
    assert f"ended before it was done ({number.name})" in said
    assert list(person.temporary.iterdir()) == []


@pytest.mark.slow
def test_ended_at_its_end_it_says_where_everything_is(person: Person) -> None:
    folder = person.temporary / "kept"
    demo = person.start("--dir", str(folder))
    assert demo.stdout is not None
    for line in demo.stdout:
        if "Ctrl-C ends the demo" in line:
            break
    os.killpg(demo.pid, signal.SIGINT)
    said, _ = demo.communicate(timeout=PATIENCE)
    assert (demo.returncode, said) == (0, f"Everything is in {folder}.\n")
    assert (folder / "agent.log").exists()


@pytest.mark.parametrize("kind", ["a folder with something in it", "a file"])
def test_a_place_that_is_taken_is_refused_in_one_line(person: Person, kind: str) -> None:
    taken = person.temporary / "taken"
    if kind == "a file":
        taken.write_text("mine")
    else:
        (taken / "mine").mkdir(parents=True)
    demo = person.start("--exit", "--dir", str(taken))
    said, _ = demo.communicate(timeout=PATIENCE)
    assert demo.returncode == 2
    assert re.fullmatch(r"demo: .*Name another (one|folder), or none\.\n", said)
