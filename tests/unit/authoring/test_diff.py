"""`interdict-policy diff`: two policies by any of their names, and what `sign` shows is the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fakes.author import POLICY, Author

SOONER = POLICY.replace("2036-12-10", "2036-12-07")
SENTENCE = "claude-code: block comes 3 days earlier (2036-12-07T01:00:00Z instead of 2036-12-10T01:00:00Z)"


@pytest.fixture
def changed(solo: Author) -> Author:
    """Version 1 is published, and the policy file has been changed since."""
    assert solo.sign(str(solo.policy)).code == 0
    assert solo.do("publish").code == 0
    solo.policy.write_text(SOONER)
    return solo


NAMES = {
    "what is in force and a file": ("{dir}", "{policy}"),
    "a version of the folder and a file": ("{dir}@1", "{policy}"),
    "a version of what is served and a file": ("{dir}/repository@1", "{policy}"),
}


@pytest.mark.parametrize(("old", "new"), NAMES.values(), ids=NAMES.keys())
def test_two_policies_by_name(old: str, new: str, changed: Author) -> None:
    names = [text.format(dir=changed.dir, policy=changed.policy) for text in (old, new)]
    ran = changed.run("diff", *names)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [f"+ {SENTENCE}", "1 change: 1 stronger."]


def test_every_published_version_can_be_compared(changed: Author) -> None:
    assert changed.sign(str(changed.policy)).code == 0
    assert changed.do("publish").code == 0
    ran = changed.run("diff", f"{changed.dir}@1", f"{changed.dir}@2")
    assert SENTENCE in ran.out
    assert changed.run("diff", f"{changed.dir}@2", str(changed.dir)).out == "Nothing changes.\n"


def test_json(changed: Author) -> None:
    document = json.loads(changed.run("diff", str(changed.dir), str(changed.policy), "--json").out)
    assert document["changes"] == [
        {"about": "claude-code", "way": "stronger", "text": SENTENCE.partition(": ")[2]},
    ]
    assert document["old"] != document["new"]


def test_sign_shows_it(changed: Author) -> None:
    assert f"Change        + {SENTENCE}" in changed.sign(str(changed.policy)).out


CODE = {"face": "package", "purl": "pkg:npm/%40anthropic-ai/claude-code@2.1.197", "owner": "li"}
QODER = {"face": "package", "purl": "pkg:npm/%40qoder-ai/qodercli@1.0.0", "owner": "li"}
DEVICES: list[dict[str, Any]] = [
    {"device": {"id": "d-1", "groups": ["it"]}, "items": [CODE, CODE]},
    {"device": {"id": "d-2", "groups": []}, "items": [CODE]},
    {"device": {"id": "d-3", "groups": ["red-team"]}, "items": [CODE]},
    {"device": {"id": "d-4", "kind": "server"}, "items": [CODE]},
    {"device": {"id": "d-5"}, "items": [QODER]},
]
NOT_RED = '    scope: {except_groups: ["red-team"]}\n'
EFFECTS = {
    "a block that comes earlier": (POLICY, SOONER, [f"+ {SENTENCE}, sooner for 3 devices"]),
    "a block that comes later": (
        SOONER,
        POLICY,
        [
            "- claude-code: block comes 3 days later (2036-12-10T01:00:00Z instead of 2036-12-07T01:00:00Z), "
            "later for 3 devices"
        ],
    ),
    "a block that comes earlier, and for a group more": (
        POLICY + NOT_RED,
        SOONER,
        [
            f"+ {SENTENCE}, for 1 more device, sooner for 2 devices",
            "+ claude-code: scope: except_groups taken away: red-team",
            "+ claude-code: notify reaches 1 more device",
        ],
    ),
    "a kind of device more": (
        POLICY,
        POLICY + '    scope: {kinds: ["workstation", "server"]}\n',
        [
            "+ claude-code: scope: kinds added: server",
            "+ claude-code: block reaches 1 more device",
            "+ claude-code: notify reaches 1 more device",
        ],
    ),
    "a range that means fewer": (
        POLICY,
        POLICY.replace('tool: "claude-code"}', 'tool: "claude-code", versions: "<2.1.0"}'),
        [
            '+ claude-code: target added: "claude-code <2.1.0"',
            "- claude-code: target taken away: claude-code",
            "- claude-code: notify no longer reaches 3 devices",
            "- claude-code: block no longer reaches 3 devices",
        ],
    ),
    "a stage that is new": (
        POLICY,
        POLICY + '      - {from: "2036-12-24 09:00", action: "remove"}\n',
        ["+ claude-code: remove is new, from 2036-12-24T01:00:00Z, for 3 more devices"],
    ),
    "a reason in other words": (
        POLICY,
        POLICY.replace("Assessed as not allowed", "Not allowed"),
        ['  claude-code: reason (en) is "Not allowed on company devices."'],
    ),
}


@pytest.mark.parametrize(("old", "new", "said"), EFFECTS.values(), ids=EFFECTS.keys())
def test_with_records_it_says_for_how_many(old: str, new: str, said: list[str], solo: Author) -> None:
    before, records = solo.base / "before.yaml", solo.base / "fleet.ndjson"
    before.write_text(old)
    solo.policy.write_text(new)
    records.write_text("".join(json.dumps(row) + "\n" for row in DEVICES))
    ran = solo.run("diff", str(before), str(solo.policy), "--records", str(records))
    *lines, _, last = ran.out.splitlines()
    assert sorted(lines) == sorted(said)
    assert last == "Counted on 5 recorded devices; what is not recorded is not counted."
    document = json.loads(solo.run("diff", str(before), str(solo.policy), "--records", str(records), "--json").out)
    assert (document["devices"], len(document["changes"])) == (5, len(said))


WRONG = {
    "a version that never was": (("{dir}@7", "{policy}"), "has no version 7; its versions: 1"),
    "no such file": (("{dir}/none.yaml", "{policy}"), "cannot be read"),
    "a folder that is no repository": (("{base}", "{policy}"), "there is no policy repository here"),
}


@pytest.mark.parametrize(("names", "said"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_name_is_one_line(names: tuple[str, str], said: str, changed: Author) -> None:
    ran = changed.run(
        "diff", *(text.format(dir=changed.dir, policy=changed.policy, base=changed.base) for text in names)
    )
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert ran.err.count("\n") == 1


def test_nothing_published_yet(solo: Author) -> None:
    ran = solo.run("diff", str(solo.dir), str(solo.policy))
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "nothing is published in it" in ran.err
