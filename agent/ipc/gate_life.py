"""Whether the gate lives, and what is to be done when it does not. Pure: times come in as monotonic seconds.

The sign of life is the answering thread's own, each second. Without one for two seconds the gate is killed, since a
start somewhere may be waiting for it; a gate that does not even die of that has its groups taken over. Then it is
started again, at once the first time and with growing pauses afterwards.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

SILENCE = 2.0
"""Seconds without a sign of life after which the gate is killed."""
GRACE = 0.2
"""Seconds from there until its groups are taken over."""
AGAIN = 1.0
"""Seconds between two attempts of either on a gate that still does not end."""
FIRST_WORD = 10.0
"""Seconds that a gate which was just started has until it is heard of."""
STEADY = 60.0
"""Seconds of life after which a gate that ends is started at once again."""
LAST_PAUSE = 60.0
AWAKE = 0.5
"""Longer than this between two questions means that we ourselves were kept from looking: that is not its silence."""


class Act(StrEnum):
    """What the keeper does now."""

    START = "start"
    KILL = "kill"
    TAKE_OVER = "take-over"


class Stage(StrEnum):
    """Where the gate stands."""

    ABSENT = "absent"
    STARTING = "starting"
    ALIVE = "alive"
    KILLED = "killed"


class Life(NamedTuple):
    """What is known of the gate's life."""

    stage: Stage = Stage.ABSENT
    heard: float = 0.0
    """When it last gave a sign of life (or began)."""
    began: float = 0.0
    asked: float = 0.0
    """When `due` was last called."""
    act_at: float = 0.0
    """When the next thing is done: the start of one that is absent, the next step on one that was killed."""
    pause: float = 0.0
    """What was waited before the last start."""
    deaths: int = 0


def started(life: Life, now: float) -> Life:
    """A gate was started; it has not said anything yet."""
    return life._replace(stage=Stage.STARTING, heard=now, began=now)


def heard(life: Life, now: float) -> Life:
    """It gave a sign of life. One that is being killed is not spared by it."""
    if life.stage is Stage.KILLED:
        return life
    return life._replace(
        stage=Stage.ALIVE, heard=now, began=now if life.stage in (Stage.ABSENT, Stage.STARTING) else life.began
    )


def ended(life: Life, now: float) -> Life:
    """It has ended, whoever did it."""
    steady = life.stage is not Stage.STARTING and now - life.began >= STEADY
    pause = 0.0 if steady or life.deaths == 0 else min(LAST_PAUSE, max(1.0, life.pause * 2))
    return life._replace(stage=Stage.ABSENT, act_at=now + pause, pause=pause, deaths=life.deaths + 1)


def expected(life: Life, now: float, patience: float) -> Life:
    """One may be there already, and connect by itself: none is started for so many seconds."""
    return life._replace(stage=Stage.ABSENT, act_at=now + patience)


def due(life: Life, now: float, *, starts: bool) -> tuple[Life, Act | None]:
    """What is done now. `starts` is false where a service manager starts the gate."""
    life = _awake(life, now)
    match life.stage:
        case Stage.ABSENT:
            if starts and now >= life.act_at:
                return life._replace(act_at=now + AGAIN), Act.START
            return life, None
        case Stage.STARTING | Stage.ALIVE:
            patience = SILENCE if life.stage is Stage.ALIVE else FIRST_WORD
            if now < life.heard + patience:
                return life, None
            return life._replace(stage=Stage.KILLED, act_at=now + GRACE), Act.KILL
        case Stage.KILLED:
            if now < life.act_at:
                return life, None
            return life._replace(act_at=now + AGAIN), Act.TAKE_OVER


def wait(life: Life, now: float, *, starts: bool) -> float:
    """Seconds until `due` should be asked again, a quarter of a second at the most while something can be due."""
    if life.stage is Stage.ABSENT:
        return min(1.0, max(0.0, life.act_at - now)) if starts else 1.0
    if life.stage is Stage.KILLED:
        return max(0.0, min(0.25, life.act_at - now))
    return 0.25


def _awake(life: Life, now: float) -> Life:
    """A daemon that stood still itself (suspended, stopped, starved) has not seen what came in the meantime."""
    late = now - life.asked if life.asked else 0.0
    if late > AWAKE and life.stage in (Stage.STARTING, Stage.ALIVE):
        life = life._replace(heard=life.heard + late - AWAKE / 2)
    return life._replace(asked=now)
