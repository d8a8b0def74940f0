"""Loading: what plain YAML becomes, and what is refused before anything else looks at it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policy_schema.document.catalogue import load_catalogue
from policy_schema.document.lint import lint_bytes, lint_text
from policy_schema.document.load import load_policy, parse_policy
from policy_schema.document.policy import Policy
from policy_schema.document.problems import Problem
from policy_schema.document.source import MAX_BYTES
from policy_schema.document.yaml_tree import MAX_DEPTH, parse_yaml
from policy_schema.errors import BadDocument, BadFile

SAMPLES = Path(__file__).parents[2] / "samples" / "policies"
BASE = (SAMPLES / "base.yaml").read_text(encoding="utf-8")


def problems_of(text: str) -> list[str]:
    """What loading says about a text."""
    with pytest.raises(BadDocument) as caught:
        parse_policy(text, "p.yaml")
    return list(caught.value.lines())


@pytest.mark.parametrize("scalar", ["NO", "2.10", "on", "yes", "0x1F", "1e3", "012", "1_000", "2026-07-03", "=", "<<"])
def test_a_plain_scalar_stays_what_was_written(scalar: str) -> None:
    assert parse_yaml(f"a: {scalar}\n", "p").tree == {"a": scalar}
    assert parse_yaml(f"a: [{scalar}, x]\n", "p").tree == {"a": [scalar, "x"]}


def test_norway_is_a_region_and_2_10_a_version() -> None:
    text = BASE.replace("    min_notice", "    scope: {regions: [NO, CN]}\n    min_notice")
    text = text.replace('{tool: "claude-code"}', "{tool: claude-code, versions: '=2.10.0'}")
    ban = parse_policy(text, "p").bans[0]
    assert ban.scope.regions == ("NO", "CN")
    assert ban.targets[0].versions == "=2.10.0"


def test_a_byte_order_mark_and_windows_line_ends_are_taken(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + BASE.replace("\n", "\r\n").encode())
    assert load_policy(file).model_dump() == parse_policy(BASE, "p.yaml").model_dump()


REFUSED = {
    "an empty text": ("", "p.yaml: is empty; run `interdict-policy new` to begin one"),
    "nothing but a comment": ("# x\n", "p.yaml: is empty"),
    "a list": ("- a\n", "p.yaml:1: is not a list of keys and values; begin with `schema: 1`"),
    "one word": ("policy\n", "p.yaml:1: is not a list of keys and values"),
    "a colon in an unquoted text": ("a: b: c\n", "p.yaml:1: is not YAML: mapping values are not allowed here; put the"),
    "an open bracket": ("a: [b\nc: d\n", "p.yaml:2: is not YAML: "),
    "an @ at the start": ("a: @x\n", "p.yaml:1: is not YAML: "),
    "a tab as indentation": ("a:\n\tb: c\n", "p.yaml:2: is not YAML: "),
    "a tag of YAML": ("a: !!int 3\n", "p.yaml:1: a: uses the tag tag:yaml.org,2002:int; write a plain"),
    "a tag of Python": ("!!python/object:os.system {}\n", "p.yaml:1: uses the tag tag:yaml.org,2002:python/object:os"),
    "an anchor": ("a: &x b\n", "p.yaml:1: a: uses an anchor or alias (& or *); write the value out where it is needed"),
    "an alias": ("a: *x\n", "p.yaml:1: a: uses an anchor or alias"),
    "an anchor at a key": ("&x a: b\n", "p.yaml:1: uses an anchor or alias"),
    "a list as a key": ("? [a]\n: b\n", "p.yaml:1: has a key that is not a text"),
    "a duplicate key": ("a: b\n'a': c\n", "p.yaml:2: a: stands here again (first in line 1); keep one of the two"),
    "a key without a value": ("a:\nb: c\n", "p.yaml:1: a: has no value; write one, or leave the key out"),
    "a null": ("a: null\n", "p.yaml:1: a: has no value"),
    "a tilde": ("a: ~\n", "p.yaml:1: a: has no value"),
    "a direction mark": ('a: "x\\u202Ey"\n', "p.yaml:1: a: has the hidden character U+202E right-to-left override"),
    "an escape character": ('a: "\\e[31m"\n', "p.yaml:1: a: has the hidden character U+001B control character"),
    "half a surrogate": ('a: "\\uD800"\n', "p.yaml:1: a: has the hidden character U+D800"),
    "a hidden character in a key": ('"a\\u200B": b\n', "p.yaml:1: has a key with the hidden character U+200B"),
    "more levels than are allowed": ("[" * 60 + "]" * 60, "p.yaml:1: "),
    "a schema of the future": (BASE.replace("schema: 1", "schema: 2"), "p.yaml:1: schema: is above 1; write 1 or less"),
    "no schema": (BASE.replace("schema: 1\n", ""), "p.yaml:1: schema: is required; add `schema:`"),
    "a text where a list belongs": (
        BASE.replace('approved: ["qoder"]', 'approved: "qoder"'),
        "p.yaml:7: approved: is not a list; write a list",
    ),
    "a list where a text belongs": (
        BASE.replace('time_zone: "Europe/Berlin"', "time_zone: [Europe/Berlin]"),
        "p.yaml:4: organisation.time_zone: is not a text",
    ),
    "a time zone that does not exist": (
        BASE.replace("Europe/Berlin", "Europe/Bonn"),
        "p.yaml:4: organisation.time_zone: 'Europe/Bonn' is not a time zone that this machine knows; write a name such",
    ),
    "a time zone that is a path": (
        BASE.replace("Europe/Berlin", "../../etc/passwd"),
        "p.yaml:4: organisation.time_zone: '../../etc/passwd' is not a time zone",
    ),
    "an unknown action": (
        BASE.replace('action: "remove"', 'action: "destroy"'),
        "p.yaml:21: bans[0].stages[2].action: is not one of the known words; write 'report', 'notify', 'block' or",
    ),
    "a duration without a unit": (
        BASE.replace('let_finish: "4h"', "let_finish: 4"),
        "p.yaml:20: bans[0].stages[1].let_finish: '4' is not a duration such as 30s, 15m, 4h or 3d; write",
    ),
    "a percentage above a hundred": (
        BASE.replace("percent: 100", "percent: 110"),
        "p.yaml:27: bans[0].rollout[2].percent: is above 100; write 100 or less",
    ),
    "a language in the wrong case": (
        BASE.replace("      en: ", '      zh-hans: "x"\n      en: '),
        "p.yaml:15: bans[0].reason.zh-hans: 'zh-hans' is not how this language is written; write zh-Hans",
    ),
    "a language that does not exist": (
        BASE.replace("      en: ", '      xx: "x"\n      en: '),
        "p.yaml:15: bans[0].reason.xx: 'xx' is not a language; write a tag such as",
    ),
    "a link without TLS": (
        BASE.replace("https://qoder.com", "http://qoder.com"),
        "p.yaml:17: bans[0].alternatives[0].url: 'http://qoder.com' is not an https or mailto address",
    ),
    "a link that hides its host": (
        BASE.replace("https://qoder.com", "https://qoder.com@evil.example"),
        "p.yaml:17: bans[0].alternatives[0].url: 'https://qoder.com@evil.example' hides its host behind an @",
    ),
    "a link without a host": (BASE.replace("https://qoder.com", "https:///x"), "p.yaml:17: bans[0].alternatives[0]"),
    "a version in a package of a tool": (
        BASE.replace(
            "define: []",
            "define:\n  - {id: acme/x, name: X, vendor: A, category: b, version_scheme: semver, "
            'faces: {packages: ["pkg:npm/x@1.0"]}}',
        ),
        "p.yaml:30: define[0].faces.packages[0]: 'pkg:npm/x@1.0' has a version; leave the version out here",
    ),
    "a version scheme that is not built": (
        BASE.replace("define: []", "define:\n  - {id: acme/x, name: X, vendor: A, category: b, version_scheme: calver, "
                     "faces: {}}"),
        "p.yaml:30: define[0].version_scheme: 'calver' is not a version scheme that is built; write one of",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "says"), REFUSED.values(), ids=REFUSED)
def test_a_document_is_refused_with_one_line_a_problem(text: str, says: str) -> None:
    lines = problems_of(text)
    assert len(lines) == 1
    assert lines[0].startswith(says)
    assert lines[0].isprintable()
    assert "; " in lines[0]


@pytest.mark.parametrize(
    "text",
    ["!" + "a" * 100_000, "a" * 100_000 + ":", '"' + "k" * 50_000 + '": b', BASE + "k" * 100_000 + ": x\n"],
    ids=["a long tag", "a long key without a value", "a long key alone", "a long unknown key"],
)
def test_a_line_stays_short_whatever_the_document_holds(text: str) -> None:
    for line in problems_of(text):
        assert len(line) < 1000


def test_every_duplicate_and_every_missing_value_is_named_at_once() -> None:
    assert len(problems_of("a: b\na: c\nd:\ne: ~\n")) == 3


def test_a_list_of_problems_ends_somewhere() -> None:
    assert len(problems_of("".join(f"k{n}:\n" for n in range(500)))) <= 25
    assert len(problems_of(BASE + "".join(f"k{n}: x\n" for n in range(500)))) <= 25


def test_the_depth_that_is_allowed_is_enough_for_every_field() -> None:
    nested = "x"
    for _ in range(MAX_DEPTH - 1):
        nested = f"[{nested}]"
    assert parse_yaml(f"a: {nested}\n", "p").tree
    with pytest.raises(BadDocument, match="deeper than"):
        parse_yaml(f"a: [{nested}]\n", "p")


def test_aliases_are_refused_before_they_are_expanded() -> None:
    text = (SAMPLES / "bad" / "aliases-that-explode.yaml").read_text(encoding="utf-8")
    assert len(problems_of(text)) == 1


def test_a_tag_builds_nothing(tmp_path: Path) -> None:
    witness = tmp_path / "built"
    assert problems_of(f'!!python/object/apply:os.mkdir ["{witness}"]\n')
    assert not witness.exists()


def test_a_file_of_100_megabytes_is_refused_unread(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.touch()
    os.truncate(file, 100 * 1024 * 1024)
    with pytest.raises(BadFile, match=r"p\.yaml: has 104,857,600 bytes, and 8,388,608 are allowed"):
        load_policy(file)


def test_a_text_of_the_largest_size_is_read_and_a_larger_one_is_not() -> None:
    filler = "#" + "x" * (MAX_BYTES - len(BASE) - 2) + "\n"
    assert parse_policy(BASE + filler, "p").bans
    assert "allowed" in problems_of(BASE + filler + "#\n")[0]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    pipe = tmp_path / "p.yaml"
    os.mkfifo(pipe)
    with pytest.raises(BadFile, match="is not a regular file"):
        load_policy(pipe)


@pytest.mark.parametrize(
    ("name", "says"),
    [("nothing.yaml", "cannot be read"), ("", "is a folder"), ("a\0b", "cannot be read")],
    ids=["a file that is not there", "a folder", "a name with a zero byte"],
)
def test_what_is_no_file_is_refused(tmp_path: Path, name: str, says: str) -> None:
    with pytest.raises(BadFile, match=says) as caught:
        load_policy(tmp_path / name)
    assert caught.value.advice()


def test_another_encoding_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_bytes(b"schema: 1\norganisation: \xff\xfe\n")
    with pytest.raises(BadDocument, match=r"p\.yaml:2: is not UTF-8 text"):
        load_policy(file)


def sound(problems: list[Problem]) -> None:
    """Whatever the document: every problem is one printable line with advice."""
    for problem in problems:
        assert problem.message
        assert problem.mend
        assert problem.line_of_text().isprintable()


QUICK = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@QUICK
@given(st.binary(max_size=400))
def test_lint_never_raises_on_any_bytes(data: bytes) -> None:
    sound(lint_bytes(data, "p.yaml", load_catalogue()))


@QUICK
@given(st.text(alphabet="ab:-[]{}\"'&*!#|>%@`?, \n\t\\uU0x~=<\u202e", max_size=80))
def test_lint_never_raises_on_what_looks_like_yaml(text: str) -> None:
    sound(lint_text(text, "p.yaml", load_catalogue()))


@QUICK
@given(st.data())
def test_lint_never_raises_on_a_policy_with_anything_anywhere(data: st.DataObject) -> None:
    lines = BASE.splitlines()
    number = data.draw(st.integers(0, len(lines) - 1))
    anything = st.text(max_size=30) | st.sampled_from([*Policy.model_fields, *lines, "[]", "{}", "x: y", "- a"])
    lines[number] = data.draw(
        st.sampled_from(["", "  ", "      ", lines[number].partition(":")[0] + ": "])
    ) + data.draw(anything)
    sound(lint_text("\n".join(lines), "p.yaml", load_catalogue()))


@QUICK
@given(st.integers(0, len(BASE) - 1), st.integers(0, 40), st.text(max_size=20))
def test_lint_never_raises_on_a_damaged_policy(start: int, length: int, put: str) -> None:
    sound(lint_text(BASE[:start] + put + BASE[start + length :], "p.yaml", load_catalogue()))
