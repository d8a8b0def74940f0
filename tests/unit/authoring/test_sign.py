"""`interdict-policy sign`: what is shown, who signs, what is refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.fakes.author import NAMES, PHRASE, POLICY, Author
from tests.fakes.terminal import converse

LI, WANG, ZHAO = NAMES


def _staged(author: Author) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (author.dir / "staged").glob("*")}


def test_what_is_signed_is_shown_first(three: Author) -> None:
    out = three.sign(str(three.policy), name=LI).out
    for shown in ("Example Group", "version 1", "claude-code (new)", "2036-12-10T01:00:00Z block", "1 of 2"):
        assert shown in out
    assert "one of Wang Fang, Zhao Lei" in out


def test_two_signatures_complete_a_change_and_say_what_comes_next(three: Author) -> None:
    assert three.sign(str(three.policy), name=LI).code == 0
    last = three.sign(name=ZHAO)
    assert "Complete. Next: interdict-policy publish" in last.out


def test_the_staged_change_travels_as_files(three: Author, tmp_path: Path) -> None:
    assert three.sign(str(three.policy), name=LI).code == 0
    assert set(_staged(three)) == {"policy.json", "targets.json"}
    assert len(json.loads(_staged(three)["targets.json"])["signatures"]) == 1


def test_a_colleague_with_the_same_policy_file_adds_a_signature(three: Author) -> None:
    assert three.sign(str(three.policy), name=LI).code == 0
    before = _staged(three)["policy.json"]
    assert three.sign(str(three.policy), name=WANG).code == 0
    assert _staged(three)["policy.json"] == before


def test_a_colleague_with_another_policy_file_signs_nothing(three: Author) -> None:
    assert three.sign(str(three.policy), name=LI).code == 0
    three.policy.write_text(POLICY.replace("block", "remove"))
    before = _staged(three)
    refused = three.sign(str(three.policy), name=WANG)
    assert (refused.code, "another policy is staged" in refused.err) == (2, True)
    assert _staged(three) == before
    restarted = three.sign(str(three.policy), "--restart", name=WANG)
    assert (restarted.code, "1 of 2" in restarted.out) == (0, True)


@pytest.mark.parametrize(
    ("change", "arguments", "shown"),
    [
        pytest.param(None, ("--as", "Mallory"), "no key of Mallory here", id="a stranger signs"),
        pytest.param(None, (), "say who signs: --as", id="several people's keys are here"),
        pytest.param(("block", "blok"), ("--as", LI), "policy.yaml:", id="a policy that lint refuses"),
        pytest.param(("schema: 1", "schema: 1\nschema: 1"), ("--as", LI), "policy.yaml:2", id="a key twice"),
    ],
)
def test_what_cannot_be_signed(
    three: Author, change: tuple[str, str] | None, arguments: tuple[str, ...], shown: str
) -> None:
    if change:
        three.policy.write_text(POLICY.replace(*change))
    ran = three.sign(str(three.policy), *arguments)
    assert ran.code == 2
    assert shown in ran.err
    assert not _staged(three)


def test_nothing_staged_and_no_policy_named(three: Author) -> None:
    ran = three.sign(name=LI)
    assert (ran.code, "nothing is staged" in ran.err) == (2, True)


def test_without_a_terminal_nobody_signs_unless_told_to(three: Author) -> None:
    ran = three.do("sign", str(three.policy), "--as", LI)
    assert (ran.code, "--yes" in ran.err) == (2, True)
    assert not _staged(three)


def test_signing_twice_is_said_and_changes_nothing(three: Author) -> None:
    three.sign(str(three.policy), name=LI)
    before = _staged(three)
    again = three.sign(name=LI)
    assert (again.code, "no key of Li Wei here that could sign" in again.err) == (2, True)
    assert _staged(three) == before


def test_a_ban_that_vanished_is_refused_with_its_name(three: Author) -> None:
    three.published()
    three.policy.write_text(POLICY.replace('id: "claude-code"', 'id: "other-ban"'))
    ran = three.sign(str(three.policy), name=LI)
    assert (ran.code, "(claude-code)" in ran.err) == (2, True)


def test_a_lifted_ban_is_signed(three: Author) -> None:
    three.published()
    lifted = 'lifted: [{id: "claude-code", date: "2036-12-20", reason: {en: "Cleared."}, quarantine: "restore"}]\n'
    three.policy.write_text(POLICY.replace('id: "claude-code"', 'id: "other-ban"') + lifted)
    ran = three.sign(str(three.policy), name=LI)
    assert ran.code == 0, ran.err
    assert "Lifted        claude-code" in ran.out


def test_the_same_policy_again_renews_its_signatures(three: Author) -> None:
    three.published()
    out = three.sign(str(three.policy), name=LI).out
    assert "version 2" in out
    assert "claude-code (as before)" in out


def test_a_swapped_staged_policy_is_noticed(three: Author) -> None:
    three.sign(str(three.policy), name=LI)
    (three.dir / "staged/policy.json").write_text('{"bans":[]}\n')
    ran = three.sign(name=WANG)
    assert (ran.code, "not the one that is being signed" in ran.err) == (2, True)


@pytest.mark.parametrize("name", ["targets.json", "policy.json"])
@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[]", b"{}", b"[" * 100_000])
def test_a_damaged_staged_file_is_one_line(three: Author, name: str, content: bytes) -> None:
    three.sign(str(three.policy), name=LI)
    (three.dir / "staged" / name).write_bytes(content)
    for command in (("sign", "--yes", "--as", WANG), ("publish",)):
        ran = three.do(*command)
        assert (ran.code, ran.err.count("\n")) == (2, 1)


def _command(author: Author) -> list[str]:
    line = [sys.executable, "-m", "policy_schema.authoring.cli.main", "sign", str(author.policy)]
    return [*line, "--as", LI, "--dir", str(author.dir)]


def test_at_a_terminal_a_plain_yes_and_the_passphrase_sign(three: Author, tmp_path: Path) -> None:
    talk = converse(_command(three), [("Type yes: ", "yes"), ("Passphrase of Li Wei: ", PHRASE)], tmp_path)
    assert talk.code == 0, talk.shown
    assert PHRASE not in talk.shown
    assert _staged(three)


@pytest.mark.parametrize(
    ("answers", "shown"),
    [
        pytest.param([("Type yes: ", "y")], "not signed", id="no plain yes"),
        pytest.param(
            [("Type yes: ", "yes"), ("Passphrase of Li Wei: ", "another one")], "passphrase is wrong", id="wrong"
        ),
    ],
)
def test_at_a_terminal_nothing_else_signs(
    three: Author, tmp_path: Path, answers: list[tuple[str, str]], shown: str
) -> None:
    talk = converse(_command(three), answers, tmp_path)
    assert (talk.code, shown in talk.shown) == (2, True)
    assert not _staged(three)
