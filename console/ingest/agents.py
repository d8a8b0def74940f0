"""The routes for machines. Everything that arrives here is hostile until `verify` has passed it.

| answer | what the agent does |
|---|---|
| 200 | goes on after `stored_up_to` |
| 400, 413, 415 | logs it; sending the same again does not help |
| 401 `signature-clock` | signs again with the time of the answer's Date |
| 401 `signature-unknown-key`, 403 | waits for somebody to enrol it |
| 409 with `stored_up_to` | sends from the next number on; what it no longer has: begins a new epoch |
| 409 `epoch-over` | begins a new epoch: a number was used twice, or another epoch has begun |
| 429, 503 | sends again after Retry-After |
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final, NamedTuple

from sqlalchemy.exc import DBAPIError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from console.clock import Clock
from console.ingest.apply import Result, Verdict
from console.ingest.enrol import store_enrolment
from console.ingest.pace import Pace
from console.ingest.together import store_reports
from console.ingest.verify import FindKey, Refused, Request, check_enrolment, check_report, refusal_body
from console.ingest.waiting import Waiting
from console.ingest.writer import Busy, Writer
from console.store.db import Database
from console.store.queries import ingest
from policy_schema.messages.enrol import EnrolAnswer
from policy_schema.messages.report import ReportAnswer
from policy_schema.messages.wire import MAX_SENT, encode
from policy_schema.rules.instant import Instant, format_instant

BODY_WITHIN: Final = 30.0
"""Seconds in which a body must have arrived."""
MOST_INSIDE: Final = 400
"""Requests of machines that are being read, checked or waiting for their commit; more are turned away."""
KEYS_KEPT: Final = 200_000
"""Public keys in memory, about 60 MB. A device's id is made from its key: what is there is never out of date."""
NEIGHBOURS: Final = 200
"""Keys that are read at once when one is wanted that is not in memory."""
SMALL: Final = 4_096
"""Bytes of a body up to which a report is checked without a thread: a heartbeat has about 500."""
STATUS: Final = {Verdict.STORED: 200, Verdict.DUPLICATE: 200, Verdict.GAP: 409}
log = logging.getLogger(__name__)


class _NotAtHand(Exception):
    """The key of a device is not in memory."""


class Pending(NamedTuple):
    """What waits for its commit, and what is answered then."""

    stored: Future[Any]
    answer: Callable[[Any], Response]


class AgentRoutes:
    """POST /api/v1/enrol and POST /api/v1/reports."""

    def __init__(self, *, database: Database, writer: Writer, clock: Clock, report_every: int) -> None:
        self._database = database
        self._writer = writer
        self._clock = clock
        self.pace = Pace(report_every)
        self._keys: dict[str, bytes] = {}
        self._inside = 0
        self._waiting = Waiting()

    @property
    def full(self) -> bool:
        """Whether machines would be turned away now."""
        return self._inside >= MOST_INSIDE or self._writer.full

    async def enrol(self, request: HttpRequest) -> Response:
        """A machine shows a secret and binds its key."""
        return await self._answered(request, self._enrol)

    async def reports(self, request: HttpRequest) -> Response:
        """A machine's next report."""
        return await self._answered(request, self._report)

    async def _answered(self, http: HttpRequest, handle: Callable[[Request], Pending]) -> Response:
        """The frame of both: is there room, read, check off the loop, wait for the commit, answer."""
        began = time.monotonic()
        if self.full:
            return self._turned_away(http, began)
        self._inside += 1
        try:
            async with asyncio.timeout(BODY_WITHIN):
                request = await _read(http)
            arrived = time.monotonic()
            pending = await self._checked(handle, request)
            answer = pending.answer(await self._waiting.result(pending.stored))
            self.pace.answered(time.monotonic() - arrived, arrived)
            return answer
        except Refused as refused:
            return _json(refusal_body(refused), refused.status)
        except Busy:
            return self._turned_away(http, began)
        except (TimeoutError, ClientDisconnect):
            return Response(status_code=408)
        except DBAPIError as error:
            # The database is away or full. Nothing was answered, so nothing is lost: agents keep what they sent.
            log.error("a request from a machine could not be stored: %s", str(error.orig).splitlines()[:1])
            return self._later(503, http)
        except Exception:
            log.exception("a request from a machine could not be handled")
            return self._later(503, http)
        finally:
            self._inside -= 1

    async def _checked(self, handle: Callable[[Request], Pending], request: Request) -> Pending:
        """A small report of a device whose key is at hand is checked where it is: cheaper than handing it to a thread.
        Whatever could take long, or needs the database, goes to one.
        """
        if handle == self._report and len(request.body) <= SMALL:
            with suppress(_NotAtHand):
                return self._report(request, self._key_at_hand)
        return await run_in_threadpool(handle, request)

    def _turned_away(self, http: HttpRequest, at: float) -> Response:
        self.pace.turned_away(at)
        return self._later(429, http)

    def _later(self, status: int, http: HttpRequest) -> Response:
        signed = http.headers.get("signature-input", "") + http.headers.get("interdict-sequence", "")
        return Response(status_code=status, headers={"Retry-After": str(self.pace.retry_after(signed.encode()))})

    def _enrol(self, request: Request) -> Pending:
        now = self._clock()
        accepted = check_enrolment(request, now)
        answer = EnrolAnswer(device=accepted.device, next_report_at=format_instant(now))
        stored = self._writer.submit(lambda connection: store_enrolment(connection, accepted, now))
        return Pending(stored, lambda _: _json(encode(answer), 200))

    def _report(self, request: Request, find_key: FindKey | None = None) -> Pending:
        now = self._clock()
        accepted = check_report(request, find_key or self._key_of, now)
        stored = self._writer.submit_item(store_reports, (accepted, now))
        return Pending(stored, lambda result: self._answer(result, accepted.report.device, now))

    def _answer(self, result: Result, device: str, now: Instant) -> Response:
        if result.verdict is Verdict.EPOCH_OVER:
            refused = Refused(
                409,
                "epoch-over",
                "this number or this epoch belongs to another machine or an earlier life of this one",
                "Begin a new epoch; if that repeats, two machines share one key: enrol one of them with a new key.",
            )
            return _json(refusal_body(refused), refused.status)
        next_at = format_instant(Instant(self.pace.next_report(device, now)))
        return _json(
            encode(ReportAnswer(stored_up_to=result.stored_up_to, next_report_at=next_at)), STATUS[result.verdict]
        )

    def _key_at_hand(self, device: str) -> bytes:
        """Raises:
        _NotAtHand: it must be read first.
        """
        known = self._keys.get(device)
        if known is None:
            raise _NotAtHand
        return known

    def _key_of(self, device: str) -> bytes | None:
        known = self._keys.get(device)
        if known is None:
            # With its neighbours: after a start the whole fleet will come, and each would cost a look of its own.
            with self._database.read() as connection:
                read = {
                    row.device_id: row.public_key for row in connection.execute(ingest.keys_from(device, NEIGHBOURS))
                }
            known = read.get(device)
            if known is not None:
                if len(self._keys) + len(read) > KEYS_KEPT:
                    self._keys.clear()
                self._keys.update(read)
        return known


async def _read(http: HttpRequest) -> Request:
    """The request with a bounded body. One byte over the bound is kept, so that the check sees it."""
    body = bytearray()
    async for chunk in http.stream():
        body += chunk
        if len(body) > MAX_SENT:
            break
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in http.scope["headers"]]
    return Request(http.method, _path(http.scope), headers, bytes(body[: MAX_SENT + 1]))


def _path(scope: Any) -> str:
    """The path as the machine wrote it."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw.split(b"?")[0].decode("latin-1")


def _json(body: bytes, status: int) -> Response:
    return Response(body, status, media_type="application/json")
