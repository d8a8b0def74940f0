"""Messages as bytes: bounds, hostile input, unknown fields, cleaning."""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_schema.messages import codes
from policy_schema.messages.enrol import EnrolRequest
from policy_schema.messages.kinds import MAX_FINDINGS, Code
from policy_schema.messages.report import Report
from policy_schema.messages.wire import MAX_INFLATED, MAX_SENT, MessageRefused, clean, decode, encode, inflate
from policy_schema.rules import decision, observation
from tests.fakes.reporting_device import ReportingDevice, coverage, facts, finding, move, process


def full_report() -> Report:
    return ReportingDevice().report(findings=(finding(), process()), moves=(move(),), coverage=(coverage(),))


def as_json() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(encode(full_report()))
    return document


def put(*path: str | int, value: object) -> Callable[[dict[str, Any]], None]:
    """A change of one value somewhere in a message."""

    def change(document: Any) -> None:
        for step in path[:-1]:
            document = document[step]
        document[path[-1]] = value

    return change


WRONG: dict[str, Callable[[dict[str, Any]], None]] = {
    "a device id of another form": put("device", value="../../etc"),
    "a number as text": put("sequence", value="1"),
    "sequence 0": put("sequence", value=0),
    "a sequence beyond every bound": put("sequence", value=2**70),
    "a negative count": put("heartbeat", "looks", value=-1),
    "a code with a blank, so free text": put("findings", 0, "outcome", value="was at /home/li"),
    "a code with a slash, so a path": put("findings", 0, "scope_of_path", value="/home/li"),
    "a code that ends with a line break": put("findings", 0, "state", value="active\n"),
    "a ban id with a control character": put("findings", 0, "ban", value="claude\x1b[2J"),
    "a version of 121 characters": put("findings", 0, "version", value="1" * 121),
    "a host name of 10,000 characters": put("facts", value={**msgspec.to_builtins(facts()), "host_name": "x" * 10_000}),
    "a day that does not exist": put("generated_at", value="2026-02-31T01:00:00Z"),
    "a moment in local time": put("generated_at", value="2026-07-12T01:00:00+08:00"),
    "a month 13 in a move": put("moves", 0, "seen_at", value="2026-13-01"),
    "a year 0 in a finding": put("findings", 0, "since", value="0000-01-01"),
    "a next rung on no day": put("findings", 0, "next", "from", value="2026-07-99T01:00:00Z"),
    "an effective_from on no day": put("findings", 0, "effective_from", value="2026-00-01T01:00:00Z"),
    "one finding more than a report takes": put("findings", value=[as_json()["findings"][0]] * (MAX_FINDINGS + 1)),
    "501 coverage lines": put("coverage", value=[as_json()["coverage"][0]] * 501),
    "a list where an object is wanted": put("policy", value=[]),
    "a person in clear text": put("findings", 0, "person", value="Li Wei"),
    "null as a ban": put("findings", 0, "ban", value=None),
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_a_report_is_refused_that_holds(change: Callable[[dict[str, Any]], None]) -> None:
    document = as_json()
    change(document)
    with pytest.raises(MessageRefused) as refused:
        decode(json.dumps(document).encode(), Report)
    assert refused.value.code == "malformed"
    assert refused.value.advice()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b'"x"',
        b"{",
        b'{"v": 1}',
        b"[" * 200_000,
        b'{"v":' + b"[" * 200_000,
        b'{"v":1e999}',
    ],
    ids=[
        "nothing",
        "not UTF-8",
        "null",
        "a list",
        "text",
        "cut off",
        "no fields",
        "deep lists",
        "deep in v",
        "infinity",
    ],
)
def test_what_is_not_a_report_is_refused(data: bytes) -> None:
    with pytest.raises(MessageRefused):
        decode(data, Report)


def test_a_version_of_tomorrow_is_told_apart_from_nonsense() -> None:
    with pytest.raises(MessageRefused) as refused:
        decode(json.dumps({**as_json(), "v": 99}).encode(), Report)
    assert refused.value.code == "version-not-understood"
    assert "console" in refused.value.advice()


def test_more_than_the_bound_is_refused_before_it_is_read() -> None:
    with pytest.raises(MessageRefused) as refused:
        decode(b" " * (MAX_INFLATED + 1), Report)
    assert refused.value.code == "too-big"


def test_what_is_written_is_read_back() -> None:
    report = full_report()
    assert decode(encode(report), Report) == report


def test_as_many_findings_as_a_report_takes_fit_into_its_bounds_whatever_a_user_called_things() -> None:
    """Versions and package names come from files in a home: random, long, and four bytes a character."""
    dice = random.Random(20260710)
    lines = []
    for number in range(MAX_FINDINGS):
        version = "".join(chr(dice.randrange(0x20000, 0x2A000)) for _ in range(120))
        lines.append(
            finding(id=f"f-{number:040d}", version=version, purl=f"pkg:npm/%40anthropic-ai/claude-code@{version}")
        )
    body = encode(ReportingDevice().report(findings=tuple(lines)))
    assert len(body) < MAX_INFLATED
    assert len(gzip.compress(body)) < MAX_SENT
    assert len(decode(body, Report).findings) == MAX_FINDINGS


@given(st.binary(max_size=300))
def test_no_bytes_crash_the_decoding(data: bytes) -> None:
    for kind in (Report, EnrolRequest):
        with pytest.raises(MessageRefused):
            decode(data, kind)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(field=st.sampled_from(sorted(as_json())), value=JSON)
def test_any_json_in_any_field_is_read_or_refused_and_never_crashes(field: str, value: object) -> None:
    document = as_json()
    document[field] = value
    try:
        assert isinstance(decode(json.dumps(document).encode(), Report), Report)
    except MessageRefused as refused:
        assert refused.code in {"malformed", "version-not-understood"}


@given(st.binary(max_size=4000))
def test_gzip_gives_back_what_was_put_in(data: bytes) -> None:
    assert inflate(gzip.compress(data)) == data


@given(st.binary(max_size=200))
def test_bytes_that_are_not_gzip_are_refused(data: bytes) -> None:
    with pytest.raises(MessageRefused):
        inflate(data)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (gzip.compress(b"x" * 100)[:-4], "malformed"),
        (gzip.compress(b"x") + b"more", "malformed"),
        (gzip.compress(b"x") + gzip.compress(b"y"), "malformed"),
        (gzip.compress(bytes(101)), "too-big"),
        (gzip.compress(gzip.compress(bytes(50_000_000)))[:20], "malformed"),
    ],
    ids=["cut off", "followed by bytes", "two streams", "one byte too many", "the head of a bomb"],
)
def test_gzip_is_refused_that_is(data: bytes, code: str) -> None:
    with pytest.raises(MessageRefused) as refused:
        inflate(data, limit=100)
    assert refused.value.code == code


@pytest.mark.parametrize(
    "enum",
    [
        decision.Action,
        decision.State,
        observation.Face,
        observation.Confidence,
        observation.Match,
        codes.Mode,
        codes.OutcomeCode,
        codes.Reason,
        codes.ScopeOfPath,
        codes.Trust,
    ],
)
def test_every_word_of_a_closed_list_fits_where_codes_stand(enum: type[StrEnum]) -> None:
    for word in enum:
        assert msgspec.convert(word.value, Code) == word.value


@pytest.mark.parametrize(
    ("dirty", "shown"),
    [
        ("li-laptop", "li-laptop"),
        ("李的电脑", "李的电脑"),
        ("a\x1b[2Jb\x00\n", "a\ufffd[2Jb\ufffd\ufffd"),
        ("\u202egpj.exe", "\ufffdgpj.exe"),
        (b"caf\xe9".decode("utf-8", "surrogateescape"), "caf\ufffd"),
        ("x" * 500, "x" * 120),
    ],
    ids=["plain", "another script", "controls", "a turned writing direction", "a name that is not UTF-8", "too long"],
)
def test_a_text_from_a_machine_is_cleaned(dirty: str, shown: str) -> None:
    assert clean(dirty) == shown


@given(st.text(max_size=200) | st.binary(max_size=80).map(lambda raw: raw.decode("utf-8", "surrogateescape")))
def test_a_cleaned_text_can_always_be_encoded_and_cleaned_again_stays(text: str) -> None:
    once = clean(text)
    assert msgspec.json.decode(msgspec.json.encode(once)) == once == clean(once)


THREADS = """
import sys, threading
from policy_schema.messages import wire
from policy_schema.messages.report import Report
sys.setswitchinterval(1e-6)
body, start = sys.stdin.buffer.read(), threading.Barrier(16)
def decode():
    start.wait()
    wire.decode(body, Report)
threads = [threading.Thread(target=decode) for _ in range(16)]
for one in threads:
    one.start()
for one in threads:
    one.join()
"""
"""The first reports of a process come on many threads at once, as after a restart with a fleet waiting."""


def test_many_threads_may_read_the_first_message_at_once() -> None:
    """Half of these processes ended with SIGSEGV while types were learnt from the first message."""
    body = encode(full_report())
    ends = [subprocess.run([sys.executable, "-c", THREADS], input=body, check=False).returncode for _ in range(8)]
    assert ends == [0] * 8
