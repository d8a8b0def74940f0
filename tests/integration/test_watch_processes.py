"""Real processes, seen by the kernel's connector and by polling, and what each of them is said to run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

if sys.platform != "linux":
    pytest.skip("Linux's watchers", allow_module_level=True)

from agent.errors import Denied, Gone
from agent.host import processes
from agent.watch import linux
from agent.watch.choose import CHOICES, choose_watcher
from agent.watch.identity import Kind, Standing
from agent.watch.interface import Lost, ProcessEvent, ProcessWatcher, Started, Swept
from agent.watch.linux import ConnectorWatcher
from agent.watch.polling import PollingWatcher
from agent.watch.sight import Seen, Sight
from tests.fakes.sleepers import (
    NODE_RETITLES,
    NODE_WAITS,
    WAITS,
    Inbox,
    copy_of_a_program,
    python,
    running,
    until,
)

WATCHERS = [
    pytest.param("connector", marks=pytest.mark.root, id="the kernel's connector"),
    pytest.param("polling", id="polling"),
]


class Watched:
    """A watcher with its sight and its inbox."""

    def __init__(self, watcher: ProcessWatcher, sight: Sight) -> None:
        self.watcher, self.sight = watcher, sight
        self.inbox: Inbox[ProcessEvent] = Inbox()
        watcher.start(self.inbox)
        self.inbox.wait(lambda event: isinstance(event, Swept), "the first sweep")

    def started(self, pid: int) -> Started:
        event = self.inbox.wait(lambda event: isinstance(event, Started) and event.pid == pid, f"the start of {pid}")
        assert isinstance(event, Started)
        return event

    def swept(self) -> Swept:
        event = self.inbox.wait(lambda event: isinstance(event, Swept), "a sweep")
        assert isinstance(event, Swept)
        return event


def make(name: str, sight: Sight) -> ProcessWatcher:
    if name == "polling":
        return PollingWatcher(sight.glance, interval=0.05)
    return ConnectorWatcher(sight.glance)


@pytest.fixture
def watching(request: pytest.FixtureRequest) -> Iterator[Watched]:
    sight = Sight()
    watcher = make(request.param, sight)
    watched = Watched(watcher, sight)
    yield watched
    watcher.stop()


def script(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return path


CASES: dict[str, Callable[[Path], tuple[list[str], str]]] = {
    "a node script by its name": lambda here: (["node", "app.js"], str(script(here, "app.js", NODE_WAITS))),
    "a node script through env": lambda here: (
        [str(script(here, "tool", "#!/usr/bin/env node\n" + NODE_WAITS))], str(here / "tool")),
    "a node script through a link": lambda here: (
        ["node", str(_link(here / "claude", script(here, "cli.js", NODE_WAITS)))], str(here / "cli.js")),
    "a Python script": lambda here: ([sys.executable, "tool.py"], str(script(here, "tool.py", WAITS))),
    "a Python module": lambda here: (
        [sys.executable, "-m", "tool"], str(_module(here / "tool") / "__main__.py")),
    "a shell script": lambda here: (
        ["sh", "-e", "run.sh"], str(script(here, "run.sh", "echo ready\nread x\n:\n"))),
}  # fmt: skip


def _tier(name: str) -> tuple[pytest.MarkDecorator, ...]:
    return (pytest.mark.node,) if "node" in name else ()


def _link(link: Path, target: Path) -> Path:
    link.symlink_to(target)
    return link


def _module(folder: Path) -> Path:
    folder.mkdir()
    script(folder, "__main__.py", WAITS)
    return folder


@pytest.mark.parametrize("watching", WATCHERS, indirect=True)
@pytest.mark.parametrize("name", [pytest.param(name, marks=_tier(name)) for name in CASES])
def test_a_start_is_told_and_the_file_is_found(watching: Watched, name: str, tmp_path: Path) -> None:
    argv, path = CASES[name](tmp_path)
    with running(*argv, cwd=tmp_path) as process:
        watching.started(process.pid)
        seen = watching.sight.look(process.pid)
        assert (seen.path, seen.runs.standing, seen.there) == (path, Standing.TOLD, True)
        assert seen.process.uid == os.getuid()


@pytest.mark.node
@pytest.mark.root
def test_a_script_that_rewrites_its_title_is_recalled_by_the_connector(tmp_path: Path) -> None:
    sight = Sight()
    watched = Watched(ConnectorWatcher(sight.glance), sight)
    try:
        path = script(tmp_path, "cli.js", NODE_RETITLES)
        with running("node", "cli.js", "--resume", cwd=tmp_path) as process:
            until(lambda: processes.details(process.pid).cmdline == ("claude",), "the rewritten title")
            watched.started(process.pid)
            seen = sight.look(process.pid)
            assert (seen.path, seen.runs.title, seen.runs.standing) == (str(path), "claude", Standing.RECALLED)
    finally:
        watched.watcher.stop()


@pytest.mark.node
def test_a_title_rewritten_before_the_agent_began_is_only_a_hint(tmp_path: Path) -> None:
    script(tmp_path, "cli.js", NODE_RETITLES)
    with running("node", "cli.js", cwd=tmp_path) as process:
        until(lambda: processes.details(process.pid).cmdline == ("claude",), "the rewritten title")
        seen = Sight().look(process.pid)
        assert (seen.runs.kind, seen.runs.title, seen.runs.standing) == (Kind.RETITLED, "claude", Standing.HINTED)


@pytest.mark.parametrize("watching", WATCHERS, indirect=True)
def test_a_renamed_program_is_the_file_that_runs(watching: Watched, tmp_path: Path) -> None:
    program = copy_of_a_program(tmp_path / "notes-helper")
    with running(program, ready=False) as process:
        watching.started(process.pid)
        until(lambda: watching.sight.look(process.pid).path == str(program), "the exec")


@pytest.mark.parametrize("watching", WATCHERS, indirect=True)
def test_a_program_started_by_a_shells_exec_is_told(watching: Watched, tmp_path: Path) -> None:
    program = copy_of_a_program(tmp_path / "late")
    with running("sh", "-c", f"echo ready; read x; exec {program}") as process:
        watching.started(process.pid)
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        if watching.watcher.name == "connector":
            watching.started(process.pid)
        until(lambda: watching.sight.look(process.pid).path == str(program), "the exec")


def test_a_deleted_program_is_named_and_its_bytes_can_be_read(tmp_path: Path) -> None:
    program = copy_of_a_program(tmp_path / "gone")
    with running(program, ready=False) as process:
        until(lambda: processes.details(process.pid).exe == str(program), "the exec")
        size = program.stat().st_size
        program.unlink()
        seen = Sight().look(process.pid)
        assert (seen.path, seen.runs.deleted, seen.there) == (str(program), True, False)
        assert len(Path(seen.process.bytes_at).read_bytes()) == size


def test_a_program_whose_name_ends_like_a_deleted_one_is_not_deleted(tmp_path: Path) -> None:
    program = copy_of_a_program(tmp_path / "tool (deleted)")
    with running(program, ready=False) as process:
        until(lambda: processes.details(process.pid).exe == str(program), "the exec")
        assert not processes.details(process.pid).exe_deleted


def test_a_script_from_a_descriptor_is_not_looked_up_in_our_own(tmp_path: Path) -> None:
    path = script(tmp_path, "run.sh", "echo ready\nread x\n:\n")
    with running("bash", "-c", f"exec bash /dev/fd/9 9<{path}") as process:
        seen = Sight().look(process.pid)
        assert (seen.runs.kind, seen.path) == (Kind.CODE, os.path.realpath(shutil.which("bash") or ""))


def test_names_that_are_no_text_come_through(tmp_path: Path) -> None:
    program = copy_of_a_program(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe(x) S 1")))
    with running(program, ready=False) as process:
        until(lambda: processes.details(process.pid).exe == str(program), "the exec")
        assert processes.details(process.pid).comm.startswith("\udcff\udcfe(x) S 1")


def test_an_ended_process_is_gone_also_while_its_parent_has_not_noticed(tmp_path: Path) -> None:
    with running(*python("print('ready')")) as process:
        until(lambda: _is_zombie(process.pid), "the zombie")
        with pytest.raises(Gone):
            processes.details(process.pid)
        with pytest.raises(Gone):
            processes.start_of(process.pid)
        assert process.pid not in dict(processes.running())


def _is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] == b"Z"


@pytest.mark.root
def test_another_root_is_said(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    outside = copy_of_a_program(tmp_path / "outside")
    code = f"import os; keep = os.open({str(outside)!r}, 0); os.chroot({str(tmp_path)!r}); os.chdir('/')\n" + WAITS
    with running(*python(code)) as process:
        assert processes.details(process.pid).foreign
        assert not processes.details(os.getpid()).foreign


@pytest.mark.root
def test_without_root_another_users_process_is_denied() -> None:
    code = (
        "import os, sys\nfrom agent.errors import Denied\nfrom agent.host import processes\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "try:\n    processes.details(int(sys.argv[1]))\nexcept Denied as error:\n    print('denied')\n"
        "print(processes.start_of(int(sys.argv[1])) > 0)\n"
    )
    with running(*python(WAITS)) as process:
        told = subprocess.run(
            [sys.executable, "-c", code, str(process.pid)], capture_output=True, text=True, check=True, timeout=30
        )
        assert told.stdout == "denied\nTrue\n"


def test_start_times_are_the_same_from_every_door() -> None:
    with running(*python(WAITS)) as process:
        started = processes.details(process.pid).started
        assert started == processes.start_of(process.pid) == dict(processes.running())[process.pid]


def test_psutil_sees_the_same_processes_with_the_same_start() -> None:
    with running(*python(WAITS)) as process:
        other, ours = psutil.Process(process.pid), processes.details(process.pid)
        assert (other.ppid(), other.exe(), other.cwd(), other.name(), other.cmdline(), other.username()) == (
            ours.ppid, ours.exe, ours.cwd, ours.comm, list(ours.cmdline), ours.owner)  # fmt: skip
        assert abs(other.create_time() - ours.started) < 2


def test_a_pinned_boot_time_gives_the_same_starts_after_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_pinned", [])
    mark = processes.boot_mark()
    assert processes.pin(mark._replace(time=mark.time - 3))
    assert processes.start_of(os.getpid()) == pytest.approx(processes.details(os.getpid()).started)
    assert not processes.pin(mark._replace(boot="another boot"))


@pytest.mark.root
def test_starts_that_nobody_read_are_said_to_be_lost_and_everything_is_looked_at(tmp_path: Path) -> None:
    held, let_go = threading.Event(), threading.Event()

    def slow(_: int) -> None:
        held.set()
        let_go.wait(60)

    watcher = ConnectorWatcher(slow, buffer=4096)
    inbox: Inbox[ProcessEvent] = Inbox()
    watcher.start(inbox)
    try:
        inbox.wait(lambda event: isinstance(event, Swept), "the first sweep")
        for _ in range(200):
            subprocess.run(["/bin/true"], check=True)
        assert held.is_set()
        with running(*python(WAITS)) as process:
            let_go.set()
            inbox.wait(lambda event: isinstance(event, Lost), "the loss")
            swept = inbox.wait(lambda event: isinstance(event, Swept), "the sweep after it")
            assert isinstance(swept, Swept)
            assert process.pid in swept.pids
    finally:
        let_go.set()
        watcher.stop()


@pytest.mark.root
def test_when_the_connector_breaks_polling_takes_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sight = Sight()
    watcher = ConnectorWatcher(sight.glance)
    monkeypatch.setattr(watcher._connector, "read", lambda _wait: (_ for _ in ()).throw(OSError(5, "broken")))
    watched = Watched(watcher, sight)
    try:
        watched.inbox.wait(lambda event: isinstance(event, Lost), "the loss")
        watched.swept()
        assert watcher.health() is not None
        with running(*python(WAITS)) as process:
            watched.started(process.pid)
    finally:
        watcher.stop()


CHOSEN_ELSEWHERE = "from agent.watch.choose import choose_watcher\nw = choose_watcher(print)\nprint(w.name, w.health())"


@pytest.mark.root
@pytest.mark.parametrize(
    ("namespace", "reason"),
    [
        pytest.param(["--net"], "the process connector refuses", id="in another network namespace"),
        pytest.param(["--pid", "--fork", "--mount-proc"], "another pid namespace", id="in another pid namespace"),
    ],
)
def test_polling_is_chosen_where_the_connector_does_not_speak(namespace: list[str], reason: str) -> None:
    told = subprocess.run(
        ["unshare", *namespace, sys.executable, "-c", CHOSEN_ELSEWHERE],
        capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    assert told.stdout.startswith("polling ")
    assert reason in told.stdout


@pytest.mark.root
def test_the_connector_is_chosen_where_it_speaks() -> None:
    watcher = choose_watcher(lambda _: None)
    try:
        assert isinstance(watcher, linux.ConnectorWatcher)
        assert watcher.health() is None
    finally:
        watcher.stop()


def test_polling_can_be_wanted_and_says_what_it_does_not_see() -> None:
    watcher = choose_watcher(lambda _: None, "polling")
    health = watcher.health()
    assert watcher.name == "polling"
    assert health is not None
    assert "not seen" in health.reason


def test_an_unknown_watcher_is_refused() -> None:
    with pytest.raises(ValueError, match="there are " + ", ".join(CHOICES)):
        choose_watcher(lambda _: None, "magic")


@pytest.mark.parametrize("watching", WATCHERS, indirect=True)
def test_stopping_twice_is_no_error_and_nothing_comes_afterwards(watching: Watched) -> None:
    watching.watcher.stop()
    watching.watcher.stop()
    before = len(watching.inbox.rest())
    subprocess.run(["/bin/true"], check=True)
    assert len(watching.inbox.rest()) == before


@pytest.mark.online
@pytest.mark.root
def test_claude_code_of_the_node_era_is_recalled_after_it_rewrote_its_title(tmp_path: Path) -> None:
    """The real thing in a terminal of its own, without a network and with a home of its own."""
    subprocess.run(
        ["npm", "install", "--global", "--prefix", tmp_path / "prefix", "@anthropic-ai/claude-code@2.1.91"],
        check=True, capture_output=True, timeout=300,
    )  # fmt: skip
    home = tmp_path / "home"
    home.mkdir()
    sight = Sight()
    watched = Watched(ConnectorWatcher(sight.glance), sight)
    program = tmp_path / "prefix/bin/claude"
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "TERM": "xterm"}
    terminal = ["unshare", "--net", "script", "--quiet", "--command", str(program), "/dev/null"]
    process = subprocess.Popen(
        terminal, env=environment, cwd=home, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        seen = _first_retitled(watched, process.pid)
        entry = os.path.realpath(program)
        assert entry.endswith("@anthropic-ai/claude-code/cli.js")
        assert (seen.path, seen.runs.title, seen.runs.standing) == (entry, "claude", Standing.RECALLED)
    finally:
        watched.watcher.stop()
        process.kill()
        process.communicate()


def _first_retitled(watched: Watched, above: int) -> Seen:
    """The first process below another one that rewrote its title to `claude`; other tests have theirs."""
    found: list[Seen] = []

    def look() -> bool:
        for pid in (one.pid for one in psutil.Process(above).children(recursive=True)):
            try:
                seen = watched.sight.look(pid)
            except (Gone, Denied):
                continue
            if seen.runs.title == "claude":
                found.append(seen)
                return True
        return False

    until(look, "the rewritten title")
    return found[0]
