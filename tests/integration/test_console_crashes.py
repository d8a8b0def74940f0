"""What happens to reports when the database or the console dies under them: every finding is there exactly once.

The servers are real and are really stopped, killed and failed over; the devices sign, and send what was not answered
again. The short form runs everywhere, ten thousand reports in the soak.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from console.store.db import Database
from tests.fakes.postgres import Cluster, cluster, folder
from tests.fakes.reporting_crowd import Crowd, Disaster
from tests.fakes.running_console import SECRET, post, prepared, running
from tests.fakes.serving_console import ServingConsole
from tests.fakes.stores import Stores

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix"),
]
SHORT, LONG = (12, 20), (100, 100)
SIZES = [
    pytest.param(SHORT, id="240 reports"),
    pytest.param(LONG, id="10,000 reports", marks=pytest.mark.slow),
]


@contextmanager
def reporting(size: tuple[int, int], data: Path, address: str = "") -> Iterator[tuple[Crowd, ServingConsole]]:
    """A console, and devices that will report to it; at the end everything must be there once."""
    with ServingConsole(data, address, "--report-every", "5m") as console:
        prepared(data, address).close()
        crowd = Crowd(*size, lambda: console.address, SECRET, console.assert_it_runs)
        yield crowd, console
    database = Database(address or f"sqlite:///{data / 'console.sqlite3'}")
    crowd.assert_everything_is_there_once(database)
    database.close()


def at(crowd: Crowd, *happenings: Callable[[], object]) -> list[Disaster]:
    """Spread over the reports."""
    step = crowd.everything // (len(happenings) + 1)
    return [Disaster(step * (place + 1), happen) for place, happen in enumerate(happenings)]


@pytest.fixture
def server() -> Iterator[Cluster]:
    with cluster() as made:
        yield made


def _again(server: Cluster, end: Callable[[], None]) -> Callable[[], None]:
    def happen() -> None:
        end()
        server.start()

    return happen


def test_a_database_that_is_away_is_never_taken_for_a_wrong_signature(server: Cluster, tmp_path: Path) -> None:
    """Not even when the key of the device must be asked of it; whoever asks is told that it is not ready."""
    with running(tmp_path, address=server.address(server.create())) as console, console.client() as client:
        device = console.device(client)
        console.database.engine.dispose()
        server.stop()
        sealed = device.send(device.report())
        away = post(client, sealed)
        assert (away.status_code, int(away.headers["retry-after"]) > 0) == (503, True)
        assert client.get("/healthz").status_code == 200
        assert (client.get("/readyz").status_code, client.get("/readyz").text) == (
            503,
            "the database does not answer\n",
        )
        server.start()
        assert post(client, sealed).json()["stored_up_to"] == 1
        assert (client.get("/readyz").status_code, client.get("/readyz").text) == (200, "ok\n")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_postgresql_is(how: str, size: tuple[int, int], server: Cluster, tmp_path: Path) -> None:
    end = server.stop if how == "stopped" else server.kill
    with reporting(size, tmp_path, server.address(server.create())) as (crowd, _):
        crowd.report(at(crowd, *[_again(server, end)] * (2 if size is SHORT else 6)))
        assert crowd.refused, "nobody noticed: it did not happen in the middle"


@contextmanager
def _pair() -> Iterator[tuple[Cluster, Cluster]]:
    """A server and a standby that confirms each commit."""
    with ExitStack() as ending:
        first = Cluster(ending.enter_context(folder()), {"synchronous_standby_names": "'*'"})
        second = Cluster(ending.enter_context(folder()))
        first.make()
        first.settings["synchronous_standby_names"] = "''"
        first.start()
        ending.callback(first.stop)
        second.copy_of(first)
        second.start()
        ending.callback(second.stop)
        first.ask("ALTER SYSTEM SET synchronous_standby_names = '*'")
        first.stop()
        del first.settings["synchronous_standby_names"]
        first.start()
        yield first, second


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
def test_postgresql_fails_over_to_its_standby(size: tuple[int, int], tmp_path: Path) -> None:
    """The address names both; the first is killed for good in the middle, the second takes over."""
    with _pair() as (first, second):
        name = first.create()
        address = f"postgresql+psycopg://interdict@/{name}?host={first.folder}&host={second.folder}"

        def fail_over() -> None:
            first.kill()
            second.promote()

        with reporting(size, tmp_path, address) as (crowd, _):
            crowd.report(at(crowd, fail_over))
            assert crowd.refused
        assert second.ask("SELECT pg_is_in_recovery()") == [(False,)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_console_is_killed_at_random(kind: str, size: tuple[int, int], stores: Stores, tmp_path: Path) -> None:
    kills = 2 if size is SHORT else 12
    with ExitStack() as ending:
        address = ending.enter_context(stores.new(kind)) if kind == "postgresql" else ""
        crowd, console = ending.enter_context(reporting(size, tmp_path, address))
        chosen = sorted(random.Random(kind).sample(range(1, crowd.everything), kills))
        crowd.report([Disaster(after, console.kill_and_start) for after in chosen])
        assert crowd.refused


def test_two_consoles_on_one_database_count_once(stores: Stores, tmp_path: Path) -> None:
    """Each report goes to one or the other, and one of them is killed: a load balancer does the same."""
    with ExitStack() as ending:
        address = ending.enter_context(stores.new("postgresql"))
        second = ending.enter_context(ServingConsole(tmp_path, address))
        crowd, first = ending.enter_context(reporting(SHORT, tmp_path, address))
        turn = random.Random(1)
        crowd.address = lambda: turn.choice([first.address, second.address])
        crowd.report([Disaster(crowd.everything // 2, second.kill_and_start)])
