"""A hostile machine, a hostile connection: no 5xx, nothing in another's name, nothing of theirs in a page.

What a signed report must be stands in test_console_ingest.py. Here: every text of a report holds something planted, on
both databases, and every page and file is read for it; and connections that are no HTTP, half of it, or never end.
"""

from __future__ import annotations

import base64
import gzip
import json
import resource
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import func, select

from console.access import Role, Scope
from console.access.sessions import Person, Sessions
from console.access.tokens import Tokens
from console.audit_check import verify
from console.patience import Patient
from console.store.all_tables import metadata
from console.store.tables import report
from console.web.guard import Who
from console.web.routes import RULES
from policy_schema.messages.enrol import ENROL_PATH, DeviceFacts, EnrolRequest
from policy_schema.messages.report import REPORTS_PATH, Report
from policy_schema.messages.wire import encode
from tests.fakes.reporting_device import ReportingDevice, coverage, facts, move, process
from tests.fakes.reporting_device import finding as a_finding
from tests.fakes.reporting_device import request as a_request
from tests.fakes.running_console import SECRET, RunningConsole, post, running
from tests.fakes.stores import Stores

KEY = "of somebody"
PLANTED = "zz-planted"
PAYLOADS = {
    "a tag": f"<{PLANTED}>",
    "the end of an attribute": f"\"'><{PLANTED} x='",
    "the end of a script": f"</script><{PLANTED}>",
    "an address that is a script": f"javascript:{PLANTED}",
    "SQL": "'; DROP TABLE device; --",
    "a template": "{{7*7}}{%raw%}${7*7}",
    "controls and directions": "a\x1b[2J\u202eb\u2066",
    "a zero": "a\x00b",
    "a formula": "=cmd|'/C calc'!A0",
    "a path": "../../../../etc/passwd",
    "signs beyond the first plane": "\U0001f4a9" * 10,
}


SHOWN = ("the end of an attribute", "the end of a script", "an address that is a script")
"""Those that could be more than text on a page."""


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def console(
    request: pytest.FixtureRequest, stores: Stores, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningConsole]:
    data = tmp_path_factory.mktemp("console")
    with stores.new(request.param) as address, running(data, address=address) as console:
        yield console


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningConsole]:
    """A console for what never reaches a database."""
    with running(tmp_path_factory.mktemp("door")) as console:
        yield console


@pytest.fixture(autouse=True)
def no_thread_left() -> None:
    """The console of this module lives longer than a test."""


def texts(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where texts stand in a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from texts(inner, (*path, key))
    if isinstance(value, str):
        yield path


def planted(document: Any, path: tuple[str | int, ...], text: str) -> Any:
    """The document with another text in one place."""
    if not path:
        return text
    copy: Any = dict(document) if isinstance(document, dict) else list(document)
    copy[path[0]] = planted(document[path[0]], path[1:], text)
    return copy


def accepted(document: Any, kind: type) -> bool:
    try:
        msgspec.json.decode(json.dumps(document).encode(), type=kind)
    except (msgspec.MsgspecError, UnicodeError):
        return False
    return True


def whole_report(device: ReportingDevice) -> Report:
    """A report with something in every place."""
    found = (a_finding(exception="x-1"), process())
    more = {"moves": (move(),), "requests": (a_request(),), "facts": facts("planted")}
    return device.report(coverage=(coverage(reasons=("denied",), unknown=1),), findings=found, **more)


@pytest.mark.parametrize("name", PAYLOADS)
def test_every_text_of_a_report_may_be(console: RunningConsole, name: str) -> None:
    """Where a text is free it is stored and shown as text; where it has a form the whole report is refused."""
    payload = PAYLOADS[name]
    with console.client() as client:
        device = console.device(client, "planted")
        good = json.loads(encode(whole_report(device)))
        free = [path for path in texts(good) if accepted(planted(good, path, payload), Report)]
        bound = [path for path in texts(good) if path not in free]
        for path in bound[:: max(1, len(bound) // 4)]:
            answer = send(client, device, planted(good, path, payload))
            assert 400 <= answer.status_code < 500, (path, answer.text)
        answer = send(client, device, everywhere(good, free, payload))
        assert answer.status_code < 500, answer.text
        enrolment = json.loads(encode(EnrolRequest(secret=SECRET, public_key=KEY, epoch="e-1234567890", facts=facts())))
        stranger = ReportingDevice(now=console.now)
        enrolment["public_key"] = base64.b64encode(stranger.raw_key).decode()
        free = [
            path
            for path in texts(enrolment["facts"])
            if accepted(planted(enrolment["facts"], path, payload), DeviceFacts)
        ]
        enrolment["facts"] = everywhere(enrolment["facts"], free, payload)
        assert post(client, stranger.signed(ENROL_PATH, json.dumps(enrolment).encode(), 0)).status_code < 500


def everywhere(document: Any, places: list[tuple[str | int, ...]], text: str) -> Any:
    """The document with another text in all of these places."""
    for path in places:
        document = planted(document, path, text)
    return document


def send(client: httpx.Client, device: ReportingDevice, document: Any) -> httpx.Response:
    body = gzip.compress(json.dumps(document).encode())
    return post(client, device.signed(REPORTS_PATH, body, document["sequence"], {"Content-Encoding": "gzip"}))


def test_nothing_that_was_planted_is_part_of_a_page_or_file(console: RunningConsole) -> None:
    """Every route, as an admin and as a program, after the reports above."""
    with console.client() as person, console.client() as program:
        for payload in map(PAYLOADS.__getitem__, SHOWN):
            device = console.device(program, "planted")
            good = json.loads(encode(whole_report(device)))
            free = [path for path in texts(good) if accepted(planted(good, path, payload), Report)]
            assert send(program, device, everywhere(good, free, payload)).status_code == 200
        sign_in(console, person, program)
        devices = [row.split('"')[0] for row in person.get("/devices").text.split('href="/devices/')[1:]]
        ids = [name for name in devices if name.startswith("d-")]
        assert ids, "no device to look at"
        shown = 0
        for rule in RULES:
            if rule.method != "GET" or rule.who is Who.AGENT or rule.path.startswith("/static"):
                continue
            for one in ids if "{device}" in rule.path else ids[:1]:
                answer = (program if rule.who is Who.TOKEN else person).get(filled(rule.path, one))
                assert answer.status_code < 500, (rule.path, answer.text)
                shown += judged(answer)
        assert shown, "what was planted is nowhere to be seen: this test sees nothing"


def sign_in(console: RunningConsole, person: httpx.Client, program: httpx.Client) -> None:
    sessions = Sessions(database=console.database, clock=console.clock)
    with console.database.write() as connection:
        who = Person(f"<{PLANTED}>", Role.ADMIN, None, "oidc")
        person.cookies.set("interdict_session", sessions.begin(connection, who, "192.0.2.7"))
    tokens = Tokens(database=console.database, clock=console.clock)
    text = tokens.make("li", f"<{PLANTED}>", frozenset(Scope), None, 86_400)
    program.headers["Authorization"] = f"Bearer {text}"


def filled(path: str, device: str) -> str:
    parts = {
        "{device}": device,
        "{epoch}": "e-0000000000",
        "{sequence:int}": "1",
        "{request}": "r-00c0ffee",
        "{ban}": "claude-code",
        "{serial:int}": "1",
        "{exception}": "x-1",
        "{name}": "compliance",
        "{id}": "1",
        "{id:int}": "1",
        "{format}": "csv",
        "{schedule}": "1",
    }
    for name, value in parts.items():
        path = path.replace(name, value)
    return path


class _Judge(HTMLParser):
    """Reads a page as a browser would: what stands there as text, and what became a part of it."""

    def __init__(self) -> None:
        super().__init__()
        self.became: list[str] = []
        self.texts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if PLANTED in tag or any(PLANTED in name or name.startswith("on") for name in values):
            self.became.append(f"{tag} {values}")
        for name in ("href", "src", "action", "formaction"):
            if values.get(name, "").strip().lower().startswith(("javascript:", "data:")):
                self.became.append(f"{tag} {values}")

    def handle_data(self, data: str) -> None:
        self.texts += PLANTED in data
        if "\x1b" in data or "\u202e" in data or "\x00" in data:
            self.became.append(repr(data[:80]))


def judged(answer: httpx.Response) -> int:
    """How often something planted stands there as text. Fails where it became more."""
    kind = answer.headers.get("content-type", "")
    if kind.startswith("text/html"):
        judge = _Judge()
        judge.feed(answer.text)
        judge.close()
        assert judge.became == [], str(answer.url)
        return judge.texts
    if kind.startswith("text/csv"):
        formulas = [cell for cell in answer.text.replace('"', "").split(",") if cell.startswith("=cmd")]
        assert formulas == []
    assert "text/html" not in kind
    assert answer.headers["x-content-type-options"] == "nosniff"
    return 0


def test_the_database_is_whole_afterwards(console: RunningConsole) -> None:
    with console.database.read() as connection:
        assert verify(connection).problems == ()
        for table in metadata.sorted_tables:
            connection.execute(select(func.count()).select_from(table))


Raw = Callable[[socket.socket], object]
HEAD = b"POST /api/v1/reports HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
CONNECTIONS: dict[str, bytes] = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
    "HTTP/2 without asking": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "an endless head": b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
    "ten thousand heads": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 10_000 + b"\r\n",
    "an endless address": b"GET /" + b"a" * 60_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a zero in the address": b"GET /devices/%00 HTTP/1.1\r\nHost: x\r\n\r\n",
    "half an escape": b"GET /devices/%f HTTP/1.1\r\nHost: x\r\n\r\n",
    "no UTF-8 in the address": b"GET /devices/%ff%fe HTTP/1.1\r\nHost: x\r\n\r\n",
    "bytes in the address": b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    "an address of elsewhere": b"GET http://evil.example/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "a length and pieces": HEAD
    + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    "a negative length": HEAD + b"Content-Length: -1\r\n\r\n",
    "an astronomic length": HEAD + b"Content-Length: 99999999999999999999\r\n\r\n",
    "broken pieces": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a line in a head": b"GET / HTTP/1.1\r\nHost: x\r\nX: a\nSet-Cookie: b\r\n\r\n",
    "a method of nobody": b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a cookie of a megabyte": b"GET / HTTP/1.1\r\nHost: x\r\nCookie: " + b"a=b; " * 10_000 + b"\r\n\r\n",
    "broken signatures": HEAD + b"Signature-Input: ((((\r\nSignature: ::::\r\nContent-Length: 2\r\n\r\n{}",
    "a login without a form": b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n\xff\xff\xff\xff",
    "half a body": HEAD + b"Content-Length: 1000\r\n\r\nhalf",
    "half a head": b"GET / HTTP/1.1\r\nHo",
}


def talk(console: RunningConsole, sent: bytes) -> bytes:
    """What is answered to raw bytes, after which our side ends."""
    host, port = console.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as raw:
        try:
            raw.sendall(sent)
            raw.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        answer = b""
        try:
            while piece := raw.recv(65_536):
                answer += piece
        except OSError:
            pass
        return answer


@pytest.mark.parametrize("name", CONNECTIONS)
def test_a_connection_of(door: RunningConsole, name: str, caplog: pytest.LogCaptureFixture) -> None:
    answer = talk(door, CONNECTIONS[name])
    assert not answer.startswith(b"HTTP/1.1 5"), answer[:300]
    assert b"Traceback" not in answer
    assert "Exception in ASGI application" not in caplog.text
    assert httpx.get(f"{door.address}/healthz", trust_env=False).text == "ok\n"


BESIDE: dict[str, tuple[bytes, int]] = {
    "a head of a few kilobytes": (b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 8_000 + b"\r\n\r\n", 200),
    "an endless head": (b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100_000, 400),
    "an endless name": (b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"a" * 100_000, 400),
    "an endless address": (b"GET /" + b"a" * 100_000, 400),
    "heads without end": (b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 20_000, 400),
    "a body in one": (HEAD + b"Content-Length: 900000\r\n\r\n" + b"a" * 900_000, 415),
    "a body in small pieces": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 50_000 + b"0\r\n\r\n",
        415,
    ),
    "a body in pieces with long sizes": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + (b"1;" + b"x" * 2_000 + b"\r\na\r\n") * 50,
        400,
    ),
    "trailers without end": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n" + b"X: y\r\n" * 20_000,
        400,
    ),
    "many requests after each other": (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 3_000, 200),
}


@pytest.mark.parametrize("name", BESIDE)
def test_what_a_request_may_have_beside_its_body(door: RunningConsole, name: str) -> None:
    """The parser itself would keep whatever comes."""
    sent, status = BESIDE[name]
    host, port = door.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as raw:
        with suppress(OSError):
            raw.sendall(sent)  # the other side may end it before all of it is written
        assert raw.recv(12, socket.MSG_WAITALL) == f"HTTP/1.1 {status}".encode()


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"])
def test_there_is_nothing_but_get_and_post(door: RunningConsole, method: str) -> None:
    with door.client() as client:
        for rule in RULES if method == "PUT" else RULES[:3]:
            answer = client.request(method, filled(rule.path, "d-000000000000000000000000"))
            assert answer.status_code in (400, 404, 405), rule.path


def test_a_request_that_never_comes_whole_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing at all, half a head, half a body, and a drop of a head again and again."""
    monkeypatch.setattr(Patient, "within", 0.3)
    beginnings = (b"", b"GET / HTTP/1.1\r\nHo", HEAD + b"Content-Length: 1000\r\n\r\nhalf")
    with running(tmp_path) as console, ExitStack() as stack:
        host, port = console.address.removeprefix("http://").split(":")
        held = []
        for beginning in beginnings:
            raw = stack.enter_context(socket.create_connection((host, int(port)), timeout=30))
            raw.sendall(beginning)
            held.append(raw)
        assert [ended(raw) for raw in held] == [True] * len(held)
        with console.client() as client:
            assert [client.get("/healthz").status_code for _ in range(3)] == [200] * 3
    assert "Exception in ASGI application" not in caplog.text


def ended(raw: socket.socket) -> bool:
    """Whether the other side has ended it, without an answer of 5xx."""
    try:
        while piece := raw.recv(65_536):
            assert not piece.startswith(b"HTTP/1.1 5"), piece
    except ConnectionResetError:
        return True
    return True


def crowd(console: RunningConsole, many: int) -> None:
    """So many connections that say nothing; somebody else is served among them."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    host, port = console.address.removeprefix("http://").split(":")
    with ExitStack() as stack:
        for number in range(many):
            # Another address for each few thousand: one has no more ports than that.
            source = (f"127.0.1.{number // 5_000 + 1}", 0)
            raw = stack.enter_context(socket.create_connection((host, int(port)), 30, source))
            raw.sendall(b"GET / HTTP/1.1\r\n")
        with console.client() as client:
            device = console.device(client, "in the crowd")
            assert post(client, device.send(device.report())).status_code == 200
            assert client.get("/login").status_code == 200
            assert stored(console, device) == 1


def stored(console: RunningConsole, device: ReportingDevice) -> int:
    with console.database.read() as connection:
        statement = select(func.count()).select_from(report).where(report.c.device_id == device.id)
        return connection.execute(statement).scalar_one()


def test_a_thousand_connections_that_say_nothing_keep_nobody_out(door: RunningConsole) -> None:
    crowd(door, 1_000)


@pytest.mark.slow
def test_ten_thousand_connections_that_say_nothing_keep_nobody_out(door: RunningConsole) -> None:
    crowd(door, 9_500)


def test_a_device_writes_in_its_own_name_alone(console: RunningConsole) -> None:
    """Another's id in the body, another's signature around one's own report, one's own number with another's epoch."""
    with console.client() as client:
        mine, victim = console.device(client, "mine"), console.device(client, "victim")
        assert post(client, victim.send(victim.report(findings=(a_finding(),)))).status_code == 200
        before = written_by(console, victim)
        stolen = mine.report(device=victim.id)
        sealed, theirs = mine.send(stolen), victim.send(victim.report_numbered(2))
        mixed = theirs._replace(body=sealed.body)
        swapped = sealed._replace(headers={**sealed.headers, "Signature": theirs.headers["Signature"]})
        for attempt in (sealed, mixed, swapped):
            assert 400 <= post(client, attempt).status_code < 500
        assert written_by(console, victim) == before


def written_by(console: RunningConsole, device: ReportingDevice) -> list[object]:
    """Every row that is about a device."""
    rows: list[object] = []
    with console.database.read() as connection:
        for table in metadata.sorted_tables:
            if "device_id" in table.columns:
                rows += connection.execute(select(table).where(table.c.device_id == device.id)).all()
    return rows


@pytest.mark.slow
def test_a_storm_of_everything_at_once(console: RunningConsole) -> None:
    """Broken connections and honest devices together for some thousand requests: each honest report is there once."""

    def honest(number: int) -> int:
        with console.client() as client:
            device = console.device(client, f"honest-{number}")
            for _ in range(5):
                while post(client, device.send(one := device.report())).status_code in (429, 503):
                    device.sequence = one.sequence - 1
            return stored(console, device)

    def broken(number: int) -> int:
        kinds = list(CONNECTIONS.values())
        for place in range(20):
            assert not talk(console, kinds[(number + place) % len(kinds)]).startswith(b"HTTP/1.1 500")
        return 5

    with ThreadPoolExecutor(16) as pool:
        done = [pool.submit(honest if number % 2 else broken, number) for number in range(100)]
        assert {one.result() for one in done} == {5}
