"""The messages of version 1 as they were released: today's code reads them, and writes them to the byte."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from policy_schema.messages.enrol import EnrolAnswer, EnrolRequest
from policy_schema.messages.report import Report, ReportAnswer
from policy_schema.messages.wire import decode, encode
from tests.fakes.reporting_device import (
    EPOCH,
    GENERATED_AT,
    coverage,
    facts,
    finding,
    heartbeat,
    move,
    policy,
    process,
    request,
)

FOLDER = Path(__file__).parent / "v1"
DEVICE = "d-0123456789abcdef01234567"

QUIET = Report(
    device=DEVICE,
    epoch=EPOCH,
    sequence=2,
    generated_at=GENERATED_AT,
    agent="0.1.0",
    policy=policy(),
    heartbeat=heartbeat(),
)
FULL = msgspec.structs.replace(
    QUIET,
    sequence=1,
    policy=policy(trust="last-good", age_s=86_400, solo=True, signers=("key-of-wang",), problem="expired"),
    heartbeat=heartbeat(
        mode="observe",
        brake=True,
        dropped=3,
        restarts=1,
        gate="full",
        gate_ends=2,
        refused=5,
        paused_until="2026-07-12T03:00:00Z",
        left_out=("everything",),
        journals_lost=1,
        kept=("gone-without-a-word",),
    ),
    facts=facts(),
    coverage=(coverage(), coverage("pypi", unknown=2, reasons=("denied", "too-big"))),
    findings=(finding(), process(), finding(id="f-gone", exception="x-17", state="excepted", gone=True)),
    moves=(move(),),
    requests=(request(), request(id="r-2", kind="wrong", finding="f-1", held_until=None, reason="", person="p-1")),
    not_understood=("only-approved",),
)
ENROL = EnrolRequest(
    secret="in-a-test-nothing-is-secret", public_key="A" * 43 + "=", epoch=EPOCH, facts=facts("李的电脑")
)
UNKNOWN_FACTS = msgspec.structs.replace(ENROL, facts=msgspec.structs.replace(facts(), region=None, groups=None))
SAMPLES: dict[str, msgspec.Struct] = {
    "enrol-request": ENROL,
    "enrol-request-without-region-and-groups": UNKNOWN_FACTS,
    "enrol-answer": EnrolAnswer(device=DEVICE, next_report_at="2026-07-12T01:15:00Z"),
    "report-full": FULL,
    "report-quiet": QUIET,
    "report-answer": ReportAnswer(stored_up_to=2, next_report_at="2026-07-12T01:15:00Z"),
}

FROM_BEFORE: dict[str, msgspec.Struct] = {"report-before-the-gate": QUIET}
"""What an agent wrote that did not know some fields yet: read as if they said nothing."""


def read(data: bytes, like: msgspec.Struct) -> msgspec.Struct:
    return decode(data, type(like))


def golden(name: str) -> bytes:
    return (FOLDER / f"{name}.json").read_bytes().rstrip(b"\n")


def with_unknown_fields(value: Any) -> Any:
    """The same document with one more field in every object."""
    if isinstance(value, dict):
        return {**{key: with_unknown_fields(inner) for key, inner in value.items()}, "of_tomorrow": {"x": [1]}}
    return [with_unknown_fields(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", {**SAMPLES, **FROM_BEFORE})
def test_the_golden_message_is_read(name: str) -> None:
    wanted = {**SAMPLES, **FROM_BEFORE}[name]
    assert read(golden(name), wanted) == wanted


@pytest.mark.parametrize("name", SAMPLES)
def test_the_message_is_still_written_to_the_byte(name: str) -> None:
    assert encode(SAMPLES[name]) == golden(name)


@pytest.mark.parametrize("name", SAMPLES)
def test_fields_of_a_newer_version_are_passed_over(name: str) -> None:
    newer = json.dumps(with_unknown_fields(json.loads(golden(name)))).encode()
    assert read(newer, SAMPLES[name]) == SAMPLES[name]


def test_no_golden_message_is_left_unread() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == {*SAMPLES, *FROM_BEFORE}
