"""`interdict move` behind the button of a notice: which tool the notice was about, and a window that stays readable."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

from agent.cli.output import say
from agent.errors import InterdictError
from agent.host.users import own_uid
from agent.report.views import own_view
from agent.settings import Settings
from policy_schema.messages.local import notice_id


def tool_of(settings: Settings, notice: str) -> str:
    """The banned tool that a notice was about; empty when nothing of the person's fits it any more."""
    rows = (own_view(settings.state_dir) or {}).get("findings")
    for row in rows if isinstance(rows, list) else ():
        ban, tool = str(row.get("ban")), str(row.get("tool"))
        if notice in (notice_id(own_uid(), ban, tool), notice_id(0, ban, tool)):
            return tool
    return ""


def staying_open(work: Callable[[], int]) -> int:
    """Does it, says what went wrong, and waits for the person before the window goes."""
    try:
        code = work()
    except InterdictError as error:
        say(f"{error}. {error.advice()}")
        code = 2
    with contextlib.suppress(EOFError, KeyboardInterrupt, OSError):
        input(f"{os.linesep}Press Enter to close this window. ")
    return code
