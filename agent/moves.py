"""Who has moved: which of the offered alternatives are on this machine, and since when. Presence, not use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from agent.events import Event, EventLog
from agent.findings import move_line
from agent.inventory.installations import Installation
from agent.report.journal import Journal
from policy_schema.messages.report import FindingLine, MoveLine
from policy_schema.rules.instant import Instant
from policy_schema.rules.rulebook import Rulebook


class Moves:
    """An alternative that is here counts as moved until it is gone again; each change is told once."""

    def __init__(
        self,
        *,
        journal: Journal,
        queue: Callable[[Iterable[FindingLine | MoveLine]], None],
        log: EventLog,
        may_tell: Callable[[int], bool] = lambda uid: True,
    ) -> None:
        """`may_tell`: whether reports may speak of what is this person's (uid)."""
        self._journal, self._may_tell = journal, may_tell
        self._queue = queue
        self._log = log
        self._here: dict[str, MoveLine] = {}

    def lines(self) -> tuple[MoveLine, ...]:
        """Every alternative that is here, for a report with the whole state."""
        return tuple(self._here.values())

    def update(self, installations: Sequence[Installation], book: Rulebook, now: Instant) -> None:
        """Compares with what was here before; the journal remembers it over restarts."""
        offered = offers(book)
        here = {one.id: one for one in installations if one.tool in offered and self._tells(one)}
        for key, installation in here.items():
            if key not in self._here:
                self._came(key, installation, offered[installation.tool], now)
        for key in [key for key in self._here if key not in here]:
            line = self._here.pop(key)
            self._journal.set_meta(f"moved:{key}:reported", "")
            self._queue([msgspec.structs.replace(line, gone=True)])

    def _tells(self, one: Installation) -> bool:
        return one.id in self._here or self._may_tell(one.uid)

    def _came(self, key: str, installation: Installation, from_tools: Sequence[str], now: Instant) -> None:
        first = self._journal.meta(f"moved:{key}") or str(now)
        self._journal.set_meta(f"moved:{key}", first)
        self._here[key] = line = move_line(installation, from_tools, int(first))
        if not self._journal.meta(f"moved:{key}:reported"):
            self._journal.set_meta(f"moved:{key}:reported", "yes")
            self._queue([line])
            self._log.write(Event.MOVED, tool=installation.tool, version=installation.version)


def offers(book: Rulebook) -> dict[str, list[str]]:
    """Alternative tool to the banned tools that it stands in for."""
    made: dict[str, list[str]] = {}
    for ban in book.bans:
        rows = ban.text.get("alternatives")
        for row in rows if isinstance(rows, (list, tuple)) else ():
            if isinstance(row, Mapping) and row.get("tool"):
                made.setdefault(str(row["tool"]), []).extend(target.tool for target in ban.targets)
    return made
