"""Programs of the system: named, bounded, without our environment, ended in time."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import InterdictError, TooBig, ToolFailed, ToolMissing
from agent.host.command import Account, Tool, find_tool, last_line, run_tool

SH = Tool("sh", ("/no/such/sh", "/bin/sh"))


def _sh(script: str, **options: object) -> bytes:
    given = {"timeout": 20.0, **options}
    return run_tool(SH, ["-c", script], **given).stdout  # type: ignore[arg-type]  # the table below is checked by running


def test_the_first_place_that_exists_is_taken() -> None:
    assert find_tool(SH) == "/bin/sh"


@pytest.mark.parametrize("kind", ["nothing", "a folder", "a file that cannot run"])
def test_a_program_that_is_not_there_is_named(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "tool"
    if kind == "a folder":
        place.mkdir()
    elif kind == "a file that cannot run":
        place.write_text("x")
        place.chmod(0o600)
    with pytest.raises(ToolMissing, match="tool is not installed") as error:
        run_tool(Tool("tool", (str(place),)), [], timeout=5)
    assert str(place) in error.value.advice()


@pytest.mark.parametrize(
    ("script", "options", "error", "shown"),
    [
        pytest.param("exit 3", {}, ToolFailed, "ended with 3: it gave no reason", id="an error without a word"),
        pytest.param("echo one; echo two >&2; exit 1", {}, ToolFailed, "two", id="an error with a reason"),
        pytest.param("printf '\\033[31mred\\n' >&2; exit 1", {}, ToolFailed, r"\?\[31mred", id="steering a terminal"),
        pytest.param("kill -9 $$", {}, ToolFailed, "ended with -9", id="killed"),
        pytest.param("exec tail -f /dev/null", {"timeout": 0.2}, ToolFailed, "did not end within 0.2", id="endless"),
        pytest.param("tail -f /dev/null & exit 0", {"timeout": 0.2}, ToolFailed, "did not end", id="its child stays"),
        pytest.param(
            "setsid tail -f /dev/null & exit 0", {"timeout": 0.2}, ToolFailed, "did not end", id="a child that has left"
        ),
        pytest.param("while :; do echo y; done", {"most": 1000}, TooBig, "more than 1000 bytes", id="talking on"),
    ],
)
def test_what_goes_wrong_is_one_of_our_errors(
    script: str, options: dict[str, object], error: type[InterdictError], shown: str
) -> None:
    with pytest.raises(error, match=shown):
        _sh(script, **options)


def test_a_code_that_is_an_answer_is_no_error() -> None:
    assert run_tool(SH, ["-c", "echo no; exit 1"], timeout=20, good=frozenset({0, 1})).code == 1


def test_nothing_of_our_environment_reaches_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_PRELOAD_OF_SOMEBODY", "x")
    names = {line.split("=")[0] for line in _sh("env").decode().splitlines()}
    assert names <= {"PATH", "LANG", "PWD", "SHLVL", "_"}


def test_it_runs_in_the_root_folder_without_a_terminal_in_its_own_session() -> None:
    pid, session, folder = _sh("echo $$; ps -o sid= -p $$; pwd; test -t 0 || true").decode().split()
    assert (pid == session, folder) == (True, "/")


def test_input_goes_in_and_a_deaf_program_is_no_trouble() -> None:
    assert _sh("cat", stdin=b"x" * 1_000_000, most=2_000_000) == b"x" * 1_000_000
    assert _sh("exec 0<&-; echo deaf", stdin=b"x" * 1_000_000) == b"deaf\n"


def test_a_flood_of_complaints_does_not_stop_it() -> None:
    assert _sh("head -c 3000000 /dev/zero >&2; echo done") == b"done\n"


@pytest.mark.root
def test_as_root_it_can_be_another_user_with_no_other_group() -> None:
    shown = _sh("id -u; id -G", account=Account(65534, 65534)).split()
    assert shown == [b"65534", b"65534"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [(b"", "it gave no reason"), (b"\n\n", "it gave no reason"), (b"a\nb\n", "b"), (b"\xff\x1b[2J", "�?[2J")],
)
def test_the_last_line_is_safe_to_show(text: bytes, shown: str) -> None:
    assert last_line(text) == shown
