"""Reports: nothing lost, nothing counted twice, whatever the console or a kill does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import StateBroken
from agent.report.journal import Journal
from agent.report.outbox import Moment, Outbox, Whole
from policy_schema.messages.enrol import DeviceFacts
from policy_schema.messages.heartbeat import Heartbeat
from policy_schema.messages.report import FindingLine, PolicyLine, Report
from policy_schema.messages.wire import decode
from policy_schema.rules.instant import Instant

FACTS = DeviceFacts(
    os="linux",
    os_version="6",
    kind="workstation",
    ownership="company",
    region=None,
    groups=None,
    host_name="h",
    agent="0.1.0",
)
AT = "2026-07-12T01:00:00Z"


def _line(number: int, gone: bool = False) -> FindingLine:
    return FindingLine(
        id=f"f-{number}",
        installation="i-1",
        ban="b",
        tool="t",
        face="package",
        confidence="exact",
        state="active",
        action="block",
        since=AT,
        gone=gone,
    )


def _moment() -> Moment:
    policy = PolicyLine(id="p", version=1, trust="verified", age_s=0, solo=False)
    beat = Heartbeat(started_at=AT, uptime_s=1)
    return Moment(Instant(1_000_000), "d-" + "a" * 24, "0.1.0", policy, beat, (), FACTS, ())


class Machine:
    """A journal with an outbox whose whole state is a list of lines."""

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "journal.db")
        self.whole: dict[str, FindingLine] = {}
        self.start()

    def start(self) -> None:
        self.journal = Journal(self.path)
        self.outbox = Outbox(self.journal, lambda: Whole(tuple(self.whole.values()), ()))

    def kill(self) -> None:
        """A restart without any ceremony: only what is in the file survives."""
        self.journal.close()
        self.start()

    def see(self, line: FindingLine) -> None:
        self.whole[line.id] = line
        self.outbox.queue([line])

    def next(self) -> Report:
        _, body = self.outbox.next(_moment)
        return decode(body, Report)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    one = Machine(tmp_path)
    yield one
    one.journal.close()


def _ids(report: Report) -> list[str]:
    return [line.id for line in report.findings]


def test_the_first_report_holds_the_whole_state_and_the_facts(machine: Machine) -> None:
    machine.see(_line(1))
    first = machine.next()
    assert (first.sequence, _ids(first), first.facts) == (1, ["f-1"], FACTS)


def test_a_report_that_is_not_stored_is_sent_again_with_the_same_bytes(machine: Machine) -> None:
    machine.see(_line(1))
    first = machine.outbox.next(_moment)
    machine.see(_line(2))
    machine.kill()
    assert machine.outbox.next(_moment) == first


def test_what_changes_meanwhile_follows_in_the_next_report(machine: Machine) -> None:
    machine.see(_line(1))
    machine.next()
    machine.see(_line(2))
    machine.outbox.stored(1, Instant(5))
    second = machine.next()
    assert (second.sequence, _ids(second), second.facts) == (2, ["f-2"], None)


def test_an_answer_that_comes_twice_changes_nothing(machine: Machine) -> None:
    machine.see(_line(1))
    machine.next()
    assert (machine.outbox.stored(1, Instant(5)), machine.outbox.stored(1, Instant(6))) == (1, 0)
    assert not machine.outbox.waiting()


def test_a_new_epoch_begins_with_the_whole_state(machine: Machine) -> None:
    machine.see(_line(1))
    machine.next()
    machine.outbox.stored(1, Instant(5))
    machine.see(_line(2))
    epoch = machine.outbox.epoch
    machine.outbox.new_epoch()
    again = machine.next()
    assert (again.sequence, sorted(_ids(again))) == (1, ["f-1", "f-2"])
    assert again.epoch != epoch


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(st.sampled_from(["see", "send", "send-lost", "answer", "kill"]), max_size=40))
def test_whatever_happens_the_console_ends_up_with_every_line_once(
    steps: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A console that takes each number once, and a machine that is killed and cut off at random."""
    machine = Machine(tmp_path_factory.mktemp("outbox"))
    got: list[str] = []
    stored = 0
    number = 0

    def send() -> None:
        nonlocal stored
        report = machine.next()
        if report.sequence == stored + 1:
            got.extend(_ids(report))
            stored = report.sequence

    for what in steps:
        if what == "see":
            number += 1
            machine.see(_line(number))
        elif what == "send":
            send()
            machine.outbox.stored(stored, Instant(1))
        elif what == "send-lost":
            send()
        elif what == "answer":
            machine.outbox.stored(stored, Instant(1))
        else:
            machine.kill()
    while machine.outbox.waiting():
        send()
        machine.outbox.stored(stored, Instant(1))
    machine.journal.close()
    assert sorted(got) == sorted(machine.whole)


def test_a_journal_of_a_newer_agent_is_left_alone(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path / "j.db"))
    journal._db.execute("PRAGMA user_version = 99")
    journal.close()
    with pytest.raises(StateBroken, match="newer agent"):
        Journal(str(tmp_path / "j.db"))


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"\0" * 5000], ids=["text", "zeros"])
def test_a_damaged_journal_is_said_and_not_overwritten(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "j.db"
    path.write_bytes(content)
    with pytest.raises(StateBroken):
        Journal(str(path))
    assert path.read_bytes() == content


def test_sent_reports_are_kept_word_for_word(machine: Machine) -> None:
    machine.see(_line(1))
    _, body = machine.outbox.next(_moment)
    machine.outbox.stored(1, Instant(7))
    assert machine.journal.sent(10) == [(1, body, 7)]
    assert msgspec.json.decode(body)["findings"][0]["id"] == "f-1"
