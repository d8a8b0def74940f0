"""What an administrator asked for at this machine (`interdict pause`, `interdict release`): taken once, kept, written
down. Belongs to the deciding thread.
"""

from __future__ import annotations

from collections.abc import Callable

from agent import brake as braking
from agent.events import Event, EventLog
from agent.host.clock import Clock
from agent.memory import Memory
from agent.report.asked import asked_pause, asked_release
from agent.report.journal import Journal
from policy_schema.rules.instant import Instant, format_instant


class Administrator:
    """Takes requests from the state folder and ends a pause in time."""

    def __init__(
        self, *, state_dir: str, memory: Memory, journal: Journal, log: EventLog, clock: Clock, wall: Callable[[], int]
    ) -> None:
        """`wall` dates the requests: `clock` may say another time while the machine's own is behind."""
        self._state_dir, self._memory, self._journal = state_dir, memory, journal
        self._log, self._clock, self._wall = log, clock, wall
        until = braking.paused_until(memory.brake, self._now())
        self._paused = bool(until)
        self._over_at = clock.monotonic() + max(0, until - self._now())
        """On the monotonic clock: a pause ends also on a machine whose own clock stands still or far behind."""

    def take(self) -> bool:
        """Takes what was asked for since the last time. Whether anything changed."""
        return self._take_pause() | self._take_release()

    def look_at_clock(self) -> bool:
        """Ends a pause whose time is over. Whether it did."""
        brake, now = self._memory.brake, self._now()
        if not self._paused:
            return False
        if braking.paused_until(brake, now) and self._clock.monotonic() < self._over_at:
            return False
        # For good: a clock that is put right again begins no pause anew.
        self._memory.keep_brake(brake._replace(pause=brake.pause._replace(until=Instant(0))))
        self._paused = False
        self._say(brake.pause.by, Instant(0))
        return True

    def _take_pause(self) -> bool:
        request = asked_pause(self._state_dir)
        if request is None or request.id == self._memory.brake.pause.request:
            return False
        left = max(0, min(request.seconds, request.at + request.seconds - self._wall()))
        if request.seconds and not left:
            return False
        now = self._now()
        self._memory.keep_brake(braking.paused(self._memory.brake, request.id, request.by, now, left))
        until = braking.paused_until(self._memory.brake, now)
        self._paused, self._over_at = bool(until), self._clock.monotonic() + until - now
        self._say(request.by, until)
        return True

    def _take_release(self) -> bool:
        request = asked_release(self._state_dir)
        brake = self._memory.brake
        if request is None or request.id == brake.release or abs(self._wall() - request.at) > braking.MOST_PAUSED:
            return False
        self._memory.keep_brake(braking.released(brake, request.bans, request.id))
        gone = [ban for ban in braking.held_bans(brake) if ban not in braking.held_bans(self._memory.brake)]
        bans = ", ".join(gone)
        self._journal.add_event(self._now(), -1, {"event": "release", "by": request.by, "ban": bans})
        self._log.write(Event.RELEASED, by=request.by, bans=gone)
        return True

    def _say(self, by: str, until: Instant) -> None:
        end = format_instant(until) if until else ""
        self._journal.add_event(self._now(), -1, {"event": "pause", "by": by, "until": end})
        self._log.write(Event.PAUSE, by=by, until=end)

    def _now(self) -> Instant:
        return self._clock.now().instant
