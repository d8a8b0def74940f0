"""`interdict-policy lint`: exit codes and the two forms of its answer."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from policy_schema.authoring.cli.main import main

SAMPLES = Path(__file__).parents[2] / "samples" / "policies"
BASE = (SAMPLES / "base.yaml").read_text(encoding="utf-8")
CASES = {
    "a good policy": (BASE, 0, 0),
    "a policy with a warning": (BASE.replace("percent: 100", "percent: 90"), 0, 1),
    "a policy with an error": (BASE.replace('action: "remove"', 'action: "notify"'), 2, 1),
    "a text that is no policy": ("a: b: c", 2, 1),
    "an empty file": ("", 2, 1),
}


@pytest.mark.parametrize(("text", "code", "number"), CASES.values(), ids=CASES)
def test_exit_code_and_lines(
    text: str, code: int, number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(text, encoding="utf-8")
    assert main(["lint", str(file)]) == code
    out, err = capsys.readouterr()
    assert err.count("\n") == number
    assert all(line.startswith(f"{file}") for line in err.splitlines())
    assert ("nothing to mend" in out) == (number == 0)


@pytest.mark.parametrize(("text", "code", "number"), CASES.values(), ids=CASES)
def test_json_is_one_document(
    text: str, code: int, number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(text, encoding="utf-8")
    assert main(["lint", "--json", str(file)]) == code
    out, err = capsys.readouterr()
    problems = json.loads(out)["problems"]
    assert err == ""
    assert len(problems) == number
    for problem in problems:
        assert set(problem) == {"file", "line", "field", "message", "mend", "level"}


def test_a_huge_file_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "p.yaml"
    file.touch()
    os.truncate(file, 100 * 1024 * 1024)
    assert main(["lint", str(file)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("path", sorted((SAMPLES / "bad").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_bad_sample_ends_with_2(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", str(path)]) == 2
    err = capsys.readouterr().err
    assert err
    assert "Traceback" not in err
