"""Ends a process that is a finding: asks it (TERM), and after `kill_after` ends it (KILL). Only that one process: never
its children, which are git, make or docker and not banned.

When it may still finish (`let_finish`) is decided by the case; an intent arrives here when that time is over.

`act` returns within `AT_ONCE` seconds: most programs end by then. One that does not is kept in a table, its outcome so
far is `finishing`, and `tick` gives the last outcome later; whoever runs the actors calls `tick` at `wake()` and when
idle. One thread uses all of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from agent.cases import Kind
from agent.enforce.interface import Detail, Intent, Outcome, OutcomeCode
from agent.errors import Denied, Gone
from agent.host import processes, signals
from agent.host.signals import Held
from policy_schema.rules.instant import Instant

KIND = Kind.STOP
AT_ONCE = 0.05
"""Seconds that `act` waits for the end."""
EACH = 0.2
"""Seconds between looks at a process that was asked to end."""
AFTER_KILL = 5.0
"""Seconds until a process that was killed and is still there counts as a failure (it hangs in the kernel)."""


class _Pending(NamedTuple):
    """A process that was asked to end and has not yet."""

    intent: Intent
    held: Held
    kill_at: float
    killed: bool = False


class StopActor:
    """Ends processes."""

    def __init__(
        self,
        *,
        now: Callable[[], Instant],
        still_runs: Callable[[Intent], bool],
        monotonic: Callable[[], float] = time.monotonic,
        hold: Callable[[int, float], Held] = signals.hold,
        own_line: Callable[[], frozenset[int]] = processes.own_line,
    ) -> None:
        """`still_runs` says whether the process still runs what the intent names: it may have called exec since."""
        self._now = now
        self._still_runs = still_runs
        self._monotonic = monotonic
        self._hold = hold
        self._own_line = own_line
        self._pending: dict[tuple[int, float], _Pending] = {}

    def act(self, intent: Intent) -> Outcome:
        """Asks a process to end.

        1. Never pid 1, ourselves or a parent of ours, whatever the policy says.
        2. The process is held: from here on a signal reaches this one or none.
        3. It MUST still run what was found, looked at after it was held.
        4. TERM; if it ends at once that is all, else `tick` goes on.
        """
        if intent.pid is None or intent.started is None:
            return self._outcome(intent, OutcomeCode.GONE, Detail.ALREADY_GONE)
        if intent.pid <= 1 or intent.pid in self._own_line():
            return self._outcome(intent, OutcomeCode.REFUSED_BY_GUARD, Detail.PROTECTED_PROCESS)
        key = (intent.pid, intent.started)
        if key in self._pending:
            return self._outcome(intent, OutcomeCode.FINISHING, Detail.STILL_RUNNING)
        try:
            held = self._hold(*key)
        except Gone:
            return self._outcome(intent, OutcomeCode.GONE, Detail.ALREADY_GONE)
        except Denied:
            return self._outcome(intent, OutcomeCode.FAILED, Detail.DENIED)
        return self._ask(_Pending(intent, held, self._monotonic() + intent.kill_after), key)

    def tick(self, now: float) -> tuple[Outcome, ...]:
        """What came of the processes that were asked before; `now` in monotonic seconds."""
        outcomes = []
        for key, pending in list(self._pending.items()):
            outcome = self._go_on(key, pending, now)
            if outcome is not None:
                pending.held.close()
                del self._pending[key]
                outcomes.append(outcome)
        return tuple(outcomes)

    def wake(self) -> float | None:
        """When `tick` is wanted next, in monotonic seconds; None while nothing is pending."""
        if not self._pending:
            return None
        return min([self._monotonic() + EACH, *(pending.kill_at for pending in self._pending.values())])

    def let_go(self, policy_version: int) -> tuple[Outcome, ...]:
        """What was asked to end by another version of the policy is not killed; it is asked anew if that holds."""
        stale = {key: one for key, one in self._pending.items() if one.intent.policy_version != policy_version}
        for key, pending in stale.items():
            pending.held.close()
            del self._pending[key]
        return tuple(self._outcome(one.intent, OutcomeCode.FAILED, Detail.POLICY_CHANGED) for one in stale.values())

    def close(self) -> None:
        """Lets go of everything pending; nothing more is done to it."""
        for pending in self._pending.values():
            pending.held.close()
        self._pending.clear()

    def _ask(self, pending: _Pending, key: tuple[int, float]) -> Outcome:
        intent, held = pending.intent, pending.held
        outcome: Outcome | None = None
        try:
            if not self._still_runs(intent):
                outcome = self._outcome(intent, OutcomeCode.GONE, Detail.CHANGED_SINCE_FOUND)
            else:
                held.ask()
                if held.ended(min(AT_ONCE, max(0, intent.kill_after))):
                    outcome = self._outcome(intent, OutcomeCode.STOPPED)
        except Gone:
            outcome = self._outcome(intent, OutcomeCode.GONE, Detail.ALREADY_GONE)
        except Denied:
            outcome = self._outcome(intent, OutcomeCode.FAILED, Detail.DENIED)
        if outcome is None and intent.kill_after <= 0:
            outcome = self._go_on(key, pending, self._monotonic())
        if outcome is not None:
            held.close()
            self._pending.pop(key, None)
            return outcome
        self._pending.setdefault(key, pending)
        return self._outcome(intent, OutcomeCode.FINISHING, Detail.STILL_RUNNING)

    def _go_on(self, key: tuple[int, float], pending: _Pending, now: float) -> Outcome | None:
        """One step with one process; None while there is nothing to say yet."""
        intent, held = pending.intent, pending.held
        if held.ended():
            return self._outcome(intent, OutcomeCode.KILLED if pending.killed else OutcomeCode.STOPPED)
        if now < pending.kill_at:
            return None
        if pending.killed:
            return self._outcome(intent, OutcomeCode.FAILED, Detail.STILL_RUNNING)
        try:
            if not self._still_runs(intent):
                return self._outcome(intent, OutcomeCode.GONE, Detail.CHANGED_SINCE_FOUND)
            held.kill()
        except Gone:
            return self._outcome(intent, OutcomeCode.STOPPED)
        except Denied:
            return self._outcome(intent, OutcomeCode.FAILED, Detail.DENIED)
        if held.ended(AT_ONCE):
            return self._outcome(intent, OutcomeCode.KILLED)
        self._pending[key] = pending._replace(killed=True, kill_at=now + AFTER_KILL)
        return None

    def _outcome(self, intent: Intent, result: OutcomeCode, detail: Detail = Detail.NONE) -> Outcome:
        return Outcome(intent, result, detail, self._now())
