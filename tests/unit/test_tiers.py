"""The choice of tests: a wrong one would leave tests out without a word."""

from __future__ import annotations

import pytest

from tests import tiers

ALL = frozenset(tiers.NAMES)


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that lacks something for each tier which can lack anything."""
    bare = tuple(t if t.name == "slow" else t._replace(lacks=lambda: "a thing") for t in tiers.TIERS)
    monkeypatch.setattr(tiers, "TIERS", bare)


@pytest.fixture
def full_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that lacks nothing."""
    monkeypatch.setattr(tiers, "TIERS", tuple(t._replace(lacks=lambda: "") for t in tiers.TIERS))


CASES = [
    pytest.param("auto", "", {}, ALL - {"slow", "online"}, id="auto runs what the machine can, nothing slow or online"),
    pytest.param("auto", "online", {}, ALL - {"slow"}, id="a tier named by -m was asked for"),
    pytest.param("auto", "slow or online", {}, ALL, id="two tiers named by -m were asked for"),
    pytest.param("auto", "", {"CI": "true"}, ALL - {"slow"}, id="in CI auto is everything but slow"),
    pytest.param("auto", "", {"CI": "false"}, ALL - {"slow", "online"}, id="CI=false is not CI"),
    pytest.param("none", "", {"CI": "true"}, frozenset(), id="none is none, in CI too"),
    pytest.param("all", "", {}, ALL, id="all is all"),
    pytest.param("root,online", "", {}, {"root", "online"}, id="names choose just those"),
]


@pytest.mark.usefixtures("full_machine")
@pytest.mark.parametrize(("option", "expression", "environment", "expected"), CASES)
def test_choice(option: str, expression: str, environment: dict[str, str], expected: frozenset[str]) -> None:
    assert tiers.chosen(option, expression, environment) == expected


@pytest.mark.usefixtures("bare_machine")
@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        pytest.param({}, frozenset(), id="at a desk, what cannot run is left out"),
        pytest.param({"CI": "true"}, ALL - {"slow"}, id="in CI it stays chosen, and then fails"),
    ],
)
def test_bare_machine(environment: dict[str, str], expected: frozenset[str]) -> None:
    assert tiers.chosen("auto", "", environment) == expected


@pytest.mark.usefixtures("bare_machine")
def test_what_is_lacking_is_named() -> None:
    assert tiers.lacking({"root", "slow"}) == "tier root needs a thing"


def test_an_unknown_tier_is_refused() -> None:
    with pytest.raises(ValueError, match="rot: no such tier"):
        tiers.chosen("rot", "", {})


def test_what_was_left_out_is_said_with_the_way_to_get_it() -> None:
    lines = tiers.left_out_lines({"online": 3, "root": 0})
    assert lines == ["left out: 3 of tier online (make test ARGS=--tiers=online)"]
