"""Root's agent, two people at desktops of their own and one who came by SSH: each hears of their own, and acts on it.

Three accounts made for this, each with a home, two with a session bus, a screen, a notification service and a notifier;
the third has a terminal that the login records name.
"""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.cli.main import main
from agent.device_key import FILE as KEY
from agent.host.person_socket import NAME as SOCKET
from policy_schema.messages import local
from tests.fakes.as_person import load
from tests.fakes.desktop import Desktop, desktop
from tests.fakes.notification_bus import Bus
from tests.fakes.other_person import person, tried
from tests.fakes.synthetic import synthetic_npm_install
from tests.fakes.terminal import converse
from tests.fakes.workstation import TAKEN, Workstation

pytestmark = [pytest.mark.root, pytest.mark.desktop]
LI, WANG, SSH = 54_331, 54_332, 54_333
BAN = "claude-code"
VERSIONS = {LI: "2.1.197", WANG: "2.1.190", SSH: "2.1.180"}
AS_PERSON = str(Path("tests/fakes/as_person.py").absolute())
UTMP = Path("/run/utmp")


class Office:
    """The machine, its agent and the three."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self.folder, self._stack = folder, stack
        self.config = folder / "people.toml"
        """Settings as a person may read them."""
        self.homes = {uid: self._home(uid) for uid in VERSIONS}
        self.station = stack.enter_context(Workstation(folder, notices="desktop", gate="off"))
        self.buses: dict[int, Bus] = {}
        """What each of their notification services is told."""
        self.screens = {uid: self._screen(uid) for uid in (LI, WANG)}
        self.terminal = stack.enter_context(_logged_in(SSH))

    def package(self, uid: int) -> Path:
        """What is banned of theirs."""
        return self.homes[uid] / ".npm-global/lib/node_modules/@anthropic-ai/claude-code"

    def open(self) -> None:
        """Everybody is there, and everybody has been told."""
        station = self.station
        station.publish("notify", min_notice=86_400)
        self.config.write_text(f'state_dir = "{station.state}"\n', encoding="utf-8")
        for uid in self.screens:
            self._notifier(uid)
        station.start(homes=[str(home) for home in self.homes.values()])
        for uid in VERSIONS:
            station.wait_for(event="outcome", kind="notify", result="told", path=str(self.package(uid)))

    def finding(self, uid: int) -> str:
        """The id of a person's finding."""
        return str(self.station.wait_for(event="finding", path=str(self.package(uid)))["finding"])

    def _home(self, uid: int) -> Path:
        home = self.folder / f"home-{uid}"
        account = ["--uid", str(uid), "--user-group", "--no-create-home", "--home-dir", str(home), "--shell", "/bin/sh"]
        subprocess.run(["useradd", *account, f"interdict-{uid}"], check=True)
        self._stack.callback(subprocess.run, ["userdel", f"interdict-{uid}"], check=True)
        synthetic_npm_install(home / ".npm-global", "@anthropic-ai/claude-code", VERSIONS[uid], "native")
        for path in (home, *home.rglob("*")):
            os.chown(path, uid, uid, follow_symlinks=False)
        home.chmod(0o700)
        return home

    def _screen(self, uid: int) -> Desktop:
        folder = self.folder / f"session-{uid}"
        folder.mkdir()
        screen = self._stack.enter_context(desktop(folder, uid, uid))
        screen.serve("dunst" if uid == LI else "xfce4")
        self.buses[uid] = Bus(screen, self._stack)
        return screen

    def _notifier(self, uid: int) -> None:
        screen = self.screens[uid]
        process = subprocess.Popen(
            [sys.executable, AS_PERSON, str(uid), "notifier", "--config", str(self.config)],
            env=screen.environment(DISPLAY=screen.display),
        )
        self._stack.callback(_end, process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    assert process.wait(30) == 0


@contextlib.contextmanager
def _logged_in(uid: int) -> Iterator[int]:
    """A terminal of somebody who came by SSH, open to messages, as the login records name it; our end of it."""
    ours, theirs = pty.openpty()
    os.fchown(theirs, uid, -1)
    os.fchmod(theirs, 0o620)
    name = os.ttyname(theirs)
    line = name.removeprefix("/dev/")
    row = f"[7] [{os.getpid():05d}] [{line[-4:]:4}] [somebody] [{line:12}] [198.51.100.7        ] [198.51.100.7   ] "
    record = subprocess.run(
        ["utmpdump", "-r"], input=row + "[2026-11-21T09:00:00,000000+00:00]\n", capture_output=True, encoding="latin-1"
    )
    before = UTMP.read_bytes() if UTMP.exists() else None
    UTMP.write_bytes((before or b"") + record.stdout.encode("latin-1"))
    try:
        yield ours
    finally:
        if before is None:
            UTMP.unlink()
        else:
            UTMP.write_bytes(before)
        os.close(theirs)
        os.close(ours)


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    load()
    with tempfile.TemporaryDirectory(prefix="interdict-people-") as name, contextlib.ExitStack() as stack:
        os.chmod(name, 0o755)
        one = Office(Path(name), stack)
        one.open()
        yield one


def test_each_is_shown_just_their_own_and_who_came_by_ssh_reads_it_on_their_terminal(office: Office) -> None:
    for uid, bus in office.buses.items():
        assert bus.has("Example Group has installed Interdict", f"version {VERSIONS[uid]} in {office.package(uid)}")
        assert not any(version in bus.text for other, version in VERSIONS.items() if other != uid)
    [(title, body), (welcome, _)] = office.screens[LI].shown()
    assert welcome == "Example Group has installed Interdict" and title.startswith("Claude Code")
    assert str(office.package(LI)) in body
    text = os.read(office.terminal, 65536).decode().replace("\r\n", "\n").strip().splitlines()
    assert text[0].startswith("Example Group has installed Interdict here") and "interdict status --html" in text[1]
    assert len(text) == 5 and text[3].startswith("Example Group policy: Claude Code") and "qoder.com" in text[3]
    told = [row["path"] for row in office.station.events(event="outcome", kind="notify", result="told", ban=BAN)]
    assert sorted(map(str, told)) == sorted(str(office.package(uid)) for uid in VERSIONS)


def _attempts(office: Office) -> dict[str, Callable[[], object]]:
    """What one of them might try against the other, and against everybody. None of it may be possible."""
    state, views = office.station.state, office.station.state / "views"
    theirs, config = office.package(WANG), str(office.config)
    return {
        "read what was found of the other": lambda: (views / f"{WANG}.json").read_bytes(),
        "read what root may read": lambda: (views / "0.json").read_bytes(),
        "write their own view": lambda: (views / f"{LI}.json").write_bytes(b"{}"),
        "read the journal": (state / "journal.db").read_bytes,
        "read the device's key": (state / KEY).read_bytes,
        "put a file into the agent's folder": lambda: (state / "orders").write_bytes(b"x"),
        "take the socket away": lambda: (state / SOCKET).unlink(),
        "put their own socket in its place": lambda: (state / SOCKET).rename(state / "old"),
        "read the other's home": lambda: list(theirs.iterdir()),
        "tell the agent to look anew": lambda: os.kill(office.station.pid, signal.SIGUSR1),
        "end the agent": lambda: os.kill(office.station.pid, signal.SIGKILL),
        "end the other's notifier": lambda: os.kill(
            next(int(name) for name in os.listdir("/proc") if name.isdigit() and _is_of(name, WANG)), signal.SIGKILL
        ),
        "pause the agent": lambda: _refused(main(["pause", "--config", config])),
        "let go what the brake holds": lambda: _refused(main(["release", "--all", "--config", config])),
    }


def _is_of(pid: str, uid: int) -> bool:
    with contextlib.suppress(OSError):
        return os.stat(f"/proc/{pid}").st_uid == uid
    return False


def _refused(code: int) -> None:
    if code:
        raise PermissionError(code)


def test_nobody_can_read_the_others_things_or_lead_the_agent(office: Office) -> None:
    attempts = _attempts(office)
    for uid in (WANG, LI, 0):
        office.station.wait_for_view(lambda findings: True, uid)

    def act() -> dict[str, str]:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        return {key: value for name, work in attempts.items() for key, value in tried(name, work).items()}

    with person(lambda: None, act, LI) as li:
        came = li.act()
    assert set(came) == set(attempts)
    assert {name: what for name, what in came.items() if what != "PermissionError"} == {}


def _say_everything(office: Office, finding: str) -> dict[str, str]:
    """As one of them: every message of the other's behalf that there is, then one of their own, whose answer comes."""
    other, shared = (local.notice_id(uid, "claude-code", "claude-code") for uid in (WANG, 0))
    messages: list[local.FromPerson] = []
    messages += [local.Shown(notice=notice, ok=ok) for notice in (other, shared) for ok in (True, False)]
    messages += [local.Pressed(notice=notice, key=key) for notice in (other, shared) for key in local.KEYS]
    messages += [local.ReportWrong(finding=finding), local.ReportWrong(finding="../../etc/passwd")]
    messages += [local.AskException(ban="../claude-code"), local.AskException(ban="claude-code", reason="mine")]
    return _say(office, *messages, answers=4)


def _say(office: Office, *messages: local.FromPerson, answers: int = 0) -> dict[str, str]:
    """Says it by hand, and waits for so many answers."""
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as end:
        end.settimeout(20)
        end.connect(str(office.station.state / SOCKET))
        for message in (local.Hello(what="notifier"), *messages):
            end.sendall(local.pack(message))
        frames, heard = local.Frames(), list[local.FromDaemon]()
        while len(heard) < answers + 1 and (data := end.recv(65536)):
            heard += [local.read_from_daemon(body) for body in frames.feed(data)]
    told = [one for one in heard if isinstance(one, local.Answer)]
    return {str(number): f"{answer.ok} {answer.text}" for number, answer in enumerate(told)}


def test_whatever_one_says_to_the_agent_nothing_of_the_others_is_touched(office: Office) -> None:
    station, mark = office.station, office.station.mark()
    finding = office.finding(WANG)
    with person(lambda: None, lambda: _say_everything(office, finding), LI) as li:
        answers = li.act()
    assert [answer.split()[0] for answer in answers.values()] == ["False", "False", "False", "True"], answers
    asked = [(row["uid"], row["what"]) for row in station.since(mark) if row["event"] == "asked"]
    assert asked == [(LI, "exception")]
    assert all(office.package(uid).is_dir() for uid in VERSIONS)
    touched = [row for row in station.since(mark) if str(row.get("path")) in map(str, map(office.package, (WANG, SSH)))]
    assert touched == []


def test_who_comes_again_by_ssh_reads_at_their_login_what_concerns_them(office: Office) -> None:
    command = [sys.executable, AS_PERSON, str(SSH), "status", "--login", "--config", str(office.config)]
    talk = converse(command, [], office.folder)
    first, *_, last = talk.shown.splitlines()
    assert first.startswith("Example Group policy: Claude Code") and "qoder.com" in first
    assert (talk.code, last) == (0, "Details: interdict status")


def test_who_came_by_ssh_asks_for_an_exception_of_their_own(office: Office) -> None:
    mark = office.station.mark()
    command = [sys.executable, AS_PERSON, str(SSH), "request-exception", "claude-code"]
    talk = converse([*command, "--config", str(office.config)], [], office.folder)
    assert (talk.code, "Until " in talk.shown) == (0, True), talk.shown
    assert office.station.wait_for(mark, event="asked", what="exception")["uid"] == SSH


def test_what_one_has_removed_with_a_button_is_theirs_alone(office: Office) -> None:
    """The button is pressed by the person's own program; tests/e2e/test_notifier.py presses it on a screen."""
    station, mark = office.station, office.station.mark()
    pressed = local.Pressed(notice=local.notice_id(WANG, "claude-code", "claude-code"), key=local.REMOVE)
    with person(lambda: None, lambda: _say(office, pressed), WANG) as wang:
        wang.act()
    station.wait_for(mark, event="asked", what="remove", uid=WANG)
    station.wait_for(mark, event="outcome", result=TAKEN, path=str(office.package(WANG)))
    assert [office.package(uid).exists() for uid in VERSIONS] == [True, False, True]
