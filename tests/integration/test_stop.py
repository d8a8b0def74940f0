"""Real processes are ended, and only those that were meant."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.cases import Kind
from agent.enforce.interface import Detail, Intent, Outcome, OutcomeCode
from agent.enforce.stop import AFTER_KILL, StopActor
from agent.errors import Gone
from agent.host import processes, signals
from agent.watch.sight import Sight
from policy_schema.rules.decision import Action
from policy_schema.rules.instant import Instant
from tests.fakes.sleepers import IGNORES_TERM, NODE_WAITS, WAITS, python, running, until

NOW = Instant(1_800_000_000)


class Clock:
    """Monotonic seconds that the test moves."""

    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def actor(clock: Clock) -> Iterator[StopActor]:
    sight = Sight()
    made = StopActor(
        now=lambda: NOW,
        still_runs=lambda intent: sight.still_runs(intent.pid or 0, intent.started or 0.0, intent.path),
        monotonic=clock,
    )
    yield made
    made.close()


def intent_for(pid: int, /, kill_after: int = 30, **changes: Any) -> Intent:
    seen = Sight().look(pid)
    intent = Intent(
        Kind.STOP, "f-1", "i-1", "c-1", Action.BLOCK, "a-ban", "a-tool", path=seen.path, pid=pid,
        started=seen.process.started, uid=seen.process.uid, kill_after=kill_after,
    )  # fmt: skip
    return intent._replace(**changes)


def said(outcome: Outcome) -> tuple[OutcomeCode, Detail]:
    assert outcome.at == NOW
    return outcome.result, outcome.detail


def finish(actor: StopActor, clock: Clock, what: str) -> Outcome:
    outcomes: list[Outcome] = []

    def ended() -> bool:
        outcomes.extend(actor.tick(clock.now))
        return bool(outcomes)

    until(ended, what)
    assert actor.wake() is None
    return outcomes[0]


def test_a_process_that_obeys_is_stopped(actor: StopActor, clock: Clock) -> None:
    with running(*python(WAITS)) as process:
        outcome = actor.act(intent_for(process.pid))
        if outcome.result is OutcomeCode.FINISHING:
            outcome = finish(actor, clock, "the end of an obedient process")
        assert said(outcome) == (OutcomeCode.STOPPED, Detail.NONE)
        assert process.wait() == -15


def test_a_process_that_does_not_obey_is_killed_when_its_time_is_over(actor: StopActor, clock: Clock) -> None:
    with running(*python(IGNORES_TERM)) as process:
        assert said(actor.act(intent_for(process.pid, kill_after=30))) == (
            OutcomeCode.FINISHING, Detail.STILL_RUNNING)  # fmt: skip
        clock.now += 29.9
        assert actor.tick(clock.now) == ()
        assert process.poll() is None
        clock.now += 0.1
        assert said(finish(actor, clock, "the end of a killed process")) == (OutcomeCode.KILLED, Detail.NONE)
        assert process.wait() == -9


def test_no_time_to_obey_means_killed_at_once(actor: StopActor) -> None:
    with running(*python(IGNORES_TERM)) as process:
        assert actor.act(intent_for(process.pid, kill_after=0)).result in (OutcomeCode.KILLED, OutcomeCode.FINISHING)
        assert process.wait() == -9


def test_asked_twice_it_is_one_process_and_one_outcome(actor: StopActor, clock: Clock) -> None:
    with running(*python(IGNORES_TERM)) as process:
        first, second = actor.act(intent_for(process.pid)), actor.act(intent_for(process.pid))
        assert said(first) == said(second) == (OutcomeCode.FINISHING, Detail.STILL_RUNNING)
        clock.now += 31
        finish(actor, clock, "one outcome")
        assert actor.tick(clock.now) == ()


def test_its_children_are_left_alone(actor: StopActor, clock: Clock) -> None:
    parent = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import sys; sys.stdin.read()'])\n"
        "print('ready', flush=True); print(child.pid, flush=True); sys.stdin.read()"
    )
    with running(*python(parent)) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        started = processes.start_of(child)
        if actor.act(intent_for(process.pid)).result is OutcomeCode.FINISHING:
            finish(actor, clock, "the end of the parent")
        assert processes.start_of(child) == started
        with signals.hold(child, started) as held:
            held.kill()


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"started": 12345.0}, id="the pid belongs to another process by now"),
        pytest.param({"pid": 2**22 + 1}, id="no process has that pid"),
        pytest.param({"pid": None}, id="no process was named"),
    ],
)
def test_nobody_else_gets_the_signal(actor: StopActor, changes: dict[str, Any]) -> None:
    with running(*python(WAITS)) as process:
        outcome = actor.act(intent_for(process.pid, **changes))
        assert said(outcome) == (OutcomeCode.GONE, Detail.ALREADY_GONE)
        assert process.poll() is None


def test_a_process_that_became_another_program_is_left_alone(actor: StopActor, tmp_path: Path) -> None:
    becomes = "import os, sys; print('ready', flush=True); sys.stdin.readline(); os.execvp('cat', ['cat'])"
    with running(*python(becomes)) as process:
        assert process.stdin is not None
        intent = intent_for(process.pid)
        process.stdin.write(b"go\n")
        until(lambda: processes.details(process.pid).comm == "cat", "the exec")
        assert said(actor.act(intent)) == (OutcomeCode.GONE, Detail.CHANGED_SINCE_FOUND)
        assert process.poll() is None


def test_a_process_that_became_another_program_after_term_is_not_killed(actor: StopActor, clock: Clock) -> None:
    becomes = "import os, signal; signal.signal(15, lambda *_: os.execvp('cat', ['cat'])); print('ready', flush=True)\n"
    with running(*python(becomes + "while True: signal.pause()")) as process:
        assert actor.act(intent_for(process.pid)).result is OutcomeCode.FINISHING
        until(lambda: processes.details(process.pid).comm == "cat", "the exec")
        clock.now += 31
        assert said(finish(actor, clock, "an outcome")) == (OutcomeCode.GONE, Detail.CHANGED_SINCE_FOUND)
        assert process.poll() is None


PROTECTED: dict[str, Callable[[], int]] = {
    "the first process": lambda: 1,
    "the agent itself": os.getpid,
    "the agent's parent": os.getppid,
}


@pytest.mark.parametrize("name", PROTECTED)
def test_the_guard_at_the_door_refuses(actor: StopActor, name: str) -> None:
    intent = intent_for(os.getpid())._replace(pid=PROTECTED[name]())
    assert said(actor.act(intent)) == (OutcomeCode.REFUSED_BY_GUARD, Detail.PROTECTED_PROCESS)


@pytest.mark.node
def test_a_script_is_ended_also_when_its_file_is_gone(actor: StopActor, clock: Clock, tmp_path: Path) -> None:
    script = tmp_path / "cli.js"
    script.write_text(NODE_WAITS)
    sight = Sight()
    actor = StopActor(
        now=lambda: NOW,
        still_runs=lambda intent: sight.still_runs(intent.pid or 0, intent.started or 0.0, intent.path),
        monotonic=clock,
    )
    with running("node", "cli.js", cwd=tmp_path) as process:
        seen = sight.look(process.pid)
        script.unlink()
        outcome = actor.act(intent_for(process.pid, path=seen.path))
        if outcome.result is OutcomeCode.FINISHING:
            outcome = finish(actor, clock, "the end of the script")
        assert outcome.result is OutcomeCode.STOPPED


def test_one_that_hangs_in_the_kernel_is_a_failure_after_a_while(clock: Clock) -> None:
    class Hangs:
        """Holds a process that no signal ends."""

        closed = False

        def ask(self) -> None:
            pass

        def kill(self) -> None:
            pass

        def ended(self, wait: float = 0.0) -> bool:
            return False

        def close(self) -> None:
            self.closed = True

        def __enter__(self) -> Hangs:
            return self

        def __exit__(self, *_: object) -> None:
            self.close()

    held = Hangs()
    actor = StopActor(now=lambda: NOW, still_runs=lambda _: True, monotonic=clock, hold=lambda _pid, _started: held)
    intent = Intent(Kind.STOP, "f", "i", "c", Action.BLOCK, "b", "t", pid=2**22, started=1.0, kill_after=1)
    assert actor.act(intent).result is OutcomeCode.FINISHING
    clock.now += 1
    assert actor.tick(clock.now) == ()
    clock.now += AFTER_KILL
    assert [said(outcome) for outcome in actor.tick(clock.now)] == [(OutcomeCode.FAILED, Detail.STILL_RUNNING)]
    assert held.closed


@pytest.mark.root
def test_another_users_process_is_refused_without_root(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from agent.errors import Denied\nfrom agent.host import processes, signals\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "pid = int(sys.argv[1])\n"
        "try:\n    signals.hold(pid, processes.start_of(pid)).ask()\n"
        "except Denied as error:\n    print('denied:', error)\n"
    )
    with running(*python(WAITS)) as process:
        result = subprocess.run(
            [sys.executable, "-c", code, str(process.pid)], capture_output=True, text=True, check=True, timeout=20
        )
        assert result.stdout.startswith("denied:")
        assert process.poll() is None


def test_held_by_number_a_used_again_pid_gets_nothing() -> None:
    with running(*python(WAITS)) as process:
        held = signals._ByNumber(process.pid, 12345.0)
        with pytest.raises(Gone):
            held.ask()
        assert process.poll() is None


def test_held_by_number_a_process_is_ended() -> None:
    with running(*python(WAITS)) as process:
        held = signals._ByNumber(process.pid, processes.start_of(process.pid))
        assert not held.ended()
        held.kill()
        assert held.ended(10)
