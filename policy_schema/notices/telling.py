"""All that a notice, a terminal line or a page is made of, read and worked out once."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, assert_never

from policy_schema.notices.facts import Ban, Values, read_ban
from policy_schema.notices.language import Reader
from policy_schema.notices.translate import Words, words_for
from policy_schema.rules.decision import Action


class Occasion(StrEnum):
    """Why somebody is told something now."""

    ANNOUNCED = "announced"
    """Nothing happens yet (stage notify, or a block that waits for `min_notice`)."""
    BLOCKED = "blocked"
    """It may not be started any more."""
    FINISHING = "finishing"
    """It runs and may finish until a time: the countdown."""
    STOPPED = "stopped"
    REMOVING = "removing"
    """It is about to be put aside."""
    REMOVED = "removed"
    CONFIGURED = "configured"
    """Some program's settings name a model or start a tool: told, never more, and never called used."""
    IN_PROJECT = "in-project"
    """It lies in a project folder, which nobody but the person changes."""
    HELD = "held"
    """A request for an exception holds the block until a time."""
    EXCEPTED = "excepted"
    LAPSING = "lapsing"
    """An exception ends soon."""
    PAUSED = "paused"
    """The ban rests for a while."""
    RESTORED = "restored"
    LIFTED = "lifted"
    NARROWED = "narrowed"
    """The ban goes on, but no longer names this version."""
    SOON_BLOCKED = "soon-blocked"
    """A reminder: it cannot be started from `until` on."""
    SOON_REMOVED = "soon-removed"
    """A reminder: it is put aside at `until`."""
    REFUSED = "refused"
    """Somebody has refused a request."""
    UNANSWERED = "unanswered"
    """The time of a request is over, and no exception was granted."""


ANSWERS = (Occasion.REFUSED, Occasion.UNANSWERED)
SOON = (Occasion.SOON_BLOCKED, Occasion.SOON_REMOVED)
RESTING = (Occasion.HELD, Occasion.EXCEPTED, Occasion.LAPSING, Occasion.PAUSED)
"""Nothing is enforced before `until`."""


class Found(NamedTuple):
    """What was found: where, which version, and how many places there are in all."""

    path: str = ""
    version: str = ""
    places: int = 1
    model: str = ""
    """The model that a setting names; empty for everything else."""


class Situation(NamedTuple):
    """Why, when and to whom something is said. Instants in seconds UTC."""

    occasion: Occasion
    now: int
    found: Found = Found()
    reader: Reader = Reader()
    told: int | None = None
    """When the person first saw a notice of this ban; None if never: then `min_notice` begins now."""
    admitted: int = 0
    """When the rollout reaches this device."""
    until: int | None = None
    """The end of a countdown, a hold, a pause or an exception."""
    after: Occasion | None = None
    """The hold, pause or exception that is over, of which this is the first notice."""
    because: str = ""
    """Why a request was refused: a code of `policy_schema.rules.relief`."""
    beside: tuple[str, ...] = ()
    """Of a reminder: names of other tools to which the same happens at the same time."""


class Telling(NamedTuple):
    """All that a notice is made of; built by `telling`."""

    ban: Ban
    tool: str
    occasion: Occasion
    found: Found
    now: int
    begins: int | None
    """When it can no longer be started by this person; None if no stage blocks."""
    removes: int | None
    until: int | None
    banned: str
    """Which versions the ban names; empty: all of them."""
    after: Occasion | None
    because: str
    beside: tuple[str, ...]
    words: Words
    ascii_only: bool


def occasion_of(action: Action, countdown: int = 0) -> Occasion:
    """The occasion of a stage's own notice, or of a mark of the countdown (seconds before the end)."""
    if countdown:
        return Occasion.FINISHING
    match action:
        case Action.REPORT | Action.NOTIFY:
            return Occasion.ANNOUNCED
        case Action.BLOCK:
            return Occasion.BLOCKED
        case Action.REMOVE:
            return Occasion.REMOVING
        case _:
            assert_never(action)


def telling(organisation: Values, ban: Values, tool: Values, situation: Situation) -> Telling:
    """Reads and works out what notices and terminal lines say."""
    wanted = (*situation.reader.languages, str(organisation.get("default_language") or "en"))
    facts, now = read_ban(organisation, ban, wanted), situation.now
    begins = _begins(facts, situation.admitted, situation.told if situation.told is not None else now)
    occasion = situation.occasion
    if occasion in (Occasion.BLOCKED, Occasion.REMOVING) and begins is not None and begins > now:
        occasion = Occasion.ANNOUNCED
    if begins is not None and occasion in (*RESTING, Occasion.SOON_BLOCKED, Occasion.REFUSED):
        begins = max(begins, situation.until or 0)
    remove = facts.stages.get(Action.REMOVE)
    return Telling(
        ban=facts,
        tool=str(tool.get("name") or tool.get("id")),
        occasion=occasion,
        found=situation.found,
        now=now,
        begins=begins,
        removes=max(remove, begins or 0) if remove is not None else None,
        until=situation.until,
        banned=facts.versions.get(str(tool.get("id")), ""),
        after=situation.after,
        because=situation.because,
        beside=situation.beside,
        words=words_for(wanted),
        ascii_only=situation.reader.ascii_only,
    )


def _begins(ban: Ban, admitted: int, told: int) -> int | None:
    starts = [ban.stages[action] for action in (Action.BLOCK, Action.REMOVE) if action in ban.stages]
    if not starts:
        return None
    fair = told + ban.min_notice
    if ban.no_later_than is not None:
        fair = min(fair, ban.no_later_than)
    return max(min(starts), admitted, fair)


def configured(made: Telling) -> str:
    """What a setting says: that something is configured, never that it was used."""
    if made.found.model:
        return made.words("{tool} is configured with a model that is not allowed", tool=made.tool)
    return made.words("{tool} is set up in another program", tool=made.tool)


def plain_ascii(text: str) -> str:
    """The text for a console that has no other glyphs: dashes and quotes simplified, the rest as `?`."""
    return text.translate(_SIMPLE).encode("ascii", "replace").decode("ascii")


_SIMPLE = {ord("–"): "-", ord("—"): "-", ord("“"): '"', ord("”"): '"', ord("‘"): "'", ord("’"): "'", ord("…"): "..."}
