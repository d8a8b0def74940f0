"""What holds a ban for somebody, what ends that, and what ends the ban: the lines of a notice that say so."""

from __future__ import annotations

import re
from collections.abc import Iterator

from policy_schema.notices.telling import Occasion, Telling
from policy_schema.notices.translate import Words
from policy_schema.rules.relief import Because

_NEWER = re.compile(r"(?:>=?\s*[^\s|,]+[\s,]*)?<\s*([^\s|,=]+)")
"""A range with one end: what is not below it is allowed."""


def over(made: Telling) -> Iterator[str]:
    """What held the ban until now, and holds it no more."""
    if made.occasion is Occasion.EXCEPTED:
        if made.after is Occasion.HELD:
            yield made.words("Your request was granted.")
    elif made.occasion is Occasion.REFUSED:
        yield because(made.because, made.words)
    elif made.occasion is Occasion.UNANSWERED:
        yield made.words("The time of your request is over, and no exception has been granted.")
    elif made.after is Occasion.EXCEPTED:
        yield made.words("Your exception is over.")
    elif made.after is Occasion.PAUSED:
        yield made.words("The pause is over.")
    elif made.after is Occasion.HELD:
        yield made.words("The time of your request is over, and no exception has been granted.")


def because(code: str, words: Words) -> str:
    """Why a request was refused; a code that is not known here is shown as one that says nothing."""
    known = {
        Because.ALTERNATIVE: words("Your request was refused: what is offered instead does the same."),
        Because.REASON: words("Your request was refused: its reason does not show why nothing else will do."),
        Because.RISK: words("Your request was refused: the risk is too high, whatever the reason."),
        Because.DEVICE: words("Your request was refused: not on this machine."),
        Because.ASK: words("Your request was refused. Whoever answers questions will say more."),
    }
    return known[Because(code) if code in set(Because) else Because.ASK]


def rests(made: Telling) -> Iterator[str]:
    """Who holds it now."""
    if made.occasion is Occasion.HELD:
        yield made.words("Nothing is stopped or put aside before then. Somebody has yet to decide on your request.")
    elif made.occasion is Occasion.EXCEPTED:
        yield made.words("An exception was granted for this machine.")
    elif made.occasion is Occasion.PAUSED:
        yield made.words("{organisation} lets this part of its policy rest.", organisation=made.ban.organisation)


def lifted(made: Telling) -> Iterator[str]:
    """That the ban is over."""
    words, ban = made.words, made.ban
    yield words("The policy of {organisation} no longer forbids it.", organisation=ban.organisation)
    if ban.after == "restore":
        yield words("What was put aside is put back.")
    elif ban.after == "offer":
        yield words("What was put aside can be put back: ask for it.")
    if not ban.stages:
        # The reason of an entry under `lifted`; that of a ban would say the opposite.
        yield ban.reason
    if ban.help:
        yield words("Questions: {url}", url=ban.help)


def narrowed(made: Telling) -> Iterator[str]:
    """That it no longer names this version."""
    words, ban = made.words, made.ban
    yield words("The policy of {organisation} no longer forbids this version.", organisation=ban.organisation)
    newer = _NEWER.fullmatch(made.banned)
    if newer:
        yield words("Version {version} or newer is allowed.", version=newer[1])
    elif made.banned:
        yield words("Versions {versions} remain not allowed.", versions=made.banned)
    yield words("What was put aside of it is put back.")
    if ban.help:
        yield words("Questions: {url}", url=ban.help)
