"""When the next report is due, whatever the device's own clock says."""

from __future__ import annotations

import pytest

from agent.console_link import Reply, next_in
from agent.host.clock import wall
from policy_schema.rules.instant import format_instant

HOUR = 3600
NOON = 1_800_000_000


def _reply(due: object, at: int | None, retry_after: float = 0.0) -> Reply:
    return Reply(200, {"next_report_at": due}, retry_after, at=at)


@pytest.mark.parametrize(
    ("reply", "seconds"),
    [
        pytest.param(_reply(format_instant(NOON + 900), NOON), 900.0, id="by the console's clock, hours from ours"),
        pytest.param(_reply(format_instant(NOON - 900), NOON), 0.0, id="a time that is over"),
        pytest.param(_reply("soon", NOON, 30.0), 30.0, id="no time, but Retry-After"),
        pytest.param(_reply(7, NOON), 60.0, id="nothing that says when"),
        pytest.param(_reply(format_instant(wall() - HOUR), None), 0.0, id="no Date: by our own clock"),
    ],
)
def test_the_next_report_is_due_in(reply: Reply, seconds: float) -> None:
    assert next_in(reply, 60.0) == seconds
