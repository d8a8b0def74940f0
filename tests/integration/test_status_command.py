"""`interdict status` as its users run it: in a terminal, in a pipe, as a page; for root and for somebody else."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.cli.main import main
from agent.cli.status import plain_form
from tests.fakes.device_views import a_finding, machine, own, rulebook
from tests.fakes.other_person import UID, give_to, person
from tests.fakes.terminal import converse

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="terminals of Unix")
COLOUR = re.compile(r"\x1b\[(\d+)m")


class Place:
    """A state folder with views as the daemon writes them, and settings that lead to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir()
        self.settings = folder / "settings.toml"
        self.settings.write_text(f'state_dir = "{folder}/state"\nserver = "https://console.example.com"\n')
        views = folder / "state" / "views"
        views.mkdir(parents=True)
        self.write("machine.json", machine(), 0o644)
        self.write("rules.json", {"schema": 1, "policy": {}, "rulebook": rulebook()}, 0o644)
        self.write(f"{os.geteuid()}.json", own(), 0o400)

    def write(self, name: str, view: object, mode: int, uid: int = -1) -> None:
        path = self.folder / "state" / "views" / name
        path.write_text(json.dumps(view))
        path.chmod(mode)
        os.chown(path, uid, -1)

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "agent", "status", "--config", str(self.settings), *words]

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words),
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.home),
                "TZ": "UTC",
                "PYTHONPATH": os.getcwd(),
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def run_as_other(self, *words: str, **environment: str) -> dict[str, str]:
        """The same in the process of somebody who may not read where our Python lies, so with everything loaded."""
        with contextlib.redirect_stdout(io.StringIO()):
            main(self.command("--html", str(self.folder / "warm.html"))[3:])
        wanted = {"HOME": str(self.home), "TZ": "UTC", "PATH": os.environ["PATH"], **environment}
        with person(lambda: None, lambda: _said(self.command(*words)[3:], wanted)) as someone:
            return someone.act()


def _said(words: list[str], environment: dict[str, str]) -> dict[str, str]:
    os.environ.clear()
    os.environ.update(environment)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    return {"code": str(code), "out": out.getvalue(), "err": err.getvalue()}


@pytest.fixture
def place() -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="interdict-status-") as folder:
        os.chmod(folder, 0o755)
        yield Place(Path(folder))


def test_a_pipe_gets_no_colour_and_the_next_deadline_first(place: Place) -> None:
    said = place.run()
    assert (said.returncode, said.stderr) == (1, "")
    assert "\x1b" not in said.stdout
    lines = said.stdout.splitlines()
    head = next(number for number, line in enumerate(lines) if line.startswith("NEXT"))
    moments = [line.split("  ")[0] for line in lines[head + 1 :]]
    assert moments == ["Fri 10 Jul 2026 01:00 UTC: block"] * 2 + ["Sat 1 Aug 2026 00:00 UTC: its exception ends"]


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [
        ({}, True),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": ""}, True),
        ({"TERM": "dumb"}, False),
    ],
    ids=["a terminal", "NO_COLOR", "an empty NO_COLOR", "a terminal without colours"],
)
def test_colour_is_for_terminals_of_people_who_did_not_say_no(
    place: Place, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], coloured: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    shown = converse(place.command(), [], Path.cwd()).shown
    assert bool(COLOUR.search(shown)) is coloured
    assert "\x1b" not in COLOUR.sub("", shown)
    assert "claude-code" in shown


def test_json_is_the_views_and_nothing_else(place: Place) -> None:
    said = place.run("--json")
    document = json.loads(said.stdout)
    assert document["findings"] == own()["findings"]
    assert {key: document[key] for key in ("schema", "policy", "device", "coverage")} == {
        key: machine()[key] for key in ("schema", "policy", "device", "coverage")
    }


@pytest.mark.parametrize(
    ("words", "form"),
    [
        ([], ("", False)),
        (["--json"], ("", True)),
        (["--config", "f"], ("f", False)),
        (["--config", "f", "--json"], ("f", True)),
        (["--json", "--config", "f"], None),
        (["--help"], None),
        (["--html"], None),
        (["--config", "--json"], None),
        (["--jsn"], None),
        (["extra"], None),
    ],
    ids=lambda value: " ".join(value) or "nothing" if isinstance(value, list) else "",
)
def test_only_the_plainest_forms_go_past_the_parser(words: list[str], form: tuple[str, bool] | None) -> None:
    assert plain_form(words) == form


def test_the_page_is_written_for_its_reader_alone(place: Place) -> None:
    said = place.run("--html")
    path = Path(said.stdout.strip())
    assert (said.returncode, said.stderr) == (1, "")
    assert path == place.home / ".cache" / "interdict" / "my-device.html"
    assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)) == (0o600, 0o700)
    assert "1 tool here is not allowed" in path.read_text()


@pytest.mark.parametrize(
    ("words", "environment", "language"),
    [
        (["--language", "zh-CN"], {"LANG": "en_US.UTF-8"}, "zh-Hans"),
        ([], {"LANG": "zh_CN.UTF-8"}, "zh-Hans"),
        ([], {"LANG": "C"}, "en"),
        (["--language", "fr"], {"LANG": "zh_CN.UTF-8"}, "en"),
    ],
    ids=["the one asked for", "that of the session", "that of the policy", "the policy's for one that there is not"],
)
def test_the_page_speaks(place: Place, words: list[str], environment: dict[str, str], language: str) -> None:
    file = place.folder / "page.html"
    place.run("--html", str(file), *words, **environment)
    assert f'<html lang="{language}">' in file.read_text()


REFUSED = {
    "a folder that is not there": (["--html", "/nonexistent/page.html"], "/nonexistent/page.html"),
    "a folder as the file": (["--html", "/tmp"], "/tmp"),
    "no language": (["--html", "--language", "../x"], "--language ../x"),
    "a page and JSON": (["--html", "--json"], "--json"),
}


@pytest.mark.parametrize(("words", "names"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_one_line(place: Place, words: list[str], names: str) -> None:
    said = place.run(*words)
    assert (said.returncode, said.stdout, said.stderr.count("\n")) == (2, "", 1)
    assert names in said.stderr and "Traceback" not in said.stderr


@pytest.mark.root
def test_somebody_else_reads_their_own_page_and_nothing_of_others(place: Place) -> None:
    theirs = a_finding(id="f-their", path="/home/wang/bin/claude", owner="wang")
    place.write(f"{UID}.json", own(findings=[theirs], history=[], reports=[]), 0o400, UID)
    os.chown(place.home, UID, UID)
    said = place.run_as_other("--html")
    page = Path(said["out"].strip())
    assert (said["code"], said["err"], page.stat().st_uid) == ("1", "", UID)
    text = page.read_text()
    assert "/home/wang/bin/claude" in text
    assert "f-3kq9" not in text and "Thesis until August" not in text


@pytest.mark.root
@pytest.mark.parametrize("trap", ["a folder of theirs", "a link to theirs", "a folder that all may write"])
def test_root_writes_into_no_folder_that_others_can_change(place: Place, trap: str) -> None:
    """HOME and XDG_RUNTIME_DIR survive `sudo -E`: whoever owns them would lead root's pen anywhere."""
    runtime = place.folder / "runtime"
    runtime.mkdir()
    if trap == "a folder of theirs":
        os.chown(runtime, UID, UID)
    elif trap == "a link to theirs":
        os.chown(place.home, UID, UID)
        (runtime / "interdict").symlink_to(place.home)
    else:
        runtime.chmod(0o777)
    said = place.run("--html", XDG_RUNTIME_DIR=str(runtime))
    assert (said.returncode, said.stdout) == (2, "")
    assert "--html FILE" in said.stderr
    assert not list(runtime.rglob("*.html")) + list(place.home.rglob("*.html"))


@pytest.mark.root
@pytest.mark.desktop
def test_a_browser_is_started_for_people_and_never_for_root(place: Place) -> None:
    assert "as root" in place.run("--html", "--open").stderr
    place.write(f"{UID}.json", own(), 0o400, UID)
    browser = place.home / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {place.home}/opened\n')
    browser.chmod(0o755)
    entry = place.home / ".local" / "share" / "applications" / "reader.desktop"
    entry.parent.mkdir(parents=True)
    entry.write_text(f"[Desktop Entry]\nType=Application\nName=Reader\nExec={browser} %f\nMimeType=text/html;\n")
    chosen = place.home / ".config" / "mimeapps.list"
    chosen.parent.mkdir()
    chosen.write_text("[Default Applications]\ntext/html=reader.desktop\n")
    give_to(place.home)
    said = place.run_as_other("--html", "--open", DISPLAY=":99")
    assert (said["code"], said["err"]) == ("1", "")
    assert (place.home / "opened").read_text().strip().removeprefix("file://") == said["out"].strip()
