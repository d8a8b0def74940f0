"""What a person reads when they log in on a terminal: real login shells read the real script, at a real terminal."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.device_views import a_finding, own, rulebook
from tests.fakes.terminal import converse

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="login shells of Unix")
SCRIPT = Path("installers/profile.d/interdict.sh")
SHELLS = [
    pytest.param("bash", id="bash"),
    pytest.param("dash", id="dash"),
    pytest.param("zsh", id="zsh", marks=pytest.mark.desktop),
]
LINE = "Example Group policy: Claude Code may not be used here. Use Qoder: https://qoder.com"
BLOCKED = a_finding(state="active", action="block", next=None)


class Login:
    """A machine with an agent's state folder, and a person whose shell reads the script at its start."""

    def __init__(self, folder: Path, findings: list[dict[str, object]] | None = None) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir()
        self.settings = folder / "settings.toml"
        self.settings.write_text(f'state_dir = "{folder}/state"\n')
        self.view = folder / "state" / "views" / f"{os.geteuid()}.json"
        if findings is not None:
            self.view.parent.mkdir(parents=True)
            names = {"claude-code": "Claude Code", "cursor": "Cursor"}
            told = {"organisation": rulebook()["organisation"], "findings": findings, "tools": names}
            self.view.write_text(json.dumps({**own(), **told}))
            self.view.chmod(0o400)
        self.program = folder / "interdict"
        self.is_program(
            f'#!/bin/sh\nexec env PYTHONPATH={os.getcwd()} {sys.executable} -m agent "$@" --config {self.settings}\n'
        )
        profile = SCRIPT.read_text().replace("/usr/bin/interdict", str(self.program)) + "\nPS1='ready> '\n"
        for name in (".profile", ".zprofile"):
            (self.home / name).write_text(profile)
        (self.home / ".zshrc").touch()  # else zsh asks a newcomer questions

    def is_program(self, text: str) -> None:
        self.program.unlink(missing_ok=True)
        self.program.write_text(text)
        self.program.chmod(0o755)

    def command(self, shell: str, *words: str, **environment: str) -> list[str]:
        told = {"HOME": str(self.home), "PATH": os.environ["PATH"], "TERM": "xterm", "LANG": "C.UTF-8", **environment}
        return ["env", "-i", *(f"{name}={value}" for name, value in told.items()), shell, *words]

    def reads(self, shell: str = "bash", **environment: str) -> list[str]:
        """The lines that stood on the terminal before the first prompt."""
        talk = converse(self.command(shell, "-l", **environment), [("ready> ", "exit")], self.home)
        before = talk.shown.split("ready> ", 1)[0]
        return [line for line in before.replace("\r", "").split("\n") if line.isprintable() and line.strip(" %")]


@pytest.mark.parametrize("shell", SHELLS)
def test_whom_it_concerns_reads_it_before_the_first_prompt(tmp_path: Path, shell: str) -> None:
    login = Login(tmp_path, [BLOCKED])
    assert login.reads(shell) == [
        LINE,
        "Why, and whom to ask: https://help.example.com/ai",
        "Details: interdict status",
    ]


SILENT = {
    "nothing was found of theirs": [],
    "it is only reported, and nobody was told yet": [a_finding(state="active", action="report", next=None)],
    "an exception rests on it": [a_finding(state="excepted", action="report")],
    "only its name speaks for it": [a_finding(state="weak", action="report")],
    "there is no agent and never was one": None,
}


@pytest.mark.parametrize("shell", SHELLS)
def test_whom_nothing_concerns_reads_nothing(tmp_path: Path, shell: str) -> None:
    assert Login(tmp_path, []).reads(shell) == []


@pytest.mark.parametrize("what", SILENT)
def test_nothing_is_said_where(tmp_path: Path, what: str) -> None:
    assert Login(tmp_path, SILENT[what]).reads() == []


@pytest.mark.parametrize(
    "program",
    [
        pytest.param("#!/bin/sh\nexec sleep 600\n", id="never answers"),
        pytest.param(
            "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 1; done\n",
            id="never answers and will not be ended",
            marks=pytest.mark.slow,
        ),
        pytest.param("#!/bin/sh\necho broken >&2\nexit 3\n", id="fails"),
        pytest.param("#!/no/such/interpreter\n", id="cannot be started"),
    ],
)
def test_a_login_goes_on_where_the_command(tmp_path: Path, program: str) -> None:
    login = Login(tmp_path, [BLOCKED])
    login.is_program(program)
    assert login.reads() == []


def test_a_view_that_cannot_be_read_keeps_nobody_from_their_prompt(tmp_path: Path) -> None:
    login = Login(tmp_path, [BLOCKED])
    login.view.unlink()
    os.mkfifo(login.view)
    assert login.reads() == []
    login.view.unlink()
    login.view.write_text("{")
    assert login.reads() == []


def test_the_language_is_that_of_the_session_and_the_console_reads_ascii(tmp_path: Path) -> None:
    login = Login(tmp_path, [a_finding(next={"action": "block", "from": "2099-07-10T01:00:00Z"})])
    chinese, *_, details = login.reads(LANG="zh_CN.UTF-8")
    assert "Claude Code" in chinese and not chinese.isascii() and details == "详情: interdict status"
    first = login.reads(TERM="linux", LANG="zh_CN.UTF-8")[0]
    assert first.startswith("Example Group policy: Claude Code cannot be started from Fri 10 July 2099, 09:00 on.")


def test_what_comes_first_stands_on_top_and_each_tool_has_one_line(tmp_path: Path) -> None:
    later = a_finding(tool="cursor", next={"action": "block", "from": "2099-07-10T01:00:00Z"})
    told = Login(tmp_path, [later, BLOCKED, a_finding(**{**BLOCKED, "path": "/opt/other"})]).reads()
    assert [line.split(":")[1].split()[0] for line in told[:2]] == ["Claude", "Cursor"]
    assert len(told) == 4


@pytest.mark.parametrize("shell", [name.values[0] for name in SHELLS[:2]])
def test_a_shell_without_a_person_is_not_disturbed(tmp_path: Path, shell: str) -> None:
    login = Login(tmp_path, [BLOCKED])
    done = subprocess.run(login.command(shell, "-lc", "echo done"), capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("done\n", "")


def test_the_script_is_good_for_the_smallest_shell() -> None:
    shell = shutil.which("dash") or "sh"
    subprocess.run([shell, "-nu", str(SCRIPT)], check=True)
