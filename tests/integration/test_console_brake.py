"""The brake of the fleet over reports that devices really send: a jump is seen, an ordinary rollout is not.

On SQLite and on PostgreSQL. Each device that finds something sends one report with it, as agents do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from console.brake.judge import Figures, Kind, judge
from console.brake.watch import Raised, sentence
from console.decisions import Brake
from console.store.queries import brake as queries
from console.store.queries import decisions
from policy_schema.rules.instant import format_instant
from tests.fakes.deciding import DAY, DecidingConsole, new_sqlite
from tests.fakes.policy_server import START
from tests.fakes.reporting_device import ReportingDevice, finding

HOUR = 3600
BRAKE = Brake(least=10, percent=5, times=3, settle=DAY, settle_percent=50, wrong=3)
FLEET = 40
BLOCKED = START + 7 * DAY
"""The block of the policy has begun."""


class Fleet:
    """Forty devices that have reported, under a policy that has been in force for a week."""

    def __init__(self, folder: Path, store: str) -> None:
        self.console = DecidingConsole(folder, store, brake=BRAKE)
        with self.console.together():
            self.devices = [self.console.enrol(f"laptop-{number}") for number in range(FLEET)]
            self._know_already()
        self.console.pass_time(BLOCKED - self.console.now)
        self.console.repository.now = self.console.now
        self.console.repository.renew()
        self.console.write()
        self.console.deciding.follower.look()

    def _know_already(self) -> None:
        """They all have the tool from the beginning. What a new journal's first report says is no jump."""
        waiting = finding(id="f-known", state="not-in-rollout", action="report")
        for number, device in enumerate(self.devices):
            device.epoch, device.sequence = f"e-{number:012d}", 0
            self.console.report(device, findings=(waiting,))

    def pass_day(self) -> None:
        """A day in which everybody reports."""
        self.console.pass_time(DAY)
        with self.console.together():
            for device in self.devices:
                self.console.report(device)

    def hit(self, devices: Sequence[ReportingDevice], what: str = "f-00", **changes: object) -> None:
        with self.console.together():
            for device in devices:
                self.console.report(device, findings=(finding(id=f"{what}{device.sequence:04d}", **changes),))

    def look(self) -> list[tuple[str, str]]:
        return [(one.ban, one.kind.value) for one in self.raised()]

    def raised(self) -> tuple[Raised, ...]:
        return self.console.deciding.watch.look()

    def paused(self) -> list[str]:
        with self.console.database.read() as connection:
            return [row.ban for row in connection.execute(decisions.pauses(self.console.now))]

    def ordinary_week(self) -> None:
        """Five devices a day find something new."""
        for day in range(7):
            self.pass_day()
            self.hit(self.devices[day * 5 : day * 5 + 5], f"f-d{day}")
            assert self.look() == []


@pytest.fixture
def both(store: str, tmp_path: Path) -> Iterator[Fleet]:
    """Once on each database."""
    made = Fleet(tmp_path, store)
    yield made
    made.console.database.close()


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    made = Fleet(tmp_path, new_sqlite(tmp_path))
    yield made
    made.console.database.close()


def test_a_jump_across_the_fleet_is_seen_once_and_pauses_where_the_policy_lets_it(both: Fleet) -> None:
    """After an ordinary week, 24 of 40 machines find something of one ban within half an hour, one each."""
    both.ordinary_week()
    both.console.publish_policy(pause={"max": 72 * HOUR, "automatic": 6 * HOUR})
    both.pass_day()
    both.console.pass_time(HOUR)
    for start in range(0, 24, 8):
        both.console.pass_time(600)
        both.hit(both.devices[start : start + 8], "f-jump")
    (raised,) = both.raised()
    assert (raised.ban, raised.kind, raised.figures.hour) == ("claude-code", Kind.HITS, 24)
    assert (raised.figures.busiest, raised.figures.devices, raised.figures.settling) == (5, FLEET, False)
    assert raised.paused_until == both.console.now + 6 * HOUR
    assert both.paused() == ["claude-code"]
    assert both.look() == [], "one alarm, however long it lasts"
    both.console.deciding.publisher.publish()
    (pause,) = both.console.relief(both.devices[0].id).pauses
    assert (pause.ban, pause.until) == ("claude-code", both.console.now + 6 * HOUR)
    with both.console.database.read() as connection:
        (alarm,) = connection.execute(queries.alarms(0)).all()
    assert alarm.pause_id is not None


def test_without_leave_of_the_policy_it_raises_an_alarm_and_pauses_nothing(fleet: Fleet) -> None:
    fleet.pass_day()
    fleet.pass_day()
    fleet.hit(fleet.devices[:24])
    assert fleet.look() == [("claude-code", "hits")]
    assert fleet.paused() == []


def _ring(fleet: Fleet) -> None:
    """The ban reaches a third of the fleet this morning: what was reported a week ago changes its state."""
    for device in fleet.devices[:14]:
        fleet.console.report(device, findings=(finding(id="f-known", state="active", action="block"),))


def _new_devices(fleet: Fleet) -> None:
    """Thirty machines enrol this morning, each with something banned in its first report."""
    for number in range(30):
        device = fleet.console.enrol(f"new-{number}")
        device.epoch = f"e-{number:010d}"
        device.sequence = 0
        fleet.console.report(device, findings=(finding(),))


def _new_journals(fleet: Fleet) -> None:
    """Thirty machines were put up anew and tell everything once more."""
    fleet.hit(fleet.devices[:9])
    for number, device in enumerate(fleet.devices[:30]):
        device.epoch, device.sequence = f"e-{number:010d}", 0
        fleet.console.report(device, findings=(finding(id="f-other"),))


def _names_only(fleet: Fleet) -> None:
    fleet.hit(fleet.devices, state="weak", confidence="weak", action="report")


def _out_of_scope(fleet: Fleet) -> None:
    fleet.hit(fleet.devices, state="out-of-scope", action="report")


def _gone(fleet: Fleet) -> None:
    fleet.hit(fleet.devices, gone=True)


def _few(fleet: Fleet) -> None:
    fleet.hit(fleet.devices[:9])


def _twice(fleet: Fleet) -> None:
    """Nine machines with many findings in one report each are nine."""
    for device in fleet.devices[:9]:
        fleet.console.report(device, findings=tuple(finding(id=f"f-{number:04d}") for number in range(20)))


def _new_ban(fleet: Fleet) -> None:
    """A ban that only tells people was published this morning, and half of the fleet has the tool."""
    bans = _bans(fleet)
    stages = [{**bans[0]["stages"][0], "from": format_instant(fleet.console.now)}]
    fleet.console.publish_policy(bans=[*bans, {**bans[0], "id": "new-ban", "stages": stages}])
    fleet.hit(fleet.devices, ban="new-ban", action="notify")


def _bans(fleet: Fleet) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(fleet.console.repository.policy)["bans"]
    return found


QUIET: dict[str, Callable[[Fleet], None]] = {
    "a ring of a rollout": _ring,
    "new devices with their first report": _new_devices,
    "devices that were put up anew": _new_journals,
    "matches by a name alone": _names_only,
    "findings that are out of scope": _out_of_scope,
    "what went away": _gone,
    "too few devices": _few,
    "few devices with much": _twice,
    "a new ban that only tells people": _new_ban,
}


def test_a_ring_of_a_rollout_is_no_alarm(both: Fleet) -> None:
    both.ordinary_week()
    both.pass_day()
    _ring(both)
    assert both.look() == []


@pytest.mark.parametrize("morning", QUIET.values(), ids=QUIET.keys())
def test_an_ordinary_morning_is_no_alarm(morning: Callable[[Fleet], None], fleet: Fleet) -> None:
    fleet.pass_day()
    fleet.pass_day()
    morning(fleet)
    assert fleet.look() == []


def test_a_ban_that_was_widened_today_and_acts_at_once_is_an_alarm_when_it_means_half_of_the_fleet(
    fleet: Fleet,
) -> None:
    fleet.pass_day()
    fleet.pass_day()
    bans = _bans(fleet)
    targets = [{"tool": "claude-code", "versions": ">=1.0.0"}]
    fleet.console.publish_policy(bans=[{**bans[0], "targets": targets}, *bans[1:]])
    fleet.hit(fleet.devices[:19])
    assert fleet.look() == []
    fleet.hit(fleet.devices[19:21])
    (raised,) = fleet.raised()
    assert raised.figures.settling and "too new" in sentence(raised.kind, raised.figures)


def test_people_who_say_that_it_is_wrong_are_an_alarm(fleet: Fleet) -> None:
    fleet.console.ask(fleet.devices[0], "r-00000001", kind="wrong")
    fleet.console.ask(fleet.devices[0], "r-00000002", kind="wrong")
    fleet.console.ask(fleet.devices[1], "r-00000003", kind="wrong")
    assert fleet.look() == []
    fleet.console.ask(fleet.devices[2], "r-00000004", kind="wrong")
    assert fleet.look() == [("claude-code", "wrong")]
    with fleet.console.database.write() as connection:
        connection.execute(queries.close_alarm(1, fleet.console.now, "wu"))
    assert fleet.look() == [], "somebody has looked at it"
    for number in range(3, 9):
        fleet.console.ask(fleet.devices[number], f"r-0000001{number}", kind="wrong")
    assert fleet.look() == [("claude-code", "wrong")], "it has grown"


def test_one_process_looks_at_a_time(fleet: Fleet) -> None:
    fleet.hit(fleet.devices[:24])
    other = fleet.console.process()
    assert len(other.watch.look(60)) == 1
    with fleet.console.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM alarm")
    assert fleet.console.deciding.watch.look(60) == ()


JUDGED: dict[str, tuple[Figures, tuple[Kind, ...]]] = {
    "nothing": (Figures(devices=100), ()),
    "many, as in every week": (Figures(hour=30, busiest=12, devices=100), ()),
    "many, and never before": (Figures(hour=30, busiest=9, devices=100), (Kind.HITS,)),
    "many, of a fleet without number": (Figures(hour=30, devices=1000), ()),
    "few": (Figures(hour=9, devices=10), ()),
    "a new ban that acts on most": (Figures(hour=60, devices=100, settling=True, acts=True), (Kind.HITS,)),
    "a new ban that tells most": (Figures(hour=60, devices=100, settling=True), ()),
    "a new ban that acts on some": (Figures(hour=40, devices=100, settling=True, acts=True), ()),
    "three people": (Figures(devices=100, wrong=3), (Kind.WRONG,)),
    "both": (Figures(hour=30, devices=100, wrong=3), (Kind.HITS, Kind.WRONG)),
}


@pytest.mark.parametrize(("figures", "kinds"), JUDGED.values(), ids=JUDGED.keys())
def test_what_is_a_jump(figures: Figures, kinds: tuple[Kind, ...]) -> None:
    assert judge(figures, BRAKE) == kinds
