"""When acting stops although the policy asks for it: reporting goes on.

Pure. Four reasons, each an attack or an accident that was seen elsewhere: a rule that suddenly matches half of a
machine, acts that do not end, an agent that dies each time it acts, and an administrator who paused it by hand.

The brake must not be a switch that a person can reach. Everything is measured for each person, so that decoys of one
hold up nothing of another's; a clock that is set back forgets what lies in the future; a machine that was switched off
is no crash of the agent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from policy_schema.rules.instant import Instant, format_instant

NEW_MATCHES = 12
"""Different things of one owner newly matched by one policy version, beyond which acts on them wait for somebody."""
GROWTH = 4
"""… unless the ban matched at least a quarter as many before."""
ACTS_A_MINUTE = 20
"""Further acts on what belongs to one person wait for the next minute."""
ACTS_OF_ALL = 100
"""… and on what belongs to anybody."""
ALIKE = 10
"""So many processes of one installation that end in the same moment count as one act."""
CRASHES = 3
"""Starts without a clean end within `CRASH_WINDOW` seconds, after which nothing is acted on for `CRASH_REST`."""
CRASH_WINDOW = 600
CRASH_REST = 3600
MOST_PAUSED = 24 * 3600
"""Seconds that one `interdict pause` lasts at the most."""
EVERYTHING = "*"
"""Instead of a ban, in what is let go."""
REST = "Safe mode: the agent ended badly several times within ten minutes, so for an hour nothing is stopped or moved."
_MOST_BAD_ENDS = 50
_WIDE = " different programs of the system within a minute."


class Act(NamedTuple):
    """One act that was let through: when, and on whose things."""

    at: Instant
    uid: int


class Wanted(NamedTuple):
    """One act that is wanted. Acts with the same `alike` that are not empty are one thing done many times."""

    uid: int
    alike: str = ""


Matched = Mapping[str, Mapping[int, int]]
"""Ban to owner (uid) to how many different things of theirs match."""


class BadEnd(NamedTuple):
    """The agent started and found that it had not ended properly; what it had run under: its version and the policy."""

    at: Instant
    under: str


class Pause(NamedTuple):
    """An administrator paused the agent on this machine (`interdict pause`): looking and reporting go on."""

    request: str
    """Which request it came from: each is taken once."""
    by: str
    since: Instant
    until: Instant


class Brake(NamedTuple):
    """What the brake remembers: kept in the journal."""

    acts: tuple[Act, ...] = ()
    bad_ends: tuple[BadEnd, ...] = ()
    matched: Mapping[str, int] = {}
    """What matched when the policy version before this one was in force: `BAN UID`, and `BAN` for all of them."""
    held: Mapping[str, str] = {}
    """The same keys, to the sentence that says why acts wait."""
    pause: Pause = Pause("", "", Instant(0), Instant(0))
    tried_with: str = ""
    """The agent's version and the policy that it runs under: each pair has bad ends of its own."""
    counted: Mapping[str, int] = {}
    """Of what is held for its number: that number, which is the normal one as soon as somebody lets go."""
    release: str = ""
    """The last request to let go that was taken."""


def started(brake: Brake, clean: bool, now: Instant) -> Brake:
    """The agent starts; `clean` says whether it had ended properly, or together with the machine."""
    recent = tuple(one for one in brake.bad_ends if now - CRASH_WINDOW - CRASH_REST < one.at <= now)
    return brake._replace(bad_ends=recent if clean else (*recent, BadEnd(now, brake.tried_with))[-_MOST_BAD_ENDS:])


def resting_until(brake: Brake, now: Instant) -> Instant:
    """Until when a crash loop keeps the agent from acting; 0 when there is none."""
    # What lies in the future was written by a clock that has been set back since.
    starts = sorted(one.at for one in brake.bad_ends if one.at <= now and one.under == brake.tried_with)
    ends = [
        Instant(starts[i] + CRASH_REST)
        for i in range(CRASHES - 1, len(starts))
        if starts[i] - starts[i - CRASHES + 1] <= CRASH_WINDOW
    ]
    return max(ends, default=Instant(0))


def under(brake: Brake, agent: str, policy: str) -> Brake:
    """Another version of the agent or another policy gets a try of its own: what ended badly before says nothing of it.

    Bad ends are kept with what they happened under, so that a policy which is adopted anew at each start, since the
    agent dies of it before it can remember it, is not new each time.
    """
    mark = f"{agent} {policy}"
    if brake.tried_with == mark:
        return brake
    held = {key: why for key, why in brake.held.items() if not why.endswith(_WIDE)}
    return brake._replace(tried_with=mark, held=held)


def paused(brake: Brake, request: str, by: str, now: Instant, seconds: int) -> Brake:
    """An administrator pauses everything for a while, `MOST_PAUSED` at the most; 0 ends it."""
    until = Instant(now + max(0, min(seconds, MOST_PAUSED)))
    return brake._replace(pause=Pause(request, by, now, until))


def next_change(brake: Brake, now: Instant) -> Instant | None:
    """When a pause or a rest ends; None when there is neither."""
    ends = [moment for moment in (paused_until(brake, now), resting_until(brake, now)) if moment > now]
    return min(ends, default=None)


def paused_until(brake: Brake, now: Instant) -> Instant:
    """Until when an administrator has paused the agent; 0 when nobody has. A clock that was set back ends it."""
    pause = brake.pause
    return pause.until if pause.since <= now < pause.until else Instant(0)


def pause_sentence(brake: Brake, now: Instant) -> str:
    """Who paused it and until when, or nothing."""
    until = paused_until(brake, now)
    return f"{brake.pause.by} has paused Interdict on this machine until {format_instant(until)}." if until else ""


def refused_widely(brake: Brake, ban: str, programs: int) -> Brake:
    """One ban stopped the start of many different programs of the system within a minute: it waits for somebody."""
    why = f"The brake holds it: it refused {programs}{_WIDE}"
    return brake._replace(held={**brake.held, ban: why})


def judge_matches(brake: Brake, matched: Matched, whole: bool = True) -> Brake:
    """Under a new policy version: holds what matches far more than before. `whole` says that everything was looked at,
    which is what the next version is compared with; until then what is known already is enough to hold, and no reason
    to let go.

    A person's things are held by the number of that person's. Everybody's are held when the number is too large even
    without the person who has the most: one person alone can only hold up what is done to themselves.
    """
    counts = {f"{ban} {uid}": count for ban, owners in matched.items() for uid, count in owners.items()}
    counts |= {ban: sum(owners.values()) - max(owners.values(), default=0) for ban, owners in matched.items()}
    large = {
        key: count
        for key, count in counts.items()
        if count > NEW_MATCHES and count > GROWTH * brake.matched.get(key, 0)
    }
    held = {
        key: f"The brake holds it: {count} installations match where {brake.matched.get(key, 0)} did before."
        for key, count in large.items()
    }
    if not whole:
        return brake._replace(held={**brake.held, **held}, counted={**brake.counted, **large})
    held |= {key: why for key, why in brake.held.items() if why.endswith(_WIDE)}
    kept = {key: brake.matched[key] for key in large if key in brake.matched}
    fresh = {key: count for key, count in counts.items() if key not in large}
    return brake._replace(held=held, matched=fresh | kept, counted=large)


def hold_of(brake: Brake, ban: str, uid: int, now: Instant) -> str:
    """Why acts of this ban on this person's things wait now, or nothing."""
    if why := pause_sentence(brake, now):
        return why
    if now < resting_until(brake, now):
        return f"{REST} It acts again at {format_instant(resting_until(brake, now))}."
    return brake.held.get(ban) or brake.held.get(f"{ban} {uid}", "")


def held_bans(brake: Brake) -> dict[str, str]:
    """Every ban of which something is held, with why; whose things they are is left out."""
    return {key.partition(" ")[0]: why for key, why in brake.held.items()}


def admit(brake: Brake, wanted: Sequence[Wanted], now: Instant) -> tuple[Brake, tuple[bool, ...]]:
    """Which of the wanted acts may begin now."""
    recent = tuple(act for act in brake.acts if now - 60 < act.at <= now)
    begun = list(recent)
    spent = Counter(act.uid for act in recent)
    free: Counter[Wanted] = Counter()
    answers: list[bool] = []
    for one in wanted:
        allowed = free[one] > 0 or (spent[one.uid] < ACTS_A_MINUTE and len(begun) < ACTS_OF_ALL)
        if free[one] > 0:
            free[one] -= 1
        elif allowed:
            begun.append(Act(now, one.uid))
            spent[one.uid] += 1
            free[one] = ALIKE - 1 if one.alike else 0
        answers.append(allowed)
    return brake._replace(acts=tuple(begun)), tuple(answers)


def released(brake: Brake, bans: Iterable[str], request: str = "") -> Brake:
    """An administrator lets these bans act again; `EVERYTHING` is all of them and the rest after a crash loop.

    What they matched then is what is normal, so that nothing holds them again at the next start.
    """
    gone = set(bans)
    freed = {key for key in brake.held if EVERYTHING in gone or key.partition(" ")[0] in gone}
    normal = {key: count for key, count in brake.counted.items() if key in freed}
    return brake._replace(
        held={key: why for key, why in brake.held.items() if key not in freed},
        matched={**brake.matched, **normal},
        counted={key: count for key, count in brake.counted.items() if key not in freed},
        bad_ends=() if EVERYTHING in gone else brake.bad_ends,
        release=request or brake.release,
    )
