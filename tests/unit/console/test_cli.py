"""The command line: what is refused, and how it says so."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from console.cli import main

ROOT = Path(__file__).parents[3]
WITHOUT = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == {library!r}:
            raise ModuleNotFoundError("No module named " + repr(name), name=name)
sys.meta_path.insert(0, Missing())
from console.cli import main
sys.exit(main({arguments!r}))
"""


def said(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> str:
    """The one line on stderr of a command that could not be carried out."""
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1, captured.err
    assert captured.err.startswith("interdict-console: ")
    return captured.err


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "no command was given"),
        (["nonsense"], "nonsense"),
        (["serve", "--nonsense"], "--nonsense"),
        (["serve", "--port", "many"], "many"),
        (["serve", "--silent-after", "soon"], "soon"),
        (["serve", "--silent-after", "0s"], "no time at all"),
        (["serve", "--trial", "--host", "0.0.0.0"], "--trial"),
        (["serve", "--host", "0.0.0.0"], "clear text"),
        (["serve", "--port", "70000"], "70000 is not a port"),
        (["user", "add"], "name"),
        (["enroll-secret"], "COMMAND"),
        (["enroll-secret", "new", "--uses", "0"], "--uses 0"),
        (["enroll-secret", "new", "--uses", "99999999999"], "--uses 99999999999"),
        (["report", "--csv", "--json"], "not allowed with"),
    ],
    ids=" ".join,
)
def test_a_command_that_makes_no_sense_gets_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], text: str
) -> None:
    monkeypatch.setenv("INTERDICT_CONSOLE_DATA", str(tmp_path / "data"))
    assert text in said(capsys, arguments)


@pytest.mark.parametrize("library", ["sqlalchemy", "starlette", "jinja2", "argon2", "alembic", "uvicorn"])
def test_a_missing_library_is_one_line_that_says_what_to_install(library: str, tmp_path: Path) -> None:
    script = WITHOUT.format(library=library, arguments=["migrate", "--data", str(tmp_path)])
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert re.fullmatch(rf'interdict-console: .*{library}.*; pip install "interdict\[console\]"\n', done.stderr)


def test_help_needs_no_library_at_all() -> None:
    script = "import sys; sys.argv[0] = 'x'; from console.cli import main; print(sorted(sys.modules)); main(['--help'])"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0
    assert not {"sqlalchemy", "starlette", "jinja2", "msgspec"} & set(re.findall(r"'([a-z0-9]+)'", done.stdout))


def test_a_folder_that_cannot_be_made_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot be made" in said(capsys, ["migrate", "--data", str(tmp_path / "file" / "data")])


def test_something_else_in_place_of_the_database_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "console.sqlite3").write_bytes(b"this is no database, however long one looks at it" * 100)
    assert "cannot be" in said(capsys, ["report", "--data", str(tmp_path)])


def test_a_report_without_a_console_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "there is no console in" in said(capsys, ["report", "--data", str(tmp_path)])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "names no device"),
        (b"\n \n", "names no device"),
        (b"serial,owner\n1,2\n", "host_name"),
        (b"\xff\xfe\xff", "not UTF-8"),
        (None, "cannot be read"),
    ],
    ids=["empty", "blank", "another CSV", "not text", "not there"],
)
def test_a_list_of_devices_that_cannot_be_used_is_said(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes | None, text: str
) -> None:
    listed = tmp_path / "list.csv"
    if content is not None:
        listed.write_bytes(content)
    assert text in said(capsys, ["devices", "import", str(listed), "--data", str(tmp_path / "data")])


@pytest.mark.parametrize("name", ["", " ", "a\x1b[2Jb", "x" * 101], ids=["empty", "blank", "controls", "endless"])
def test_a_name_that_is_none_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str) -> None:
    password = tmp_path / "password"
    password.write_text("several words are easier\n")
    arguments = ["user", "add", name, "--password-file", str(password), "--data", str(tmp_path)]
    assert "is not a name" in said(capsys, arguments)


@pytest.mark.parametrize("content", ["", "short\n"], ids=["empty", "short"])
def test_a_password_that_is_too_short_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: str
) -> None:
    password = tmp_path / "password"
    password.write_text(content)
    text = said(capsys, ["user", "add", "chen", "--password-file", str(password), "--data", str(tmp_path)])
    assert "characters" in text
