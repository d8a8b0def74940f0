"""What a device makes of signed exceptions and pauses: never more than the policy allows, whoever signed it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_schema.rules.instant import Instant, format_instant, parse_instant
from policy_schema.rules.relief import CLOCKS, DAY, MAX_ROWS, PAUSES, Limits, bin_name, bin_of, device_hash, relief_for

NOW = parse_instant("2026-07-10T01:00:00Z")
LIMITS = Limits(90 * DAY, 3 * DAY, NOW)
BIN = bin_name(bin_of("d-1"))


def at(days: float) -> str:
    return format_instant(Instant(int(NOW + days * DAY)))


def row(**changes: object) -> dict[str, object]:
    base = {"id": "x-1", "ban": "b", "device": device_hash("d-1"), "granted": at(-1), "until": at(10)}
    return {**base, **changes}


def documents(*rows: object, pauses: object = ()) -> dict[str, bytes]:
    return {
        BIN: json.dumps({"schema": 1, "exceptions": rows}).encode(),
        PAUSES: json.dumps({"schema": 1, "pauses": pauses}).encode(),
    }


EXCEPTIONS = {
    "one that holds": (row(), at(10)),
    "of another device": (row(device=device_hash("d-2")), None),
    "longer than the policy allows ends where it must": (row(until=at(400)), at(89)),
    "for ever": (row(until="9999-12-31T23:59:59Z"), at(89)),
    "granted in the future, to be renewed by itself": (row(granted=at(30), until=at(60)), None),
    "granted a moment ahead of our clock": (row(granted=at(CLOCKS / DAY / 2)), at(10)),
    "ends before it begins": (row(granted=at(0), until=at(-1)), None),
    "no time": (row(until="soon"), None),
    "no granting": (row(granted=None), None),
    "a number for a time": (row(until=7), None),
    "not a row": ("x", None),
}


@pytest.mark.parametrize(("given_row", "until"), EXCEPTIONS.values(), ids=EXCEPTIONS.keys())
def test_an_exception(given_row: object, until: str | None) -> None:
    found = relief_for("d-1", documents(given_row), LIMITS)
    assert [format_instant(one.until) for one in found.exceptions] == ([] if until is None else [until])
    assert found.trouble == ""


PAUSED = {
    "one that holds": ({"ban": "b", "from": at(-1), "until": at(1)}, at(1)),
    "longer than the policy allows": ({"ban": "b", "from": at(-1), "until": at(30)}, at(2)),
    "begins in the future": ({"ban": "b", "from": at(1), "until": at(2)}, None),
}


@pytest.mark.parametrize(("given_row", "until"), PAUSED.values(), ids=PAUSED.keys())
def test_a_pause(given_row: object, until: str | None) -> None:
    found = relief_for("d-1", documents(pauses=[given_row]), LIMITS)
    assert [format_instant(one.until) for one in found.pauses] == ([] if until is None else [until])


BROKEN = {
    "no JSON": (b"{", f"{BIN} is not what this role signs"),
    "a list": (b"[]", f"{BIN} is not what this role signs"),
    "rows that are none": (b'{"exceptions": {}}', f"{BIN} is not what this role signs"),
    "nested without end": (b"[" * 100_000, f"{BIN} is not what this role signs"),
}


@pytest.mark.parametrize(("data", "said"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_document_is_said_and_the_other_one_counts(data: bytes, said: str) -> None:
    pause = {"ban": "b", "from": at(-1), "until": at(1)}
    found = relief_for("d-1", {**documents(pauses=[pause]), BIN: data}, LIMITS)
    assert (found.exceptions, len(found.pauses), found.trouble) == ((), 1, said)


def test_a_document_of_endless_rows_is_cut_and_that_is_said() -> None:
    found = relief_for("d-1", documents(*[row(id=f"x-{n}") for n in range(MAX_ROWS + 1)]), LIMITS)
    assert len(found.exceptions) == MAX_ROWS
    assert "more than 10,000 rows" in found.trouble


texts = st.text(max_size=5)
values = st.recursive(st.none() | st.integers() | texts, lambda v: st.lists(v) | st.dictionaries(texts, v))


@given(st.dictionaries(st.sampled_from([BIN, PAUSES]), st.binary(max_size=60)), values)
def test_no_bytes_and_no_rows_break_it(raw: dict[str, bytes], value: object) -> None:
    relief_for("d-1", raw, LIMITS)
    relief_for("d-1", documents(value, pauses=value), LIMITS)


@given(st.integers(-400, 400), st.integers(-400, 400))
def test_whatever_is_signed_ends_within_the_policys_bound(granted: int, until: int) -> None:
    found = relief_for("d-1", documents(row(granted=at(granted), until=at(until))), LIMITS)
    for one in found.exceptions:
        assert one.until <= NOW + CLOCKS + 90 * DAY


def test_bins_spread_the_devices() -> None:
    counts = {bin_of(f"d-{number}") for number in range(5_000)}
    assert len(counts) == 256
