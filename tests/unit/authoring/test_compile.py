"""`interdict-policy compile`: files where they were asked for, sentences on stderr, one line for a mistake."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from policy_schema.authoring.cli.main import main
from policy_schema.engines import ENGINES
from tests.fakes.author import POLICY

BLOCKED = "2036-12-10T01:00:00Z"


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """The author's file."""
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


@pytest.mark.parametrize("name", ENGINES)
def test_files_and_sentences(name: str, policy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["compile", str(policy), "--to", name, "--at", BLOCKED, "--out", str(out)]) == 0
    ran = capsys.readouterr()
    written = sorted(str(path) for path in out.rglob("*") if path.is_file())
    assert sorted(line.partition(": for ")[0] for line in ran.out.splitlines()) == written != []
    assert all(line.startswith("not in the files: ") for line in ran.err.splitlines())
    assert "let_finish" in ran.err
    stated = re.sub(r"\n  ", " ", (out / name / "NOT-COVERED.txt").read_text()).splitlines()
    assert [f"not in the files: {line[2:]}" for line in stated if line.startswith("- ")] == ran.err.splitlines()


def test_json_names_files_instant_and_what_is_missing(
    policy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(["compile", str(policy), "--to", "santa", "--at", "2036-12-10 09:00", "--out", str(tmp_path), "--json"])
        == 0
    )
    ran = capsys.readouterr()
    document = json.loads(ran.out)
    assert ran.err == ""
    assert (document["engine"], document["at"]) == ("santa", BLOCKED)
    assert {Path(file["path"]).name for file in document["files"] if Path(file["path"]).read_bytes()} == {
        "NOT-COVERED.txt",
        "interdict.mobileconfig",
        "rules.json",
    }
    assert document["cannot"]


def test_before_anything_is_refused_there_may_be_nothing_to_write(
    policy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = ["--at", "2036-12-05T00:00:00Z", "--out", str(tmp_path / "out")]
    assert main(["compile", str(policy), "--to", "vendor-settings", *at]) == 0
    ran = capsys.readouterr()
    assert ran.out == "Nothing to write at 2036-12-05T00:00:00Z.\n"
    assert "block begins at 2036-12-10T01:00:00Z: compile again then." in ran.err
    assert not (tmp_path / "out").exists()


def test_homes_of_the_devices(policy: Path, tmp_path: Path) -> None:
    homes = ["--home", "/home/li/", "--home", "/srv/homes/wang"]
    assert main(["compile", str(policy), "--to", "fapolicyd", "--at", BLOCKED, "--out", str(tmp_path), *homes]) == 0
    rules = (tmp_path / "fapolicyd" / "10-interdict.rules").read_text()
    assert "dir=/home/li/.local/share/claude/versions/\n" in rules
    assert "dir=/srv/homes/wang/.local/share/claude/versions/\n" in rules


WRONG = {
    "no engine": (["--at", BLOCKED], "--to"),
    "an engine that there is not": (["--to", "yara"], "yara"),
    "a time that is none": (["--to", "santa", "--at", "soon"], "--at"),
    "a home that is no path": (["--to", "santa", "--home", "li"], "--home li"),
    "the root as a home": (["--to", "santa", "--home", "/"], "--home /"),
    "a kind of device that there is not": (["--to", "santa", "--kind", "toaster"], "toaster"),
}


@pytest.mark.parametrize(("arguments", "named"), WRONG.values(), ids=WRONG.keys())
def test_a_mistake_is_one_line(
    arguments: list[str], named: str, policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compile", str(policy), *arguments]) == 2
    ran = capsys.readouterr()
    assert ran.out == ""
    (line,) = ran.err.splitlines()
    assert named in line


def test_a_folder_that_cannot_be_written_to(policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", str(policy), "--to", "santa", "--out", str(policy)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
