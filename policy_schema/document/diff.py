"""What changes from one closed policy to the next, in sentences that a signer can check. Pure.

Each change says which way it goes: stronger (more is banned, for more, sooner, or with less time), weaker, or neither.
A stage that is not where it was is told by how much: "block comes 3 days earlier".
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from policy_schema.document.canonical import Json
from policy_schema.document.closed import ClosedPolicy
from policy_schema.document.diff_words import (
    Row,
    apart,
    by_id,
    claim_said,
    claims,
    days,
    fields,
    instant,
    list_of,
    number,
    rings,
    said,
    span,
    stage_rows,
    stages_said,
    strings,
    targets,
)
from policy_schema.rules.decision import Action


class Way(StrEnum):
    """Where a change leads, for the people who are hit."""

    STRONGER = "stronger"
    WEAKER = "weaker"
    NEITHER = "neither"

    @property
    def opposite(self) -> Way:
        """What taking the same thing away means."""
        return {Way.STRONGER: Way.WEAKER, Way.WEAKER: Way.STRONGER}.get(self, Way.NEITHER)


class Change(NamedTuple):
    """One thing that is different. `about` is the id of a ban or the name of a part of the policy."""

    about: str
    way: Way
    text: str
    action: Action | None = None
    """The rung whose stage is new, gone or moved; None for any other change."""


def differences(old: ClosedPolicy | None, new: ClosedPolicy) -> tuple[Change, ...]:
    """Every change from `old` (None: there was no policy) to `new`, in the order of the document."""
    before: Row = old.document if old else {}
    after: Row = new.document
    return (
        *_parts(before, after),
        *_bans(before, after),
        *_model_bans(before, after),
        *_tools(before, after),
    )


# --------------------------------------------------------------------------------------------- the whole document


def _parts(before: Row, after: Row) -> Iterator[Change]:
    for key, value in fields(after.get("organisation")).items():
        was = fields(before.get("organisation")).get(key)
        if before and was != value:
            yield Change("organisation", Way.NEITHER, f"{key} is {said(value)} instead of {said(was)}")
    yield from _listed("approved", "approved tool", before.get("approved"), after.get("approved"), Way.WEAKER)
    limits = (("exceptions", "max_days", Way.WEAKER), ("exceptions", "pending_hold", Way.WEAKER))
    pauses = (("pause", "max", Way.WEAKER), ("pause", "automatic", Way.WEAKER))
    for part, key, more in (*limits, *pauses):
        was, now = number(fields(before.get(part)).get(key)), number(fields(after.get(part)).get(key))
        if before and was != now:
            unit = days if key == "max_days" else span
            yield Change(part, more if now > was else more.opposite, f"{key} is {unit(now)} instead of {unit(was)}")
    if before and before.get("privacy") != after.get("privacy"):
        yield Change("privacy", Way.NEITHER, f"is {said(after.get('privacy'))} instead of {said(before['privacy'])}")


def _tools(before: Row, after: Row) -> Iterator[Change]:
    """A tool that is recognised by more is banned in more forms."""
    old = fields(before.get("tools"))
    for name, tool in fields(after.get("tools")).items():
        was = fields(old.get(name))
        if not was or was == tool:
            continue
        for face, values in fields(fields(tool).get("faces")).items():
            gone, come = apart(fields(was.get("faces")).get(face), values)
            yield from (Change(name, Way.STRONGER, f"is also recognised by {face}: {one}") for one in come)
            yield from (Change(name, Way.WEAKER, f"is no longer recognised by {face}: {one}") for one in gone)
        yield from _carried(name, was, fields(tool))
        gone, come = apart(was.get("embeds"), fields(tool).get("embeds"))
        yield from (Change(name, Way.NEITHER, f"counts as carrying {one}") for one in come)
        yield from (Change(name, Way.NEITHER, f"no longer counts as carrying {one}") for one in gone)


def _carried(name: str, before: Row, after: Row) -> Iterator[Change]:
    """What `interdict move` runs, and where it writes: nobody signs a change of these unseen."""
    for field, what in (("install", "is installed with"), ("portable", "keeps settings in")):
        gone, come = apart(before.get(field), after.get(field))
        yield from (Change(name, Way.NEITHER, f"{what} {one}") for one in come)
        yield from (Change(name, Way.NEITHER, f"no longer {what} {one}") for one in gone)


# --------------------------------------------------------------------------------------------------------- bans


def _bans(before: Row, after: Row) -> Iterator[Change]:
    old, new = by_id(before, "bans"), by_id(after, "bans")
    lifted = by_id(after, "lifted")
    for name, ban in new.items():
        if name not in old:
            yield Change(name, Way.STRONGER, f"is a new ban of {list_of(targets(ban))}: {stages_said(ban)}")
        elif old[name] != ban:
            yield from _ban(name, old[name], ban)
    for name in old:
        if name in new:
            continue
        if name in lifted:
            kept = lifted[name].get("quarantine")
            yield Change(name, Way.WEAKER, f"is lifted; what is in quarantine: {kept}")
        else:
            yield Change(name, Way.NEITHER, "is missing without being lifted: agents keep it in force")


def _ban(name: str, old: Row, new: Row) -> Iterator[Change]:
    yield from _listed(name, "target", targets(old), targets(new), Way.STRONGER)
    yield from _listed(name, "spared", old.get("except"), new.get("except"), Way.WEAKER)
    yield from _stages(name, old, new)
    yield from _times(name, old, new)
    yield from _scope(name, fields(old.get("scope")), fields(new.get("scope")))
    yield from _rollout(name, old, new)
    if old.get("cure") != new.get("cure"):
        yield Change(name, Way.NEITHER, f"is cured by {new.get('cure')} instead of {old.get('cure')}")
    yield from _texts(name, old, new)


def _stages(name: str, old: Row, new: Row) -> Iterator[Change]:
    was, now = stage_rows(old), stage_rows(new)
    for action in Action:
        before, after = was.get(action), now.get(action)
        if before is None and after is not None:
            yield Change(name, Way.STRONGER, f"{action} is new, from {after.get('from')}", action)
        elif before is not None and after is None:
            yield Change(name, Way.WEAKER, f"{action} is gone (it was from {before.get('from')})", action)
        elif before is not None and after is not None:
            yield from _moved(name, str(action), before.get("from"), after.get("from"), action)
            for key, what in (("let_finish", "what runs may finish for"), ("kill_after", "TERM is given")):
                less, more = number(before.get(key)), number(after.get(key))
                if less != more:
                    way = Way.WEAKER if more > less else Way.STRONGER
                    yield Change(name, way, f"{action}: {what} {span(more)} instead of {span(less)}")


def _moved(name: str, what: str, before: Json, after: Json, action: Action | None = None) -> Iterator[Change]:
    shift = instant(after) - instant(before)
    if shift:
        way, word = (Way.STRONGER, "earlier") if shift < 0 else (Way.WEAKER, "later")
        yield Change(name, way, f"{what} comes {span(abs(shift))} {word} ({after} instead of {before})", action)


def _times(name: str, old: Row, new: Row) -> Iterator[Change]:
    less, more = number(old.get("min_notice")), number(new.get("min_notice"))
    if less != more:
        way = Way.WEAKER if more > less else Way.STRONGER
        yield Change(name, way, f"people have {span(more)} of notice instead of {span(less)}")
    was, now = old.get("no_later_than"), new.get("no_later_than")
    if was is None and now is not None:
        yield Change(name, Way.STRONGER, f"is enforced from {now} even towards people who could not be told")
    elif was is not None and now is None:
        yield Change(name, Way.WEAKER, "waits without limit for people who could not be told")
    elif was is not None and now is not None:
        yield from _moved(name, "the outer limit", was, now)


def _scope(name: str, old: Row, new: Row) -> Iterator[Change]:
    for key in ("kinds", "ownership"):
        yield from _listed(name, f"scope: {key}", old.get(key), new.get(key), Way.STRONGER)
    yield from _listed(name, "scope: except_groups", old.get("except_groups"), new.get("except_groups"), Way.WEAKER)
    for key in ("regions", "groups"):
        was, now = strings(old.get(key)), strings(new.get(key))
        if was and not now:
            yield Change(name, Way.STRONGER, f"is for all {key} instead of {list_of(was)} only")
        elif now and not was:
            yield Change(name, Way.WEAKER, f"is for the {key} {list_of(now)} only instead of all")
        else:
            yield from _listed(name, f"scope: {key}", was, now, Way.STRONGER)


def _rollout(name: str, old: Row, new: Row) -> Iterator[Change]:
    was, now = rings(old), rings(new)
    if was == now:
        return
    if not now:
        yield Change(name, Way.STRONGER, "begins everywhere at once: there is no rollout any more")
    elif not was:
        yield Change(name, Way.WEAKER, f"begins by rings: {list_of(now)}")
    else:
        yield Change(name, Way.NEITHER, f"rollout is {list_of(now)} instead of {list_of(was)}")


def _texts(name: str, old: Row, new: Row) -> Iterator[Change]:
    reasons, were = fields(new.get("reason")), fields(old.get("reason"))
    for tag in dict.fromkeys([*were, *reasons]):
        if were.get(tag) != reasons.get(tag):
            words = said(reasons[tag]) if tag in reasons else "no longer there"
            yield Change(name, Way.NEITHER, f"reason ({tag}) is {words}")
    after, before = claims(new), claims(old)
    for text in dict.fromkeys([*before, *after]):
        if before.get(text) != after.get(text):
            yield Change(name, Way.NEITHER, claim_said(text, before.get(text), after.get(text)))
    for key in ("classification", "decision", "alternatives", "links", "needs"):
        if old.get(key) != new.get(key):
            yield Change(name, Way.NEITHER, f"{key} is {said(new.get(key))} instead of {said(old.get(key))}")


def _model_bans(before: Row, after: Row) -> Iterator[Change]:
    old, new = by_id(before, "model_bans"), by_id(after, "model_bans")
    lifted = by_id(after, "lifted")
    for name, ban in new.items():
        if name not in old:
            families = list_of(strings(ban.get("families")))
            yield Change(name, Way.STRONGER, f"is a new model ban of {families}: {stages_said(ban)}")
        elif old[name] != ban:
            was = old[name]
            yield from _listed(name, "family", was.get("families"), ban.get("families"), Way.STRONGER)
            yield from _stages(name, was, ban)
            yield from _scope(name, fields(was.get("scope")), fields(ban.get("scope")))
            yield from _texts(name, was, ban)
    for name in old.keys() - new.keys():
        words = "is lifted" if name in lifted else "is missing without being lifted: agents keep it in force"
        yield Change(name, Way.WEAKER if name in lifted else Way.NEITHER, words)


def _listed(about: str, what: str, before: Json | list[str], after: Json | list[str], more: Way) -> Iterator[Change]:
    gone, come = apart(before, after)
    yield from (Change(about, more, f"{what} added: {one}") for one in come)
    yield from (Change(about, more.opposite, f"{what} taken away: {one}") for one in gone)
