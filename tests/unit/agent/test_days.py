"""What happens to which device on which day under the example policy, from 2 July to 20 August 2026.

The tables under `tests/samples/days` are what is expected, one file a device: read them as a person who wants to know
what a ban does to people. To see what changed after a change that is meant: `DAYS_WRITE=1 pytest THIS_FILE`.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from agent import brake as braking
from agent.reminders import not_put_off, put_off
from policy_schema.authoring.lifting import Entry, lifted
from policy_schema.rules.identity import rollout_bucket
from policy_schema.rules.rulebook import Device, Pause
from tests.fakes.days import Life, Published, install, on

ROOT = Path(__file__).parents[3]
SAMPLES = ROOT / "tests" / "samples" / "days"
POLICY = (ROOT / "examples" / "claude-code-ban" / "policy.yaml").read_text()
DECIDED = on("3 July 12:00")
"""When the policy is published: on the day of the decision."""
AT_FIRST = Published(DECIDED, POLICY)
TARGET = '- {tool: "claude-code"}'
NARROWED = POLICY.replace(TARGET, '- {tool: "claude-code", versions: ">=2.1.91 <2.1.198"}', 1)
WITH_REGIONS = POLICY.replace("    rollout:", '    scope: {regions: ["cn"]}\n    rollout:', 1)


def _device(early: bool = False, **changes: object) -> Device:
    """A company's workstation in the third ring of the rollout, or in the second."""
    name = next(f"d-{n}" for n in range(1000) if (rollout_bucket("claude-code", f"d-{n}") < 10) is early)
    return Device(name, region="cn", groups=frozenset())._replace(**changes)  # type: ignore[arg-type]


def _lift(quarantine: str) -> str:
    return lifted({"": POLICY}, Entry("claude-code", "2026-08-03", "en", "The vendor has answered.", quarantine))[""]


def _clock(days: int) -> Callable[[Life], str]:
    def turn(life: Life) -> str:
        life.clock_offset = -days * 86_400
        return f"the clock is set back by {days} days" if days else "the clock is right again"

    return turn


def _administrator(life: Life) -> str:
    life.memory.keep_brake(braking.paused(life.memory.brake, "r-1", "root", life.now, 3 * 3600))
    return "an administrator pauses the agent for 3 hours"


def _request(life: Life) -> str:
    life.decider.requested("claude-code", 1000, life.now, "r-1")
    return "asks for an exception"


def _later(undo: bool = False) -> Callable[[Life], str]:
    def press(life: Life) -> str:
        key = ("claude-code", "claude-code", 1000)
        change = not_put_off if undo else put_off
        person = change(life.memory.person(*key), life.now)
        if person is None:
            return "wants to be reminded tomorrow, once more, which is too often"
        life.memory.keep_person(*key, person)
        return "wants to be reminded after all" if undo else "wants to be reminded tomorrow"

    return press


LIVES: dict[str, Callable[[Path], Life]] = {
    "ordinary": lambda folder: Life(folder, [AT_FIRST], _device()),
    "second-ring": lambda folder: Life(folder, [AT_FIRST], _device(early=True)),
    "offline-in-july": lambda folder: Life(folder, [AT_FIRST], _device(), away=(date(2026, 7, 3), date(2026, 7, 31))),
    "new-hire": lambda folder: Life(folder, [AT_FIRST], _device(), first_day=date(2026, 7, 20)),
    "region-not-set": lambda folder: Life(folder, [Published(DECIDED, WITH_REGIONS)], _device(region=None)),
    "personal-laptop": lambda folder: Life(folder, [AT_FIRST], _device(ownership="personal")),
    "ci-runner": lambda folder: Life(folder, [AT_FIRST], _device(kind="ci")),
    "clock-set-back-twice": lambda folder: Life(
        folder,
        [AT_FIRST],
        _device(),
        steps={
            on("12 July 10:00"): _clock(9),
            on("14 July 10:00"): _clock(0),
            on("23 July 10:00"): _clock(30),
            on("27 July 10:00"): _clock(0),
        },
    ),
    "paused-on-a-friday": lambda folder: Life(
        folder,
        [
            AT_FIRST,
            Published(on("10 July 10:00"), pauses=[Pause("claude-code", on("13 July 10:00"))]),
        ],
        _device(),
    ),
    "paused-by-an-administrator": lambda folder: Life(
        folder, [AT_FIRST], _device(), steps={on("10 July 10:00"): _administrator}
    ),
    "exception": lambda folder: Life(
        folder,
        [
            AT_FIRST,
            Published(on("10 July 15:00"), exceptions=[("claude-code", on("10 August 15:00"))]),
        ],
        _device(),
        steps={on("9 July 16:00"): _request},
    ),
    "exception-in-chinese": lambda folder: Life(
        folder,
        [
            AT_FIRST,
            Published(on("10 July 15:00"), exceptions=[("claude-code", on("20 July 15:00"))]),
            Published(on("22 July 12:00"), pauses=[Pause("claude-code", on("23 July 12:00"))]),
            Published(on("3 August 12:00"), _lift("restore")),
        ],
        _device(),
        steps={on("9 July 16:00"): _request},
        language="zh-Hans",
    ),
    "narrowed-in-chinese": lambda folder: Life(
        folder, [AT_FIRST, Published(on("27 July 12:00"), NARROWED)], _device(), install("2.1.198"), language="zh-Hans"
    ),
    "request-not-granted": lambda folder: Life(folder, [AT_FIRST], _device(), steps={on("9 July 16:00"): _request}),
    "request-refused": lambda folder: Life(
        folder,
        [AT_FIRST, Published(on("10 July 10:00"), answers={"r-1": "alternative"})],
        _device(),
        steps={on("9 July 16:00"): _request},
    ),
    "request-refused-in-chinese": lambda folder: Life(
        folder,
        [AT_FIRST, Published(on("7 July 10:00"), answers={"r-1": "a word of tomorrow"})],
        _device(),
        steps={on("6 July 16:00"): _request},
        language="zh-Hans",
    ),
    "request-long-before-the-block": lambda folder: Life(
        folder, [AT_FIRST], _device(), steps={on("7 July 10:00"): _request}
    ),
    "request-after-the-block": lambda folder: Life(
        folder, [AT_FIRST], _device(), steps={on("13 July 10:00"): _request}
    ),
    "put-off": lambda folder: Life(
        folder,
        [AT_FIRST],
        _device(),
        steps={
            on("8 July 17:00"): _later(),
            on("10 July 08:30"): _later(),
            on("16 July 10:00"): _later(),
            on("20 July 10:00"): _later(),
        },
    ),
    "put-off-and-undone": lambda folder: Life(
        folder, [AT_FIRST], _device(), steps={on("8 July 17:00"): _later(), on("9 July 10:00"): _later(undo=True)}
    ),
    "quiet-mornings": lambda folder: Life(folder, [AT_FIRST], _device(), quiet_hours="07:00-12:30"),
    "exception-and-away-at-its-end": lambda folder: Life(
        folder,
        [AT_FIRST, Published(on("8 July 15:00"), exceptions=[("claude-code", on("10 August 15:00"))])],
        _device(),
        away=(date(2026, 8, 1), date(2026, 8, 11)),
    ),
    "exception-revoked": lambda folder: Life(
        folder,
        [
            AT_FIRST,
            Published(on("8 July 15:00"), exceptions=[("claude-code", on("10 August 15:00"))]),
            Published(on("20 July 15:00"), exceptions=[]),
        ],
        _device(),
    ),
    "narrowed": lambda folder: Life(
        folder, [AT_FIRST, Published(on("27 July 12:00"), NARROWED)], _device(), install("2.1.198")
    ),
    "narrowed-to-what-is-there": lambda folder: Life(
        folder, [AT_FIRST, Published(on("27 July 12:00"), NARROWED)], _device(), install("2.1.197")
    ),
    "narrowed-before-the-removal": lambda folder: Life(
        folder, [AT_FIRST, Published(on("16 July 12:00"), NARROWED)], _device(), install("2.1.198")
    ),
    "lifted-restore": lambda folder: Life(
        folder, [AT_FIRST, Published(on("3 August 12:00"), _lift("restore"))], _device()
    ),
    "lifted-offer": lambda folder: Life(folder, [AT_FIRST, Published(on("3 August 12:00"), _lift("offer"))], _device()),
    "lifted-keep": lambda folder: Life(folder, [AT_FIRST, Published(on("3 August 12:00"), _lift("keep"))], _device()),
    "lifted-while-blocked": lambda folder: Life(
        folder, [AT_FIRST, Published(on("10 July 12:30"), _lift("restore"))], _device()
    ),
    "lifted-and-banned-again": lambda folder: Life(
        folder,
        [AT_FIRST, Published(on("15 July 12:00"), _lift("restore")), Published(on("3 August 12:00"), POLICY)],
        _device(),
    ),
}


@pytest.fixture
def in_memory(tmp_path: Path) -> Iterator[Path]:
    """A folder whose files need no disk, where there is one: fifty days are some thousand transactions."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else tmp_path) as folder:
        yield Path(folder)


@pytest.mark.parametrize("name", LIVES)
def test_every_day_is_as_it_is_written(name: str, in_memory: Path) -> None:
    made = LIVES[name](in_memory).table()
    expected = SAMPLES / f"{name}.txt"
    if os.environ.get("DAYS_WRITE"):
        expected.write_text(made)
    assert made == expected.read_text()
