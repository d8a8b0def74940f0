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
import hashlib
import logging
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final

from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from console.clock import Clock
from console.ingest.apply import Result, Verdict, store_report
from console.ingest.enrol import store_enrolment
from console.ingest.verify import Refused, Request, check_enrolment, check_report, refusal_body
from console.ingest.writer import Busy, Writer
from console.store.db import Database
from console.store.queries import ingest
from policy_schema.messages.enrol import EnrolAnswer
from policy_schema.messages.report import ReportAnswer
from policy_schema.messages.wire import MAX_SENT, encode
from policy_schema.rules.instant import format_instant

BODY_WITHIN: Final = 30.0
"""Seconds in which a body must have arrived."""
RETRY_AFTER: Final = 10
STATUS: Final = {Verdict.STORED: 200, Verdict.DUPLICATE: 200, Verdict.GAP: 409}
log = logging.getLogger(__name__)


class AgentRoutes:
    """POST /api/v1/enrol and POST /api/v1/reports."""

    def __init__(self, *, database: Database, writer: Writer, clock: Clock, report_every: int) -> None:
        self._database = database
        self._writer = writer
        self._clock = clock
        self._report_every = report_every

    async def enrol(self, request: HttpRequest) -> Response:
        """A machine shows a secret and binds its key."""
        return await self._answered(request, self._enrol)

    async def reports(self, request: HttpRequest) -> Response:
        """A machine's next report."""
        return await self._answered(request, self._report)

    async def _answered(self, http: HttpRequest, handle: Callable[[Request], Future[Response]]) -> Response:
        """The frame of both: read, check off the loop, wait for the commit, answer."""
        try:
            request = await asyncio.wait_for(_read(http), BODY_WITHIN)
            waiting = await run_in_threadpool(handle, request)
            return await asyncio.wrap_future(waiting)
        except Refused as refused:
            return _json(refusal_body(refused), refused.status)
        except Busy:
            return _later(429)
        except (TimeoutError, ClientDisconnect):
            return Response(status_code=408)
        except Exception:
            log.exception("a request from a machine could not be handled")
            return _later(503)

    def _enrol(self, request: Request) -> Future[Response]:
        now = self._clock()
        accepted = check_enrolment(request, now)
        answer = EnrolAnswer(device=accepted.device, next_report_at=format_instant(now))

        def work(connection: Connection) -> Response:
            store_enrolment(connection, accepted, now)
            return _json(encode(answer), 200)

        return self._writer.submit(work)

    def _report(self, request: Request) -> Future[Response]:
        now = self._clock()
        accepted = check_report(request, self._key_of, now)
        next_at = format_instant(now + self._report_every + _spread(accepted.report.device, self._report_every))

        def work(connection: Connection) -> Response:
            return _answer(store_report(connection, accepted, now), next_at)

        return self._writer.submit(work)

    def _key_of(self, device: str) -> bytes | None:
        with self._database.read() as connection:
            return connection.execute(ingest.key_of(device)).scalar_one_or_none()


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


def _answer(result: Result, next_at: str) -> Response:
    if result.verdict is Verdict.EPOCH_OVER:
        refused = Refused(
            409,
            "epoch-over",
            "this number or this epoch belongs to another machine or an earlier life of this one",
            "Begin a new epoch; if that repeats, two machines share one key: enrol one of them with a new key.",
        )
        return _json(refusal_body(refused), refused.status)
    return _json(encode(ReportAnswer(stored_up_to=result.stored_up_to, next_report_at=next_at)), STATUS[result.verdict])


def _spread(device: str, every: int) -> int:
    """Up to a tenth of the interval, always the same for a device, so that a fleet does not report in one second."""
    return hashlib.sha256(device.encode()).digest()[0] * every // 2560


def _json(body: bytes, status: int) -> Response:
    return Response(body, status, media_type="application/json")


def _later(status: int) -> Response:
    return Response(status_code=status, headers={"Retry-After": str(RETRY_AFTER)})
