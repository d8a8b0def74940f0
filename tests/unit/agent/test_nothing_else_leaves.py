"""Whatever a machine holds, a report has the listed fields only: no place, no person, no command line, no hour.

Hypothesis makes the machine: every text that says where something lies, whose it is or how it was started carries a
mark, and no byte of the mark may be in the report.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.cases import Case, Subject
from agent.findings import finding_line, scope_of_path
from agent.report.outbox import device_facts
from agent.reporter import _coverage_line
from agent.settings import Settings
from policy_schema.messages.codes import OutcomeCode, ScopeOfPath
from policy_schema.messages.fields import undeclared
from policy_schema.messages.report import FindingLine, Report
from policy_schema.messages.wire import decode, encode
from policy_schema.rules.decision import Action, Decision, Identity, Stage, State
from policy_schema.rules.instant import Instant, format_instant
from policy_schema.rules.observation import Confidence, Coverage, Face, Match, Unknown
from tests.fakes.reporting_device import ReportingDevice

MARK = "Li-Wei-secret-project"
NOON = Instant(1_783_944_123)
"""2026-07-13 12:02:03 UTC."""

private = st.text(max_size=30).map(lambda text: f"/home/{MARK}/{text}")
"""A place, a name, an argument: nothing of it may leave."""
subjects = st.builds(
    Subject,
    finding=st.from_regex(r"f-[0-9a-f]{8}", fullmatch=True),
    installation=st.from_regex(r"i-[0-9a-f]{8}", fullmatch=True),
    ban=st.just("claude-code"),
    tool=st.just("claude-code"),
    face=st.sampled_from(Face),
    path=private,
    uid=st.integers(0, 2**31),
    owner=private,
    version=st.text(max_size=200),
    project=st.booleans(),
    pid=st.none() | st.integers(1, 2**22),
    started=st.none() | st.floats(0, 2e9),
    links=st.lists(private, max_size=2).map(tuple),
    setting=private,
    prefix=private,
    home=private,
    extension=private,
)
decisions = st.builds(
    Decision,
    ban=st.just("claude-code"),
    identity=st.builds(
        Identity,
        tool=st.just("claude-code"),
        version=st.text(max_size=20),
        matches=st.lists(st.sampled_from(Match), unique=True).map(tuple),
        confidence=st.sampled_from(Confidence),
    ),
    state=st.sampled_from(State),
    action=st.sampled_from(Action),
    stage=st.none() | st.builds(Stage, start=st.just(NOON), action=st.sampled_from(Action)),
    next_stage=st.none() | st.builds(Stage, start=st.just(NOON), action=st.sampled_from(Action)),
    exception=st.none() | st.just("x-2026-31"),
    exception_until=st.none(),
    min_notice=st.integers(0, 10**6),
    no_later_than=st.none(),
    why=st.lists(private, max_size=2).map(tuple),
)
places = st.builds(Unknown, where=private, reason=private)
coverages = st.builds(
    Coverage,
    source=st.sampled_from(["npm", "pypi"]),
    roots=st.lists(private, max_size=3).map(tuple),
    items=st.integers(0, 10**6),
    unknown=st.lists(places, max_size=3).map(tuple),
    ms=st.integers(0, 10**6),
)


def case_of(subject: Subject, action: Action = Action.BLOCK) -> Case:
    return Case(
        subject,
        first_seen=NOON,
        action=action,
        outcome=OutcomeCode.TOLD.value,
        brought_by=f"/home/{MARK}/.bashrc",
    )


def report_of(lines: tuple[FindingLine, ...], looked: list[Coverage]) -> dict[str, Any]:
    """The report of this machine as it goes over the wire."""
    coverage = tuple(_coverage_line(row) for row in looked)
    body = encode(ReportingDevice().report(findings=lines, coverage=coverage, facts=device_facts(Settings(), "0.1.0")))
    decode(body, Report)
    value: dict[str, Any] = json.loads(body)
    return value


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(subjects, decisions), max_size=4), st.lists(coverages, max_size=3))
def test_no_place_person_or_command_of_any_machine_is_in_its_report(
    found: list[tuple[Subject, Decision]], looked: list[Coverage]
) -> None:
    lines = tuple(finding_line(subject, decision, case_of(subject), person="p-4c1d8e") for subject, decision in found)
    report = report_of(lines, looked)
    assert list(undeclared(report)) == []
    assert MARK not in json.dumps(report)
    assert all(row["scope_of_path"] in set(ScopeOfPath) for row in report.get("findings", []))


SEEN = Subject("f-1", "i-1", "claude-code", "claude-code", Face.PROCESS, "/home/li/work/secret/bin/claude", 1000, "li")
DECIDED = Decision(
    "claude-code",
    Identity("claude-code", "2.1.197", (Match.CONTENT,), Confidence.EXACT),
    State.ACTIVE,
    Action.BLOCK,
    None,
    None,
    None,
    None,
    0,
    None,
    (),
)


@pytest.mark.parametrize("face", Face)
def test_the_hour_of_a_running_program_stays_here(face: Face) -> None:
    subject = SEEN._replace(face=face, pid=4711 if face is Face.PROCESS else None)
    line = finding_line(subject, DECIDED, case_of(subject))
    assert line.since == (format_instant(NOON)[:10] if face is Face.PROCESS else format_instant(NOON))


@pytest.mark.parametrize(
    ("path", "project", "word"),
    [
        ("/home/li/work/secret/node_modules/x", True, ScopeOfPath.PROJECT),
        ("/home/li/.npm-global/lib/x", False, ScopeOfPath.HOME),
        ("/usr/lib/node_modules/x", False, ScopeOfPath.SYSTEM),
        ("/data/secret/x", False, ScopeOfPath.OTHER),
    ],
    ids=["a project", "a home", "the system", "elsewhere"],
)
def test_a_place_is_one_word(path: str, project: bool, word: ScopeOfPath) -> None:
    subject = SEEN._replace(path=path, project=project)
    assert scope_of_path(subject) is word
    assert "secret" not in json.dumps(report_of((finding_line(subject, DECIDED, case_of(subject)),), []))


def test_a_person_is_a_pseudonym_or_nobody() -> None:
    lines = (finding_line(SEEN, DECIDED, case_of(SEEN)), finding_line(SEEN, DECIDED, case_of(SEEN), person="p-4c1d8e"))
    assert [line.person for line in lines] == ["", "p-4c1d8e"]
    assert '"li"' not in json.dumps(report_of(lines, []))
