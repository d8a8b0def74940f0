"""A real console on loopback, in a thread, with a clock that a test moves."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import httpx

from console import app, server
from console.access import hash_password
from console.access.settings import DEFAULTS, AccessSettings
from console.decisions import Decisions
from console.ingest.enrol import secret_digest
from console.ingest.writer import Writer
from console.settings import Settings
from console.store.db import Database
from console.store.migrate import migrate
from console.store.queries import access
from policy_schema.messages.request import Sealed
from policy_schema.rules.instant import Instant, parse_instant
from tests.fakes.reporting_device import GENERATED_AT, ReportingDevice

SECRET = "a-secret-of-these-tests"
NAME, PASSWORD = "chen", "correct horse battery staple"
PATIENCE = 30
NOTHING_DECIDED = Decisions()


class RunningConsole:
    """The console, its database and its clock. Devices get the console's time."""

    def __init__(self, settings: Settings, database: Database, writer: Writer) -> None:
        self.settings = settings
        self.database = database
        self.writer = writer
        self.now = parse_instant(GENERATED_AT)
        self.address = ""

    def clock(self) -> Instant:
        """The console's time."""
        return self.now

    def pass_time(self, seconds: int) -> None:
        """Moves the console's time."""
        self.now = Instant(self.now + seconds)

    def client(self) -> httpx.Client:
        """Somebody who connects."""
        return httpx.Client(base_url=self.address, timeout=PATIENCE, trust_env=False)

    @contextmanager
    def signed_in(self) -> Iterator[httpx.Client]:
        """A browser with a session."""
        with self.client() as client:
            token = client.get("/login").text.split('name="token" value="')[1].split('"')[0]
            answer = client.post("/login", data={"token": token, "name": NAME, "password": PASSWORD, "next": "/"})
            assert answer.status_code == 303, answer.text
            yield client

    def device(
        self, client: httpx.Client, host_name: str = "li-laptop", epoch: str = "e-0000000000"
    ) -> ReportingDevice:
        """A device that has enrolled."""
        device = ReportingDevice(now=self.now, epoch=epoch)
        assert post(client, device.enrolment(SECRET, host_name)).status_code == 200
        return device


def post(client: httpx.Client, sealed: Sealed) -> httpx.Response:
    """Sends what a device sealed."""
    return client.post(sealed.path, content=sealed.body, headers=sealed.headers)


@cache
def _hashed() -> str:
    """The password's hash, which is slow on purpose: once for all tests."""
    return hash_password(PASSWORD)


def prepared(data: Path, address: str = "") -> Database:
    """A database in its newest form, with a user and a secret for a thousand machines."""
    database = Database(address or Settings(data=data).database)
    migrate(database)
    with database.write() as connection:
        if connection.execute(access.count_users()).scalar_one():
            return database
        user = {"name": NAME, "password": _hashed(), "created_at": 0}
        connection.execute(access.put_user(connection.dialect.name), user)
        connection.execute(
            access.add_secret(digest=secret_digest(SECRET), uses=1000, expires_at=2**40, now=0, who="a test")
        )
    return database


@contextmanager
def running(
    data: Path,
    *,
    trial: bool = False,
    waiting: int = 1000,
    address: str = "",
    access: Callable[[str], AccessSettings] = lambda address: DEFAULTS,
    decisions: Decisions = NOTHING_DECIDED,
) -> Iterator[RunningConsole]:
    """Starts a console, and ends it with everything that it opened. `access` learns where it will listen."""
    database = prepared(data, address)
    console = RunningConsole(Settings(data=data, port=0, trial=trial), database, Writer(database, waiting))
    with server.bind(console.settings) as bound:
        console.address = server.address(bound)
        application = app.build(
            console.settings,
            database,
            clock=lambda: console.clock(),  # which a test may replace
            writer=console.writer,
            access=access(console.address),
            decisions=decisions,
        )
        ready = threading.Event()
        serving = server.server(application, ready.set)
        thread = threading.Thread(target=serving.run, args=([bound],), name="console-under-test")
        thread.start()
        try:
            assert ready.wait(PATIENCE), "the console did not begin to listen"
            yield console
        finally:
            serving.should_exit = True
            thread.join(PATIENCE)
            database.close()
