"""Properties of version order, and PEP 440 against PyPI's own `packaging`."""

from __future__ import annotations

import operator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from packaging.version import InvalidVersion, Version

from policy_schema.rules.versions import SCHEMES, compile_range, parse_key

small = st.integers(0, 3).map(str) | st.sampled_from(["10", "99", "4294967296"])
optional_number = st.just("") | small


def joined(*parts: Any) -> st.SearchStrategy[str]:
    return st.tuples(*[st.just(p) if isinstance(p, str) else p for p in parts]).map("".join)


def maybe(*parts: Any) -> st.SearchStrategy[str]:
    return st.just("") | joined(*parts)


separator = st.sampled_from(["", ".", "-", "_"])
pep440_versions = joined(
    maybe("v"),
    maybe(small, "!"),
    st.lists(small, min_size=1, max_size=4).map(".".join),
    maybe(
        separator, st.sampled_from(["a", "alpha", "b", "Beta", "c", "rc", "pre", "preview"]), separator, optional_number
    ),
    maybe("-", small) | maybe(separator, st.sampled_from(["post", "rev", "r"]), separator, optional_number),
    maybe(separator, "dev", separator, optional_number),
    maybe("+", st.lists(st.sampled_from(["a", "b1", "0", "1", "10", "Z"]), min_size=1, max_size=3).map("-".join)),
)
identifier = st.sampled_from(["0", "1", "10", "a", "b", "-", "a1", "A", "beta", "rc"])
semver_versions = joined(
    small,
    ".",
    small,
    ".",
    small,
    maybe("-", st.lists(identifier, min_size=1, max_size=3).map(".".join)),
    maybe("+", identifier),
)
deb_part = st.lists(st.sampled_from(["0", "1", "10", "01", "a", "Z", "rc", "~", "~~", "+", "."]), max_size=4).map(
    "".join
)
deb_versions = joined(maybe(st.sampled_from(["0", "1", "10"]), ":"), small, deb_part, maybe("-", small, deb_part))
rpm_part = st.lists(st.sampled_from(["0", "1", "10", "01", "a", "Z", "fc41", "~", "^", "+", ".", "_"]), max_size=4)
rpm_versions = joined(maybe(small, ":"), small, rpm_part.map("".join), maybe("-", small, rpm_part.map("".join)))
dotted_versions = joined(maybe("v"), st.lists(small, min_size=1, max_size=5).map(".".join))
VERSIONS = {
    "deb": deb_versions,
    "dotted": dotted_versions,
    "pep440": pep440_versions,
    "rpm": rpm_versions,
    "semver": semver_versions,
}

each_scheme = pytest.mark.parametrize("scheme", SCHEMES)
comparisons = st.sampled_from(
    [("<", operator.lt), ("<=", operator.le), ("=", operator.eq), (">=", operator.ge), (">", operator.gt)]
)


def packaging_version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


def test_every_scheme_has_generated_versions() -> None:
    assert VERSIONS.keys() == SCHEMES.keys()


@given(pep440_versions, pep440_versions)
@example("1.0a.", "1.0a0")
@example("1.0.dev1", "1.0a1")
@example("1!1", "9.9")
def test_pep440_orders_as_packaging_does(left: str, right: str) -> None:
    ours = parse_key("pep440", left), parse_key("pep440", right)
    theirs = packaging_version(left), packaging_version(right)
    assert [key is None for key in ours] == [version is None for version in theirs]
    if ours[0] is not None and ours[1] is not None and theirs[0] is not None and theirs[1] is not None:
        assert (ours[0] < ours[1], ours[0] == ours[1]) == (theirs[0] < theirs[1], theirs[0] == theirs[1])


@given(st.text("0123456789.!+-_abcdeoprstvxABR ", max_size=20))
def test_pep440_refuses_what_packaging_refuses(text: str) -> None:
    assert (parse_key("pep440", text) is None) == (packaging_version(text) is None)


@given(comparisons, pep440_versions, pep440_versions)
def test_pep440_comparators_hold_as_packaging_orders_public_versions(
    comparison: tuple[str, Any], bound: str, version: str
) -> None:
    """Where the bound names no local build, the local part of a version plays no part, as in pip."""
    bound = bound.split("+")[0]
    named, seen = packaging_version(bound), packaging_version(version)
    assert named is not None and seen is not None
    word, holds = comparison
    assert compile_range("pep440", f"{word}{bound}").contains(version) is holds(Version(seen.public), named)


@given(dotted_versions, dotted_versions)
@example("1.9", "1.10")
@example("1.2", "v1.2.0.0")
def test_dotted_orders_number_by_number_with_missing_ones_as_0(left: str, right: str) -> None:
    def numbers(text: str) -> list[int]:
        found = [int(part) for part in text.removeprefix("v").split(".")]
        return found + [0] * (5 - len(found))

    ours = parse_key("dotted", left), parse_key("dotted", right)
    assert ours[0] is not None and ours[1] is not None
    assert (ours[0] < ours[1], ours[0] == ours[1]) == (numbers(left) < numbers(right), numbers(left) == numbers(right))


@pytest.mark.parametrize(("scheme", "versions"), [("deb", deb_versions), ("rpm", rpm_versions)])
@given(data=st.data())
def test_the_revision_plays_no_part_where_the_bound_names_none(
    scheme: str, versions: st.SearchStrategy[str], data: st.DataObject
) -> None:
    bound, seen = data.draw(versions).rpartition("-")[0] or "1", data.draw(versions)
    word, holds = data.draw(comparisons)
    without = parse_key(scheme, bound), parse_key(scheme, seen.rpartition("-")[0] or seen)
    assert without[0] is not None and without[1] is not None
    assert compile_range(scheme, f"{word}{bound}").contains(seen) is holds(without[1], without[0])


@each_scheme
@given(data=st.data())
def test_nothing_lies_between_a_bound_and_what_comes_after_it(scheme: str, data: st.DataObject) -> None:
    bound, version = data.draw(VERSIONS[scheme]), data.draw(VERSIONS[scheme])
    key, other = parse_key(scheme, bound), parse_key(scheme, version)
    assert key is not None and other is not None
    after = SCHEMES[scheme].after(key)
    assert key < after
    assert (other < after) is (compile_range(scheme, f"<={bound}").contains(version))
    assert SCHEMES[scheme].lowest <= other


@each_scheme
@given(data=st.data())
def test_a_range_holds_exactly_where_all_its_comparators_hold(scheme: str, data: st.DataObject) -> None:
    words = data.draw(
        st.lists(joined(st.sampled_from([">=", "<=", ">", "<", "=", "!="]), VERSIONS[scheme]), min_size=1, max_size=6)
    )
    version = data.draw(VERSIONS[scheme])
    whole = compile_range(scheme, " ".join(words))
    assert whole.contains(version) is all(compile_range(scheme, word).contains(version) for word in words)
    assert not (whole.is_empty() and whole.contains(version))
    assert compile_range(scheme, whole.text) == whole


@each_scheme
@given(text=st.text(max_size=400) | st.text("0123456789.-+!v", max_size=300))
def test_no_text_at_all_makes_a_scheme_fail(scheme: str, text: str) -> None:
    key, bound = parse_key(scheme, text), parse_key(scheme, "1.0.0")
    assert bound is not None
    assert compile_range(scheme, ">=1.0.0").contains(text) is (None if key is None else key >= bound)


@each_scheme
@given(text=st.text(max_size=60) | st.text("<>=!0123456789.-+ ", max_size=60))
def test_any_text_is_a_range_or_refused_in_one_line(scheme: str, text: str) -> None:
    try:
        assert compile_range(scheme, text).text == " ".join(text.split())
    except ValueError as refused:
        assert "\n" not in str(refused)
