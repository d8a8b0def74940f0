"""Which files the courier asks for, whatever stands in the ones that it has read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy_schema.trust.collect import Have, collect
from policy_schema.trust.highest import mark, merged, read_highest
from policy_schema.trust.layout import LIMITS, POLICY_LIMIT, ROTATIONS, TIMESTAMP_PATH, Role
from policy_schema.trust.refusal import Refusal, Refused
from tests.fakes.policy_server import PolicyRepository


class Shelf:
    """Files behind a `Get`, with what was asked for."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.asked: list[str] = []
        self.limits: dict[str, int] = {}

    @property
    def metadata(self) -> dict[str, bytes]:
        return {path: content for path, content in self.files.items() if path.startswith("metadata/")}

    @property
    def held(self) -> frozenset[str]:
        return frozenset(path for path in self.files if path.startswith("targets/"))

    def get(self, path: str, limit: int) -> bytes | None:
        self.asked.append(path)
        self.limits[path] = limit
        return self.files.get(path)


@pytest.fixture
def shelf() -> Shelf:
    repository = PolicyRepository()
    repository.publish("a")
    return Shelf(repository.files)


def test_a_new_device_fetches_everything_but_its_first_root(shelf: Shelf) -> None:
    assert set(collect(shelf.get, Have(root=1))) == set(shelf.files) - {"metadata/1.root.json"}


def test_an_auditor_fetches_the_first_root_too(shelf: Shelf) -> None:
    assert collect(shelf.get, Have()) == shelf.files


def test_nothing_new_is_two_questions(shelf: Shelf) -> None:
    assert collect(shelf.get, Have(1, shelf.metadata, shelf.held)) == {}
    assert shelf.asked == ["metadata/2.root.json", TIMESTAMP_PATH]


def test_a_policy_that_is_held_is_not_asked_for(shelf: Shelf) -> None:
    collect(shelf.get, Have(1, held=shelf.held))
    assert not shelf.held & set(shelf.asked)


def test_every_question_has_a_bound(shelf: Shelf) -> None:
    collect(shelf.get, Have())
    assert set(shelf.limits.values()) <= {*LIMITS.values(), POLICY_LIMIT}
    assert shelf.limits[TIMESTAMP_PATH] == LIMITS[Role.TIMESTAMP]


def test_roots_without_end_are_followed_so_far_and_no_further() -> None:
    class Endless(Shelf):
        def get(self, path: str, limit: int) -> bytes | None:
            self.asked.append(path)
            number = path.removeprefix("metadata/").split(".")[0]
            return json.dumps({"signed": {"version": int(number)}}).encode() if number.isdecimal() else None

    endless = Endless({})
    with pytest.raises(Refused):
        collect(endless.get, Have(root=1))
    assert len(endless.asked) == ROTATIONS + 1


def _timestamp(version: bytes) -> bytes:
    return b'{"signed":{"meta":{"snapshot.json":{"version":' + version + b"}}}}"


@pytest.mark.parametrize(
    ("timestamp", "code"),
    [
        pytest.param(None, Refusal.NOT_A_REPOSITORY, id="no timestamp"),
        pytest.param(b"<html>", Refusal.NOT_A_REPOSITORY, id="a page"),
        pytest.param(b"[" * 16_000, Refusal.NOT_A_REPOSITORY, id="brackets without end"),
        pytest.param(
            b'{"signed":{"meta":{"snapshot.json":{"version":true}}}}', Refusal.NOT_A_REPOSITORY, id="true as a version"
        ),
        pytest.param(
            b'{"signed":{"meta":{"snapshot.json":{"version":-1}}}}', Refusal.NOT_A_REPOSITORY, id="a version below one"
        ),
        pytest.param(
            b'{"signed":{"meta":{"snapshot.json":{"version":"../x"}}}}',
            Refusal.NOT_A_REPOSITORY,
            id="a path as a version",
        ),
    ],
)
def test_what_is_no_timestamp(timestamp: bytes | None, code: Refusal) -> None:
    shelf = Shelf({} if timestamp is None else {TIMESTAMP_PATH: timestamp})
    with pytest.raises(Refused) as refused:
        collect(shelf.get, Have(root=1))
    assert refused.value.code is code


KEYS = ["signed", "meta", "targets", "targets.json", "policy.json", "hashes", "version"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["signed", "meta", "targets", "targets.json", "policy.json", "hashes", "version"]), inner
        )
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.lists(JSON, min_size=3, max_size=3), st.binary(max_size=40))
def test_whatever_stands_in_the_files_only_plain_names_are_asked_for(documents: list[object], rubbish: bytes) -> None:
    def get(path: str, limit: int) -> bytes | None:
        asked.append(path)
        if path == TIMESTAMP_PATH:
            return json.dumps({"signed": {"meta": {"snapshot.json": {"version": 1}}, "x": documents[0]}}).encode()
        if path.endswith(".snapshot.json"):
            return json.dumps({"signed": documents[1]}).encode()
        return rubbish if path.endswith(".targets.json") else None

    asked: list[str] = []
    collect(get, Have(root=1))
    assert all(path.startswith(("metadata/", "targets/")) and ".." not in path for path in asked)


@pytest.mark.parametrize(
    ("value", "good"),
    [
        ({}, True),
        ({"root:ab": 3}, True),
        ({"root:ab": -1}, False),
        ({"root:ab": True}, False),
        ({"root:ab": "3"}, False),
        ({3: 3}, False),
        ([], False),
        (None, False),
        ({f"root:{n}": 1 for n in range(1_001)}, False),
    ],
)
def test_highest_versions_from_json(value: object, good: bool) -> None:
    if good:
        assert read_highest(value) == value
        return
    with pytest.raises(ValueError, match="highest versions"):
        read_highest(value)


VERSIONS = st.dictionaries(st.sampled_from(["root:a", "targets:a", "targets:b"]), st.integers(0, 9))


@settings(deadline=None)
@given(VERSIONS, VERSIONS)
def test_highest_versions_never_fall(one: dict[str, int], other: dict[str, int]) -> None:
    both = merged(one, other)
    assert both == merged(other, one) == merged(both, one)
    assert all(both[name] >= version for seen in (one, other) for name, version in seen.items())


def test_a_mark_names_role_and_keys_whatever_their_order() -> None:
    assert mark(Role.TARGETS, ["b", "a"]) == mark(Role.TARGETS, ["a", "b"]) != mark(Role.TARGETS, ["a"])
