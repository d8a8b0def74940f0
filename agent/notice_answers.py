"""What people did with notices: counted for the whole device, and only while the policy says so.

Nobody's name or number stands beside a count, and what was counted is forgotten when the policy no longer asks for it.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from agent.report.journal import Journal
from policy_schema.messages.heartbeat import Answers

_KEY = "notice-answers"


class NoticeAnswers:
    """Belongs to the deciding thread."""

    def __init__(self, journal: Journal, wanted: Callable[[], bool]) -> None:
        """`wanted`: whether the policy in force has it counted."""
        self._journal, self._wanted = journal, wanted

    def count(self, key: str, by: int = 1) -> None:
        """Somebody pressed a button (or, with -1, took it back); one that this version does not know is nothing."""
        if self._wanted() and key in Answers.__struct_fields__:
            now = self._counts()
            changed = msgspec.structs.replace(now, **{key: max(0, getattr(now, key) + by)})
            self._journal.set_meta(_KEY, msgspec.json.encode(changed).decode())

    def sent(self) -> Answers | None:
        """What a report says; nothing, and nothing is kept, unless the policy wants it."""
        if not self._wanted():
            self._journal.set_meta(_KEY, "")
            return None
        return self._counts()

    def _counts(self) -> Answers:
        try:
            return msgspec.json.decode(self._journal.meta(_KEY) or "{}", type=Answers)
        except msgspec.DecodeError:
            return Answers()
