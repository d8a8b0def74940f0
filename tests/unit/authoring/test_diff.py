"""`interdict-policy diff`: two policies by any of their names, and what `sign` shows is the same."""

from __future__ import annotations

import json

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
