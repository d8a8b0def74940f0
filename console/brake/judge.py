"""Whether something is a jump. Pure: figures in, an answer out; docs/exceptions.md explains it for admins.

Three questions, and a jump needs a yes to each: are there enough devices at all (`least`), are they a share of the
fleet (`percent`), and are they many more than in the busiest hour of the week before (`times`)? A ban that has just
come, or whose targets have just changed, has no such week: everything that it means is found for the first time, and
whoever signed it has seen the simulation. Then only a large share counts, and only where the ban already acts.

What never counts: a ring of a rollout (what is found was reported before, and only changes its state), a device's
first report of all, and a new journal.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from console.decisions import Brake


class Kind(StrEnum):
    """What jumped."""

    HITS = "hits"
    """Devices on which a ban found something new."""
    WRONG = "wrong"
    """Devices on which people say that a finding is wrong."""


class Figures(NamedTuple):
    """What is known of one ban at one moment."""

    hour: int = 0
    """Devices with something new within the last hour."""
    busiest: int = 0
    """The same in the busiest hour of the seven days before."""
    devices: int = 0
    """Devices that report."""
    settling: bool = False
    """The ban, or what it aims at, is too new to have a past."""
    acts: bool = False
    """A stage that stops or removes is in force on some device."""
    wrong: int = 0
    """Devices on which somebody has said within a day that a finding is wrong."""


def judge(figures: Figures, brake: Brake) -> tuple[Kind, ...]:
    """What of it is a jump."""
    found: list[Kind] = []
    if _hits(figures, brake):
        found.append(Kind.HITS)
    if figures.wrong >= brake.wrong:
        found.append(Kind.WRONG)
    return tuple(found)


def _hits(figures: Figures, brake: Brake) -> bool:
    if figures.hour < brake.least:
        return False
    if figures.settling:
        return figures.acts and _share(figures, brake.settle_percent)
    return _share(figures, brake.percent) and figures.hour >= brake.times * max(1, figures.busiest)


def _share(figures: Figures, percent: int) -> bool:
    return figures.hour * 100 >= percent * figures.devices


def grown(before: Figures, now: Figures, brake: Brake) -> bool:
    """Whether a jump that somebody has already looked at has become another one."""
    return now.hour >= brake.times * max(1, before.hour) or now.wrong >= brake.times * max(1, before.wrong)
