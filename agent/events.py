"""Names of the log's events. One event a line, as JSON, with the same ids as in reports.

A name is part of the contract with whoever reads the log: it is added here, never changed.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from enum import StrEnum
from typing import TextIO


class Event(StrEnum):
    """Everything the agent says about itself."""

    STARTED = "started"
    STOPPED = "stopped"
    SETTINGS_KEPT = "settings-kept"
    SETTINGS_TAKEN = "settings-taken"
    POLICY_ADOPTED = "policy-adopted"
    POLICY_KEPT = "policy-kept"
    POLICY_UNREACHABLE = "policy-unreachable"
    POLICY_REFUSED = "policy-refused"
    EXCEPTIONS_REFUSED = "exceptions-refused"
    LOOK = "look"
    FINDING = "finding"
    FINDING_CHANGED = "finding-changed"
    FINDING_GONE = "finding-gone"
    MOVED = "moved"
    OUTCOME = "outcome"
    RECOVERED = "recovered"
    ASKED = "asked"
    PUT_OFF = "put-off"
    BRAKE = "brake"
    GUARD = "guard"
    PAUSE = "pause"
    RELEASED = "released"
    JOURNAL = "journal"
    GATE = "gate"
    GATE_ENDED = "gate-ended"
    REFUSED = "refused"
    REPORT_SENT = "report-sent"
    REPORT_REFUSED = "report-refused"
    ENROLLED = "enrolled"
    ENROL_REFUSED = "enrol-refused"
    PART_FAILED = "part-failed"
    WATCH_LOST = "watch-lost"
    HEALTH = "health"


class EventLog:
    """Writes events as JSON lines to a stream (stderr: journald keeps it); never raises, never holds up the agent."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr

    def write(self, event: Event, **values: object) -> None:
        """One line: the time, the name, the values. Paths that are not UTF-8 are escaped."""
        row = {"at": round(time.time(), 3), "event": event.value, **values}
        line = json.dumps(row, ensure_ascii=True, default=str)
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            # A closed or full stream costs the line, never the act that it tells of.
            logging.raiseExceptions = False
