"""A real agent and a console whose database is stopped, killed or full for a while: the journal keeps everything."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select

from console.store.db import Database
from console.store.tables import device_epoch, finding, finding_event
from policy_schema.rules.instant import Instant
from tests.fakes.console_door import ConsoleDoor
from tests.fakes.postgres import Cluster, cluster
from tests.fakes.running_console import SECRET, RunningConsole, running
from tests.fakes.sleepers import until
from tests.fakes.synthetic import synthetic_npm_install
from tests.fakes.workstation import Workstation

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
NAME, VERSION = "@anthropic-ai/claude-code", "2.1.197"


@contextmanager
def reporting(agent: Workstation, door: ConsoleDoor, data: Path, address: str) -> Iterator[RunningConsole]:
    """The agent reports to a console on this database, and has said that it is clean."""
    with running(data, address=address) as console:
        console.now = Instant(int(time.time()))
        door.lead_to(console.address)
        agent.publish("notify")
        agent.start()
        agent.wait_for(event="report-sent")
        yield console


def happens_while_away(
    agent: Workstation, address: str, away: Callable[[], object], back: Callable[[], object]
) -> None:
    """Something is installed while the database is away: it is refused, kept, and arrives."""
    mark = agent.mark()
    away()
    synthetic_npm_install(agent.prefix, NAME, VERSION, "native")
    agent.wait_for(mark, event="report-refused", status=503)
    mark = agent.mark()
    back()
    agent.wait_for(mark, event="report-sent")
    # What was refused first may have been a report that went before the one that tells of it.
    until(lambda: has_a_finding(address), "what was installed")


def has_a_finding(address: str) -> bool:
    """Whether anything that was found is stored."""
    database = Database(address)
    try:
        with database.read() as connection:
            return connection.execute(select(finding.c.finding_id)).first() is not None
    finally:
        database.close()


def assert_told_once(address: str) -> None:
    """One installation in all its parts, each change of it once, and every number in its order."""
    database = Database(address)
    with database.read() as connection:
        found = connection.execute(select(finding.c.finding_id, finding.c.version, finding.c.gone_at)).all()
        events = connection.execute(
            select(finding_event.c.finding_id, finding_event.c.change, finding_event.c.state, finding_event.c.outcome)
        )
        said = Counter(tuple(row) for row in events)
        epochs = connection.execute(select(device_epoch.c.last_sequence)).all()
    database.close()
    assert found and {(row.version, row.gone_at) for row in found} <= {(VERSION, None), ("", None)}
    assert max(said.values()) == 1
    assert {row.finding_id for row in found} == {name for name, *_ in said}
    assert len(epochs) == 1


@pytest.fixture(autouse=True)
def little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is sent away comes back within two seconds instead of within a minute."""
    monkeypatch.setattr("console.ingest.pace.RETRY_FIRST", 1)
    monkeypatch.setattr("console.ingest.pace.RETRY_SPAN", 1)


@pytest.fixture
def server() -> Iterator[Cluster]:
    with cluster() as made:
        yield made


def _agent(folder: Path, door: ConsoleDoor) -> Workstation:
    (folder / "station").mkdir()
    return Workstation(folder / "station", server=door.address, secret=SECRET)


@pytest.fixture
def place() -> Iterator[tuple[Path, ConsoleDoor]]:
    with tempfile.TemporaryDirectory(prefix="interdict-store-") as name, ConsoleDoor() as door:
        (Path(name) / "console").mkdir(mode=0o700)
        yield Path(name), door


@pytest.mark.postgres
@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_postgresql_is_away_for_a_while(how: str, server: Cluster, place: tuple[Path, ConsoleDoor]) -> None:
    folder, door = place
    address = server.address(server.create())
    with _agent(folder, door) as agent, reporting(agent, door, folder / "console", address):
        happens_while_away(agent, address, server.stop if how == "stopped" else server.kill, server.start)
        agent.stop()
    assert_told_once(address)


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A filesystem of a few megabytes on this folder."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=0700", "interdict-test", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.root
def test_the_disk_of_the_database_is_full_for_a_while(place: tuple[Path, ConsoleDoor]) -> None:
    folder, door = place
    data = folder / "console"
    address, filler = f"sqlite:///{data / 'console.sqlite3'}", data / "filler"

    with small_disk(data), _agent(folder, door) as agent:
        with reporting(agent, door, data, address) as console:

            def full() -> None:
                with console.database.engine.connect() as connection:
                    # What the log has once taken it would use again: it starts from nothing.
                    connection.exec_driver_sql("COMMIT")
                    connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
                    connection.exec_driver_sql("BEGIN")
                with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
                    while True:
                        file.write(bytes(4096))

            happens_while_away(agent, address, full, filler.unlink)
            agent.stop()
        assert_told_once(address)


def test_an_agent_that_was_told_to_come_later_keeps_even_news_until_then(place: tuple[Path, ConsoleDoor]) -> None:
    """Later than said is no mistake, and on a busy machine usual; sooner is one."""
    folder, door = place
    seconds = 4
    address = f"sqlite:///{folder / 'console' / 'console.sqlite3'}"
    with _agent(folder, door) as agent, reporting(agent, door, folder / "console", address):
        mark = agent.mark()
        door.answer(429, Retry_After=str(seconds))
        synthetic_npm_install(agent.prefix, NAME, VERSION, "native")
        refused = agent.wait_for(mark, event="report-refused", status=429)
        mark = agent.mark()
        door.behave()
        synthetic_npm_install(agent.prefix, "@qoder-ai/qodercli", "1.1.52", "plain")
        agent.wait_for(mark, event="moved")
        sent = agent.wait_for(mark, event="report-sent")
        agent.stop()
    assert float(str(sent["at"])) - float(str(refused["at"])) >= seconds
    assert_told_once(address)
