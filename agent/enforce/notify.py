"""Tells a person: by their own notifier, else in their desktop session, else on the terminals they are logged in on.

What belongs to nobody in particular (an installation of root's) is told to everybody who is here. Shown means that a
notification service took it or that a terminal of theirs did; anything else is `not-shown`, and is tried again. That a
notice was shown is what starts `min_notice`, so nothing here claims it lightly.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Protocol

from agent.cases import Kind
from agent.enforce.interface import Detail, Intent, Outcome, OutcomeCode
from agent.errors import InterdictError
from agent.host.command import NOTIFY_SEND, PLAIN_ENVIRONMENT, Account, run_tool
from agent.host.sessions import Session, is_console, plain, sessions, write_terminal
from agent.host.users import FIRST_UID, own_uid
from policy_schema.messages import local
from policy_schema.rules.instant import Instant

KIND = Kind.NOTIFY


class Notifiers(Protocol):
    """People's own notifiers (`agent.ipc.people`)."""

    def present(self) -> frozenset[int]:
        """Whose are there."""
        ...

    def show(self, uid: int, notice: local.Notice) -> local.Came:
        """What became of it; true once one of a person's notifiers has shown it."""
        ...


class NotifyActor:
    """Shows notices. `channel` is `desktop` or `stdout` (a trial in the foreground)."""

    def __init__(
        self,
        *,
        channel: str,
        now: Callable[[], Instant],
        here: Callable[[], Iterable[Session]] = sessions,
        notifiers: Notifiers | None = None,
    ) -> None:
        self._notifiers = notifiers
        self._channel = channel
        self._now = now
        self._here = here

    def act(self, intent: Intent) -> Outcome:
        """Shows the notice to whom it concerns."""
        if self._channel == "stdout":
            sys.stdout.write(f"{plain(intent.title)}\n{plain(intent.body)}\n\n")
            sys.stdout.flush()
            return self._outcome(intent, shown=True)
        came = {uid: self._by_notifier(uid, intent) for uid in self._with_notifier(intent.uid)}
        shown = [
            self._show(session, intent, came.get(session.uid, local.Came.NOT))
            for session in self._audience(intent.uid)
            if not came.get(session.uid)
        ]
        detail = Detail.DO_NOT_DISTURB if local.Came.KEPT in came.values() else Detail.NO_DESKTOP
        return self._outcome(intent, any(came.values()) or any(shown), detail)

    def _with_notifier(self, uid: int) -> list[int]:
        there = self._notifiers.present() if self._notifiers else frozenset()
        return [one for one in sorted(there) if one == uid or (uid < FIRST_UID and uid not in there)]

    def _by_notifier(self, uid: int, intent: Intent) -> local.Came:
        """Hands it to the person's own notifier, which can show buttons."""
        assert self._notifiers is not None
        return self._notifiers.show(
            uid,
            local.Notice(
                id=local.notice_id(uid, intent.ban, intent.tool),
                title=plain(intent.title)[:200],
                body=plain(intent.body)[:4000],
                buttons=tuple(local.Button(key=key, label=label[:200], url=url) for key, label, url in intent.buttons),
                stays=intent.presses,
            ),
        )

    def _audience(self, uid: int) -> list[Session]:
        present = list(self._here())
        if uid >= FIRST_UID or any(session.uid == uid for session in present):
            return [session for session in present if session.uid == uid]
        return present

    def _show(self, session: Session, intent: Intent, came: local.Came) -> bool:
        if came is local.Came.KEPT and not intent.presses:
            return False
        if session.bus and came is local.Came.NOT and self._on_desktop(session, intent):
            return True
        brief = intent.brief or intent.body
        texts = {
            terminal: intent.plain if intent.plain and is_console(terminal) else brief for terminal in session.terminals
        }
        written = [write_terminal(terminal, session.uid, text) for terminal, text in texts.items()]
        return any(written)

    def _on_desktop(self, session: Session, intent: Intent) -> bool:
        """Runs `notify-send` as that person: a user's bus refuses root."""
        urgency = "critical" if intent.presses else "normal"
        arguments = ["--app-name=Interdict", f"--urgency={urgency}", "--", plain(intent.title), plain(intent.body)]
        environment = {**PLAIN_ENVIRONMENT, "DBUS_SESSION_BUS_ADDRESS": f"unix:path={session.bus}"}
        account = Account(session.uid, session.gid) if own_uid() == 0 and session.uid != 0 else None
        try:
            run_tool(NOTIFY_SEND, arguments, timeout=10.0, environment=environment, account=account)
        except InterdictError:
            # No notification service in this session, or no notify-send on this machine: the terminals are next.
            return False
        return True

    def _outcome(self, intent: Intent, shown: bool, detail: Detail = Detail.NO_DESKTOP) -> Outcome:
        code = OutcomeCode.TOLD if shown else OutcomeCode.NOT_SHOWN
        return Outcome(intent, code, Detail.NONE if shown else detail, self._now())
