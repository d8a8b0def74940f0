"""Two lines for the terminal of somebody whose program was just refused, or who has no desktop.

Only words of the signed policy: never a path, an argument or a name from the machine, which others could choose.
At most 400 bytes, so that one non-blocking write takes it.
"""

from __future__ import annotations

from policy_schema.notices.facts import Values
from policy_schema.notices.telling import RESTING, SOON, Occasion, Situation, Telling, configured, plain_ascii, telling
from policy_schema.notices.times import when

MAX_BYTES = 400
"""Both lines together, with the line feed between them."""


def terminal_text(organisation: Values, ban: Values, tool: Values, situation: Situation) -> str:
    """What happened and what to use instead; then where to read on. No line feed at the end."""
    made = telling(organisation, ban, tool, situation)
    lines = [_first(made), _second(made)]
    text = "\n".join(" ".join(line.split()) for line in lines if line)
    return bounded(plain_ascii(text) if made.ascii_only else text)


def bounded(text: str, limit: int = MAX_BYTES) -> str:
    """The text in at most `limit` bytes of UTF-8: whole lines while they fit, then whole characters of the first."""
    first, _, rest = text.partition("\n")
    if rest and len(text.encode()) > limit:
        # The second line is worth more whole than the end of the first: it holds the address to ask at.
        room = limit - len(rest.encode()) - 1
        if room >= limit // 2:
            return f"{_cut(first, room)}\n{rest}"
        return _cut(first, limit)
    return _cut(text, limit)


def _cut(text: str, limit: int) -> str:
    if len(text.encode()) <= limit:
        return text
    return text.encode()[: limit - 3].decode("utf-8", "ignore").rstrip() + "..."


def _first(made: Telling) -> str:
    words, organisation = made.words, made.ban.organisation
    what = _what(made)
    return words("{organisation} policy: {what}", organisation=organisation, what=what)


def _what(made: Telling) -> str:
    words, tool = made.words, made.tool
    if made.occasion is Occasion.LIFTED:
        return words("{tool} is allowed again.", tool=tool)
    if made.occasion is Occasion.NARROWED:
        return words("{tool} {version} is allowed.", tool=tool, version=made.found.version)
    if made.occasion is Occasion.ANNOUNCED and made.begins is not None:
        time = when(made.begins, made.ban.zone, words)
        what = words("{tool} cannot be started from {time} on.", tool=tool, time=time)
    elif made.occasion in SOON and made.until is not None:
        what = _soon(made, when(made.until, made.ban.zone, words))
    elif made.occasion is Occasion.REFUSED:
        what = words("{tool}: your request was refused.", tool=tool)
    elif made.occasion is Occasion.UNANSWERED:
        what = words("{tool}: no exception has been granted.", tool=tool)
    elif made.occasion is Occasion.FINISHING and made.until is not None:
        what = words("{tool} ends at {time}.", tool=tool, time=when(made.until, made.ban.zone, words))
    elif made.occasion in RESTING and made.until is not None:
        what = _rests(made, when(made.until, made.ban.zone, words))
    elif made.occasion is Occasion.RESTORED:
        what = words("{tool} is back in its place.", tool=tool)
    elif made.occasion is Occasion.STOPPED:
        what = words("{tool} was stopped.", tool=tool)
    elif made.occasion in (Occasion.REMOVING, Occasion.REMOVED):
        what = words("{tool} is put aside; it can be put back.", tool=tool)
    elif made.occasion is Occasion.CONFIGURED:
        what = words("{what}.", what=configured(made))
    else:
        what = words("{tool} may not be used here.", tool=tool)
    instead = [words("Use {name}: {url}", name=a.title, url=a.url) for a in made.ban.alternatives[:1]]
    return words.gap.join([what, *instead])


def _soon(made: Telling, time: str) -> str:
    tools = made.words(", ").join((made.tool, *made.beside))
    if made.occasion is Occasion.SOON_REMOVED:
        return made.words("{tool} is put aside at {time}; it can be put back.", tool=tools, time=time)
    return made.words("{tool} cannot be started from {time} on.", tool=tools, time=time)


def _rests(made: Telling, time: str) -> str:
    if made.occasion is Occasion.HELD:
        return made.words("{tool} is not blocked before {time}.", tool=made.tool, time=time)
    if made.occasion is Occasion.LAPSING:
        return made.words("{tool} cannot be started from {time} on.", tool=made.tool, time=time)
    return made.words("{tool} may be used until {time}.", tool=made.tool, time=time)


def _second(made: Telling) -> str:
    if made.occasion in (Occasion.LIFTED, Occasion.NARROWED) or not made.ban.help:
        return ""
    return made.words("Why, and whom to ask: {url}", url=made.ban.help)
