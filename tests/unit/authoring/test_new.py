"""`interdict-policy new`: what it writes lints clean, and nothing is ever overwritten."""

from __future__ import annotations

import io
import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from policy_schema.authoring.cli import new
from policy_schema.authoring.cli.main import main
from policy_schema.authoring.policy_template import Answers, write_policy
from policy_schema.document.catalogue import load_catalogue
from policy_schema.document.lint import lint_text
from policy_schema.document.load import load_policy, parse_policy
from policy_schema.document.problems import Level

TODAY = date(2026, 7, 1)
DEFAULTS = new.ask_all(new.questions(load_catalogue(), TODAY), {}, ask=None)


def test_the_defaults_lint_clean(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "policy.yaml"
    assert main(["new", str(file), "--yes"]) == 0
    assert lint_text(file.read_text(encoding="utf-8"), "p", load_catalogue()) == []
    assert f"{file}: written" in capsys.readouterr().out
    assert file.read_text(encoding="utf-8").count("#") > 10


def test_answers_come_from_a_file(tmp_path: Path) -> None:
    answers = tmp_path / "answers.json"
    given_answers = {
        "organisation": 'Ö "quoted": & Co, Ltd #1',
        "tool": "claude-desktop",
        "language": "zh-Hans",
        "reason": "不允许。",
    }
    answers.write_text(json.dumps(given_answers), encoding="utf-8")
    file = tmp_path / "p.yaml"
    assert main(["new", str(file), "--answers", str(answers)]) == 0
    policy = load_policy(file)
    assert policy.organisation.name == 'Ö "quoted": & Co, Ltd #1'
    assert policy.bans[0].targets[0].tool == "claude-desktop"
    assert policy.bans[0].reason == {"zh-Hans": "不允许。"}


def test_somebody_is_asked_and_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["Acme", "Nowhere/City", "Asia/Shanghai"] + [""] * 20
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines)))
    file = tmp_path / "p.yaml"
    assert main(["new", str(file)]) == 0
    policy = load_policy(file)
    assert (policy.organisation.name, policy.organisation.time_zone) == ("Acme", "Asia/Shanghai")
    err = capsys.readouterr().err
    assert "'Nowhere/City' is not a time zone that this machine knows; write a name such as" in err
    assert "Tool to ban (its id in `interdict-policy catalogue list`)" in err


def test_nobody_to_ask_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    file = tmp_path / "p.yaml"
    assert main(["new", str(file)]) == 2
    assert "nobody is here to answer; use --yes, or --answers FILE" in capsys.readouterr().err
    assert not file.exists()


@pytest.mark.parametrize("kind", ["file", "link that leads nowhere", "folder"])
def test_nothing_is_overwritten(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "p.yaml"
    if kind == "file":
        file.write_text("mine")
    elif kind == "folder":
        file.mkdir()
    else:
        file.symlink_to(tmp_path / "elsewhere")
    assert main(["new", str(file), "--yes"]) == 2
    assert "is there already; name a new file" in capsys.readouterr().err
    assert kind != "file" or file.read_text() == "mine"
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", str(tmp_path / "no" / "p.yaml"), "--yes"]) == 2
    assert "cannot be written: No such file or directory" in capsys.readouterr().err


BAD_ANSWERS = {
    "a question that is not asked": ('{"colour": "x"}', "'colour' is no question; answer organisation, "),
    "a tool that does not exist": ('{"tool": "x"}', "tool: 'x' is not a tool of the catalogue"),
    "a date that does not exist": ('{"notify": "2026-02-30"}', "notify: '2026-02-30' is not a date; write it as"),
    "a link with a script": ('{"help": "javascript:x"}', "help: 'javascript:x' is not an https or mailto address"),
    "a name that is too long": (json.dumps({"organisation": "x" * 300}), "organisation: is too long (300 characters)"),
    "a block before the notice": (
        '{"notify": "2027-07-10", "block": "2027-07-01", "remove": "2027-08-01"}', "is earlier than stage 1"),
    "a tool that replaces itself": ('{"alternative": "claude-code"}', "claude-code is banned by claude-code"),
    "no JSON": ("{", "is not JSON"),
    "a list": ("[]", "is not an object of texts"),
    "a number": ('{"tool": 1}', "is not an object of texts"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "says"), BAD_ANSWERS.values(), ids=BAD_ANSWERS)
def test_a_wrong_answer_writes_nothing(
    text: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = tmp_path / "a.json"
    answers.write_text(text, encoding="utf-8")
    assert main(["new", str(tmp_path / "p.yaml"), "--answers", str(answers)]) == 2
    err = capsys.readouterr().err
    assert says in err
    assert "Traceback" not in err
    assert not (tmp_path / "p.yaml").exists()


@pytest.mark.parametrize("days", range(1, 12))
def test_any_time_between_notice_and_block_makes_a_good_policy(days: int) -> None:
    block = date(2026, 7, 4 + days).isoformat()
    answers = Answers(**{**DEFAULTS, "block": block, "remove": "2026-08-01"})
    assert lint_text(write_policy(answers, load_catalogue(), TODAY), "p", load_catalogue()) == []


@settings(max_examples=100, deadline=None)
@example("0", "0\x850")
@example("a\u2028b", "a\ufeffb\x9f")
@given(st.text(min_size=1, max_size=100), st.text(min_size=1, max_size=100))
def test_whatever_texts_are_answered_stay_what_they_are(name: str, reason: str) -> None:
    answers = Answers(**{**DEFAULTS, "organisation": name, "reason": reason})
    text = write_policy(answers, load_catalogue(), TODAY)
    if not [problem for problem in lint_text(text, "p", load_catalogue()) if problem.level is Level.ERROR]:
        policy = parse_policy(text, "p")
        assert policy.organisation.name == name.strip()
        assert policy.bans[0].reason["en"] == reason.strip()
