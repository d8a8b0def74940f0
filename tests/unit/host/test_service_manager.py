"""What a service manager hears, at a real socket."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.host.service_manager import ServiceManager

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux's")


class Manager:
    """The other end."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._end.bind("\0" + address[1:] if address.startswith("@") else address)
        self._end.setblocking(False)

    def heard(self) -> list[str]:
        found = []
        while True:
            try:
                found.append(self._end.recv(4096).decode())
            except BlockingIOError:
                return found

    def close(self) -> None:
        self._end.close()


@pytest.fixture(params=["a socket in a folder", "an abstract one"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    one = Manager(f"@interdict-test-{os.getpid()}" if "abstract" in request.param else str(tmp_path / "s"))
    yield one
    one.close()


def test_a_life_is_told_in_order(manager: Manager) -> None:
    service = ServiceManager({"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "60000000"})
    service.starting(90)
    service.ready()
    service.alive()
    service.status("one\nsentence")
    service.status("one\nsentence")
    service.stopping()
    assert manager.heard() == [
        "EXTEND_TIMEOUT_USEC=90000000", "READY=1", "WATCHDOG=1", "STATUS=one sentence", "STOPPING=1",
    ]  # fmt: skip
    assert 0 < service.patience <= 20


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param({}, id="nobody waits for a sign"),
        pytest.param({"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}, id="another process's sign is waited for"),
        pytest.param({"WATCHDOG_USEC": "soon"}, id="no number"),
    ],
)
def test_no_sign_of_life_is_given_where_none_is_waited_for(manager: Manager, environment: dict[str, str]) -> None:
    service = ServiceManager({"NOTIFY_SOCKET": manager.address, **environment})
    service.ready()
    assert manager.heard() == ["READY=1"]
    assert service.patience > 60


@pytest.mark.parametrize("address", ["", "/nobody/is/here", "@nobody-is-here"])
def test_a_manager_that_is_not_there_costs_nothing(address: str) -> None:
    service = ServiceManager({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "3"})
    service.ready()
    service.stopping()
