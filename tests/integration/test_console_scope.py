"""Who may see some groups only sees nothing of the others: no name, no ban, no figure, on no page and in no file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
from sqlalchemy import update

from console.store.tables import user
from tests.fakes.reporting_device import ReportingDevice, coverage, facts, move
from tests.fakes.reporting_device import finding as a_finding
from tests.fakes.running_console import NAME, RunningConsole, post, running

MINE, THEIRS = "mine-laptop", "their-laptop"
PAGES = (
    "/",
    "/bans",
    "/bans/my-ban",
    "/devices",
    "/devices?search=laptop",
    "/moves",
    "/policy",
    "/health",
    "/exceptions",
    "/reports",
)
FILES = ("/export/compliance.csv", "/export/compliance.json")


def told(console: RunningConsole, client: httpx.Client, host_name: str, group: str, ban: str) -> ReportingDevice:
    device = console.device(client, host_name)
    report = device.report(
        facts=msgspec.structs.replace(facts(host_name), groups=(group,)),
        findings=(a_finding(ban=ban, tool=f"{ban}-tool"),),
        moves=(move(tool=f"{group}-alternative"),),
        coverage=(coverage(),),
    )
    assert post(client, device.send(report)).status_code == 200
    return device


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, ReportingDevice, ReportingDevice]]:
    """Two devices of two groups, and somebody who may see the first."""
    folder: Path = tmp_path_factory.mktemp("scope")
    with running(folder) as console, console.client() as agent:
        mine = told(console, agent, MINE, "engineering", "my-ban")
        theirs = told(console, agent, THEIRS, "finance", "their-ban")
        with console.database.write() as connection:
            connection.execute(update(user).where(user.c.name == NAME).values(role="viewer", groups='["engineering"]'))
        with console.signed_in() as viewer:
            yield viewer, mine, theirs


@pytest.mark.parametrize("path", [*PAGES, *FILES])
def test_nothing_of_another_group_is_shown(
    world: tuple[httpx.Client, ReportingDevice, ReportingDevice], path: str
) -> None:
    viewer, mine, theirs = world
    answer = viewer.get(path)
    assert answer.status_code == 200
    for text in (THEIRS, theirs.id, "their-ban", "finance"):
        assert text not in answer.text, text
    if path in ("/devices", *FILES):
        assert MINE in answer.text
        assert mine.id in answer.text


def test_their_device_its_report_and_their_ban_are_not_there(
    world: tuple[httpx.Client, ReportingDevice, ReportingDevice],
) -> None:
    viewer, mine, theirs = world
    for path in ("/devices/{}", "/devices/{}/reports/e-0000000000/1"):
        assert viewer.get(path.format(theirs.id)).status_code == 404
        assert viewer.get(path.format(mine.id)).status_code == 200
    assert viewer.get("/bans/their-ban").status_code == 404
