"""What a real agent does when something under it fails. docs/fail-directions.md has a row for each."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from policy_schema.rules.instant import format_instant
from tests.fakes.policies import ban, closed
from tests.fakes.synthetic import synthetic_npm_install
from tests.fakes.workstation import TAKEN, Workstation
from tests.fakes.wrong_clock import wrong_clock

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits and mounts of Linux")
NAME, VERSION = "@anthropic-ai/claude-code", "2.1.197"
HOUR = 3600
YEARS = 10 * 365 * 86400


@pytest.fixture
def workstation(tmp_path: Path) -> Iterator[Workstation]:
    with Workstation(tmp_path) as one:
        yield one


def _install(workstation: Workstation, prefix: str = ".npm-global") -> Path:
    return synthetic_npm_install(workstation.home / prefix, NAME, VERSION, "native")


def _told(workstation: Workstation) -> None:
    """A block is in force, and the person knows: in the journal, not in the log alone."""
    workstation.publish("notify", "block")
    _install(workstation)
    workstation.start()
    workstation.wait_for_view(lambda rows: [row["outcome"] for row in rows] == ["told"])


def _overwrite(path: Path, begin: int, end: int) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:begin] + os.urandom(end - begin) + data[end:])


DAMAGES: dict[str, Callable[[Path], object]] = {
    "is all garbage": lambda journal: _overwrite(journal, 0, journal.stat().st_size),
    "is gone": Path.unlink,
}


class TestJournal:
    @pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
    def test_a_journal_that_is_damaged_is_set_aside_and_what_people_were_told_survives(
        self, workstation: Workstation, damage: Callable[[Path], object]
    ) -> None:
        _told(workstation)
        workstation.publish("notify", "block", min_notice=1)
        workstation.wait_for(event="policy-adopted", version=2)
        workstation.stop()
        damage(workstation.state / "journal.db")
        shutil.rmtree(workstation.state / "policy")  # it remembers the highest versions too
        workstation.repository.roll_back()
        mark = workstation.mark()
        workstation.start()
        workstation.wait_for(event="journal", what="set-aside")
        assert workstation.wait_for(mark, event="policy-refused")["code"] == "older"
        workstation.wait_for_view(lambda rows: [row["action"] for row in rows] == ["block"])
        workstation.stop()
        assert not [row for row in workstation.since(mark) if row["event"] == "outcome"], "told twice"
        assert workstation.view("machine.json")["journal_set_aside"]
        assert "was damaged and set aside" in workstation.command("doctor").stdout


RULES: dict[str, Callable[[Path], object]] = {
    "half a file": lambda path: os.truncate(path, path.stat().st_size // 2),
    "no rulebook": lambda path: path.write_text('{"schema": 1, "policy": {}, "rulebook": {"bans": 3}}'),
    "nested beyond all depth": lambda path: path.write_text("[" * 200_000),
}


class TestPolicy:
    @pytest.mark.parametrize("damage", RULES.values(), ids=RULES.keys())
    def test_a_rulebook_that_is_broken_is_compiled_again_from_the_signed_bytes(
        self, workstation: Workstation, damage: Callable[[Path], object]
    ) -> None:
        _told(workstation)
        workstation.stop()
        damage(workstation.state / "views" / "rules.json")
        mark = workstation.mark()
        workstation.start(policy_url="http://127.0.0.1:9/")
        workstation.wait_for(mark, event="policy-adopted")
        workstation.wait_for(mark, event="look")
        workstation.wait_for_view(lambda rows: [row["action"] for row in rows] == ["block"])

    def test_without_any_policy_nothing_is_done_and_that_is_said(self, workstation: Workstation) -> None:
        """All of it is gone and nobody answers: nothing is looked for, and nothing is called clean."""
        _told(workstation)
        workstation.stop()
        shutil.rmtree(workstation.state / "policy")
        (workstation.state / "views" / "rules.json").unlink()
        mark = workstation.mark()
        workstation.start(policy_url="http://127.0.0.1:9/")
        workstation.wait_for(mark, event="policy-unreachable")
        workstation.stop()
        said, asked = workstation.command("status").stdout, workstation.command("doctor")
        assert "No policy is in force" in said and asked.returncode == 1
        workstation.start()
        workstation.wait_for(mark, event="policy-adopted")

    def test_a_signed_policy_that_is_rubbish_leaves_the_last_one_in_force(self, workstation: Workstation) -> None:
        _told(workstation)
        workstation.repository.sign_rubbish(b'{"schema": 1, "bans": "all"}')
        workstation.poll()
        assert workstation.wait_for(event="policy-refused")["code"] == "bad-document"
        workstation.wait_for_view(lambda rows: [row["action"] for row in rows] == ["block"])


@pytest.mark.managers
class TestClock:
    def test_years_ahead_nothing_is_removed(self, tmp_path: Path) -> None:
        """Its next stage has come by that clock, and only by that."""
        now = int(time.time())
        actions = (("notify", -2 * HOUR), ("block", -HOUR), ("remove", YEARS // 2))
        stages = [
            {"from": format_instant(now + at), "action": action, "let_finish": 0, "kill_after": 2}
            for action, at in actions
        ]
        with wrong_clock(tmp_path) as clock, Workstation(tmp_path) as workstation:
            workstation.publish_document(closed(ban(stages=stages)))
            installed = _install(workstation)
            workstation.start()
            workstation.wait_for_view(lambda rows: [row["outcome"] for row in rows] == ["told"])
            clock.move(YEARS)
            mark = workstation.mark()
            workstation.reload()
            workstation.poll()
            workstation.wait_for(mark, event="policy-refused", code="expired")
            workstation.wait_for_view(lambda rows: "clock is not believable" in str(rows))
            workstation.wait_for_view(lambda rows: [row["action"] for row in rows] == ["block"])
            assert installed.exists() and not workstation.events(event="outcome", result=TAKEN)

    def test_years_behind_what_is_in_force_stays_in_force(self, tmp_path: Path) -> None:
        with wrong_clock(tmp_path) as clock, Workstation(tmp_path) as workstation:
            _told(workstation)
            workstation.stop()
            clock.move(-YEARS)
            mark = workstation.mark()
            workstation.start()
            workstation.wait_for(mark, event="look")
            workstation.wait_for(mark, event="policy-adopted")
            workstation.wait_for_view(lambda rows: [row["action"] for row in rows] == ["block"])
            workstation.stop()
            assert not [row for row in workstation.since(mark) if row["event"] == "outcome"], "told twice"


def _limit(workstation: Workstation, what: int, soft: int) -> tuple[int, int]:
    return resource.prlimit(workstation.pid, what, (soft, resource.prlimit(workstation.pid, what)[1]))


EXHAUSTED = {"file descriptors": (resource.RLIMIT_NOFILE, 3), "memory": (resource.RLIMIT_AS, 1 << 20)}
"""Less than it has already: it gets nothing more, and neither do its children."""


@pytest.mark.parametrize(("what", "least"), EXHAUSTED.values(), ids=EXHAUSTED.keys())
def test_an_agent_that_gets_no_more_goes_on_when_it_gets_some(workstation: Workstation, what: int, least: int) -> None:
    """What it knew stays known: that it cannot look is never that nothing is there."""
    _told(workstation)
    before = _limit(workstation, what, least)
    mark = workstation.mark()
    second = _install(workstation, "second")
    workstation.publish("notify", "block", min_notice=1)
    workstation.wait_for(mark, event=("policy-unreachable", "policy-refused", "part-failed", "health"))
    assert workstation.is_alive
    assert not [row for row in workstation.since(mark) if row["event"] == "finding-gone"]
    resource.prlimit(workstation.pid, what, before)
    workstation.write_settings(path_folders=[str(workstation.prefix / "bin"), str(workstation.home / "second/bin")])
    workstation.reload()
    workstation.wait_for(mark, event="policy-adopted", version=2)
    workstation.wait_for(mark, event="finding", path=str(second))
    assert not [row for row in workstation.since(mark) if row["event"] == "finding-gone"]
    assert workstation.stop() == 0


@pytest.mark.root
def test_a_state_folder_that_is_read_only_holds_the_agent_and_does_not_end_it(
    workstation: Workstation, tmp_path: Path
) -> None:
    """As a filesystem becomes when its disk fails: while it is written to, and for good."""
    image, state = tmp_path / "image", workstation.state
    state.mkdir(mode=0o755)
    image.write_bytes(b"")
    os.truncate(image, 24 << 20)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, state], check=True)
    try:
        workstation.publish("notify", "block", "remove")
        workstation.start()
        workstation.wait_for(event="look")
        workstation.wait_for(event="policy-adopted")
        subprocess.run(["mount", "-o", "remount,abort", state], check=True)
        mark = workstation.mark()
        installed = _install(workstation)
        workstation.wait_for(mark, event="health")
        assert installed.exists() and workstation.is_alive
        assert not [row for row in workstation.since(mark) if row["event"] == "outcome"]
        assert workstation.stop() == 0
        done = workstation.command("run")
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
        subprocess.run(["umount", state], check=True)
        subprocess.run(["e2fsck", "-fy", image], stdout=subprocess.DEVNULL, check=False)
        subprocess.run(["mount", "-o", "loop", image, state], check=True)
        workstation.start()
        workstation.wait_for(mark, event="outcome", result=TAKEN)
    finally:
        workstation.stop()
        subprocess.run(["umount", "-l", state], check=True)


def test_an_agent_that_is_killed_at_any_point_ends_its_work_later(workstation: Workstation) -> None:
    """Killed after its first, second, ... event: the tool is taken once, and comes back as it was."""
    workstation.publish("notify", "block", "remove")
    installed = _install(workstation)
    before = _contents(installed)
    for number in range(1, 7):
        mark = workstation.mark()
        workstation.start()
        workstation.wait_for_number(mark + number)
        workstation.stop(signal.SIGKILL)
        workstation.command("release", "--all")
    mark = workstation.mark()
    workstation.start()
    workstation.wait_for(mark, event="look")
    workstation.wait_for_view(lambda rows: rows == [] and not installed.exists())
    rows = json.loads(workstation.command("quarantine", "list", "--json").stdout)["items"]
    held = [row for row in rows if row["path"] == str(installed)]
    assert len(held) == 1
    workstation.stop()
    back = workstation.command("quarantine", "restore", str(held[0]["id"]))
    assert back.returncode == 0, back.stderr
    assert _contents(installed) == before


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
