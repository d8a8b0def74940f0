"""Checks of times: stages, rollout, notice, dates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from policy_schema.document.checks.subject import Lint
from policy_schema.document.policy import Ban, ModelStage, RolloutStep, Stage
from policy_schema.document.problems import Path, Problem
from policy_schema.document.times import LocalTime, parse_zone
from policy_schema.rules.decision import Action
from policy_schema.rules.instant import Instant

ACTING = (Action.BLOCK, Action.REMOVE)
DAY = 86400


def local_times(lint: Lint) -> Iterator[Problem]:
    """A time that the clocks skip or repeat has no one instant."""
    zone = parse_zone(lint.policy.organisation.time_zone)
    for path, time in _times(lint):
        try:
            time.at(zone)
        except ValueError as error:
            yield lint.error(path, str(error), "choose another time of the day")


def stages_order(lint: Lint) -> Iterator[Problem]:
    """Each stage is later than the one before and does more."""
    for path, stages in _ladders(lint):
        for position, (before, after) in enumerate(pairwise(stages), start=1):
            here: Path = (*path, "stages", position)
            if after.start.text == before.start.text:
                yield lint.error((*here, "from"), f"is the same time as stage {position}", "give each stage its time")
            elif after.start.moment < before.start.moment:
                yield lint.error(
                    (*here, "from"), f"is earlier than stage {position}", "put the stages in order of time"
                )
            if Action(after.action).rung <= Action(before.action).rung:
                message = f"{after.action.value} after {before.action.value} does not go further"
                yield lint.error((*here, "action"), message, "order: report, notify, block, remove, each once")


def notice_before_block(lint: Lint) -> Iterator[Problem]:
    """People are told before anything is done to them, and long enough before."""
    for path, ban in lint.bans:
        acting = _first_acting(lint, ban)
        if acting is None:
            continue
        position, begins = acting
        here: Path = (*path, "stages", position, "from")
        if ban.min_notice == 0:
            yield lint.warning((*path, "min_notice"), "gives nobody any time", "write at least 24h")
        told = [lint.instant(stage.start) for stage in ban.stages if stage.action is Action.NOTIFY]
        if not told or told[0] is None:
            yield lint.error(here, "comes without a notify stage before it", "add one, at least min_notice earlier")
        elif begins - told[0] < ban.min_notice:
            yield lint.error(
                here,
                f"is {_span(begins - told[0])} after notify, and min_notice is {_span(ban.min_notice)}",
                "move it later, or notify earlier",
            )


def rollout_steps(lint: Lint) -> Iterator[Problem]:
    """A step names groups or a percentage, not both and not neither; the last one reaches everybody or says whom."""
    for path, ban in lint.bans:
        for position, step in enumerate(ban.rollout):
            if bool(step.groups) == (step.percent is not None):
                yield lint.error(
                    (*path, "rollout", position),
                    "names groups and a percentage" if step.groups else "names neither groups nor a percentage",
                    "write either `groups: [...]` or `percent: N`",
                )
        if ban.rollout and max((step.percent or 0 for step in ban.rollout), default=0) < 100:
            message = "never reaches all devices in scope"
            yield lint.warning((*path, "rollout"), message, "end with `percent: 100`, if all are meant")


def rollout_order(lint: Lint) -> Iterator[Problem]:
    """Steps ascend in time and in percentage."""
    for path, ban in lint.bans:
        for position, (before, after) in enumerate(pairwise(ban.rollout), start=1):
            if after.start.moment <= before.start.moment:
                here: Path = (*path, "rollout", position, "from")
                yield lint.error(here, "is not later than the step before", "put the steps in order of time")
        percents = [(n, step.percent) for n, step in enumerate(ban.rollout) if step.percent is not None]
        for (_, fewer), (position, more) in pairwise(percents):
            if more <= fewer:
                here = (*path, "rollout", position, "percent")
                yield lint.error(here, f"{more} is not more than {fewer} before it", "percentages only grow")


def rollout_notice(lint: Lint) -> Iterator[Problem]:
    """Whom a step takes in is told min_notice before the first block or remove; a step after it takes them unwarned."""
    for path, ban in lint.bans:
        acting = _first_acting(lint, ban)
        if acting is None:
            continue
        for position, step in enumerate(ban.rollout):
            taken_in = lint.instant(step.start)
            if taken_in is None or acting[1] - taken_in >= ban.min_notice:
                continue
            left = max(0, acting[1] - taken_in)
            yield lint.error(
                (*path, "rollout", position, "from"),
                f"leaves {_span(left)} before {ban.stages[acting[0]].action.value}, and min_notice is "
                f"{_span(ban.min_notice)}",
                "move the step earlier, or the stage later",
            )


def outer_limit(lint: Lint) -> Iterator[Problem]:
    """`no_later_than` ends the waiting for a notice, so it lies after the first acting stage and its notice."""
    for path, ban in lint.bans:
        if ban.no_later_than is None:
            continue
        here: Path = (*path, "no_later_than")
        acting, limit = _first_acting(lint, ban), lint.instant(ban.no_later_than)
        if acting is None:
            yield lint.warning(here, "has no effect: no stage blocks or removes", "leave it out")
        elif limit is not None and limit < acting[1]:
            message = f"is before {ban.stages[acting[0]].action.value} begins"
            yield lint.error(here, message, "move it after the first block or remove")
        elif limit is not None and limit - acting[1] < ban.min_notice:
            yield lint.warning(here, "leaves less than min_notice to people who come back late", "move it later")


def dates_in_order(lint: Lint) -> Iterator[Problem]:
    """A decision comes before what it decides, and is looked at again after it was made."""
    for path, ban in lint.bans:
        if ban.decision is None:
            continue
        here: Path = (*path, "decision")
        if ban.decision.review_by is not None and ban.decision.review_by <= ban.decision.date:
            yield lint.error((*here, "review_by"), "is not after the decision", "write a later date")
        if ban.decision.date > ban.stages[0].start.moment.date():
            yield lint.error((*here, "date"), "is after the first stage", "write when it was decided")


def _times(lint: Lint) -> Iterator[tuple[Path, LocalTime]]:
    for path, ban in lint.bans:
        yield from _starts(path, "stages", ban.stages)
        yield from _starts(path, "rollout", ban.rollout)
        if ban.no_later_than is not None:
            yield (*path, "no_later_than"), ban.no_later_than
    for number, model_ban in enumerate(lint.policy.model_bans):
        yield from _starts(("model_bans", number), "stages", model_ban.stages)


def _starts(
    path: Path, field: str, rows: Sequence[Stage | ModelStage | RolloutStep]
) -> Iterator[tuple[Path, LocalTime]]:
    for position, row in enumerate(rows):
        yield (*path, field, position, "from"), row.start


def _ladders(lint: Lint) -> Iterator[tuple[Path, Sequence[Stage | ModelStage]]]:
    for path, ban in lint.bans:
        yield path, ban.stages
    for number, model_ban in enumerate(lint.policy.model_bans):
        yield ("model_bans", number), model_ban.stages


def _first_acting(lint: Lint, ban: Ban) -> tuple[int, Instant] | None:
    for position, stage in enumerate(ban.stages):
        begins = lint.instant(stage.start)
        if stage.action in ACTING and begins is not None:
            return position, begins
    return None


def _span(seconds: int) -> str:
    for size, unit in ((DAY, "d"), (3600, "h"), (60, "m")):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
