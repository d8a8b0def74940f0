"""Processes that hide what they are, or keep the agent from noticing it."""

from __future__ import annotations

import os
import queue
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from agent.decider import Process
from agent.enforce.interface import Intent
from agent.examiner import _MOST_WAITING, Examiner
from agent.file_content import FileContent
from agent.host import processes
from agent.inbox import Ended, Inbox, Recognised
from agent.watch.interface import Started
from agent.watch.sight import Sight
from policy_schema.rules.rulebook import Device
from tests.fakes.policies import rulebook
from tests.fakes.sleepers import until
from tests.fakes.synthetic import native_payload, synthetic_native

PATIENCE = 20.0
VERSION = "2.1.197"
T = TypeVar("T")


def _examiner(inbox: Inbox | None = None) -> Examiner:
    rules = rulebook().for_device(Device("d-1"))
    content = FileContent()
    content.want(rules)
    examiner = Examiner(
        inbox=inbox or Inbox(), sight=Sight(), container=lambda path: ("", ""), content=content, home_of=lambda path: ""
    )
    examiner.know(rules, ())
    return examiner


@contextmanager
def _started(*words: str, program: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(words, executable=program or words[0], start_new_session=True)
    try:
        # `Popen` returns while the kernel still lays out the new program's words.
        until(lambda: Path(f"/proc/{process.pid}/cmdline").read_bytes() != b"", "it never came")
        yield process
    finally:
        process.kill()
        process.wait()


def _sleeper_with_the_tools_bytes(path: Path) -> Path:
    """A program that takes arguments and waits, with the banned program's bytes at its end."""
    shutil.copy("/bin/sleep", path)
    with path.open("r+b") as file:
        file.truncate(56 << 20)
        file.seek(0, os.SEEK_END)
        file.write(native_payload(VERSION))
    return path


def _twice(examiner: Examiner, pid: int) -> Process | None:
    """What is still called `env` when it is looked at again stays that."""
    return examiner.recognise(pid) or examiner.recognise(pid)


NAMES = (
    "node",
    "env",
    "bash",
    "python3.12",
    "bun",
    "deno",
    "code",
    "busybox",
    "ld-linux-x86-64.so.2",
    "claude (deleted)",
)


@pytest.fixture
def anybodys(tmp_path: Path) -> Path:
    """A folder where everybody may write. What lies in root's alone, is called `python3.12` and runs as root is a
    protected program to every agent on this machine, those of other tests too."""
    tmp_path.chmod(0o777)
    return tmp_path


@pytest.mark.parametrize("name", NAMES)
def test_the_banned_program_is_found_when_it_is_called_like_an_interpreter(anybodys: Path, name: str) -> None:
    program = synthetic_native(anybodys / name, VERSION)
    with _started(str(program)) as process:
        found = _twice(_examiner(), process.pid)
    assert found is not None
    assert (found.identity.tool, found.seen.path, found.identity.version) == ("claude-code", str(program), VERSION)


@pytest.mark.parametrize("name", ["node", "python3", "sh", "env", "electron"])
def test_also_when_its_argument_looks_like_a_script(anybodys: Path, name: str) -> None:
    program = _sleeper_with_the_tools_bytes(anybodys / name)
    (anybodys / "1000").write_text("a script that nobody bans")
    with _started(str(program), "1000") as process:
        found = _twice(_examiner(), process.pid)
    assert found is not None
    assert (found.identity.tool, found.seen.path) == ("claude-code", str(program))


def test_also_when_it_calls_itself_something_else(anybodys: Path) -> None:
    program = synthetic_native(anybodys / "node", VERSION)
    with _started("my-server", program=program) as process:
        found = _examiner().recognise(process.pid)
    assert found is not None and found.identity.tool == "claude-code"


def test_what_is_called_env_and_stays_it_is_looked_at_twice_and_no_more(tmp_path: Path) -> None:
    shutil.copy("/bin/sleep", tmp_path / "env")
    inbox = Inbox()
    examiner = _examiner(inbox)
    threads = threading.active_count()
    with _started(str(tmp_path / "env"), "1000") as process, _running(examiner):
        examiner.event(Started(process.pid))
        until(lambda: examiner.examined >= 2, "it never came")
        other = synthetic_native(tmp_path / "slack", VERSION)
        with _started(str(other)) as second:
            examiner.event(Started(second.pid))
            assert _next(inbox, Recognised).key[0] == second.pid
        assert examiner.examined == 3
        assert threading.active_count() == threads + 1


@pytest.mark.root
def test_a_file_mounted_over_a_system_program_is_not_taken_for_it(tmp_path: Path) -> None:
    program = synthetic_native(tmp_path / "notes", VERSION)
    script = f'mount --bind "{program}" /usr/bin/true && exec /usr/bin/true'
    words = ("unshare", "--mount", "--propagation", "private", "sh", "-c", script)
    with subprocess.Popen(words, start_new_session=True) as process:
        try:
            until(lambda: processes.program(process.pid).endswith("/true"), "it never came")
            found = _examiner().recognise(process.pid)
        finally:
            process.kill()
    assert found is not None and found.identity.tool == "claude-code"


BELOW_A_ROOT_OF_ITS_OWN = """
mount --bind "$0" "$0" && cd "$0" && mkdir -p old usr bin lib lib64 tmp opt && touch opt/tool
for folder in usr bin lib lib64 tmp; do mount --rbind /$folder $folder; done
mount --bind "$1" opt/tool && pivot_root . old && exec "$2"
"""


@pytest.mark.root
@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        pytest.param("{program}", "claude-code", id="under the name that we know too, as in a snap, it is found"),
        pytest.param("/opt/tool", None, id="under a name of that root it is not, as in a container"),
    ],
)
def test_below_a_root_of_its_own(inside: str, expected: str | None, tmp_path: Path) -> None:
    program = synthetic_native(tmp_path / "notes", VERSION)
    (tmp_path / "root").mkdir()
    name = inside.replace("{program}", str(program))
    shell = ("sh", "-c", BELOW_A_ROOT_OF_ITS_OWN, str(tmp_path / "root"), str(program), name)
    with subprocess.Popen(
        ("unshare", "--mount", "--propagation", "private", *shell), start_new_session=True
    ) as process:
        try:
            until(lambda: processes.program(process.pid) == name, "it never came")
            assert processes.details(process.pid).foreign
            found = _examiner().recognise(process.pid)
        finally:
            process.kill()
    assert (found.identity.tool if found else None) == expected


def test_a_program_renamed_after_it_was_found_is_still_the_one_that_was_found(tmp_path: Path) -> None:
    program = synthetic_native(tmp_path / "claude", VERSION)
    with _started(str(program)) as process:
        found = _examiner().recognise(process.pid)
        assert found is not None
        program.rename(tmp_path / "elsewhere")
        started = found.seen.started or 0.0
        assert Sight().still_runs(process.pid, started, found.seen.path, found.seen.inode)
        assert not Sight().still_runs(process.pid, started, found.seen.path, (0, 0)), "another program is another one"


def test_the_end_of_a_process_is_noticed_however_many_others_start(tmp_path: Path) -> None:
    inbox = Inbox()
    examiner = _examiner(inbox)
    over = threading.Event()

    def start_all_the_time() -> None:
        while not over.wait(0.005):
            examiner.event(Started(1))

    storm = threading.Thread(target=start_all_the_time)
    with _running(examiner):
        with _started(str(synthetic_native(tmp_path / "slack", VERSION))) as process:
            examiner.event(Started(process.pid))
            key = _next(inbox, Recognised).key
            storm.start()
        try:
            assert _next(inbox, Ended).keys == (key,)
        finally:
            over.set()
            storm.join()


def test_a_storm_of_starts_becomes_one_look_at_what_runs(tmp_path: Path) -> None:
    inbox = Inbox()
    examiner = _examiner(inbox)
    for _ in range(3 * _MOST_WAITING):
        examiner.event(Started(1 << 21))
    assert examiner._pids.qsize() <= _MOST_WAITING
    with _started(str(synthetic_native(tmp_path / "slack", VERSION))) as process:
        examiner.event(Started(process.pid))  # does not fit any more
        with _running(examiner):
            assert _next(inbox, Recognised).key[0] == process.pid


def test_a_stopped_process_ends_too(tmp_path: Path) -> None:
    """SIGSTOP holds SIGTERM back; it cannot hold SIGKILL back."""
    from agent.enforce.interface import OutcomeCode
    from agent.enforce.stop import StopActor
    from policy_schema.rules.instant import Instant

    program = synthetic_native(tmp_path / "slack", VERSION)
    with _started(str(program)) as process:
        process.send_signal(signal.SIGSTOP)
        found = _examiner().recognise(process.pid)
        assert found is not None
        actor = StopActor(now=lambda: Instant(0), still_runs=lambda intent: True)
        outcome = actor.act(_stop_intent(found))
        while outcome.result is OutcomeCode.FINISHING:
            process.poll()
            outcome = next(iter(actor.tick(time.monotonic())), outcome)
    assert outcome.result is OutcomeCode.KILLED


def _stop_intent(found: Process) -> Intent:
    from agent.cases import Kind
    from policy_schema.rules.decision import Action

    return Intent(
        kind=Kind.STOP,
        finding_id="f-1",
        installation_id="i-1",
        case="f-1",
        action=Action.BLOCK,
        ban="claude-code",
        tool="claude-code",
        path=found.seen.path,
        pid=found.seen.pid,
        started=found.seen.started,
        uid=found.seen.uid,
        kill_after=0,
    )


@contextmanager
def _running(examiner: Examiner) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=examiner.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        examiner.sweep()
        thread.join(PATIENCE)


def _next(inbox: Inbox, kind: type[T]) -> T:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        message = inbox.get(0.2)
        if isinstance(message, kind):
            return message
    raise queue.Empty
