"""Follows the policy repository: looks every minute, keeps what verifies, says what does not.

Each process of a console has a follower; the database lets one of them look at a time. What looks loads TUF and the
models of documents, so it is imported by name at the first look.
"""

from __future__ import annotations

import importlib
import logging
import threading
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from console.clock import Clock
from console.policy.read import organisation_of
from console.store.db import Database
from console.store.queries import policies
from policy_schema.trust.highest import merged
from policy_schema.trust.layout import TIMESTAMP_PATH
from policy_schema.trust.refusal import Refusal, Refused

if TYPE_CHECKING:
    from console.policy.adopt import Known, Looked

LOOKS: Final = "console.policy.adopt"
TRUST_LIMIT: Final = 256_000
ENDING: Final = 90.0
"""Seconds that a look under way has at the end: the longest that a server may keep one waiting, and more."""
Kept = Callable[[Connection, Mapping[str, bytes], int], None]
log = logging.getLogger(__name__)


class Source(NamedTuple):
    """Where the policy is, and what of it is trusted first."""

    where: str = ""
    """A folder with `metadata` and `targets` in it, or an address; empty: the console follows no policy."""
    trust_root: Path = Path()
    every: int = 60
    """Seconds between two looks of all processes together."""
    bins: bool = False
    """Fetch the exceptions of every device too: to see what somebody else has signed for us."""


class Follower:
    """A thread that looks. `start` and `stop` it with the console; `look` is one look, for whoever cannot wait."""

    def __init__(self, *, database: Database, source: Source, clock: Clock, kept: Kept = lambda *_: None) -> None:
        """`kept` is called in the transaction in which a state of the repository is kept."""
        self._database, self._source, self._clock, self._kept = database, source, clock, kept
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="console-policy", daemon=True)

    def start(self) -> None:
        """Begins to follow; nothing where no policy is set up."""
        if self._source.where:
            self._thread.start()

    def stop(self) -> None:
        """Ends after the look under way."""
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join(ENDING)

    def look(self) -> str:
        """One look now, whoever looked before. Answers with the code of what is wrong; empty when nothing is."""
        now = self._clock()
        with self._database.write() as connection:
            self._claim(connection, now, 0)
        return self._look(now)

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                now = self._clock()
                with self._database.write() as connection:
                    mine = self._claim(connection, now, self._source.every)
                if mine:
                    self._look(now)
            except SQLAlchemyError:
                log.warning("the policy could not be looked at: the database does not answer")
            except Exception:
                log.exception("the policy could not be looked at")
            self._ending.wait(self._source.every)

    def _claim(self, connection: Connection, now: int, every: int) -> bool:
        row = connection.execute(policies.follow()).one_or_none()
        if row is None or row.source != self._source.where[:500]:
            put = policies.put_follow(connection.dialect.name)
            connection.execute(put, self._row(now, None if row is None else row.confirmed_at, "", "", "", None))
            return True
        return connection.execute(policies.claim_look(now, now - every)).rowcount == 1

    def _row(
        self, asked_at: int, confirmed_at: int | None, problem: str, message: str, advice: str, since: int | None
    ) -> dict[str, object]:
        return {
            "one": 1,
            "source": self._source.where[:500],
            "asked_at": asked_at,
            "confirmed_at": confirmed_at,
            "problem": problem,
            "message": message[:500],
            "advice": advice[:500],
            "problem_since": since,
        }

    def _look(self, now: int) -> str:
        with self._database.read() as connection:
            known = _known(connection)
        try:
            looked: Looked | None = importlib.import_module(LOOKS).look(self._source, self._trust(), known, now)
        except Refused as error:
            self._note(now, error.code.value, str(error), error.advice())
            return error.code.value
        with self._database.write() as connection:
            if looked is not None and _still(connection, known):
                _keep(connection, looked, now)
                self._kept(connection, looked.files, now)
            elif looked is None:
                _confirm(connection, now)
            put = policies.put_follow(connection.dialect.name)
            connection.execute(put, self._row(now, now, "", "", "", None))
        return ""

    def _trust(self) -> bytes:
        try:
            with self._source.trust_root.open("rb") as file:
                return file.read(TRUST_LIMIT)
        except OSError as error:
            raise Refused(Refusal.FIRST_TRUST_MISSING, f"{self._source.trust_root}: {error.strerror}") from error

    def _note(self, now: int, code: str, message: str, advice: str) -> None:
        """The last good policy stays; since when it is so is kept."""
        with self._database.write() as connection:
            row = connection.execute(policies.follow()).one_or_none()
            same = row is not None and row.problem == code
            since = row.problem_since if row is not None and same else now
            confirmed = row.confirmed_at if row is not None else None
            put = policies.put_follow(connection.dialect.name)
            connection.execute(put, self._row(now, confirmed, code, message, advice, since))
        if not same:
            log.warning("the policy: %s", message)


def _known(connection: Connection) -> Known:
    """What was verified before, as it goes into the next look."""
    adopt: Any = importlib.import_module(LOOKS)
    files = {row.path: row.content for row in connection.execute(policies.files())}
    row = connection.execute(policies.newest(1)).one_or_none()
    policy = next((path for path, content in files.items() if path.endswith(".policy.json") and not content), None)
    if row is not None and policy is not None:
        files[policy] = zlib.decompress(connection.execute(policies.document_of(row.serial)).scalar_one())
    seen = {mark.name: mark.version for mark in connection.execute(policies.marks())}
    known: Known = adopt.Known(files, seen, row.expires_at if row is not None and files else 0)
    return known


def _still(connection: Connection, known: Known) -> bool:
    """Whether nobody else has adopted anything since."""
    stored = {row.path: row.content for row in connection.execute(policies.files())}
    return stored.get(TIMESTAMP_PATH) == known.files.get(TIMESTAMP_PATH)


def _keep(connection: Connection, looked: Looked, now: int) -> None:
    """A repository that verified: its files, the highest versions, and the policy if it is another one."""
    found, dialect = looked.found, connection.dialect.name
    policy = found.paths[-1]
    rows = [{"path": p, "content": b"" if p == policy else content} for p, content in looked.files.items()]
    connection.execute(policies.keep_files(list(looked.files)))
    connection.execute(policies.put_file(dialect), rows)
    seen = {mark.name: mark.version for mark in connection.execute(policies.marks())}
    marks = [{"name": name, "version": version} for name, version in merged(seen, found.highest).items()]
    connection.execute(policies.put_mark(dialect), marks)
    around: dict[str, object] = {
        "confirmed_at": now,
        "signed_at": found.signed_at,
        "expires_at": found.ends,
        "expires": msgspec.json.encode({role.value: end for role, end in found.expires}).decode(),
        "signers": msgspec.json.encode(found.signers).decode(),
        "threshold": found.threshold,
        "solo": found.solo,
        "granted_version": found.granted.version,
        "granted_trouble": found.granted.trouble[:500],
    }
    newest = connection.execute(policies.newest(1)).one_or_none()
    if newest is not None and (newest.version, newest.policy_id) == (found.version, looked.policy_id):
        connection.execute(policies.confirm(newest.serial, around))
        return
    head = {"version": found.version, "policy_id": looked.policy_id, "adopted_at": now}
    content = {"organisation": organisation_of(found.policy)[:200], "document": zlib.compress(found.policy)}
    connection.execute(policies.add_version(), {**head, **content, **around})


def _confirm(connection: Connection, now: int) -> None:
    newest = connection.execute(policies.newest(1)).one_or_none()
    if newest is not None:
        connection.execute(policies.confirm(newest.serial, {"confirmed_at": now}))
