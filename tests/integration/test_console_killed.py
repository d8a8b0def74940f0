"""The console is killed around the commit of a report: nothing that was reported is lost or counted twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select

from console.settings import Settings
from console.store.db import Database
from console.store.tables import finding_event, report
from tests.fakes.reporting_device import ReportingDevice
from tests.fakes.reporting_device import finding as a_finding
from tests.fakes.running_console import SECRET, post

ROOT = Path(__file__).parents[2]


@contextmanager
def console(data: Path, moment: str) -> Iterator[httpx.Client]:
    """A console in a process of its own."""
    command = [sys.executable, "-m", "tests.fakes.console_that_dies", str(data), moment]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            with httpx.Client(base_url=process.stdout.readline().strip(), timeout=30, trust_env=False) as client:
                yield client
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait(30)


def stored(data: Path, device: ReportingDevice) -> tuple[int, int]:
    """Reports and events of the device, read from the database itself."""
    database = Database(Settings(data=data).database)
    with database.read() as connection:
        counts = [
            connection.execute(
                select(func.count()).select_from(table).where(table.c.device_id == device.id)
            ).scalar_one()
            for table in (report, finding_event)
        ]
    database.close()
    return counts[0], counts[1]


@pytest.mark.skipif(not hasattr(os, "kill") or sys.platform == "win32", reason="SIGKILL is a word of Unix")
@pytest.mark.parametrize(
    ("moment", "kept"),
    [("after-commit", (1, 1)), ("before-commit", (0, 0))],
    ids=["after the commit, before the answer", "before the commit"],
)
def test_a_report_whose_answer_was_lost_is_sent_again_and_counted_once(
    tmp_path: Path, moment: str, kept: tuple[int, int]
) -> None:
    device = ReportingDevice(now=int(time.time()))
    first = device.report(findings=(a_finding(),))
    with console(tmp_path, moment) as client:
        assert post(client, device.enrolment(SECRET)).status_code == 200
        with pytest.raises(httpx.TransportError):
            post(client, device.send(first))
    assert stored(tmp_path, device) == kept
    with console(tmp_path, "never") as client:
        again = post(client, device.send(first))
        following = post(client, device.send(device.report()))
    assert (again.status_code, again.json()["stored_up_to"]) == (200, 1)
    assert (following.status_code, following.json()["stored_up_to"]) == (200, 2)
    assert stored(tmp_path, device) == (2, 1)
