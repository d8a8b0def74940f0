"""Brings what was decided to the devices: signed here, or written for somebody who signs elsewhere.

One process at a time, by a lock of the database (PostgreSQL) or by the only writer that there can be (SQLite). What the
documents were made of is marked as published in the same transaction; when the process dies in between, the next one
finds that nothing is different and marks it. What fails is tried again, and said on the page.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from console.clock import Clock
from console.decisions import Publish, Publishing
from console.errors import ConsoleError
from console.store.db import Database
from console.store.queries import decisions, policies
from policy_schema.rules.granted import GivenAnswer, GrantedException, GrantedPause, read_documents
from policy_schema.rules.instant import Instant, format_instant
from policy_schema.rules.relief import DAY, Because, device_hash

SIGNS: Final = "console.exceptions.sign"
EVERY: Final = 10.0
"""Seconds between two looks for something to publish; a decision is published at once."""
ANSWERS_LAST: Final = 30 * DAY
"""Seconds for which an answer stands in the repository."""
LOCK: Final = 0x1D1C_7001
"""The number of our lock in PostgreSQL."""
STAGED_NAME: Final = "granted-by-console.json"
AT_ONCE: Final = 500
log = logging.getLogger(__name__)


class Due(NamedTuple):
    """What has been decided and does not stand in the repository yet."""

    granted: tuple[str, ...]
    taken_back: tuple[str, ...]
    answers: tuple[tuple[str, str], ...]
    pauses: tuple[int, ...]
    lifted: tuple[int, ...]

    def __bool__(self) -> bool:
        return any(self[:])


class Publisher:
    """A thread that publishes. `start` and `stop` it with the console, `poke` it after a decision."""

    def __init__(self, *, database: Database, publishing: Publishing, clock: Clock) -> None:
        self._database, self._publishing, self._clock = database, publishing, clock
        self._wake = threading.Event()
        self._ending = threading.Event()
        self._serial = 0
        self._thread = threading.Thread(target=self._run, name="console-publisher", daemon=True)

    @property
    def how(self) -> Publish:
        """Whether and how this console publishes."""
        return self._publishing.how

    def start(self) -> None:
        """Begins; nothing where this console does not publish."""
        if self.how is not Publish.OFF:
            self._thread.start()

    def stop(self) -> None:
        """Ends after what is under way."""
        self._ending.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join()

    def poke(self) -> None:
        """Something was decided."""
        self._wake.set()

    def _run(self) -> None:
        while not self._ending.is_set():
            self._wake.clear()
            try:
                self.publish()
            except SQLAlchemyError:
                log.warning("decisions could not be published: the database does not answer")
            except Exception:
                log.exception("decisions could not be published")
            self._wake.wait(EVERY)

    def publish(self) -> bool:
        """Publishes what is due, once. False: something stood in the way, which the page says."""
        now = self._clock()
        with self._database.read() as connection:
            serial = connection.execute(policies.newest(1)).one_or_none()
            fresh = serial is not None and serial.serial != self._serial
            if not due(connection, now) and not fresh:
                return True
        try:
            with self._database.write() as connection:
                self._locked(connection, now)
        except ConsoleError as error:
            self._failed(now, str(error), error.advice())
            return False
        self._serial = serial.serial if serial is not None else 0
        return True

    def _locked(self, connection: Connection, now: int) -> None:
        """In one transaction: read, sign, write, mark."""
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        pending = due(connection, now)
        if self.how is Publish.STAGED:
            _stage(connection, self._publishing.folder / STAGED_NAME, now)
            self._noted(connection, now, "", "")
            return
        signs: Any = importlib.import_module(SIGNS)
        wanted = _wanted(connection, now)
        version = signs.publish(self._publishing, wanted, now)
        _mark(connection, pending, now)
        last = connection.execute(decisions.last_publication()).one_or_none()
        if last is None or last.version != version:
            row = {"at": now, "version": version, "exceptions": len(wanted.exceptions)}
            counts = {"pauses": len(wanted.pauses), "answers": len(wanted.answers)}
            connection.execute(decisions.add_publication(), {**row, **counts})
        self._noted(connection, now, "", "")

    def _failed(self, now: int, problem: str, advice: str) -> None:
        log.warning("decisions could not be published: %s", problem)
        with self._database.write() as connection:
            self._noted(connection, now, problem, advice)

    def _noted(self, connection: Connection, now: int, problem: str, advice: str) -> None:
        before = connection.execute(decisions.publishing()).one_or_none()
        since = before.problem_since if before is not None and before.problem and problem else now
        row = {"one": 1, "tried_at": now, "problem": problem[:500], "advice": advice[:500]}
        put = decisions.put_publishing(connection.dialect.name)
        connection.execute(put, {**row, "problem_since": since if problem else None})


def due(connection: Connection, now: int) -> Due:
    """What has been decided and does not stand in the repository yet."""
    answers = connection.execute(decisions.refusals(now - ANSWERS_LAST))
    return Due(
        tuple(connection.execute(decisions.to_publish(now)).scalars()),
        tuple(connection.execute(decisions.to_take_back()).scalars()),
        tuple((row.device_id, row.request_id) for row in answers if row.published_at is None),
        tuple(row.pause_id for row in connection.execute(decisions.pauses(now)) if row.published_at is None),
        tuple(connection.execute(decisions.pauses_to_take_back()).scalars()),
    )


def seen_in_repository(connection: Connection, files: Mapping[str, bytes], now: int) -> None:
    """Marks what somebody else has signed for us: called when the repository was looked at, in `staged`."""
    names = {path.rpartition("/")[2].partition(".")[2]: content for path, content in files.items()}
    exceptions, pauses = read_documents({name: content for name, content in names.items() if name.endswith(".json")})
    there, resting = {one.id for one in exceptions}, {(one.ban, one.start) for one in pauses}
    pending = due(connection, now)
    granted = tuple(name for name in pending.granted if name in there)
    back = tuple(name for name in pending.taken_back if name not in there)
    rows = connection.execute(decisions.pauses(now)).all()
    paused = tuple(row.pause_id for row in rows if (row.ban, row.start) in resting and row.published_at is None)
    answered = {one for content in names.values() for one in _answered(content)}
    answers = tuple(one for one in pending.answers if one[1] in answered)
    lifted = pending.lifted if not resting else ()
    _mark(connection, Due(granted, back, answers, paused, lifted), now)


def _answered(content: bytes) -> set[str]:
    try:
        return {str(row["request"]) for row in json.loads(content).get("answers", [])}
    except (ValueError, KeyError, TypeError, AttributeError):
        return set()


def _wanted(connection: Connection, now: int) -> Any:
    """Everything that holds now, and the ids that are ours at all."""
    signs: Any = importlib.import_module(SIGNS)
    devices: dict[str, list[str]] = {}
    for row in connection.execute(decisions.holding_devices(now)):
        devices.setdefault(row.exception_id, []).append(device_hash(row.device_id))
    return signs.Wanted(
        exceptions=tuple(
            GrantedException(
                row.exception_id,
                row.ban,
                tuple(devices.get(row.exception_id, ())),
                Instant(row.approved_at),
                Instant(row.until),
            )
            for row in connection.execute(decisions.holding(now))
        ),
        pauses=tuple(
            GrantedPause(row.ban, Instant(row.start), Instant(row.until))
            for row in connection.execute(decisions.pauses(now))
        ),
        answers=tuple(
            GivenAnswer(row.request_id, row.ban, device_hash(row.device_id), Because(row.code), Instant(row.decided_at))
            for row in connection.execute(decisions.refusals(now - ANSWERS_LAST))
        ),
        known=frozenset(connection.execute(decisions.known_exceptions()).scalars()),
        known_pauses=frozenset((row.ban, row.start) for row in connection.execute(decisions.known_pauses())),
    )


def _mark(connection: Connection, pending: Due, now: int) -> None:
    for start in range(0, len(pending.granted), AT_ONCE):
        connection.execute(decisions.mark_published(pending.granted[start : start + AT_ONCE], now))
    for start in range(0, len(pending.taken_back), AT_ONCE):
        connection.execute(decisions.mark_taken_back(pending.taken_back[start : start + AT_ONCE], now))
    for device_id, request_id in pending.answers:
        connection.execute(decisions.mark_answer(device_id, request_id, now))
    if pending.pauses:
        connection.execute(decisions.mark_pauses(pending.pauses, now))
    if pending.lifted:
        connection.execute(decisions.mark_pauses_taken_back(pending.lifted, now))


def _stage(connection: Connection, path: Path, now: int) -> None:
    """Everything that holds, in the form of `granted.json`, for `interdict-policy exceptions take`."""
    devices: dict[str, list[str]] = {}
    for row in connection.execute(decisions.holding_devices(now)):
        devices.setdefault(row.exception_id, []).append(row.device_id)
    exceptions = []
    for row in connection.execute(decisions.holding(now)):
        exceptions.append(
            {
                "id": row.exception_id,
                "ban": row.ban,
                "devices": devices.get(row.exception_id, []),
                "reason": row.reason,
                "asked_by": row.asked_by or f"person {row.person}",
                "approved_by": row.approved_by,
                "granted": format_instant(Instant(row.approved_at)),
                "until": format_instant(Instant(row.until)),
            }
        )
    pauses = [
        {
            "ban": row.ban,
            "reason": row.reason,
            "approved_by": row.set_by,
            "from": format_instant(Instant(row.start)),
            "until": format_instant(Instant(row.until)),
        }
        for row in connection.execute(decisions.pauses(now))
    ]
    answers = [
        {
            "request": row.request_id,
            "ban": row.ban,
            "device": row.device_id,
            "because": row.code,
            "at": format_instant(Instant(row.decided_at)),
        }
        for row in connection.execute(decisions.refusals(now - ANSWERS_LAST))
    ]
    made = json.dumps({"exceptions": exceptions, "pauses": pauses, "answers": answers}, indent=1, ensure_ascii=False)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(made + "\n", encoding="utf-8")
        os.replace(beside, path)
    except OSError as error:
        raise ConsoleError(f"{path} cannot be written: {error.strerror}", "Check the folder and its disk.") from error
