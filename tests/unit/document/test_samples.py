"""Whole policies: good ones lint clean, bad ones are refused at the line that says why (`# <- field: message`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from policy_schema.document.catalogue import load_catalogue
from policy_schema.document.close import close_policy
from policy_schema.document.compile import compile_policy
from policy_schema.document.lint import checked_policy, lint_bytes, lint_file
from policy_schema.document.problems import Level
from policy_schema.errors import BadDocument
from policy_schema.rules.rulebook import Rulebook

ROOT = Path(__file__).parents[3]
SAMPLES = ROOT / "tests" / "samples" / "policies"
GOOD = [*sorted((SAMPLES / "good").glob("*.yaml")), SAMPLES / "base.yaml"]
GOOD += sorted((ROOT / "examples").glob("*/policy.yaml"))
BAD = sorted((SAMPLES / "bad").glob("*.yaml"))


def marked(text: str) -> list[tuple[int, str]]:
    """The lines that a sample marks as wrong, with what is said about each."""
    lines = enumerate(text.splitlines(), start=1)
    return [(number, line.partition("# <- ")[2]) for number, line in lines if "# <- " in line]


@pytest.mark.parametrize("path", GOOD, ids=lambda path: f"{path.parent.name} {path.stem} has no error")
def test_a_good_policy_closes_and_compiles(path: Path) -> None:
    problems = lint_file(path, load_catalogue())
    assert [problem for problem in problems if problem.level is Level.ERROR] == []
    closed = close_policy(checked_policy(path, load_catalogue()), load_catalogue())
    book = Rulebook(compile_policy(closed.document, 1))
    assert book.bans
    assert book.not_understood == ()


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_policy_is_refused_at_its_line(path: Path) -> None:
    problems = lint_bytes(path.read_bytes(), "p.yaml", load_catalogue())
    expected = marked(path.read_text(encoding="utf-8"))
    assert expected
    shown = [problem.line_of_text() for problem in problems if problem.level is Level.ERROR]
    assert len(shown) == len(expected), shown
    for (line, message), problem in zip(expected, shown, strict=True):
        assert problem.startswith(f"p.yaml:{line}: {message}")
        assert "\n" not in problem
    with pytest.raises(BadDocument):
        checked_policy(path, load_catalogue())


def test_the_example_has_no_warning_either() -> None:
    path = ROOT / "examples" / "claude-code-ban" / "policy.yaml"
    assert lint_bytes(path.read_bytes(), path.name, load_catalogue()) == []
