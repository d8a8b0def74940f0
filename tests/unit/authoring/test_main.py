"""`interdict-policy` itself: one line and exit code 2 for whatever is wrong with the call."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from policy_schema.authoring.cli import main as entry
from policy_schema.authoring.cli.main import COMMANDS, main
from policy_schema.errors import BadFile, PolicyError

ROOT = Path(__file__).parents[3]

CALLS: dict[str, tuple[Sequence[str], str]] = {
    "no command": ([], "no command given; choose one of catalogue, "),
    "an unknown command": (["frobnicate"], "'frobnicate' is not a command; choose one of"),
    "a misspelt command": (["lnt"], "'lnt' is not a command; did you mean `interdict-policy lint`?"),
    "a command with an escape in it": (["\x1b[2J"], "is not a command"),
    "an unknown option": (
        ["lint", "--colour", "x"],
        "unrecognized arguments: --colour; see `interdict-policy lint --help`",
    ),
    "an abbreviated option": (["lint", "--js", "x"], "unrecognized arguments: --js"),
    "a missing argument": (["lint"], "the following arguments are required: FILE; see"),
    "an unknown choice": (["schema", "x"], "invalid choice: 'x'"),
    "a missing verb": (["catalogue"], "the following arguments are required: list|show|check"),
    "an option without a value": (["preview", "x", "--ban"], "expected one argument"),
    "a file that is not there": (["lint", "nowhere.yaml"], "nowhere.yaml: cannot be read: No such file or directory; "),
    "a file name with a zero byte": (["lint", "a\0b"], "cannot be read"),
}


@pytest.mark.parametrize(("call", "says"), CALLS.values(), ids=CALLS)
def test_a_wrong_call_gets_one_line(call: Sequence[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(call) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert says in err
    assert err.startswith("interdict-policy: ")
    assert err.count("\n") == 1
    assert err[:-1].isprintable()


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("interdict-policy ")


@pytest.mark.parametrize(
    "command", [name for name in COMMANDS if name in ("catalogue", "lint", "new", "preview", "schema")]
)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([command, "--help"])
    assert left.value.code == 0
    assert f"usage: interdict-policy {command}" in capsys.readouterr().out
    module = entry.load(command)
    assert command == module.NAME
    assert module.HELP.endswith(".")


def test_the_table_is_alphabetical() -> None:
    assert list(COMMANDS) == sorted(COMMANDS)


def failing(error: BaseException) -> object:
    """A stand-in for the dispatcher that fails in one way."""

    def dispatch(argv: Sequence[str]) -> int:
        raise error

    return dispatch


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (KeyboardInterrupt(), 130, "\n"),
        (BadFile("x: is a folder", "name a file"), 2, "interdict-policy: x: is a folder; name a file\n"),
        (PolicyError("odd"), 2, "interdict-policy: odd; See `interdict-policy --help`.\n"),
        (
            OSError(28, "No space left on device", "p.yaml"),
            2,
            "interdict-policy: p.yaml: No space left on device; check",
        ),
    ],
    ids=["Ctrl-C", "one of our errors", "one without advice of its own", "a full disk"],
)
def test_what_a_command_raises_becomes_a_line(
    error: BaseException, code: int, says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(entry, "dispatch", failing(error))
    assert main(["lint"]) == code
    assert capsys.readouterr().err.startswith(says)


def test_a_library_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(COMMANDS, "lint", "policy_schema.authoring.cli.never")
    assert main(["lint", "x"]) == 2
    assert "lint needs the Python module policy_schema.authoring.cli.never" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = [sys.executable, "-m", "policy_schema.authoring.cli.main", "schema"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141


def test_a_terminal_that_cannot_show_a_character_ends_nothing() -> None:
    example = "examples/claude-code-ban/policy.yaml"
    done = subprocess.run(
        [sys.executable, "-m", "policy_schema.authoring.cli.main", "preview", example, "--language", "zh"],
        check=False,
        capture_output=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"},
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\\u" in done.stdout


def test_lint_does_not_load_what_only_signing_needs() -> None:
    code = (
        "import sys; from policy_schema.authoring.cli.main import main; main(['catalogue', 'list']);"
        "sys.exit(any(name in sys.modules for name in ('tuf', 'cryptography', 'httpx', 'securesystemslib')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0
