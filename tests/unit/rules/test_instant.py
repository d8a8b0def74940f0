"""Instants as texts: one form, read and written."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_schema.rules.instant import Instant, format_instant, parse_instant

LAST = int(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp())
FIRST = int(datetime(1, 1, 1, tzinfo=UTC).timestamp())
REFUSED = {
    "nothing": "",
    "a day": "2026-07-10",
    "no seconds": "2026-07-10T01:00Z",
    "no zone": "2026-07-10T01:00:00",
    "another zone": "2026-07-10T01:00:00+00:00",
    "a small z": "2026-07-10T01:00:00z",
    "a blank": "2026-07-10 01:00:00Z",
    "parts of seconds": "2026-07-10T01:00:00.5Z",
    "one digit": "2026-7-10T01:00:00Z",
    "something behind": "2026-07-10T01:00:00Z\n",
    "something before": " 2026-07-10T01:00:00Z",
    "a day that is none": "2026-02-31T00:00:00Z",
    "a month that is none": "2026-13-01T00:00:00Z",
    "the 24th hour": "2026-07-10T24:00:00Z",
    "a leap second": "2026-06-30T23:59:60Z",
    "the year nought": "0000-01-01T00:00:00Z",
    "a day of a week": "2026-W28-5T01:00:00Z",
    "no marks": "20260710T010000Z",
    "digits of another script": "２０２６-07-10T01:00:00Z",
}


@pytest.mark.parametrize("name", REFUSED)
def test_is_refused(name: str) -> None:
    with pytest.raises(ValueError):
        parse_instant(REFUSED[name])


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-07-10T01:00:00Z", 1_783_645_200),
        ("2024-02-29T23:59:59Z", 1_709_251_199),
        ("0001-01-01T00:00:00Z", FIRST),
        ("9999-12-31T23:59:59Z", LAST),
    ],
)
def test_reads_and_writes(text: str, instant: int) -> None:
    assert parse_instant(text) == instant
    assert format_instant(instant) == text


@given(st.integers(FIRST, LAST))
def test_what_is_written_is_read_again(instant: int) -> None:
    assert parse_instant(format_instant(instant)) == Instant(instant)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read = parse_instant(text)
    except ValueError:
        return
    assert format_instant(read) == text
