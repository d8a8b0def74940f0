"""`interdict status --login`: what somebody reads when they log in on a terminal, where something concerns them.

Started at every login, so: it reads two small files and asks nobody, says nothing where there is nothing to say or
something is wrong, and is over within two seconds whatever happens. The words are those of the policy, in the language
of the session; never a path or a name from the machine.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from agent.cli.output import say
from agent.configured import load_settings
from agent.errors import InterdictError
from agent.host.clock import wall
from agent.report.views import own_view
from policy_schema.notices.language import session_reader
from policy_schema.notices.telling import Occasion, Situation
from policy_schema.notices.terminal import terminal_text
from policy_schema.notices.translate import words_for

WITHIN = 2
"""Seconds after which it gives up, so that nobody waits for their prompt."""
MOST_TOOLS = 3
_CONCERNS = ("active", "announced", "awaiting-notice")
_TOLD = ("notify", "block", "remove")

Row = Mapping[str, object]


def show_login(config: str) -> int:
    """Says what concerns the person, if anything does; always 0: a login is no place for errors."""
    if sys.platform != "win32":
        signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
        signal.alarm(WITHIN)
    try:
        view = own_view(load_settings(config).state_dir)
        lines = list(login_lines(view, dict(os.environ), int(wall()))) if view else []
    except (InterdictError, OSError):
        return 0
    for line in lines:
        say(line)
    return 0


def login_lines(view: Row, environment: Mapping[str, str], now: int) -> Iterator[str]:
    """A line for each tool, what comes first on top; then whom to ask, and where to see more. Pure."""
    reader = session_reader(environment)
    organisation, names = _map(view.get("organisation")), _map(view.get("tools"))
    if not organisation.get("name"):
        return  # of an older agent; the one that runs now writes it anew
    rows = sorted((row for row in _rows(view.get("findings")) if _concerns(row)), key=lambda row: _at(row, now))
    by_tool = {str(row.get("tool")): row for row in reversed(rows)}
    last = ""
    for tool in list(dict.fromkeys(str(row.get("tool")) for row in rows))[:MOST_TOOLS]:
        row = by_tool[tool]
        situation = Situation(_occasion(row, now), now, reader=reader, until=_instant(row.get("finish_until")) or None)
        entry = {"id": tool, "name": str(names.get(tool) or tool)}
        first, _, last = terminal_text(organisation, _ban(row), entry, situation).partition("\n")
        yield first
    if rows:
        if last:
            yield last
        default = str(organisation.get("default_language") or "en")
        yield f"{words_for((*reader.languages, default))('Details')}: interdict status"


def _concerns(row: Row) -> bool:
    return row.get("state") in _CONCERNS and row.get("action") in _TOLD


def _occasion(row: Row, now: int) -> Occasion:
    if row.get("face") == "setting":
        return Occasion.CONFIGURED
    if _instant(row.get("finish_until")) > now:
        return Occasion.FINISHING
    acts = row.get("action") in ("block", "remove") and row.get("state") == "active"
    return Occasion.BLOCKED if acts else Occasion.ANNOUNCED


def _ban(row: Row) -> dict[str, object]:
    """As much of the ban as the line needs. While a notice is awaited, nobody knows yet when it begins."""
    following = _map(row.get("next"))
    stages = [
        {"from": at, "action": action}
        for at, action in (
            (row.get("effective_from"), row.get("action")),
            (following.get("from"), following.get("action")),
        )
        if at and row.get("state") != "awaiting-notice"
    ]
    return {"id": row.get("ban"), "alternatives": row.get("alternatives"), "stages": stages}


def _at(row: Row, now: int) -> int:
    """When something next happens to it; what may not be used already comes first."""
    if row.get("action") in ("block", "remove"):
        return now
    return _instant(_map(row.get("next")).get("from")) or 1 << 40


def _instant(value: object) -> int:
    try:
        return int(datetime.fromisoformat(str(value)).timestamp()) if value else 0
    except ValueError:
        return 0


def _rows(value: object) -> Sequence[Row]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def _map(value: object) -> Row:
    return value if isinstance(value, Mapping) else {}
