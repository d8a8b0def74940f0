"""Versions and ranges against the examples of the standards themselves."""

from __future__ import annotations

from itertools import combinations

import pytest

from policy_schema.rules.versions import SCHEMES, compile_range, parse_key

ASCENDING = {
    "semver: the chain of section 11.4": (
        "semver",
        "1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0",
    ),
    "semver: numbers, not text": ("semver", "1.0.0 1.9.0 1.10.0 1.10.9 1.10.10 2.0.0 10.0.0"),
    "semver: digits below words, words by ASCII": ("semver", "1.0.0-0 1.0.0-9 1.0.0-10 1.0.0-- 1.0.0-A 1.0.0-a 1.0.0"),
    "semver: a beta before its release": ("semver", "2.1.197 2.1.198-beta.1 2.1.198"),
    "pep440: the chain of its summary": (
        "pep440",
        "1.dev0 1.0.dev456 1.0a1 1.0a2.dev456 1.0a12.dev456 1.0a12 1.0b1.dev456 1.0b2 1.0b2.post345.dev456 "
        "1.0b2.post345 1.0rc1.dev456 1.0rc1 1.0 1.0+abc.5 1.0+abc.7 1.0+5 1.0.post456.dev34 "
        "1.0.post456 1.0.15 1.1.dev1",
    ),
    "pep440: the epoch decides first": ("pep440", "2014.04 1!1.0 1!1.1 1!2013.10 2!0.1"),
    "deb: the examples of its manual": ("deb", "1.0~~ 1.0~~a 1.0~ 1.0 1.0a 1.0+b 1.0.1 1.9 1.10 1:0.1"),
    "deb: the revision last": ("deb", "1.0~rc1-9 1.0-0ubuntu1 1.0-1~bpo12+1 1.0-1 1.0-1+b1 1.0-2 1.0-10 1.0.1-1"),
    "rpm: tilde, end, caret, words, numbers": ("rpm", "1.0~rc1 1.0 1.0^git1 1.0^git2 1.0a 1.0.1 1.9 1.10 1:0.1"),
    "rpm: the release last": ("rpm", "1.0 1.0-0.1.fc41 1.0-1.fc40 1.0-1.fc41 1.0-10.fc41 1.0.1-1.fc41"),
    "dotted: numbers, as many as there are": ("dotted", "0 0.0.1 1.9 1.9.1 1.10 2 2024.1.9 2024.1.10"),
    "pep440: as many numbers as there are": ("pep440", "1.2 1.2.0.0.1 1.2.0.1 1.2.1 1.2.1.4"),
}


@pytest.mark.parametrize(("scheme", "versions"), ASCENDING.values(), ids=ASCENDING.keys())
def test_each_version_lies_below_all_that_follow(scheme: str, versions: str) -> None:
    keys = [parse_key(scheme, version) for version in versions.split()]
    for lower, higher in combinations(keys, 2):
        assert lower is not None and higher is not None
        assert lower < higher


EQUAL = {
    "deb: no epoch is 0, no revision is 0": ("deb", ["1.0", "0:1.0", "1.0-0", "00:1.00-00"]),
    "rpm: what separates plays no part": ("rpm", ["1.0.1", "1_0.1", "1.00.01", "0:1..0+1", "1.0.1."]),
    "dotted: missing numbers are 0": ("dotted", ["1.2", "v1.2", "1.2.0", "1.2.0.0", "01.02"]),
    "semver: build metadata has no order": (
        "semver",
        ["1.0.0", "1.0.0+build", "1.0.0+20130313144700", "v1.0.0", " 1.0.0 "],
    ),
    "pep440: trailing zeros": ("pep440", ["1", "1.0", "1.0.0", "v1.0", "0!1", "01.00"]),
    "pep440: spellings of a beta": ("pep440", ["1.0b2", "1.0-beta2", "1.0.BETA_2", "1.0b-2", "1.0.b2"]),
    "pep440: spellings of a candidate": ("pep440", ["1.0rc0", "1.0c", "1.0-pre", "1.0_preview.0", "1.0RC"]),
    "pep440: spellings of a post-release": ("pep440", ["1.0.post4", "1.0-4", "1.0-r4", "1.0rev4", "1.0_POST.4"]),
    "pep440: spellings of a development release": ("pep440", ["1.0.dev0", "1.0dev", "1.0-dev", "1.0_DEV_0"]),
    "pep440: spellings of a local build": ("pep440", ["1.0+ubuntu.1", "1.0+Ubuntu-1", "1.0+ubuntu_01"]),
}


@pytest.mark.parametrize(("scheme", "versions"), EQUAL.values(), ids=EQUAL.keys())
def test_spellings_of_one_version_have_one_key(scheme: str, versions: list[str]) -> None:
    keys = {parse_key(scheme, version) for version in versions}
    assert len(keys) == 1
    assert None not in keys


NO_VERSIONS = {
    "deb": [
        "",
        "abc",
        "1.0-",
        "1.0 beta",
        "a:1.0",
        ":1.0",
        "1:",
        "-1:1.0",
        "2147483648:1.0",
        "1.0_1",
        "1:1.0-2:3",
        "1.0/2",
    ],
    "dotted": ["", ".", "1.", ".1", "1..2", "1.2-3", "1.2b", "vv1", "-1", "1,2", "1.2.x"],
    "rpm": ["", "-1", "1.0-", "a:1.0", ":1.0", "1:", "1.0-1-2", "1.0 2", "...", "1.0/2", "1.0-ü"],
    "semver": ["", "1", "1.2", "1.2.3.4", "01.2.3", "1.02.3", "1.2.3-01", "1.2.3-", "1.2.3-a..b", "1.2.3+", "1.2.3-ü"],
    "pep440": ["", "abc", "1.0+", "1..2", "1.0.post1.post2", "1.0a1b2", "1.0+ü", "x1.0", "1!", "!1", "1.0--1"],
}
HOSTILE = {
    "a megabyte of digits": "9" * 1_000_000,
    "257 characters": "1.2." + "3" * 253,
    "other scripts' digits": "١.٢.٣",
    "superscript digits": "1.2.³",
    "a long s, which a careless pattern takes for an s": "1.0.poſt1",
    "a NUL": "1.2.3\0",
    "a line break inside": "1.2.\n3",
    "a lone surrogate": "1.2.3-\udcff",
    "terminal control codes": "\x1b[2J1.2.3",
}


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_is_no_version(scheme: str, text: str) -> None:
    assert parse_key(scheme, text) is None
    assert compile_range(scheme, ">=1.0.0").contains(text) is None


@pytest.mark.parametrize(
    ("scheme", "text"), [pytest.param(s, t, id=f"{s} {t!r}") for s, texts in NO_VERSIONS.items() for t in texts]
)
def test_text_that_the_standard_refuses_is_no_version(scheme: str, text: str) -> None:
    assert parse_key(scheme, text) is None


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_longest_numbers_are_compared_exactly(scheme: str) -> None:
    lower, higher = "1.0." + "9" * 251 + "8", "1.0." + "9" * 252
    assert len(higher) == 256
    assert compile_range(scheme, f">{lower}").contains(higher) is True
    assert compile_range(scheme, f"<{lower}").contains(higher) is False


@pytest.mark.parametrize("name", SCHEMES)
def test_a_scheme_stands_in_the_table_under_its_own_name_with_examples_that_work(name: str) -> None:
    scheme = SCHEMES[name]
    assert scheme.name == name
    assert scheme.key(scheme.example) is not None
    assert compile_range(name, scheme.example_range).is_empty() is False


CONTAINS = {
    "a Debian version names its revisions": (
        "deb",
        ">=2.1.91 <=2.1.197",
        ["2.1.91", "2.1.91-1", "2.1.91-0~bpo12+1", "2.1.197-3ubuntu1", "2.1.197"],
        ["2.1.91~rc1-1", "2.1.197+dfsg-1", "2.1.198-1", "2.1.198-0~bpo12+1", "1:2.1.91-1"],
    ),
    "one Debian revision": ("deb", "=1.0-1", ["1.0-1", "0:1.0-1"], ["1.0", "1.0-1+b1", "1.0-2", "1:1.0-1"]),
    "an RPM version names its releases": (
        "rpm",
        ">2.1.90 <2.1.198",
        ["2.1.91-1.fc41", "2.1.91-~rc1", "2.1.197-1.fc41", "2.1.198~rc1-1"],
        ["2.1.90-99.fc41", "2.1.198-0.1", "2.1.198", "2.1.198-~rc1", "1:2.1.91-1"],
    ),
    "one RPM release": ("rpm", "=1.0-1", ["1.0-1", "1.0-01"], ["1.0", "1.0-1.1", "1.0-1^a", "1.0-2"]),
    "dotted, both ends within": ("dotted", ">=1.9 <=1.10", ["1.9", "1.9.5", "1.10.0"], ["1.8.9", "1.10.0.1"]),
    "the range of the first real case": (
        "semver",
        ">=2.1.91 <2.1.198",
        ["2.1.91", "2.1.112", "2.1.197", "2.1.197+build", "2.1.198-beta.1", "v2.1.100"],
        ["1.0.128", "2.1.90", "2.1.91-rc.1", "2.1.198", "2.1.329", "3.0.0"],
    ),
    "betas left out by their lowest": ("semver", "<2.1.198-0", ["2.1.197"], ["2.1.198-0", "2.1.198-beta.1", "2.1.198"]),
    "one version": ("semver", "=1.2.3", ["1.2.3", "1.2.3+x"], ["1.2.3-0", "1.2.4-0", "1.2.2"]),
    "one beta": ("semver", "=1.2.3-b", ["1.2.3-b", "1.2.3-b+x"], ["1.2.3-b.0", "1.2.3-a", "1.2.3"]),
    "all but one": ("semver", "!=1.2.3", ["1.2.2", "1.2.3-0", "1.2.4", "0.0.0-0"], ["1.2.3", "1.2.3+x"]),
    "both ends within": ("semver", ">=1.0.0 <=1.0.2", ["1.0.0", "1.0.2"], ["1.0.0-a", "1.0.3-0"]),
    "both ends without": ("semver", ">1.0.0 <1.0.2", ["1.0.1", "1.0.2-a"], ["1.0.0", "1.0.0+x", "1.0.2"]),
    "two holes in a range": (
        "semver",
        ">=1.0.0 !=1.0.1 !=1.0.3 <2.0.0",
        ["1.0.0", "1.0.2", "1.9.9"],
        ["1.0.1", "1.0.3", "2.0.0"],
    ),
    "the same comparator twice": ("semver", ">=1.0.0 >=1.0.0", ["1.0.0"], ["0.9.9"]),
    "a release of Python names its local builds": (
        "pep440",
        "=1.0",
        ["1.0", "1.0.0", "1.0+cu118"],
        ["1.0.post1", "1.0rc1", "1.0.post1.dev0"],
    ),
    "one local build": ("pep440", "=1.0+cu118", ["1.0+cu118", "1.0.0+CU118"], ["1.0", "1.0+cu118.1", "1.0+cu12"]),
    "up to a release, local builds within": (
        "pep440",
        "<=1.0",
        ["1.0+x", "0.9", "1.0rc1"],
        ["1.0.post1", "1.0.post0.dev0"],
    ),
    "above a release": ("pep440", ">1.0", ["1.0.post1", "1.0.1"], ["1.0+x", "1.0"]),
    "above a local build": ("pep440", ">1.0+x", ["1.0+x.0", "1.0+y", "1.0+1"], ["1.0+x", "1.0", "1.0+a.9"]),
    "below a release, candidates within": ("pep440", "<1.0", ["1.0rc1", "1.0.dev0"], ["1.0", "1.0+x", "1!0.1"]),
    "from a development release on": ("pep440", ">1.0.dev3", ["1.0.dev4", "1.0a1", "1.0"], ["1.0.dev3", "1.0.dev3+x"]),
}


@pytest.mark.parametrize(("scheme", "text", "inside", "outside"), CONTAINS.values(), ids=CONTAINS.keys())
def test_a_range_contains(scheme: str, text: str, inside: list[str], outside: list[str]) -> None:
    compiled = compile_range(scheme, text)
    assert {v: compiled.contains(v) for v in inside} == dict.fromkeys(inside, True)
    assert {v: compiled.contains(v) for v in outside} == dict.fromkeys(outside, False)


EMPTY = {
    "semver": [
        ">2.0.0 <1.0.0",
        ">=1.0.0 <1.0.0",
        ">1.0.0 <=1.0.0",
        "=1.0.0 =1.0.1",
        "=1.0.0 !=1.0.0",
        ">=1.0.0 <=1.0.0 !=1.0.0",
        ">1.2.3 <1.2.4-0",
        ">1.2.3-a <1.2.3-a.0",
        "<0.0.0-0",
        "=1.0.0 !=1.0.0+x",
    ],
    "pep440": [
        ">2 <1",
        "=1.0 !=1.0.0",
        ">=1.0 <1.0",
        "<0.dev0",
        ">1.0 <1.0.post0.dev0",
        ">1.0.dev1 <1.0.dev2",
        ">1.0a1 <=1.0a1+x",
        "=1.0+x !=1.0",
    ],
}
NOT_EMPTY = {
    "semver": [">1.2.3 <1.2.4", ">=1.0.0 <=1.0.0", "<=0.0.0-0", ">1.2.3-a <1.2.3-a.1", ">1.2.3-a <1.2.3", "!=1.0.0"],
    "pep440": [">1.0 <1.0.1", ">=1.0 <=1.0", "<=0.dev0", ">1.0+a <1.0+b", "=1.0 !=1.0+x", ">1.0a1 <1.0a2"],
}


@pytest.mark.parametrize(
    ("scheme", "text", "empty"),
    [pytest.param(s, t, True, id=f"{s}: {t} is empty") for s, texts in EMPTY.items() for t in texts]
    + [pytest.param(s, t, False, id=f"{s}: {t} is not empty") for s, texts in NOT_EMPTY.items() for t in texts],
)
def test_a_range_knows_whether_it_is_empty_in_its_scheme(scheme: str, text: str, empty: bool) -> None:
    assert compile_range(scheme, text).is_empty() is empty


def test_a_range_keeps_its_text_with_single_blanks() -> None:
    assert compile_range("semver", "  >=2.1.91   <2.1.198 ").text == ">=2.1.91 <2.1.198"


REFUSED = {
    "no text": ("", "leave `versions` out"),
    "blanks only": ("   ", "leave `versions` out"),
    "a star": ("*", "leave `versions` out"),
    "a version alone": ("2.1.91", "write =2.1.91 for this version only, or >=2.1.91"),
    "npm's caret": ("^2.1.91", "write both ends out, such as '>=2.1.91 <2.1.198'"),
    "npm's tilde": ("~2.1", "write both ends out"),
    "two equals signs": ("==2.1.91", "has one = too many"),
    "a blank behind the comparator": (">= 2.1.91", "without a blank before its version"),
    "a comma": (">=2.1.91,<2.1.198", "without commas"),
    "a comma and a blank": (">=2.1.91, <2.1.198", "without commas"),
    "an or": ("<1.0.0 || >2.0.0", "no 'or'"),
    "an or without blanks": ("<1.0.0||>2.0.0", "no 'or'"),
    "two numbers": (">=2.1", "'2.1' is no semver version; write it as in >=2.1.91"),
    "a wildcard": (">=2.1.x", "is no semver version"),
    "the package URL form": ("vers:npm/>=2.1.91|<2.1.198", "is not understood"),
    "a reversed comparator": ("=>2.1.91", "is not understood"),
    "words": ("all before the summer", "is not understood"),
    "a thousand comparators": (" ".join([">1.0.0"] * 100), "32 are allowed"),
    "a megabyte": (">=" + "9" * 1_000_000, "too long"),
    "a long version": (">=" + "9" * 900, "is no semver version"),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_bad_range_is_refused_with_what_to_write(text: str, message: str) -> None:
    with pytest.raises(ValueError) as refused:
        compile_range("semver", text)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 300


def test_an_unknown_scheme_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="'calver' is not known here; write one of deb, dotted, pep440, rpm, semver"):
        compile_range("calver", ">=1")
    with pytest.raises(ValueError, match="'calver' is not known"):
        parse_key("calver", "1")
