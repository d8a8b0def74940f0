"""`interdict-policy publish`, `renew`, `status` and `verify`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.author import NAMES, POLICY, Author

LI, WANG, ZHAO = NAMES


def _repository(author: Author) -> dict[str, bytes]:
    folder = author.dir / "repository"
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_publishing_below_the_threshold_names_who_is_missing(three: Author) -> None:
    three.sign(str(three.policy), name=LI)
    before = _repository(three)
    ran = three.do("publish")
    assert ran.code == 2
    assert "1 of the 2 signatures" in ran.err
    assert "Wang Fang, Zhao Lei" in ran.err
    assert _repository(three) == before


def test_publishing_nothing_says_so(three: Author) -> None:
    ran = three.do("publish")
    assert (ran.code, "nothing is staged" in ran.err) == (2, True)


def test_a_published_policy_is_static_files_and_the_staged_ones_are_gone(three: Author) -> None:
    three.published()
    names = sorted(_repository(three))
    assert names[:4] == [
        "metadata/1.root.json",
        "metadata/1.snapshot.json",
        "metadata/1.targets.json",
        "metadata/timestamp.json",
    ]
    assert names[4].startswith("targets/") and names[4].endswith(".policy.json")
    assert not list((three.dir / "staged").iterdir())


def test_publishing_without_the_online_key_says_where_it_should_be(three: Author) -> None:
    three.sign(str(three.policy), name=LI)
    three.sign(name=WANG)
    next((three.dir / "keys").glob("on-line.*")).unlink()
    ran = three.do("publish")
    assert (ran.code, "on-line.online." in ran.err) == (2, True)


def test_keys_in_another_folder_are_found_with_keys(three: Author, tmp_path: Path) -> None:
    shutil.move(three.dir / "keys", tmp_path / "usb")
    assert "no key here" in three.sign(str(three.policy)).err
    ran = three.sign(str(three.policy), "--keys", str(tmp_path / "usb"), name=LI)
    assert ran.code == 0, ran.err


def test_one_signer_publishes_alone_and_it_shows(solo: Author) -> None:
    assert solo.sign(str(solo.policy)).code == 0
    assert "(one signer)" in solo.do("publish").out
    assert "ONE SIGNER: Li Wei" in solo.run("verify", str(solo.dir)).out
    assert json.loads(solo.run("verify", str(solo.dir), "--json").out)["solo"] is True


def test_renewing_changes_only_the_online_files(three: Author) -> None:
    three.published()
    before = _repository(three)
    ran = three.do("renew")
    assert (ran.code, "version 1 as before" in ran.out) == (0, True)
    after = _repository(three)
    assert {name for name in after if after[name] != before.get(name)} == {
        "metadata/timestamp.json",
        "metadata/2.snapshot.json",
    }


def test_renewing_nothing_says_so(three: Author) -> None:
    ran = three.do("renew")
    assert (ran.code, "nothing is published yet" in ran.err) == (2, True)


def test_renewing_warns_before_people_must_sign_again(three: Author) -> None:
    three.sign(str(three.policy), "--valid", "10d", name=LI)
    three.sign(name=WANG)
    three.do("publish")
    out = three.do("renew").out
    assert "signatures of the targets end" in out
    assert "sign POLICY" in out
    assert "keys renew" not in out


def test_status_says_who_signed_and_who_is_missing(three: Author) -> None:
    three.sign(str(three.policy), name=LI)
    shown = json.loads(three.run("status", "--dir", str(three.dir), "--json").out)
    assert (shown["signers"], shown["threshold"], shown["solo"], shown["published"]) == (list(NAMES), 2, False, None)
    (part,) = shown["staged"]
    assert (part["signed"], part["missing"], part["complete"]) == ([LI], [WANG, ZHAO], False)
    text = three.run("status", "--dir", str(three.dir)).out
    assert "signed: Li Wei" in text and "could still sign: Wang Fang, Zhao Lei" in text


def test_status_says_what_ends_when(three: Author) -> None:
    three.published()
    shown = json.loads(three.run("status", "--dir", str(three.dir), "--json").out)["published"]
    assert (shown["good"], shown["version"], shown["signers"]) == (True, 1, [LI, WANG])
    assert set(shown["expires"]) == {"root", "timestamp", "snapshot", "targets"}
    assert "timestamp ends" in three.run("status", "--dir", str(three.dir)).out


def _change_policy(folder: Path) -> None:
    file = next((folder / "targets").iterdir())
    file.write_bytes(file.read_bytes().replace(b"block", b"blocc"))


def _remove_targets(folder: Path) -> None:
    (folder / "metadata/1.targets.json").unlink()


def _strip(folder: Path) -> None:
    file = folder / "metadata/timestamp.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "signatures": []}))


def _cut(folder: Path) -> None:
    file = next((folder / "targets").iterdir())
    file.write_bytes(file.read_bytes()[:100])


DAMAGES: tuple[tuple[str, Callable[[Path], None]], ...] = (
    ("tampered", _change_policy),
    ("half-uploaded", _remove_targets),
    ("half-uploaded", _cut),
    ("unsigned", _strip),
)


@pytest.mark.parametrize(("code", "damage"), DAMAGES, ids=lambda value: getattr(value, "__name__", value))
def test_verify_names_what_is_wrong_and_ends_with_1(three: Author, code: str, damage: Callable[[Path], None]) -> None:
    three.published()
    assert three.run("verify", str(three.dir)).code == 0
    damage(three.dir / "repository")
    text, shown = three.run("verify", str(three.dir)), three.run("verify", str(three.dir), "--json")
    assert (text.code, shown.code) == (1, 1)
    assert text.out.startswith(f"NOT GOOD  {code}: ")
    assert json.loads(shown.out)["code"] == code
    assert three.run("status", "--dir", str(three.dir)).code in (1, 2)


def test_verify_reads_the_served_folder_as_well(three: Author, tmp_path: Path) -> None:
    three.published()
    shutil.copytree(three.dir / "repository", tmp_path / "www")
    ran = three.run("verify", str(tmp_path / "www"), "--trust-root", str(three.dir / "root.json"))
    assert (ran.code, "came from the repository itself" in ran.out) == (0, False)
    assert "Li Wei, Wang Fang (2 needed)" in ran.out


def test_verify_with_the_root_of_somebody_else_is_not_good(three: Author, solo_template: Path) -> None:
    three.published()
    ran = three.run("verify", str(three.dir), "--trust-root", str(solo_template / "dir/root.json"))
    assert (ran.code, "wrongly-signed" in ran.out) == (1, True)


@pytest.mark.parametrize(
    ("where", "shown"),
    [
        pytest.param("nowhere", "not a folder", id="no such folder"),
        pytest.param(".", "no first root", id="a folder with something else"),
        pytest.param("http://127.0.0.1:1/", "did not answer", id="nobody listens", marks=pytest.mark.loopback),
    ],
)
def test_verify_of_what_cannot_be_read_ends_with_2(
    three: Author, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, where: str, shown: str
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    ran = three.run("verify", where)
    assert (ran.code, shown in ran.err, ran.err.count("\n")) == (2, True, 1)


@pytest.mark.parametrize("command", ["keys", "publish", "renew", "sign", "status"])
def test_a_folder_that_was_never_initialised(tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    ran = Author(tmp_path, capsys).run(command, "--dir", str(tmp_path))
    assert (ran.code, "no policy repository here" in ran.err, ran.err.count("\n")) == (2, True, 1)


def test_a_staged_file_that_was_changed_after_people_signed_it_is_not_published(three: Author) -> None:
    three.sign(str(three.policy), name=LI)
    three.sign(name=WANG)
    staged = three.dir / "staged/targets.json"
    text = json.loads(staged.read_text())
    text["signed"]["version"] = 7
    staged.write_text(json.dumps(text))
    before = _repository(three)
    ran = three.do("publish")
    assert (ran.code, "0 of the 2 signatures" in ran.err) == (2, True)
    assert _repository(three) == before


def test_what_every_device_would_refuse_is_not_published(three: Author) -> None:
    """A key was replaced and only the root was signed: the policy's old signatures would no longer be enough."""
    three.published()
    assert three.do("keys", "replace", LI).code == 0
    for name in ("policy.json", "targets.json"):
        (three.dir / "staged" / name).unlink()
    for name in (WANG, ZHAO):
        assert three.sign(name=name).code == 0
    before = _repository(three)
    ran = three.do("publish")
    assert (ran.code, "too few people signed" in ran.err) == (2, True)
    assert _repository(three) == before


def test_a_second_policy_keeps_the_first_one_s_files_for_devices_in_the_middle_of_it(three: Author) -> None:
    three.published()
    before = set(_repository(three))
    three.policy.write_text(POLICY.replace("block", "remove"))
    three.published()
    assert before < set(_repository(three))
    assert json.loads(three.run("verify", str(three.dir), "--json").out)["version"] == 2
