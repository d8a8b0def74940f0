"""`interdict-policy init` and `keys`: what is made, who may read it, what is refused."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import pytest

from tests.fakes.author import NAMES, PHRASE, Author
from tests.fakes.terminal import converse

INIT = (sys.executable, "-m", "policy_schema.authoring.cli.main", "init")


def test_three_signers_get_seven_keys_that_only_their_owner_reads(three: Author) -> None:
    files = sorted((three.dir / "keys").iterdir())
    assert len(files) == 7
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE((three.dir / "keys").stat().st_mode) == 0o700
    assert all(file.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----") for file in files)


def test_no_key_lies_in_what_is_published_or_goes_into_git(three: Author) -> None:
    assert [path.name for path in (three.dir / "repository").rglob("*") if path.is_file()] == ["1.root.json"]
    assert (three.dir / ".gitignore").read_text() == "/keys/\n/.interdict-publishing\n"
    assert (three.dir / "root.json").read_bytes() == (three.dir / "repository/metadata/1.root.json").read_bytes()


def test_one_signer_is_marked_in_the_root(solo: Author) -> None:
    assert json.loads((solo.dir / "root.json").read_text())["signed"]["x-interdict-one-signer"] is True
    shown = solo.run("status", "--dir", str(solo.dir))
    assert "ONE SIGNER" in shown.out


def test_three_signers_are_not_marked_so(three: Author) -> None:
    assert "x-interdict-one-signer" not in json.loads((three.dir / "root.json").read_text())["signed"]


SIGNERS = tuple(f"--signer={name}" for name in NAMES)


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        pytest.param((), "--signer NAME three times, or --solo", id="nobody named, nobody to ask"),
        pytest.param(("--signer=Li",), "take --solo for a trial", id="one signer that is not called solo"),
        pytest.param(("--solo", "--signer=Li", "--signer=Wang"), "--solo is one signer", id="two alone"),
        pytest.param(("--solo", "--signer=Li", "--threshold=2"), "threshold of 1", id="two of one"),
        pytest.param((*SIGNERS, "--threshold=4"), "4 of 3", id="four of three"),
        pytest.param((*SIGNERS, "--threshold=1"), "take --solo, or at least 2", id="one of three"),
        pytest.param((*SIGNERS, "--threshold=two"), "invalid int value", id="a threshold in letters"),
        pytest.param((*SIGNERS, "--signer=Li Wei"), "a name of their own", id="a name twice"),
        pytest.param((*SIGNERS, "--signer=on-line"), "a person's", id="the publishing machine as a person"),
        pytest.param((*SIGNERS, "--valid=long"), "not a duration", id="a validity in words"),
        pytest.param((*SIGNERS, "--valid=9999d"), "not between", id="a validity of 27 years"),
    ],
)
def test_what_makes_no_sense_makes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], shown: str
) -> None:
    author = Author(tmp_path / "new", capsys)
    ran = author.init(*options)
    assert ran.code == 2
    assert shown in ran.err
    assert ran.err.count("\n") == 1
    assert not author.dir.exists()


def test_a_folder_in_use_is_left_alone(three: Author) -> None:
    before = sorted(three.dir.rglob("*"))
    ran = three.init(*SIGNERS)
    assert (ran.code, "in use already" in ran.err) == (2, True)
    assert sorted(three.dir.rglob("*")) == before


def test_keys_inside_the_published_folder_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    author = Author(tmp_path, capsys)
    ran = author.init("--solo", "--signer=Li", "--keys", str(author.dir / "repository" / "keys"))
    assert (ran.code, "inside the published repository" in ran.err) == (2, True)
    assert not author.dir.exists()


@pytest.mark.parametrize(
    ("content", "mode", "shown"),
    [
        pytest.param("short\n", 0o600, "fewer than 12", id="too short"),
        pytest.param("", 0o600, "holds no passphrase", id="empty"),
        pytest.param(PHRASE, 0o644, "others may read", id="readable by others"),
        pytest.param(None, 0o600, "cannot be read", id="missing"),
    ],
)
def test_a_passphrase_file_that_will_not_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, mode: int, shown: str
) -> None:
    phrase = tmp_path / "phrase"
    if content is not None:
        phrase.write_text(content)
        phrase.chmod(mode)
    folder = tmp_path / "new"
    ran = Author(tmp_path, capsys).run("init", str(folder), "--solo", "--signer=Li", "--passphrase-file", str(phrase))
    assert (ran.code, shown in ran.err) == (2, True)
    assert not folder.exists()


def test_at_a_terminal_each_passphrase_is_asked_twice_and_never_shown(tmp_path: Path) -> None:
    answers = [(f"Name of signer {number} of 3: ", name) for number, name in enumerate(NAMES, 1)]
    for who in (*NAMES, "the on-line key"):
        answers += [(f"New passphrase of {who}", f"{PHRASE} of {who}"), ("Once more: ", f"{PHRASE} of {who}")]
    talk = converse([*INIT, "new"], answers, tmp_path)
    assert talk.code == 0, talk.shown
    assert PHRASE not in talk.shown
    assert "2 of 3 must sign: Li Wei, Wang Fang, Zhao Lei." in talk.shown
    assert len(os.listdir(tmp_path / "new" / "keys")) == 7


def test_at_a_terminal_two_different_passphrases_and_a_short_one_are_asked_again(tmp_path: Path) -> None:
    new, again = "New passphrase of all keys", "Once more: "
    answers = [(new, "short"), (new, PHRASE), (again, PHRASE + "x"), (new, PHRASE), (again, PHRASE)]
    talk = converse([*INIT, "new", "--solo", "--signer", "Li Wei"], answers, tmp_path)
    assert talk.code == 0, talk.shown
    assert "That is too short." in talk.shown
    assert "These were two different ones." in talk.shown


def test_keys_are_listed_with_owner_use_and_file(three: Author) -> None:
    rows = json.loads(three.run("keys", "--dir", str(three.dir), "--json").out)["keys"]
    assert [(row["owner"], row["use"], row["here"]) for row in rows] == [
        *((name, use, True) for name in NAMES for use in ("policy", "root")),
        ("on-line", "online", True),
    ]
    assert all(Path(row["file"]).is_file() for row in rows)


def test_a_key_that_was_taken_away_is_listed_as_not_here(three: Author) -> None:
    next((three.dir / "keys").glob("zhao-lei.root.*")).unlink()
    assert "not here" in three.run("keys", "--dir", str(three.dir)).out


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        pytest.param(("replace",), "whose keys?", id="nobody named"),
        pytest.param(("replace", "Mallory"), "nobody called Mallory", id="a stranger"),
        pytest.param(("renew", "Li Wei"), "takes no name", id="renew takes no name"),
        pytest.param(("burn",), "invalid choice", id="no such thing to do"),
    ],
)
def test_a_change_of_keys_that_makes_no_sense(three: Author, arguments: tuple[str, ...], shown: str) -> None:
    ran = three.do("keys", *arguments)
    assert (ran.code, shown in ran.err) == (2, True)
    assert not (three.dir / "staged").exists()


def test_a_lost_key_is_replaced_by_the_other_two(three: Author) -> None:
    three.published()
    assert three.do("keys", "replace", "Zhao Lei", "--by", "Chen Jie").code == 0
    assert "a change of signers is staged already" in three.do("keys", "renew").err
    for name in NAMES[:2]:
        assert three.sign(name=name).code == 0
    assert three.do("publish").code == 0
    good = json.loads(three.run("verify", str(three.dir), "--json").out)
    assert (good["good"], good["version"]) == (True, 2)
    assert "Zhao Lei" not in three.run("keys", "--dir", str(three.dir)).out


def test_a_stolen_online_key_is_replaced(three: Author) -> None:
    three.published()
    assert three.do("keys", "replace", "on-line").code == 0
    for name in NAMES[:2]:
        assert three.sign(name=name).code == 0
    assert three.do("publish").code == 0
    assert three.do("renew").code == 0
    assert three.run("verify", str(three.dir)).code == 0


def test_the_root_is_renewed_without_touching_the_policy(three: Author) -> None:
    three.published()
    assert three.do("keys", "renew").code == 0
    for name in NAMES[1:]:
        assert three.sign(name=name).code == 0
    assert three.do("publish").code == 0
    assert json.loads(three.run("verify", str(three.dir), "--json").out)["version"] == 1
