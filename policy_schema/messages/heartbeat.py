"""The heartbeat: how the agent itself is doing. State, one row a device at the console, never a history."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from policy_schema.messages.kinds import MAX_LINES, Code, Count, Identifier, Moment


class Answers(Struct, frozen=True, kw_only=True):
    """How often people at the machine, all of them together, answered a notice in each way since this is counted."""

    get: Count = 0
    details: Count = 0
    ask: Count = 0
    remove: Count = 0
    later: Count = 0
    """Reminders that were put off; one that was wanted after all is not counted."""


class Heartbeat(Struct, frozen=True, kw_only=True):
    """Counters since the agent started, and its size now."""

    started_at: Moment
    uptime_s: Count
    looks: Count = 0
    """Whole looks at the machine."""
    decisions: Count = 0
    look_ms: Count = 0
    """How long the last whole look took."""
    acts: Count = 0
    """Stops, quarantines, restores and the like that were tried."""
    dropped: Count = 0
    """Events that did not fit into the inbox; each led to a sweep."""
    restarts: Count = 0
    """Parts that were started again by the supervisor."""
    journal_rows: Count = 0
    rss_kb: Count = 0
    mode: Code = "enforce"
    """`enforce`, or `observe` when the settings forbid acting."""
    brake: bool = False
    """True while the brake holds acts back; reporting goes on."""
    gate: Code = ""
    """Whether starts are refused: `full` or `no-evictable` (what the kernel offers), `off`, or where a gate stands that
    does not work: `absent`, `starting`, `killed`."""
    gate_ends: Count = 0
    """How often the gate came to an end."""
    refused: Count = 0
    """Starts that were refused on this day (UTC)."""
    paused_until: Moment | None = None
    """Until when an administrator has paused the agent on that machine; nothing while it acts."""
    left_out: Annotated[tuple[Identifier, ...], Meta(max_length=MAX_LINES)] = ()
    """Bans that would hit what no policy can touch: not carried out on that machine."""
    journals_lost: Count = 0
    """How often its journal was damaged on that machine and begun anew: its disk is worth a look."""
    kept: Annotated[tuple[Identifier, ...], Meta(max_length=MAX_LINES)] = ()
    """Bans that are gone from the policy without being lifted: they stay in force on that machine."""
    leaving: bool = False
    """True in the last report of an agent that is being removed by whoever manages that machine."""
    answers: Answers | None = None
    """What people did with notices; nothing unless the policy says that it is counted."""
