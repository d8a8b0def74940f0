"""Several processes of the console behind nginx, as `scripts/fleet` starts them: upgraded one by one under load."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from console.store.db import Database
from tests.fakes.postgres import cluster, folder
from tests.fakes.reporting_crowd import Crowd, Disaster
from tests.fakes.running_console import SECRET, prepared

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.postgres, pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")]


class Fleet:
    """What the script has started, and what it says."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.database = self._said("database ")
        self.address = self._said("listening on ")

    def _said(self, beginning: str) -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(beginning):
                return line.removeprefix(beginning).strip()
        raise AssertionError(f"it never said {beginning!r}")

    def upgrade(self) -> None:
        """Restarts one process after the other, and waits for the last."""
        self._process.send_signal(signal.SIGHUP)
        self._said("restarted")


@contextmanager
def fleet(place: Path, database: str, policy: Path) -> Iterator[Fleet]:
    """Two processes and nginx on a database."""
    command = [sys.executable, str(ROOT / "scripts" / "fleet"), str(place), "--port", "0", "--trial"]
    command += ["--database", database, "--policy", str(policy)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        ended = threading.Timer(300, process.kill)
        ended.start()
        try:
            yield Fleet(process)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
            ended.cancel()


@pytest.mark.parametrize(
    ("size", "upgrades"),
    [
        pytest.param((8, 10), 1, id="80 reports"),
        pytest.param((50, 100), 5, id="5,000 reports", marks=pytest.mark.slow),
    ],
)
def test_an_upgrade_of_one_process_after_the_other_refuses_no_report(size: tuple[int, int], upgrades: int) -> None:
    """Not one report is even sent twice: nginx asks the other process meanwhile. The policy is served beside them."""
    with folder() as place, cluster() as server:
        policy = place / "repository"
        (policy / "metadata").mkdir(parents=True)
        (policy / "metadata" / "timestamp.json").write_text("{}")
        for one in (place, policy, policy / "metadata"):
            os.chmod(one, 0o755)  # nginx's workers may be somebody else
        address = server.address(server.create())
        prepared(place / "console", address).close()
        with fleet(place / "fleet", address, policy) as started:
            crowd = Crowd(*size, lambda: started.address, SECRET)
            step = crowd.everything // (upgrades + 1)
            crowd.report([Disaster(step * (turn + 1), started.upgrade) for turn in range(upgrades)])
            assert not crowd.refused, dict(crowd.refused)
            answer = httpx.get(f"{started.address}/repository/metadata/timestamp.json", trust_env=False)
            assert (answer.status_code, answer.text, answer.headers["cache-control"]) == (200, "{}", "no-cache")
            assert httpx.get(f"{started.address}/metrics", trust_env=False).status_code == 404
        database = Database(address)
        crowd.assert_everything_is_there_once(database)
        database.close()
