"""Whether the writer waits a moment for more: when reports come thick, never for a lone one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.ingest.arrivals import ENOUGH, MOMENT, SPAN, WORTH, Arrivals

THICK = WORTH / MOMENT
"""Reports a second from which it pays."""
CASES = {
    "nobody has come yet": ([], 0.0),
    "the first": ([(1, 0.0)], 0.0),
    "one a second": ([(1, float(second)) for second in range(5)], 0.0),
    "a little too few": ([(1, number / (THICK * 0.9)) for number in range(400)], 0.0),
    "thick": ([(1, number / (THICK * 1.1)) for number in range(400)], MOMENT),
    "thick, in batches": ([(20, number / 20) for number in range(40)], MOMENT),
    "one burst, not yet judged": ([(100, 0.0), (100, SPAN / 2)], 0.0),
    "a burst that has passed": ([(100, 0.0), (100, SPAN), (1, 3 * SPAN), (1, 6 * SPAN)], 0.0),
}


@pytest.mark.parametrize("name", CASES)
def test_waits(name: str) -> None:
    came, moment = CASES[name]
    arrivals = Arrivals()
    for jobs, at in came:
        arrivals.taken(jobs, at)
    last = came[-1][1] if came else 0.0
    assert arrivals.moment(0, last) == moment
    assert arrivals.moment(ENOUGH, last) == 0.0, "there are enough"
    assert arrivals.moment(0, last + 3600) == 0.0, "a lone one, an hour later"


@given(st.lists(st.tuples(st.integers(1, 100), st.floats(0, 10)), max_size=50))
def test_never_longer_than_a_moment(came: list[tuple[int, float]]) -> None:
    arrivals, at = Arrivals(), 0.0
    for jobs, later in came:
        at += later
        arrivals.taken(jobs, at)
        assert arrivals.moment(0, at) in (0.0, MOMENT)
