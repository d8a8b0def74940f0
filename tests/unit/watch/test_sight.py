"""The memory of what an interpreter was given at its start, with processes that the test makes up."""

from __future__ import annotations

import pytest

from agent.errors import Denied, Gone
from agent.host.processes import Process
from agent.watch import sight as module
from agent.watch.identity import Kind, Standing
from agent.watch.sight import Sight, observe

NODE, SCRIPT = "/usr/bin/node", "/p/lib/node_modules/@a/b/cli.js"


class Machine:
    """Processes and files that exist now."""

    def __init__(self) -> None:
        self.processes: dict[int, Process] = {}
        self.files = {SCRIPT: SCRIPT, "/p/bin/claude": SCRIPT}
        self.denied: set[int] = set()

    def run(self, pid: int, *argv: str, exe: str = NODE, started: float = 100.0, foreign: bool = False) -> None:
        self.processes[pid] = Process(
            pid, 1, started, 1000, "li", exe, False, argv[0][:15], argv, "/p", 0, foreign=foreign
        )

    def details(self, pid: int) -> Process:
        if pid in self.denied:
            raise Denied(str(pid))
        if pid not in self.processes:
            raise Gone(str(pid))
        return self.processes[pid]

    def program(self, pid: int) -> str:
        return self.details(pid).exe

    def first_there(self, candidates: tuple[str, ...]) -> str:
        return next((self.files[path] for path in candidates if path in self.files), "")

    def sight(self) -> Sight:
        return Sight(self.details, self.program, self.first_there, lambda: frozenset(self.processes))


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_a_script_seen_at_its_start_is_recalled_after_its_title_was_rewritten(machine: Machine) -> None:
    sight = machine.sight()
    machine.run(7, "node", "/p/bin/claude", "--resume")
    sight.glance(7)
    machine.run(7, "claude")
    seen = sight.look(7)
    assert (seen.path, seen.runs.standing, seen.runs.title) == (SCRIPT, Standing.RECALLED, "claude")


def test_a_title_rewritten_before_anybody_looked_is_weak(machine: Machine) -> None:
    sight = machine.sight()
    machine.run(7, "claude")
    seen = sight.look(7)
    assert (seen.runs.kind, seen.runs.standing, seen.path) == (Kind.RETITLED, Standing.HINTED, NODE)
    assert observe(seen).name == "claude"


@pytest.mark.parametrize(
    "later",
    [
        pytest.param({"started": 200.0}, id="the pid was used again"),
        pytest.param({"exe": "/opt/other/node"}, id="another interpreter by exec"),
    ],
)
def test_another_process_never_inherits(machine: Machine, later: dict[str, object]) -> None:
    sight = machine.sight()
    machine.run(7, "node", SCRIPT)
    sight.glance(7)
    machine.run(7, "claude", **later)  # type: ignore[arg-type]
    assert sight.look(7).runs.standing is Standing.HINTED


def test_a_new_program_in_the_same_process_never_inherits(machine: Machine) -> None:
    sight = machine.sight()
    machine.run(7, "node", SCRIPT)
    sight.glance(7)
    machine.run(7, "claude")
    sight.glance(7)
    assert sight.look(7).runs.standing is Standing.HINTED


def test_a_script_whose_file_vanished_keeps_the_path_it_had(machine: Machine) -> None:
    sight = machine.sight()
    machine.run(7, "node", "/p/bin/claude")
    assert sight.look(7).there
    machine.files.clear()
    seen = sight.look(7)
    assert (seen.path, seen.there) == (SCRIPT, False)


def test_a_process_of_another_root_keeps_its_own_paths(machine: Machine) -> None:
    machine.run(7, "node", "/p/bin/claude", foreign=True)
    seen = machine.sight().look(7)
    assert (seen.path, seen.there, seen.process.foreign) == ("/p/bin/claude", False, True)


def test_a_restarted_agent_can_be_given_what_it_knew(machine: Machine) -> None:
    sight = machine.sight()
    machine.run(7, "claude")
    sight.remember(7, 100.0, NODE, SCRIPT)
    assert sight.look(7).path == SCRIPT


def test_what_has_ended_is_forgotten_after_a_sweep(machine: Machine) -> None:
    sight = machine.sight()
    machine.run(7, "node", SCRIPT)
    machine.run(8, "node", SCRIPT)
    sight.glance(7)
    sight.glance(8)
    sight.keep((8,))
    machine.run(7, "claude")
    machine.run(8, "claude")
    assert [sight.look(pid).runs.standing for pid in (7, 8)] == [Standing.HINTED, Standing.RECALLED]


def test_the_memory_is_bounded(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIMIT", 3)
    sight = machine.sight()
    for pid in range(1, 6):
        machine.run(pid, "node", SCRIPT)
        sight.glance(pid)
        machine.run(pid, "claude")
    remembered = [pid for pid in range(1, 6) if sight.look(pid).runs.standing is Standing.RECALLED]
    assert remembered == [3, 4, 5]


def test_a_build_that_runs_a_thousand_scripts_does_not_push_a_session_out(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LIMIT", 8)
    sight = machine.sight()
    machine.run(7, "node", "/p/bin/claude")
    sight.glance(7)
    machine.run(7, "claude")
    for pid in range(100, 1100):
        machine.run(pid, "node", SCRIPT)
        sight.glance(pid)
        del machine.processes[pid]
    assert (sight.look(7).path, sight.look(7).runs.standing) == (SCRIPT, Standing.RECALLED)


def test_a_glance_at_what_is_gone_or_not_ours_is_no_error(machine: Machine) -> None:
    sight = machine.sight()
    machine.denied.add(8)
    sight.glance(7)
    sight.glance(8)


@pytest.mark.parametrize(
    ("pid", "started", "path", "answer"),
    [
        pytest.param(7, 100.0, SCRIPT, True, id="it still does"),
        pytest.param(7, 100.5, SCRIPT, False, id="another process"),
        pytest.param(7, 100.0, "/other", False, id="another file"),
        pytest.param(9, 100.0, SCRIPT, False, id="it has ended"),
    ],
)
def test_whether_a_process_still_runs_what_was_found(
    machine: Machine, pid: int, started: float, path: str, answer: bool
) -> None:
    machine.run(7, "node", "/p/bin/claude")
    assert machine.sight().still_runs(pid, started, path) is answer


def test_an_observation_names_the_file_and_how_it_was_called(machine: Machine) -> None:
    machine.run(7, "node", "/p/bin/claude")
    seen = observe(machine.sight().look(7))
    assert (seen.path, seen.links, seen.name, seen.pid, seen.started) == (
        SCRIPT, ("/p/bin/claude",), "claude", 7, 100.0)  # fmt: skip


def test_an_observation_of_a_renamed_program_has_the_name_it_was_called_by(machine: Machine) -> None:
    machine.run(7, "/home/li/.local/bin/claude", exe="/home/li/.local/share/claude/versions/2.1.329")
    seen = observe(machine.sight().look(7))
    assert (seen.path, seen.name) == ("/home/li/.local/share/claude/versions/2.1.329", "claude")


@pytest.mark.parametrize(
    ("started", "path"),
    [pytest.param(100.0, SCRIPT, id="the same"), pytest.param(90.0, "", id="another of its number")],
)
def test_what_a_process_was_given_is_recalled_after_the_agents_restart(
    machine: Machine, started: float, path: str
) -> None:
    machine.run(7, "claude", exe=NODE, started=100.0)
    sight = machine.sight()
    sight.recall(7, started, SCRIPT)
    sight.recall(8, started, SCRIPT)
    seen = sight.look(7)
    assert (seen.path if seen.runs.standing is Standing.RECALLED else "") == path
