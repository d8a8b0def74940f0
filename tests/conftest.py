"""For all tests: tiers, no thread left over, and no network in tests/unit."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests import tiers
from tests.fakes.stores import Stores

HERE = Path(__file__).parent
THREAD_PATIENCE = 5.0
# A busy machine is no finding: no example has a time limit, as in CI, where Hypothesis sets this by itself.
hypothesis.settings.register_profile(
    "busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], parent=hypothesis.settings.default
)
hypothesis.settings.load_profile("busy")
LEFT_OUT = pytest.StashKey[Counter[str]]()
CHOSEN = pytest.StashKey[frozenset[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--tiers", default="auto", help=f"auto, all, none, or some of {','.join(tiers.NAMES)}")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[LEFT_OUT] = Counter()
    try:
        config.stash[CHOSEN] = tiers.chosen(config.getoption("--tiers"), config.option.markexpr, os.environ)
    except ValueError as problem:
        raise pytest.UsageError(str(problem)) from None


def _tiers_of(item: pytest.Item) -> set[str]:
    return {mark.name for mark in item.iter_markers() if mark.name in tiers.NAMES}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    kept, left_out = [], []
    for item in items:
        missing = _tiers_of(item) - config.stash[CHOSEN]
        (left_out if missing else kept).append(item)
        config.stash[LEFT_OUT].update(missing)
    items[:] = kept
    config.hook.pytest_deselected(items=left_out)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if lack := tiers.lacking(_tiers_of(item)):
        pytest.fail(f"chosen, and cannot run here: {lack}", pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """In CI a skipped test is a failed one: what cannot run has a tier, and all tiers but `slow` run."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and tiers.in_ci(os.environ):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of xdist hands its count to the process that prints."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = dict(session.config.stash[LEFT_OUT])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Every worker collected the same tests: the last one's count stands for all."""
    node.config.stash[LEFT_OUT] = Counter(getattr(node, "workeroutput", {}).get("left_out", {}))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for line in tiers.left_out_lines(config.stash[LEFT_OUT]):
        terminalreporter.write_line(line)


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """Fails a test whose threads are still there when it is over."""
    before = set(threading.enumerate())
    yield
    left = [thread for thread in threading.enumerate() if thread not in before]
    for thread in left:
        thread.join(THREAD_PATIENCE)
    alive = [thread.name for thread in left if thread.is_alive()]
    assert not alive, f"threads left over: {', '.join(alive)}"


@pytest.fixture(scope="session")
def stores() -> Iterator[Stores]:
    """New databases of the console in their newest form; PostgreSQL starts with the first test that wants it."""
    with Stores() as made:
        yield made


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest, stores: Stores) -> Iterator[str]:
    """The address of an empty database of the console: each test that asks for it runs on both kinds."""
    with stores.new(request.param) as address:
        yield address


class _NetworkGuard:
    """Refuses sockets by an audit hook, so that no library gets round it; a hook stays for good, so it has a switch."""

    EVENTS = frozenset({"socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"})

    def __init__(self) -> None:
        self.closed = False
        sys.addaudithook(self._see)

    def _see(self, event: str, args: tuple[Any, ...]) -> None:
        if self.closed and event in self.EVENTS and not self._local(args[0]):
            raise RuntimeError(f"no network in tests/unit: {event} {args[1:]}; mark the test `loopback` if it must")

    @staticmethod
    def _local(subject: object) -> bool:
        return isinstance(subject, socket.socket) and subject.family == getattr(socket, "AF_UNIX", None)


@pytest.fixture(autouse=True)
def plain_umask() -> Iterator[None]:
    """A command that is run inside a test may set its own; the next test must not meet it."""
    before = os.umask(0o022)
    yield
    os.umask(before)


_guard = _NetworkGuard()


@pytest.fixture(autouse=True)
def no_network_in_unit_tests(request: pytest.FixtureRequest) -> Iterator[None]:
    """Closes the network for tests below tests/unit that are not marked `loopback`."""
    in_unit = request.path.is_relative_to(HERE / "unit")
    _guard.closed = in_unit and request.node.get_closest_marker("loopback") is None
    yield
    _guard.closed = False
