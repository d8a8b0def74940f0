"""The pages for authors, followed by the letter in an empty folder: every command is run, what it shows is compared."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from policy_schema.document.catalogue import load_catalogue
from policy_schema.document.lint import lint_text
from policy_schema.document.problems import Level
from tests.fakes.terminal import converse

DOCS = Path(__file__).parents[2] / "docs"
WRITING, POLICY = DOCS / "writing-a-policy.md", DOCS / "policy.md"
PHRASE = "correct horse battery"
NEW = [("New passphrase of", PHRASE), ("Once more: ", PHRASE)]
TYPED: dict[str, list[tuple[str, str]]] = {
    "init": NEW,
    "sign": [("Type yes: ", "yes"), ("assphrase of ", PHRASE)],
    "publish": [("assphrase of ", PHRASE)],
}
"""What a person types, by verb."""
CLEARED = "\r\x1b[K"
"""How a line of progress is taken away."""


def typed(line: str) -> list[tuple[str, str]]:
    """The answers for one command."""
    return TYPED.get(line.split()[1], []) if line.startswith("interdict-policy ") else []


def blocks(page: Path, kind: str) -> list[str]:
    """The fenced blocks of a page."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def said(page: Path) -> Iterator[tuple[str, list[str]]]:
    """Each command of the console blocks, with the lines that stand below it."""
    for block in blocks(page, "console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *lines = part.splitlines()
            yield command, lines


def do(line: str, folder: Path) -> tuple[int, str]:
    """Runs one line at a terminal, with the commands of this environment."""
    programs = Path(sys.executable).parent
    talk = converse(["bash", "-c", f'PATH="{programs}:$PATH"; {line}'], typed(line), folder)
    return talk.code, talk.shown.replace(CLEARED, "")


def stands_in(lines: Sequence[str], shown: str) -> None:
    """The lines stand in what was shown, in order and without others between them, but where an ellipsis stands."""
    pattern = "".join(".*" if line == "…" else re.escape(line).replace("…", ".*") + "\n" for line in lines)
    assert re.search(rf"(?:\A|\n){pattern}", shown, re.DOTALL), f"{pattern}\n---\n{shown}"


def test_the_ten_minutes_go_as_the_page_says(tmp_path: Path) -> None:
    walked = 0
    for command, lines in said(WRITING):
        code, shown = do(command, tmp_path)
        wrong = any("is not one of the known words" in line for line in lines)
        assert code == (2 if wrong else 0), f"{command}: {shown}"
        stands_in(lines, shown)
        walked += 1
    assert walked > 15


def test_from_file_to_machines_goes_as_the_page_says(tmp_path: Path) -> None:
    (block,) = blocks(POLICY, "sh")
    for line in block.splitlines():
        code, shown = do(line.partition("  #")[0] + (" --yes" if " new " in line else ""), tmp_path)
        assert code == 0, f"{line}: {shown}"
    assert (tmp_path / "authority" / "repository" / "metadata" / "timestamp.json").is_file()


INLINE = sorted(
    {
        line
        for page in (WRITING, POLICY)
        for line in re.findall(r"`(interdict-policy [^`\n]+)`", page.read_text(encoding="utf-8"))
    }
)


@pytest.mark.parametrize("line", INLINE)
def test_a_command_in_the_text_works(line: str, tmp_path: Path) -> None:
    if line != "interdict-policy new":
        (tmp_path / "policy.yaml").write_text(blocks(POLICY, "yaml")[0], encoding="utf-8")
    ran = subprocess.run(
        ["bash", "-c", f'PATH="{Path(sys.executable).parent}:$PATH"; {line.replace("FILE", "policy.yaml")}'],
        cwd=tmp_path,
        input="\n" * 20,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "warning" not in ran.stderr


def whole(piece: str) -> str:
    """A policy with this piece of one: a part of a ban, or a part of the document."""
    base, bans = blocks(POLICY, "yaml")[0].split("bans:\n")
    if piece.startswith("targets:"):
        inside = "".join(f"    {line}\n" for line in piece.splitlines())
        return base + "bans:\n" + re.sub(r"    targets: .*\n", lambda _: inside, bans)
    return piece if piece.startswith("schema:") else base + piece + "bans:\n" + bans


PIECES = [(page.name, piece) for page in (WRITING, POLICY) for piece in blocks(page, "yaml")]


@pytest.mark.parametrize(("page", "piece"), PIECES, ids=[f"{name}: {piece.splitlines()[0]}" for name, piece in PIECES])
def test_a_piece_of_yaml_is_good(page: str, piece: str) -> None:
    def read(name: str) -> str:
        return "define: []\n"

    problems = lint_text(whole(piece), page, load_catalogue(), read)
    assert [problem.line_of_text() for problem in problems if problem.level is Level.ERROR] == []
