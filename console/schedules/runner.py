"""Makes and delivers the reports that are due. Any number of processes may run this against one database.

Whoever moves a schedule on by compare and set owes its delivery, in the same transaction; whoever gets its lease tries.
A process that dies lets its lease run out, and another one tries again. A report is as of the moment when it was due,
so a later try sends the same. A failure is tried again, ever more rarely, for a day; then it is given up and stays on
Health.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Row

from console import audit
from console.clock import Clock
from console.errors import ConsoleError
from console.exports.formats import file_name, format_named
from console.reports.build import Report
from console.reports.history import Question
from console.schedules import mail, webhook
from console.schedules.settings import Delivering
from console.schedules.undelivered import Undelivered
from console.schedules.when import Every, When, next_due
from console.store.db import Database
from console.store.past import SHORTEST_GAP
from console.store.queries import schedules
from policy_schema.messages.wire import clean
from policy_schema.rules.instant import format_instant

LOOK_EVERY: Final = 30.0
LEASE: Final = 900
"""Seconds for one try: a large fleet takes minutes to write."""
GIVE_UP_AFTER: Final = 86_400
FIRST_PAUSE: Final = 60
LONGEST_PAUSE: Final = 3 * 3600
AT_ONCE: Final = 20
WHO: Final = "the console itself"
log = logging.getLogger(__name__)


class Runner:
    """Start it, stop it. `turn` does what is due."""

    def __init__(self, database: Database, *, delivering: Delivering, silent_after: int, clock: Clock) -> None:
        self._database = database
        self._delivering = delivering
        self._silent_after = silent_after
        self._clock = clock
        self._me = f"{socket.gethostname()[:30]}-{os.getpid()}-{secrets.token_hex(4)}"
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="console-schedules")

    def start(self) -> None:
        """Begins to look."""
        self._thread.start()

    def stop(self) -> None:
        """Ends after what it is at."""
        self._ending.set()
        self._thread.join()

    def turn(self) -> int:
        """Does what is due. Returns how many reports were delivered."""
        self._owe()
        with self._database.read() as connection:
            owed = connection.execute(schedules.owed(self._clock(), AT_ONCE)).all()
        return sum(self._try(row) for row in owed if not self._ending.is_set())

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                self.turn()
            except Exception:
                # The database is away: what is due stays due.
                log.exception("scheduled reports could not be looked at")
            self._ending.wait(LOOK_EVERY)

    def _owe(self) -> None:
        """What was missed while no process ran is owed once, not as often as it was missed."""
        now = self._clock()
        with self._database.write() as connection:
            for row in connection.execute(schedules.due(now, AT_ONCE)).all():
                following = next_due(when_of(row), now)
                if connection.execute(schedules.move_on(row.schedule_id, row.next_at, following)).rowcount:
                    connection.execute(schedules.begin(connection.dialect.name), owed_row(row.schedule_id, row.next_at))

    def _try(self, row: Row[Any]) -> bool:
        now = self._clock()
        with self._database.write() as connection:
            taken = connection.execute(schedules.lease(row.schedule_id, row.due_at, now, now + LEASE, self._me))
            if taken.rowcount == 0:
                return False
        try:
            digest = self._deliver(row, now)
        except (Undelivered, ConsoleError, OSError) as error:
            self._failed(row, now, clean(str(error), 300))
            return False
        done = {"done_at": self._clock(), "problem": "", "digest": digest, "lease_until": 0}
        with self._database.write() as connection:
            connection.execute(schedules.finish(row.schedule_id, row.due_at, self._me, done))
            detail = f"{row.format} to {row.target}, as of {format_instant(row.due_at)}"
            audit.record(connection, now, who=WHO, what="export", detail=detail)
        return True

    def _failed(self, row: Row[Any], now: int, problem: str) -> None:
        tries = row.tries + 1
        over = now - row.due_at >= GIVE_UP_AFTER
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(tries - 1, 10))
        values = {"problem": problem, "given_up": over, "next_try_at": now + pause, "lease_until": 0}
        with self._database.write() as connection:
            connection.execute(schedules.finish(row.schedule_id, row.due_at, self._me, values))
        log.warning("the report %s could not be delivered: %s", row.name, problem)

    def _deliver(self, row: Row[Any], now: int) -> str:
        """Makes the report as of the moment when it was due, and hands it over. Returns its SHA-256."""
        form = format_named(row.format)
        with self._database.read() as connection:
            # Short silences are not kept for past moments: then it is as of the try.
            moment = row.due_at if self._silent_after >= SHORTEST_GAP else now
            question = Question(moment, now, self._silent_after, row.ban, row.device_group)
            report = Report(connection, question)
            content = b"".join(form.pieces(report))
        identity = f"{row.schedule_id}.{row.due_at}.interdict"
        carry: dict[str, Callable[[], None]] = {
            "email": lambda: mail.send(
                self._delivering.mail_server(), _letter(row, report, content, form.media, identity)
            ),
            "webhook": lambda: webhook.post(
                row.target, self._delivering.webhook_secret(), content, form.media, now, identity
            ),
        }
        carry[row.kind]()
        return hashlib.sha256(content).hexdigest()


def when_of(row: Row[Any]) -> When:
    """When a schedule is due."""
    return When(Every(row.every), row.day, row.minute, row.zone)


def owed_row(schedule_id: int, due_at: int) -> dict[str, object]:
    """A delivery that nobody has tried yet."""
    return {
        "schedule_id": schedule_id,
        "due_at": due_at,
        "lease_until": 0,
        "lease_by": "",
        "tries": 0,
        "next_try_at": due_at,
        "done_at": None,
        "given_up": False,
        "problem": "",
        "digest": "",
    }


def _letter(row: Row[Any], report: Report, content: bytes, media: str, identity: str) -> mail.Letter:
    head = report.head
    text = (
        f"The compliance report as of {head.as_of} is attached.\n\n{head.note}\n\n"
        f"SHA-256 of the file: {hashlib.sha256(content).hexdigest()}\n"
        f"SHA-256 of its data: {report.totals().data_sha256}\n"
    )
    to = tuple(row.target.split(","))
    name = file_name(report, format_named(row.format))
    return mail.Letter(to, f"Compliance as of {head.as_of}", text, name, media, content, identity)
