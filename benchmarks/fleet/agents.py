"""Agents that report like real ones: a key each, real reports, each signed and compressed as an agent does it.

Everything is sealed before the clock runs, in a pool of processes: what is measured is the console, and the generator
beside it only writes bytes and reads answers. A signature is good for five minutes, which bounds a run.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from console.ingest.enrol import secret_digest, store_enrolment
from console.ingest.together import store_reports
from console.ingest.verify import Accepted, AcceptedEnrolment
from console.store.db import Database
from console.store.queries import access
from policy_schema.messages.enrol import EnrolRequest
from policy_schema.messages.request import Sealed
from policy_schema.messages.wire import decode, encode
from policy_schema.rules.instant import Instant, format_instant
from tests.fakes.reporting_device import ReportingDevice, coverage, facts, finding

SECRET = "a secret of a benchmark"
SOURCES = (
    "npm",
    "pypi",
    "vscode",
    "jetbrains",
    "chromium",
    "firefox",
    "brew",
    "deb",
    "path",
    "cargo",
    "go",
    "processes",
)
AT_ONCE = 100


class Agent(ReportingDevice):
    """The device of this number: its key is made from it, so that another process makes the same one."""

    def __init__(self, number: int, now: int) -> None:
        super().__init__(now=now, epoch=f"e-{number:010}")
        self.key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"agent %d" % number).digest())
        self.raw_key = self.key.public_key().public_bytes_raw()
        self.id = "d-" + hashlib.sha256(self.raw_key).hexdigest()[:24]
        self.number = number

    def numbered(self, sequence: int, *, telling: bool) -> Sealed:
        """A report with what was looked at, and if it is to tell something, with a new finding."""
        report = self.report_numbered(
            sequence,
            coverage=tuple(coverage(source) for source in SOURCES),
            findings=(finding(id=f"f-{sequence}"),) if telling else (),
            generated_at=format_instant(Instant(self.now)),
        )
        return self.send(report)


def enrol(database: Database, devices: int) -> float:
    """Enrols them and stores each one's first report, by the console's own functions. Returns the seconds."""
    now, began = int(time.time()), time.perf_counter()
    with database.write() as connection:
        connection.execute(
            access.add_secret(digest=secret_digest(SECRET), uses=devices, expires_at=2**40, now=0, who="a benchmark")
        )
    for first in range(0, devices, AT_ONCE):
        batch = [Agent(number, now) for number in range(first, min(first + AT_ONCE, devices))]
        with database.write() as connection:
            for agent in batch:
                request = decode(agent.enrolment(SECRET, f"host-{agent.number:07}").body, EnrolRequest)
                store_enrolment(connection, AcceptedEnrolment(request, agent.id, agent.raw_key), now)
            firsts = [_first(agent) for agent in batch]
            store_reports(connection, [(accepted, now) for accepted in firsts])
    return time.perf_counter() - began


def _first(agent: Agent) -> Accepted:
    report = agent.report_numbered(
        1, coverage=tuple(coverage(source) for source in SOURCES), facts=facts(f"host-{agent.number:07}")
    )
    text = encode(report)
    return Accepted(report, agent.send(report).body, hashlib.sha256(text).hexdigest())


class Sent(NamedTuple):
    """One report on its way: when it was to go, and how long the answer took, in seconds; its status."""

    at: float
    took: float
    status: int


class Plan(NamedTuple):
    """Which reports: of so many devices the numbers from `first` on, of which each `telling`th has a new finding."""

    devices: int
    first: int
    rounds: int
    telling: int
    host: str
    start: int = 0
    """The number of the first device."""

    @property
    def reports(self) -> int:
        """How many they are."""
        return self.devices * self.rounds


def seal(plan: Plan, connections: int) -> list[list[bytes]]:
    """The requests of each connection as bytes, in order: a device always uses the same one."""
    shares = [list(range(plan.start + place, plan.start + plan.devices, connections)) for place in range(connections)]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(_sealed, [plan] * connections, shares, [int(time.time())] * connections))


def _sealed(plan: Plan, numbers: Sequence[int], now: int) -> list[bytes]:
    agents = [Agent(number, now) for number in numbers]
    made = []
    for sequence in range(plan.first, plan.first + plan.rounds):
        for agent in agents:
            telling = plan.telling > 0 and (agent.number + sequence) % plan.telling == 0
            made.append(as_bytes(agent.numbered(sequence, telling=telling), plan.host))
    return made


def as_bytes(sealed: Sealed, host: str) -> bytes:
    """A request as it goes over the wire."""
    lines = [f"{name}: {value}\r\n" for name, value in sealed.headers.items()]
    head = f"POST {sealed.path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(sealed.body)}\r\n{''.join(lines)}\r\n"
    return head.encode("ascii") + sealed.body


class Line(asyncio.Protocol):
    """A connection that writes a request and reads the answer, nothing else, so that it costs next to nothing."""

    def __init__(self) -> None:
        self._read = bytearray()
        self._waiting: asyncio.Future[tuple[int, bytes]] | None = None
        self._transport: asyncio.Transport | None = None
        self.over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Ended by the other side: what was asked has no answer."""
        self.over = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result((0, b""))

    def data_received(self, data: bytes) -> None:
        """A piece of an answer."""
        self._read += data
        end = self._read.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._read[:end]).lower()
        length = head.find(b"content-length:")
        size = int(head[length + 15 :].split(b"\r\n", 1)[0]) if length >= 0 else 0
        if len(self._read) < end + 4 + size or self._waiting is None:
            return
        answer = int(head[9:12]), bytes(self._read)
        self._read.clear()
        if not self._waiting.done():
            self._waiting.set_result(answer)

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status (0: none came) and the whole answer."""
        assert self._transport is not None
        self._waiting = asyncio.get_running_loop().create_future()
        if self.over:
            return 0, b""
        self._transport.write(request)
        return await self._waiting


async def drive(host: str, port: int, requests: Sequence[Sequence[bytes]], rate: float, seconds: float) -> list[Sent]:
    """Sends each connection's requests in order, at `rate` a second in all (0: each when the last one is answered)."""
    loop = asyncio.get_running_loop()
    began = loop.time() + 0.2
    sent: list[Sent] = []

    async def one(place: int, mine: Iterable[bytes]) -> None:
        line = (await loop.create_connection(Line, host, port))[1]
        gap = len(requests) / rate if rate else 0.0
        due = began + gap * place / len(requests)
        for request in mine:
            if rate:
                await asyncio.sleep(max(0.0, due - loop.time()))
            at = due if rate else loop.time()
            if at - began > seconds:
                return
            status, _ = await line.ask(request)
            sent.append(Sent(at - began, loop.time() - at, status))
            due += gap

    await asyncio.gather(*(one(place, mine) for place, mine in enumerate(requests)))
    return sent


def statuses(sent: Sequence[Sent]) -> dict[int, int]:
    """How often which answer came."""
    return dict(Counter(one.status for one in sent))
