"""`keys new`, `add`, `remove`, `threshold` and `init --signer-key`: what is made, what adds up, what is refused."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_schema.authoring.keys import new_person, write_person
from policy_schema.authoring.people import fingerprint, public_bytes, read_public
from policy_schema.errors import BadFile
from policy_schema.trust.keys import PublicKeys
from tests.fakes.author import NAMES, PHRASE, Author

LI, WANG, ZHAO = NAMES
CHEN = "Chen Jie"


def public(folder: Path, person: PublicKeys, file: str = "") -> str:
    path = folder / (file or f"{person.name}.pub.json")
    path.write_bytes(public_bytes(person))
    return str(path)


def signers(author: Author) -> tuple[int, list[str]]:
    root = json.loads((author.dir / "staged/root.json").read_text())["signed"]
    people = [root["keys"][keyid]["x-interdict-owner"] for keyid in root["roles"]["root"]["keyids"]]
    thresholds = {root["roles"][role]["threshold"] for role in ("root", "targets")}
    assert len(thresholds) == 1
    return thresholds.pop(), sorted(people)


def test_new_keys_are_two_private_files_and_a_public_one(solo: Author, tmp_path: Path) -> None:
    ran = solo.run(
        "keys", "new", "Wáng Fāng", "--dir", str(tmp_path), "--passphrase-file", str(solo.phrase)
    )  # fmt: skip
    assert ran.code == 0, ran.err
    private = sorted((tmp_path / "keys").glob("*.pem"))
    assert [path.name.split(".")[:2] for path in private] == [["wáng-fāng", "policy"], ["wáng-fāng", "root"]]
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}
    assert (tmp_path / "keys/.gitignore").read_text() == "*\n"
    person = read_public(tmp_path / "wáng-fāng.pub.json")
    assert person.name == "Wáng Fāng"
    assert f"Fingerprint {fingerprint(person.root, person.policy)}:" in ran.out
    again = solo.run("keys", "new", "Wáng Fāng", "--dir", str(tmp_path), "--passphrase-file", str(solo.phrase))
    assert (again.code, "is there already" in again.err) == (2, True), "keys in use are not overwritten"


def test_changes_of_signers_add_up_until_they_are_published(three: Author, tmp_path: Path) -> None:
    people = [new_person(name).public for name in (CHEN, "Liu Yang")]
    assert three.do("keys", "add", *(public(tmp_path, person) for person in people)).code == 0
    assert three.do("keys", "remove", ZHAO).code == 0
    assert three.do("keys", "threshold", "3").code == 0
    assert signers(three) == (3, [CHEN, LI, "Liu Yang", WANG])
    assert json.loads((three.dir / "staged/root.json").read_text())["signed"]["version"] == 2


def test_a_change_of_signers_takes_a_policy_that_is_on_its_way_along(three: Author, tmp_path: Path) -> None:
    assert three.sign(str(three.policy), name=LI).code == 0
    before = (three.dir / "staged/policy.json").read_bytes()
    assert three.do("keys", "add", public(tmp_path, new_person(CHEN).public)).code == 0
    assert (three.dir / "staged/policy.json").read_bytes() == before
    assert json.loads((three.dir / "staged/targets.json").read_text())["signatures"] == []


def test_one_more_signer_leaves_a_policy_in_force_that_has_enough_signatures(three: Author, tmp_path: Path) -> None:
    three.published()
    assert three.do("keys", "add", public(tmp_path, new_person(CHEN).public)).code == 0
    assert [path.name for path in (three.dir / "staged").iterdir()] == ["root.json"]
    for name in (LI, WANG):
        assert three.sign(name=name).code == 0
    assert three.do("publish").code == 0
    assert json.loads(three.run("verify", str(three.dir), "--json").out)["version"] == 1


@pytest.mark.parametrize("do", [("remove", ZHAO), ("threshold", "3")], ids=["a removed signer", "a higher threshold"])
def test_a_policy_in_force_is_signed_again_where_it_must_be(three: Author, do: tuple[str, str]) -> None:
    three.published()
    assert three.do("keys", *do).code == 0
    for name in (LI, WANG) if do[0] == "remove" else NAMES:
        assert three.sign(name=name).code == 0
    assert three.do("publish").code == 0
    assert json.loads(three.run("verify", str(three.dir), "--json").out)["version"] == 2


MISTAKES: dict[str, tuple[Callable[[Path], tuple[str, ...]], str]] = {
    "nobody to add": (lambda folder: ("add",), "which public files?"),
    "somebody who signs already": (
        lambda folder: ("add", public(folder, new_person(LI).public)),
        "Li Wei signs here already",
    ),
    "a file that is missing": (lambda folder: ("add", str(folder / "nobody.pub.json")), "cannot be read"),
    "nobody to remove": (lambda folder: ("remove",), "whose keys?"),
    "a stranger to remove": (lambda folder: ("remove", "Mallory"), "nobody called Mallory"),
    "a threshold in letters": (lambda folder: ("threshold", "two"), "not a number"),
    "a threshold of one": (lambda folder: ("threshold", "1"), "1 of 3 signers cannot be"),
    "a threshold of four": (lambda folder: ("threshold", "4"), "4 of 3 signers cannot be"),
    "the publishing machine as a person": (lambda folder: ("new", "on-line"), "not a person's name"),
    "a name that steers a terminal": (lambda folder: ("new", "Li\x1b[2J"), "not a person's name"),
    "another verb with a public file": (lambda folder: ("renew", "--with", "x"), "belong to keys replace"),
    "two ways at once": (lambda folder: ("replace", LI, "--by", CHEN, "--with", "x"), "two ways"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_change_of_signers_that_makes_no_sense(three: Author, tmp_path: Path, mistake: str) -> None:
    arguments, shown = MISTAKES[mistake]
    ran = three.do("keys", *arguments(tmp_path))
    assert (ran.code, shown in ran.err, ran.err.count("\n")) == (2, True, 1), ran.err
    assert not (three.dir / "staged").exists()


def test_nobody_can_be_left_alone_by_removal(three: Author) -> None:
    assert three.do("keys", "remove", ZHAO).code == 0
    ran = three.do("keys", "remove", WANG)
    assert (ran.code, "for a threshold of 2" in ran.err) == (2, True)
    assert signers(three) == (2, [LI, WANG])


def test_nobody_signs_twice_under_two_names_or_takes_a_colleague_s_key(three: Author, tmp_path: Path) -> None:
    """Keys are told apart by what they are: a file cannot give its key another's id, or another's key its own name."""
    root = json.loads((three.dir / "root.json").read_text())["signed"]
    wang = {
        role: next(
            root["keys"][keyid]["keyval"]["public"]
            for keyid in root["roles"][role]["keyids"]
            if root["keys"][keyid]["x-interdict-owner"] == WANG
        )
        for role in ("root", "targets")
    }
    file = tmp_path / "mallory.pub.json"
    file.write_text(json.dumps({"schema": 1, "name": "Mallory", "root": wang["root"], "policy": wang["targets"]}))
    ran = three.do("keys", "add", str(file))
    assert (ran.code, "a key of Mallory is that of Wang Fang" in ran.err) == (2, True)
    person = new_person("Mallory").public
    twice = [public(tmp_path, person, "a"), public(tmp_path, person._replace(name="Mallory too"), "b")]
    ran = three.run("init", str(tmp_path / "new"), *(f"--signer-key={file}" for file in twice))
    assert (ran.code, "two of these keys are the same" in ran.err) == (2, True)


def test_the_first_root_of_public_files_is_staged_signed_and_published_with_a_policy(
    three: Author, tmp_path: Path
) -> None:
    people = [new_person(name) for name in (LI, CHEN)]
    files = [f"--signer-key={public(tmp_path, person.public)}" for person in people]
    made = Author(tmp_path / "new", three._capsys)
    ran = made.init(*files)
    assert ran.code == 0, ran.err
    assert "Compare each fingerprint" in ran.out
    assert not (made.dir / "root.json").exists(), "nothing to give to a device yet"
    assert "2 of Chen Jie, Li Wei" in made.run("status", "--dir", str(made.dir)).out
    assert "has 0 of the 2 signatures" in made.do("publish").err

    for person in people:
        write_person(made.dir / "keys", person, PHRASE)
    assert made.sign(str(made.policy), name=LI).code == 0
    assert "has 1 of the 2 signatures" in made.do("publish").err
    assert made.sign(name=CHEN).code == 0
    ran = made.do("publish")
    assert ran.code == 0, ran.err
    assert "Published version 1, signed by Chen Jie, Li Wei." in ran.out
    assert (made.dir / "root.json").read_bytes() == (made.dir / "repository/metadata/1.root.json").read_bytes()


HEX = "0123456789abcdef" * 4
KNOWN = {"schema": 1, "name": LI, "root": HEX, "policy": HEX[::-1]}


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        pytest.param(b"", "not JSON", id="nothing"),
        pytest.param(b"\xff", "not JSON", id="no text"),
        pytest.param(b"[" * 4000, "not a signer's public file", id="brackets without end"),
        pytest.param(b"[]", "schema, name, root and policy", id="a list"),
        pytest.param(json.dumps({**KNOWN, "keyid": "aa"}).encode(), "schema, name, root", id="an id of its own"),
        pytest.param(json.dumps({**KNOWN, "schema": 2}).encode(), "schema 2", id="a later schema"),
        pytest.param(json.dumps({**KNOWN, "name": "on-line"}).encode(), "publishing machine", id="the on-line key"),
        pytest.param(json.dumps({**KNOWN, "name": "a\nb"}).encode(), "not a person's name", id="a name of two lines"),
        pytest.param(json.dumps({**KNOWN, "root": HEX[1:]}).encode(), "64 hexadecimal", id="a short key"),
        pytest.param(json.dumps({**KNOWN, "policy": HEX}).encode(), "the same key", id="one key for both"),
        pytest.param(b"x" * 5000, "4,096 are allowed", id="too large"),
    ],
)
def test_a_public_file_that_is_none(tmp_path: Path, content: bytes, shown: str) -> None:
    path = tmp_path / "x.pub.json"
    path.write_bytes(content)
    with pytest.raises(BadFile) as refused:
        read_public(path)
    assert shown in str(refused.value)


@given(st.binary(max_size=300) | st.dictionaries(st.sampled_from(sorted(KNOWN)), st.text() | st.integers()))
def test_any_content_of_a_public_file_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes | dict[str, object]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.pub.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps({**KNOWN, **content}).encode())
    try:
        person = read_public(path)
    except BadFile:
        return
    assert person.name.isprintable() and person.root.keyid != person.policy.keyid
