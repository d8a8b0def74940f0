"""An alarm reaches people and programs: a mail server and a web server that really listen, and one that is away."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from console.brake.tell import teller
from console.brake.watch import Tell, Watch
from console.decisions import Brake
from console.schedules.mail import MailServer
from console.schedules.settings import Delivering
from console.schedules.webhook import signature
from console.store.db import Database
from console.store.queries import brake as queries
from policy_schema.rules.instant import Instant
from tests.fakes.deciding import new_sqlite

NOW = Instant(1_784_000_000)
SECRET = b"a secret of sixteen characters and more"


@contextmanager
def receiver(answers: list[int]) -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """A web server that answers with these numbers, one after the other, and keeps what it was sent."""
    got: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.headers["Interdict-Signature"], body))
            self.send_response(answers.pop(0))
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/alarms", got
        server.shutdown()
        thread.join()


class Mailbox:
    """What a mail server takes."""

    def __init__(self) -> None:
        self.letters: list[tuple[list[str], str]] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.letters.append((list(envelope.rcpt_tos), envelope.content.decode()))
        return "250 taken"


def watch(database: Database, tell: Tell | None) -> Watch:
    return Watch(database=database, brake=Brake(), clock=lambda: NOW, tell=tell)


def raise_alarm(database: Database) -> None:
    with database.write() as connection:
        figures = json.dumps({"hour": 500, "busiest": 12, "devices": 5000})
        row = {"ban": "claude-code", "kind": "hits", "raised_at": NOW, "last_at": NOW, "figures": figures}
        connection.execute(queries.add_alarm(), {**row, "closed_by": ""})


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(new_sqlite(tmp_path))
    yield made
    made.close()


def test_a_program_is_told_once_signed_and_again_until_it_takes_it(database: Database, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(SECRET)
    raise_alarm(database)
    with receiver([503, 200, 200]) as (address, got):
        tell = teller(Brake(webhook=address), Delivering(secret=tmp_path / "secret"))
        for _ in range(4):
            watch(database, tell).look()
    assert len(got) == 2, "refused once, taken once"
    signed, body = got[1]
    assert signed == signature(SECRET, NOW, body)
    told = json.loads(body)
    assert (told["ban"], told["kind"], told["figures"]["hour"], told["paused"]) == ("claude-code", "hits", 500, False)


def test_people_read_what_jumped(database: Database) -> None:
    raise_alarm(database)
    mailbox = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        server = MailServer("127.0.0.1", port, "interdict@example.com", tls="none")
        watch(database, teller(Brake(mail_to=("sec@example.com",)), Delivering(mail=server))).look()
    finally:
        controller.stop()
    ((to, letter),) = mailbox.letters
    assert to == ["sec@example.com"]
    assert "alarm about claude-code" in letter and "500 of 5000 devices" in letter


def test_where_nobody_wants_it_nothing_is_sent(database: Database) -> None:
    raise_alarm(database)
    assert teller(Brake(), Delivering()) is None
    watch(database, None).look()


def test_what_is_not_set_up_is_tried_again(database: Database) -> None:
    raise_alarm(database)
    watch(database, teller(Brake(webhook="https://soc.example.com"), Delivering())).look()
    with database.read() as connection:
        assert len(connection.execute(queries.untold(0)).all()) == 1
