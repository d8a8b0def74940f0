"""A notice: what was found, why it may not be used, what happens when, what to use instead, where to ask.

People read it in the middle of their work: the title says the one thing to know, the body is a few short lines, and
the links stand in the text, since many desktops show no buttons.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, assert_never

from policy_schema.notices.ends import lifted, narrowed, over, rests
from policy_schema.notices.facts import Claim, Values
from policy_schema.notices.telling import (
    ANSWERS,
    RESTING,
    SOON,
    Found,
    Occasion,
    Situation,
    Telling,
    configured,
    occasion_of,
    plain_ascii,
    telling,
)
from policy_schema.notices.times import clock, span, when, zone_name
from policy_schema.notices.translate import Words

__all__ = ["Button", "Found", "Notice", "Occasion", "Situation", "claim_line", "compose", "occasion_of"]

_HOUR = 3600


class Button(NamedTuple):
    """For desktops that show buttons."""

    key: str
    """`get`, `details`, `ask`, `remove` or `later`, as between daemon and notifier."""
    label: str
    url: str = ""
    """What it opens; empty where the agent does something."""


class Notice(NamedTuple):
    """One notice. All of it is also understandable without the buttons."""

    title: str
    body: str
    buttons: tuple[Button, ...]
    language: str


def compose(organisation: Values, ban: Values, tool: Values, situation: Situation) -> Notice:
    """The notice for one person. `organisation`, `ban` and `tool` are values of a closed policy."""
    made = telling(organisation, ban, tool, situation)
    body = "\n".join(line for line in _body(made) if line)
    return Notice(_shown(_title(made), made), _shown(body, made), _buttons(made), made.words.language)


def _title(made: Telling) -> str:
    words, tool = made.words, made.tool
    until = clock(made.until, made.ban.zone) if made.until is not None else ""
    match made.occasion:
        case Occasion.ANNOUNCED:
            return _announced(made)
        case Occasion.BLOCKED:
            return words("{tool} may not be started any more", tool=tool)
        case Occasion.FINISHING:
            left = span(max(0, (made.until or made.now) - made.now), words)
            return words("{tool} ends at {time}, in {left}", tool=tool, time=until, left=left)
        case Occasion.STOPPED:
            return words("{tool} was stopped", tool=tool)
        case Occasion.REMOVING:
            return words("{tool} is being put aside", tool=tool)
        case Occasion.REMOVED:
            return words("{tool} was put aside", tool=tool)
        case Occasion.CONFIGURED:
            return configured(made)
        case Occasion.IN_PROJECT:
            return words("{tool} is part of a project of yours", tool=tool)
        case Occasion.HELD:
            return words("{tool}: your request holds the block until {time}", tool=tool, time=_date(made.until, made))
        case Occasion.EXCEPTED:
            return words("{tool}: you have an exception until {time}", tool=tool, time=_date(made.until, made))
        case Occasion.LAPSING:
            return words("{tool}: your exception ends on {time}", tool=tool, time=_date(made.until, made))
        case Occasion.PAUSED:
            return words("{tool} may be used until {time}", tool=tool, time=_date(made.until, made))
        case Occasion.RESTORED:
            return words("{tool} is back in its place", tool=tool)
        case Occasion.LIFTED:
            return words("{tool} is allowed again", tool=tool)
        case Occasion.NARROWED:
            return words("{tool} {version} is allowed", tool=tool, version=made.found.version)
        case Occasion.SOON_BLOCKED | Occasion.SOON_REMOVED:
            return _soon(made)
        case Occasion.REFUSED:
            return words("{tool}: your request was refused", tool=tool)
        case Occasion.UNANSWERED:
            return words("{tool}: no exception has been granted", tool=tool)
        case _:
            assert_never(made.occasion)


def _announced(made: Telling) -> str:
    if made.begins is None:
        return made.words("{tool} is not allowed by company policy", tool=made.tool)
    return made.words("{tool} may not be used from {time} on", tool=made.tool, time=_date(made.begins, made))


def _soon(made: Telling) -> str:
    """What happens soon, and in how long: that is the whole of a reminder."""
    words = made.words
    left = span(max(0, (made.until or made.now) - made.now), words)
    if made.beside:
        number = 1 + len(made.beside)
        if made.occasion is Occasion.SOON_REMOVED:
            return words("{number} programs are put aside in {left}", number=number, left=left)
        return words("{number} programs may not be used in {left}", number=number, left=left)
    if made.occasion is Occasion.SOON_REMOVED:
        return words("{tool} is put aside in {left}", tool=made.tool, left=left)
    return words("{tool} may not be used in {left}", tool=made.tool, left=left)


def _body(made: Telling) -> Iterator[str]:
    words, ban = made.words, made.ban
    if made.occasion in (Occasion.LIFTED, Occasion.NARROWED):
        yield from lifted(made) if made.occasion is Occasion.LIFTED else narrowed(made)
        return
    yield from over(made)
    if made.beside:
        yield words("It concerns: {tools}.", tools=words(", ").join((made.tool, *made.beside)))
    else:
        yield _found(made)
    yield from rests(made)
    if made.occasion not in (Occasion.RESTORED, Occasion.EXCEPTED, Occasion.PAUSED):
        yield _why(made)
    yield words.gap.join(line for line in _happens(made) if line)
    yield from _instead(made)
    if ban.help:
        yield words("Questions, or a reason to keep it: {url}", url=ban.help)
    # Last, since small notices of some desktops (dunst: 300 by 300 pixels) end where their window does.
    if made.occasion in (Occasion.ANNOUNCED, Occasion.BLOCKED, Occasion.REMOVING, Occasion.CONFIGURED):
        yield from (claim_line(claim, words) for claim in ban.claims if claim.standing != "withdrawn")


def _why(made: Telling) -> str:
    words, organisation, reason = made.words, made.ban.organisation, made.ban.reason
    if made.ascii_only and plain_ascii(reason).count("?") * 4 > len(reason):
        # A console that has no glyphs for the only language of the reason.
        return words("Policy of {organisation}.", organisation=organisation)
    return words("Policy of {organisation}: {reason}", organisation=organisation, reason=reason)


def claim_line(claim: Claim, words: Words) -> str:
    """A claim with how sure anybody is of it: never stated as a fact unless it is one."""
    standings = {
        "alleged": words("alleged"),
        "confirmed": words("confirmed"),
        "withdrawn": words("withdrawn"),
    }
    marks = [standings.get(claim.standing, claim.standing)]
    if claim.disputed_by:
        marks.append(words('disputed by {who}: "{says}"', who=claim.disputed_by, says=claim.says))
    if claim.fixed_in:
        marks.append(words("fixed in {version}", version=claim.fixed_in))
    return words("- {claim} ({marks})", claim=claim.text, marks=words("; ").join(marks))


def _found(made: Telling) -> str:
    found, words = made.found, made.words
    if not found.path:
        return ""
    if made.occasion is Occasion.CONFIGURED:
        if found.model:
            return words("Configured: {model} in {path}.", model=found.model, path=found.path)
        return words("Configured in {path}.", path=found.path)
    version = found.version or words("unknown")
    line = words("Found: version {version} in {path}.", version=version, path=found.path)
    if found.places > 1:
        line += words.gap + words.plural(
            "And in {number} more place.", "And in {number} more places.", found.places - 1
        )
    return line


def _happens(made: Telling) -> Iterator[str]:
    words, begins = made.words, made.begins
    if made.occasion is Occasion.IN_PROJECT:
        yield words("Nothing in a project is changed for you: please take it out of its dependencies.")
        return
    if made.occasion is Occasion.CONFIGURED:
        change = words("Please choose another model there.") if made.found.model else words("Please take it out there.")
        yield words.gap.join([change, words("Nothing is changed for you, and this says nothing about use.")])
        return
    if made.occasion in (Occasion.ANNOUNCED, Occasion.SOON_BLOCKED, *ANSWERS) and _ahead(made):
        yield words("From {time} on it can no longer be started.", time=_date(begins, made))
        yield _may_finish(made)
    elif made.occasion in (Occasion.BLOCKED, *ANSWERS) and begins is not None:
        yield words("It can no longer be started.")
        yield _may_finish(made)
    elif made.occasion is Occasion.FINISHING:
        yield words("Please save what you are doing in it. Only it ends, nothing that it has started.")
    elif made.occasion is Occasion.STOPPED:
        yield words("Your files are untouched.")
    elif made.occasion in RESTING and begins is not None:
        yield words("From {time} on it can no longer be started.", time=_date(begins, made))
    if made.occasion is Occasion.SOON_REMOVED:
        yield words("On {time} it is put aside; it can be put back.", time=_date(made.until, made))
    elif made.occasion in (Occasion.REMOVING, Occasion.REMOVED):
        yield words("Nothing is deleted: it can be put back.")
    elif made.removes is not None and made.removes > made.now:
        yield words("On {time} it is put aside; it can be put back.", time=_date(made.removes, made))
    if begins is not None and made.occasion in (Occasion.ANNOUNCED, *ANSWERS, *SOON, *RESTING):
        yield words("Times are those of {zone}.", zone=zone_name(made.ban.zone))


def _ahead(made: Telling) -> bool:
    return made.begins is not None and made.begins > made.now


def _may_finish(made: Telling) -> str:
    if made.ban.let_finish == 0:
        return ""
    allowed = span(made.ban.let_finish, made.words)
    if made.occasion is Occasion.BLOCKED or not _ahead(made):
        return made.words("What already runs may finish for {span}.", span=allowed)
    return made.words("What runs then may finish for {span}.", span=allowed)


def _instead(made: Telling) -> Iterator[str]:
    if made.ban.update:
        fixed = next((claim.fixed_in for claim in made.ban.claims if claim.fixed_in), "")
        if fixed:
            yield made.words("Version {version} or newer is allowed: an update is enough.", version=fixed)
    for alternative in made.ban.alternatives:
        yield made.words("Use instead: {name}, {url}", name=alternative.title, url=alternative.url)
    for link in made.ban.links:
        yield made.words("{title}: {url}", title=link.title, url=link.url)


def _buttons(made: Telling) -> tuple[Button, ...]:
    return tuple(button._replace(label=_shown(button.label, made)) for button in _wanted(made))


def _wanted(made: Telling) -> Iterator[Button]:
    """In the order of their use: desktops that show three of them show the first three."""
    words, occasion = made.words, made.occasion
    yield from (Button("get", words("Get {name}", name=a.title), a.url) for a in made.ban.alternatives[:1])
    yield Button("details", words("Details"))
    if occasion in (Occasion.ANNOUNCED, Occasion.BLOCKED, Occasion.FINISHING, *SOON):
        yield Button("ask", words("Ask for an exception"))
        yield Button("remove", words("Remove it for me"))
    act = made.until if occasion in SOON else made.begins
    if occasion in (Occasion.ANNOUNCED, *SOON) and (act is None or act > made.now + _HOUR):
        yield Button("later", words("Remind me tomorrow"))


def _date(instant: int | None, made: Telling) -> str:
    return when(instant if instant is not None else made.now, made.ban.zone, made.words)


def _shown(text: str, made: Telling) -> str:
    return plain_ascii(text) if made.ascii_only else text
