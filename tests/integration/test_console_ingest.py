"""Machines and the console over real HTTP with real signatures: what is stored, counted, refused."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from pathlib import Path
from threading import Event

import httpx
import msgspec
import pytest
from sqlalchemy import func, select

from console.ingest.apply import FINDINGS_KEPT
from console.store.tables import audit, device, enrolment_secret, finding, finding_event, report
from policy_schema.messages.enrol import ENROL_PATH, EnrolRequest
from policy_schema.messages.kinds import MAX_FINDINGS
from policy_schema.messages.report import REPORTS_PATH
from policy_schema.messages.request import Sealed
from policy_schema.messages.wire import MAX_INFLATED, MAX_SENT, encode
from tests.fakes.reporting_device import ReportingDevice, coverage, facts, policy
from tests.fakes.reporting_device import finding as a_finding
from tests.fakes.running_console import SECRET, RunningConsole, post, running
from tests.fakes.stores import Stores


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def started(
    request: pytest.FixtureRequest, stores: Stores, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningConsole]:
    data = tmp_path_factory.mktemp("console")
    with stores.new(request.param) as address, running(data, address=address) as console:
        yield console


@pytest.fixture(autouse=True)
def no_thread_left() -> None:
    """The console of this module lives longer than a test."""


@pytest.fixture
def console(started: RunningConsole) -> RunningConsole:
    return started


@pytest.fixture
def client(console: RunningConsole) -> Iterator[httpx.Client]:
    with console.client() as client:
        yield client


def numbers(console: RunningConsole, sender: ReportingDevice) -> tuple[int, int, int]:
    """How many reports, findings and events of a device are stored."""
    with console.database.read() as connection:
        reports, findings, events = (
            connection.execute(
                select(func.count()).select_from(table).where(table.c.device_id == sender.id)
            ).scalar_one()
            for table in (report, finding, finding_event)
        )
    return reports, findings, events


def column(console: RunningConsole, sender: ReportingDevice, name: str) -> object:
    with console.database.read() as connection:
        return connection.execute(select(device.c[name]).where(device.c.device_id == sender.id)).scalar_one()


class TestEnrolment:
    def test_a_machine_learns_its_id_and_when_to_report(self, console: RunningConsole, client: httpx.Client) -> None:
        machine = ReportingDevice(now=console.now)
        answer = post(client, machine.enrolment(SECRET))
        assert answer.status_code == 200
        assert answer.json() == {"v": 1, "device": machine.id, "next_report_at": "2026-07-12T01:00:00Z"}

    def test_the_same_key_again_gets_the_same_answer_and_costs_no_use(
        self, console: RunningConsole, client: httpx.Client
    ) -> None:
        machine = ReportingDevice(now=console.now)
        uses = []
        for _ in range(3):
            assert post(client, machine.enrolment(SECRET)).json()["device"] == machine.id
            with console.database.read() as connection:
                uses.append(connection.execute(select(enrolment_secret.c.uses_left)).scalar_one())
        assert uses[0] == uses[1] == uses[2]

    @pytest.mark.parametrize("secret", ["wrong", SECRET.upper(), "'; DROP TABLE device; --"])
    def test_a_wrong_secret_is_refused(self, console: RunningConsole, client: httpx.Client, secret: str) -> None:
        answer = post(client, ReportingDevice(now=console.now).enrolment(secret))
        assert (answer.status_code, answer.json()["code"]) == (403, "secret-refused")

    def test_a_key_that_somebody_else_holds_cannot_be_enrolled(
        self, console: RunningConsole, client: httpx.Client
    ) -> None:
        mine, other = ReportingDevice(now=console.now), ReportingDevice(now=console.now)
        request = EnrolRequest(
            secret=SECRET, public_key=base64.b64encode(other.raw_key).decode(), epoch="e-1234567890", facts=facts()
        )
        answer = post(client, mine.signed(ENROL_PATH, encode(request), 0))
        assert (answer.status_code, answer.json()["code"]) == (401, "signature-unknown-key")

    def test_nothing_is_revealed_about_a_machine_that_never_enrolled(
        self, console: RunningConsole, client: httpx.Client
    ) -> None:
        stranger = ReportingDevice(now=console.now)
        answer = post(client, stranger.send(stranger.report()))
        assert (answer.status_code, answer.json()["code"]) == (401, "signature-unknown-key")


class TestNumbers:
    def test_reports_are_stored_one_after_the_other(self, console: RunningConsole, client: httpx.Client) -> None:
        machine = console.device(client)
        for number in (1, 2, 3):
            answer = post(client, machine.send(machine.report()))
            assert (answer.status_code, answer.json()["stored_up_to"]) == (200, number)
        assert numbers(console, machine)[0] == 3

    def test_the_answer_holds_two_things_and_no_more(self, console: RunningConsole, client: httpx.Client) -> None:
        machine = console.device(client)
        answer = post(client, machine.send(machine.report())).json()
        assert set(answer) == {"v", "stored_up_to", "next_report_at"}

    def test_a_duplicate_is_answered_and_counted_once(self, console: RunningConsole, client: httpx.Client) -> None:
        machine = console.device(client)
        first = machine.report(findings=(a_finding(),))
        answers = [post(client, machine.send(first)) for _ in range(3)]
        assert [(answer.status_code, answer.json()["stored_up_to"]) for answer in answers] == [(200, 1)] * 3
        assert numbers(console, machine) == (1, 1, 1)

    def test_the_very_same_request_replayed_changes_nothing(
        self, console: RunningConsole, client: httpx.Client
    ) -> None:
        machine = console.device(client)
        sealed = machine.send(machine.report(findings=(a_finding(),)))
        post(client, sealed)
        post(client, machine.send(machine.report(findings=(a_finding(gone=True),))))
        assert post(client, sealed).json()["stored_up_to"] == 2
        assert numbers(console, machine) == (2, 1, 2)
        assert column(console, machine, "standing") == "partial"

    def test_a_gap_is_refused_and_filled(self, console: RunningConsole, client: httpx.Client) -> None:
        machine = console.device(client)
        reports = [machine.report() for _ in range(4)]
        assert post(client, machine.send(reports[0])).status_code == 200
        gap = post(client, machine.send(reports[3]))
        assert (gap.status_code, gap.json()["stored_up_to"]) == (409, 1)
        assert [post(client, machine.send(one)).json()["stored_up_to"] for one in reports[1:]] == [2, 3, 4]

    def test_many_machines_at_once_are_each_counted_once(self, console: RunningConsole) -> None:
        def life(place: int) -> tuple[int, int, int]:
            with console.client() as client:
                machine = console.device(client, f"crowd-{place}")
                for _ in range(3):
                    sealed = machine.send(machine.report(findings=(a_finding(),)))
                    assert {post(client, sealed).status_code for _ in range(2)} == {200}
                return numbers(console, machine)

        with ThreadPoolExecutor(8) as crowd:
            assert set(crowd.map(life, range(24))) == {(3, 1, 3)}

    def test_one_machine_that_sends_everything_at_once_is_counted_once(self, console: RunningConsole) -> None:
        with console.client() as client:
            machine = console.device(client)
            sealed = machine.send(machine.report(findings=(a_finding(),)))
        with ThreadPoolExecutor(8) as crowd:
            statuses = list(
                crowd.map(
                    lambda _: (
                        httpx.post(
                            console.address + sealed.path,
                            content=sealed.body,
                            headers=sealed.headers,
                            trust_env=False,
                            timeout=30,
                        ).status_code
                    ),
                    range(16),
                )
            )
        assert statuses == [200] * 16
        assert numbers(console, machine) == (1, 1, 1)


class TestEpochs:
    def test_a_new_epoch_begins_with_the_whole_state(self, console: RunningConsole, client: httpx.Client) -> None:
        machine = console.device(client)
        post(client, machine.send(machine.report(findings=(a_finding(id="f-old"), a_finding(id="f-stays")))))
        machine.epoch, machine.sequence = "e-second-life", 0
        answer = post(client, machine.send(machine.report(findings=(a_finding(id="f-stays"),))))
        assert (answer.status_code, answer.json()["stored_up_to"]) == (200, 1)
        with console.database.read() as connection:
            rows = connection.execute(
                select(finding.c.finding_id, finding.c.gone_at).where(finding.c.device_id == machine.id)
            ).all()
        assert {row.finding_id: row.gone_at is None for row in rows} == {"f-old": False, "f-stays": True}
        assert column(console, machine, "epoch_changed_at") == console.now

    def test_an_unknown_epoch_cannot_begin_in_the_middle(self, console: RunningConsole, client: httpx.Client) -> None:
        machine = console.device(client)
        machine.epoch = "e-second-life"
        answer = post(client, machine.send(machine.report_numbered(5)))
        assert (answer.status_code, answer.json()["stored_up_to"]) == (409, 0)

    def test_two_machines_with_one_key_are_flagged_by_their_epochs(
        self, console: RunningConsole, client: httpx.Client
    ) -> None:
        original = console.device(client)
        post(client, original.send(original.report()))
        clone = ReportingDevice(now=console.now, epoch="e-of-the-clone")
        clone.key, clone.raw_key, clone.id = original.key, original.raw_key, original.id
        assert post(client, clone.send(clone.report(findings=(a_finding(),)))).status_code == 200
        assert column(console, original, "cloned_at") is None
        answer = post(client, original.send(original.report()))
        assert (answer.status_code, answer.json()["code"]) == (409, "epoch-over")
        assert column(console, original, "cloned_at") == console.now
        assert numbers(console, original)[1] == 1

    def test_two_machines_with_one_key_and_one_epoch_are_flagged_by_their_numbers(
        self, console: RunningConsole, client: httpx.Client
    ) -> None:
        original = console.device(client)
        post(client, original.send(original.report()))
        other = original.report_numbered(1, findings=(a_finding(),))
        answer = post(client, original.send(other))
        assert (answer.status_code, answer.json()["code"]) == (409, "epoch-over")
        assert column(console, original, "cloned_at") == console.now
        assert numbers(console, original)[1] == 0


class TestClock:
    @pytest.mark.parametrize("off", [-3600, 3600], ids=["an hour behind", "an hour ahead"])
    def test_a_clock_that_is_off_is_told_the_time_and_may_try_again(
        self, console: RunningConsole, client: httpx.Client, off: int
    ) -> None:
        machine = console.device(client)
        machine.now = console.now + off
        one = machine.report()
        answer = post(client, machine.send(one))
        assert (answer.status_code, answer.json()["code"]) == (401, "signature-clock")
        machine.now = int(parsedate_to_datetime(answer.headers["date"]).timestamp())
        assert post(client, machine.send(one)).status_code == 200

    def test_a_request_of_yesterday_cannot_be_replayed(self, console: RunningConsole, client: httpx.Client) -> None:
        machine = console.device(client)
        sealed = machine.send(machine.report())
        console.pass_time(86_400)
        assert post(client, sealed).status_code == 401
        machine.now = console.now
        assert numbers(console, machine)[0] == 0


def tampered(sealed: Sealed) -> dict[str, tuple[Sealed, int]]:
    headers = sealed.headers
    return {
        "another body": (sealed._replace(body=gzip.compress(b"{}")), 401),
        "another number": (sealed._replace(headers={**headers, "Interdict-Sequence": "9"}), 401),
        "another path": (sealed._replace(path=ENROL_PATH, headers={**headers, "Content-Encoding": ""}), 400),
        "no signature": (sealed._replace(headers={k: v for k, v in headers.items() if k != "Signature"}), 401),
        "a broken signature header": (sealed._replace(headers={**headers, "Signature": "((("}), 401),
        "not gzip by its header": (
            sealed._replace(headers={k: v for k, v in headers.items() if k != "Content-Encoding"}),
            415,
        ),
        "a form": (sealed._replace(headers={**headers, "Content-Type": "text/plain"}), 415),
        "an endless body": (sealed._replace(body=bytes(MAX_SENT + 1)), 413),
    }


class TestHostileInput:
    @pytest.mark.parametrize("name", list(tampered(Sealed("", {}, b""))))
    def test_it_is_refused(self, console: RunningConsole, client: httpx.Client, name: str) -> None:
        machine = console.device(client)
        sealed, status = tampered(machine.send(machine.report()))[name]
        answer = post(client, sealed)
        assert answer.status_code == status, answer.text
        assert {"code", "detail", "advice"} == set(answer.json())
        assert numbers(console, machine) == (0, 0, 0)

    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            (b"not gzip at all", 400, "malformed"),
            (gzip.compress(b"{}")[:-3], 400, "malformed"),
            (gzip.compress(b"not json"), 400, "malformed"),
            (gzip.compress(b"[" * 1_000_000), 400, "malformed"),
            (gzip.compress(b'{"v": 99}'), 400, "version-not-understood"),
            (gzip.compress(bytes(MAX_INFLATED + 1)), 413, "too-big"),
            (gzip.compress(b"\xff\xfe\x00"), 400, "malformed"),
        ],
        ids=["no gzip", "cut off", "no JSON", "very deep", "of tomorrow", "a bomb", "no UTF-8"],
    )
    def test_a_signed_body_is_refused_that_is(
        self, console: RunningConsole, client: httpx.Client, body: bytes, status: int, code: str
    ) -> None:
        machine = console.device(client)
        answer = post(client, machine.signed(REPORTS_PATH, body, 1, {"Content-Encoding": "gzip"}))
        assert (answer.status_code, answer.json()["code"]) == (status, code)

    def test_a_report_in_another_devices_name_is_refused(self, console: RunningConsole, client: httpx.Client) -> None:
        machine, victim = console.device(client), console.device(client)
        answer = post(client, machine.send(machine.report(device=victim.id)))
        assert (answer.status_code, answer.json()["code"]) == (400, "not-as-signed")

    def test_a_number_in_the_body_must_be_the_signed_one(self, console: RunningConsole, client: httpx.Client) -> None:
        machine = console.device(client)
        body = gzip.compress(encode(machine.report_numbered(7)))
        answer = post(client, machine.signed(REPORTS_PATH, body, 1, {"Content-Encoding": "gzip"}))
        assert (answer.status_code, answer.json()["code"]) == (400, "not-as-signed")

    def test_twenty_thousand_findings_are_stored_and_one_more_refused(
        self, console: RunningConsole, client: httpx.Client
    ) -> None:
        machine = console.device(client)
        batch = MAX_FINDINGS
        rounds = FINDINGS_KEPT // batch
        for place in range(rounds):
            lines = tuple(a_finding(id=f"f-{place}-{number}") for number in range(batch))
            assert post(client, machine.send(machine.report(findings=lines))).status_code == 200
        answer = post(client, machine.send(machine.report(findings=(a_finding(id="f-one-more"),))))
        assert (answer.status_code, answer.json()["code"]) == (413, "too-many-findings")
        assert numbers(console, machine)[:2] == (rounds, rounds * batch)


def test_a_full_queue_turns_machines_away_until_later(tmp_path: Path) -> None:
    """The writer is held inside a job; one more waits; the next is turned away, and nothing that waited is lost."""
    with running(tmp_path, waiting=1) as console, console.client() as client:
        machines = [console.device(client) for _ in range(2)]
        inside, release = Event(), Event()

        def hold(_: object) -> None:
            inside.set()
            release.wait(30)

        held = console.writer.submit(hold)
        assert inside.wait(30)
        waiting = console.writer.submit(lambda _: None)
        answer = post(client, machines[0].send(machines[0].report()))
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) > 0
        release.set()
        held.result(30)
        waiting.result(30)
        assert post(client, machines[1].send(machines[1].report())).status_code == 200


def test_the_record_tells_of_enrolments_and_clones(console: RunningConsole, client: httpx.Client) -> None:
    machine = console.device(client)
    with console.database.read() as connection:
        whats = connection.execute(select(audit.c.what).where(audit.c.who == machine.id)).scalars().all()
    assert whats == ["enrolled"]


def test_facts_that_changed_arrive_with_a_report(console: RunningConsole, client: httpx.Client) -> None:
    machine = console.device(client)
    moved = msgspec.structs.replace(facts("li-laptop\x1b[2J.example.com"), region=None, groups=None)
    post(client, machine.send(machine.report(facts=moved)))
    assert column(console, machine, "region") is None
    assert column(console, machine, "host_name") == "li-laptop\ufffd[2J.example.com"


@pytest.mark.parametrize(
    ("line", "covered", "standing"),
    [
        (policy(), coverage(), "clean"),
        (policy(), coverage(unknown=1, reasons=("denied",)), "partial"),
        (policy(trust="none", id="", version=0), coverage(), "partial"),
        (policy(trust="last-good", problem="expired"), coverage(), "clean"),
    ],
    ids=["looked everywhere", "one place denied", "no policy", "the last good policy"],
)
def test_what_a_report_amounts_to(
    console: RunningConsole, client: httpx.Client, line: object, covered: object, standing: str
) -> None:
    machine = console.device(client)
    post(client, machine.send(machine.report(policy=line, coverage=(covered,))))
    assert column(console, machine, "standing") == standing
