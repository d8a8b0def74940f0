"""Events for a SIEM: each fits the OCSF schema, is handed over at least once, and goes on where it ended."""

from __future__ import annotations

import json
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from console.errors import BadCommand
from console.exports import handover, ocsf
from console.exports.handover import LEASE, OVERLAP, Handover, Lost
from console.exports.sinks import File, sink_of
from console.schedules.undelivered import Undelivered
from console.store.db import Database
from policy_schema.rules.decision import State
from policy_schema.rules.instant import Instant
from tests.fakes.authority import Authority
from tests.fakes.fleet_history import Fleet
from tests.fakes.reporting_device import coverage, finding, process

pytestmark = pytest.mark.loopback
BEGIN = 1_783_818_000
SAMPLES = Path(__file__).parents[2] / "samples" / "ocsf"
SCHEMAS = {
    kind: Draft202012Validator(json.loads((SAMPLES / f"{kind}.json").read_text())) for kind in (2003, 5001, 7001)
}


class Kept:
    """Takes everything, or fails after so many batches."""

    def __init__(self, batches: int = 10**9) -> None:
        self.events: list[dict[str, Any]] = []
        self.batches = batches

    def send(self, lines: Sequence[bytes]) -> None:
        if self.batches == 0:
            raise Undelivered("nobody is there")
        self.batches -= 1
        self.events += [json.loads(line) for line in lines]

    @property
    def uids(self) -> list[str]:
        return [event["metadata"]["uid"] for event in self.events]


def stream(fleet: Fleet, sink: Any, name: str = "siem") -> Handover:
    return Handover(fleet.database, name=name, sink=sink, clock=lambda: Instant(fleet.now), product="0.1.0")


@pytest.fixture
def fleet(database: Database) -> Fleet:
    fleet = Fleet(database, BEGIN)
    for number in range(4):
        fleet.enrol(str(number))
        fleet.report(str(number), findings=(finding(), process()), coverage=(coverage(unknown=number % 2),))
        fleet.now += 1
    fleet.report("0", findings=(finding(outcome="quarantined", gone=True),))
    fleet.report("1", findings=(finding(state="excepted", exception="x-1"),))
    fleet.remove("2")
    fleet.now += 1
    return fleet


@given(
    change=st.sampled_from(("new", "changed", "gone", "of-a-newer-agent")),
    state=st.sampled_from([*(state.value for state in State), "of-a-newer-agent"]),
    outcome=st.sampled_from(("", "told", "of-a-newer-agent", *ocsf._DONE)),
    kind=st.sampled_from(("workstation", "server", "ci", "")),
    system=st.sampled_from(("linux", "windows", "macos", "")),
    text=st.text(max_size=40),
    groups=st.sampled_from((None, "[]", '["a","b"]')),
)
def test_whatever_a_device_told_fits_the_schema(
    change: str, state: str, outcome: str, kind: str, system: str, text: str, groups: str | None
) -> None:
    row = {
        "device_id": "d-1",
        "epoch": "e-1",
        "sequence": 1,
        "finding_id": "f-1",
        "at": BEGIN,
        "change": change,
        "ban": text,
        "tool": text,
        "version": text,
        "state": state,
        "action": "block",
        "outcome": outcome,
        "host_name": text,
        "os": system,
        "kind": kind,
        "groups": groups,
    }
    past = {"removed": change == "gone", "unlooked": '["npm"]'}
    for event in (*ocsf.of_finding(row, "0.1.0"), ocsf.of_device({**row, **past}, "0.1.0")):
        SCHEMAS[event["class_uid"]].validate(json.loads(ocsf.as_line(event)))  # type: ignore[index]


def test_the_schema_refuses_what_does_not_fit(fleet: Fleet) -> None:
    sink = Kept()
    stream(fleet, sink).turn()
    event = next(event for event in sink.events if event["class_uid"] == 2003)
    assert SCHEMAS[2003].is_valid(event)
    assert not SCHEMAS[2003].is_valid({**event, "path": "/home/li"})
    assert not SCHEMAS[2003].is_valid({key: value for key, value in event.items() if key != "finding_info"})


def test_everything_comes_once_and_the_next_time_only_what_is_new(fleet: Fleet) -> None:
    sink = Kept()
    assert stream(fleet, sink).turn() == len(sink.events)
    kinds = [event["class_uid"] for event in sink.events]
    assert (kinds.count(2003), kinds.count(7001)) == (10, 1)
    assert {event["status_detail"] for event in sink.events if event["class_uid"] == 5001} == {
        "could not look: npm",
        "looked everywhere",
        "removed by IT",
    }
    assert len(set(sink.uids)) == len(sink.uids)
    assert stream(fleet, sink).turn() == 0
    fleet.now += 3 * OVERLAP
    fleet.report("3", findings=(finding(gone=True),), coverage=())
    assert stream(fleet, sink).turn() == 1
    assert sink.events[-1]["activity_name"] == "Close"
    assert stream(fleet, Kept(), "another").turn() == len(sink.events)


def test_what_a_sink_did_not_take_comes_again(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "AT_ONCE", 2)
    whole, taken = Kept(), Kept(batches=3)
    stream(fleet, whole, "whole").turn()
    broken = stream(fleet, taken)
    with pytest.raises(Undelivered):
        broken.turn()
    broken.failed("nobody is there")
    taken.batches = 10**9
    stream(fleet, taken).turn()
    assert sorted(set(taken.uids)) == sorted(whole.uids)


def test_of_two_processes_one_hands_over_until_its_lease_is_over(fleet: Fleet) -> None:
    stream(fleet, Kept())._take(fleet.now)
    with pytest.raises(Lost):
        stream(fleet, Kept()).turn()
    fleet.now += LEASE
    assert stream(fleet, Kept()).turn() > 0


def test_what_is_committed_late_is_not_passed_over(fleet: Fleet) -> None:
    """A report whose time lies before the last look, since its transaction took long."""
    sink = Kept()
    stream(fleet, sink).turn()
    before = fleet.now
    fleet.now -= OVERLAP // 2
    fleet.report("3", findings=(finding(id="f-late"),))
    fleet.now = before
    assert stream(fleet, sink).turn() == 1


def test_a_file_is_rotated_between_lines_and_a_half_line_is_ended(tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(b'{"half":')
    sink = File(file, most_bytes=100, keep=2)
    for number in range(12):
        sink.send([b'{"number":%d,"x":"%b"}' % (number, b"x" * 40)] * 2)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["events.ndjson", "events.ndjson.1", "events.ndjson.2"]
    for path in tmp_path.iterdir():
        assert all(json.loads(line)["number"] < 12 for line in path.read_bytes().splitlines())


def test_a_half_line_of_a_crash_is_ended(tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(b'{"half":')
    File(file).send([b"{}"])
    assert file.read_bytes() == b'{"half":\n{}\n'


@contextmanager
def listening(handle: Callable[[bytes], None], scheme: str, folder: Path) -> Iterator[int]:
    """A real syslog server for one connection or for datagrams."""
    authority = Authority(folder, "siem")

    class Stream(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            handle(self.rfile.read())

    class Datagram(socketserver.DatagramRequestHandler):
        def handle(self) -> None:
            handle(self.rfile.read())

    kind: Any = socketserver.UDPServer if scheme == "syslog+udp" else socketserver.TCPServer
    with kind(("127.0.0.1", 0), Datagram if scheme == "syslog+udp" else Stream) as server:
        if scheme == "syslog+tls":
            server.socket = authority.server("127.0.0.1").wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("scheme", ["syslog+udp", "syslog+tcp", "syslog+tls"])
def test_syslog_gets_each_event_as_a_message(tmp_path: Path, scheme: str) -> None:
    got: list[bytes] = []
    arrived = threading.Event()

    def handle(data: bytes) -> None:
        got.append(data)
        arrived.set()

    with listening(handle, scheme, tmp_path) as port:
        sink_of(f"{scheme}://127.0.0.1:{port}", now=BEGIN, authority=tmp_path / "siem.pem").send([b'{"a":1}'])
        assert arrived.wait(20)
    message = f'<110>1 2026-07-12T01:00:00Z {socket.gethostname()} interdict-console - OCSF - {{"a":1}}'.encode()
    assert got == [message if scheme == "syslog+udp" else b"%d %b" % (len(message), message)]


def test_a_web_server_gets_lines_with_the_header(tmp_path: Path) -> None:
    got: list[tuple[str, bytes]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((self.headers["Authorization"], self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200 if len(got) == 1 else 302)
            self.end_headers()

        def log_message(self, *rest: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            sink = sink_of(f"http://127.0.0.1:{server.server_address[1]}/", now=0, authorization="Splunk x")
            sink.send([b"{}", b"{}"])
            with pytest.raises(Undelivered, match="302"):
                sink.send([b"{}"])
        finally:
            server.shutdown()
            thread.join()
    assert got[0] == ("Splunk x", b"{}\n{}\n")


@pytest.mark.parametrize(
    "target",
    ["", "ftp://x", "file://host/x", "http://siem.example.com/", "syslog+tcp://", "https://a:b@c/", "https://["],
)
def test_what_is_no_place_for_events_is_refused(target: str) -> None:
    with pytest.raises(BadCommand):
        sink_of(target, now=0)
