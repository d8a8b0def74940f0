"""Programs: by name, folder and content; each real file once; hostile folders give an Unknown."""

from __future__ import annotations

import hashlib
import os
import sys

import pytest

from agent.inventory import executables
from agent.inventory.interface import Wanted
from policy_schema.rules.content import compile_signature
from policy_schema.rules.observation import Face, Observation, Unknown
from tests.fakes.machine_folder import SAMPLES, MachineFolder, seen, unknown

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links, pipes and modes are those of POSIX")

CODE = "@anthropic-ai/claude-code"
BIN = "/home/li/.local/bin"
VERSIONS = "/home/li/.local/share/claude/versions"
SCRIPT = compile_signature(
    "claude-code/1", {"magic": ["text"], "min_size": 2000, "version": "// Version: ", "all": ["You are Claude Code"]}
)
NATIVE = compile_signature(
    "claude-code/0", {"magic": ["elf"], "min_size": 2000, "version": "// Version: ", "all": ["(c) Anthropic PBC"]}
)
WANTED = Wanted(frozenset({"claude"}), ("~/.local/share/claude/versions",), (NATIVE, SCRIPT))
A_SCRIPT = "#!/usr/bin/env node\n// Version: 2.1.112\n// You are Claude Code\n" + "x" * 4000
AN_ELF = b"\x7fELF\x02\x01\x01" + bytes(3000) + b"(c) Anthropic PBC\n// Version: 2.1.197\n" + bytes(1000)


def found_by(machine: MachineFolder, wanted: Wanted = WANTED) -> list[Observation]:
    """What the source sees, in a machine that could be looked at everywhere."""
    found = machine.look("executables", wanted=wanted)
    assert unknown(found) == []
    return seen(found)


def test_a_program_is_found_by_its_name_in_any_case_and_with_exe(machine: MachineFolder) -> None:
    for name in ("claude", "Claude.EXE", "claudette"):
        machine.file(f"{BIN}/{name}", "#!/bin/sh\n", 0o755)
    machine.file("/usr/bin/claude", "#!/bin/sh\n", 0o755)
    assert sorted((one.path, one.face, one.content) for one in found_by(machine)) == [
        (f"{BIN}/Claude.EXE", Face.EXECUTABLE, ""),
        (f"{BIN}/claude", Face.EXECUTABLE, ""),
        ("/usr/bin/claude", Face.EXECUTABLE, ""),
    ]


def test_a_file_of_that_name_that_cannot_be_started_is_no_program(machine: MachineFolder) -> None:
    machine.file(f"{BIN}/claude", "notes", 0o644)
    machine.at("/usr/bin/claude").mkdir(parents=True)
    assert found_by(machine) == []


def test_a_version_of_an_installer_is_one_program_with_its_links(machine: MachineFolder) -> None:
    machine.file(f"{VERSIONS}/2.1.329", AN_ELF, 0o755)
    machine.link(f"{BIN}/claude", "../share/claude/versions/2.1.329")
    machine.link("/home/li/bin/cc", f"{BIN}/claude")
    (one,) = found_by(machine)
    assert (one.path, one.links) == (f"{VERSIONS}/2.1.329", (f"{BIN}/claude", "/home/li/bin/cc"))
    assert (one.version, one.content, one.home, one.owner) == ("2.1.197", "claude-code/0", "/home/li", "li")


def test_the_version_is_the_file_s_name_where_content_does_not_tell_it(machine: MachineFolder) -> None:
    machine.file(f"{VERSIONS}/2.1.329", "short", 0o755)
    machine.file(f"{VERSIONS}/current", "short", 0o755)
    machine.file(f"{VERSIONS}/notes.txt", "short", 0o644)
    assert [(one.name, one.version) for one in found_by(machine)] == [("2.1.329", "2.1.329"), ("current", "")]


def test_a_bundle_deep_in_the_tool_s_folder_is_found_and_its_packages_are_left_to_npm(machine: MachineFolder) -> None:
    program = f"{VERSIONS}/bundles/2.1.329@0123456789ab.01234567/claude.app/Contents/MacOS/claude"
    machine.file(program, "x", 0o755)
    machine.npm(f"{VERSIONS}/node_modules/{CODE}", CODE, "1.0.0", {"claude": "cli.js"})
    assert [one.path for one in found_by(machine)] == [program]


@pytest.mark.parametrize(
    ("path", "content", "expected"),
    [
        pytest.param(f"{BIN}/notes-helper", AN_ELF, ("claude-code/0", "2.1.197"), id="a native program in PATH"),
        pytest.param("/usr/local/bin/build-tool.mjs", A_SCRIPT, ("claude-code/1", "2.1.112"), id="a script in PATH"),
        pytest.param("/home/li/build-tool.mjs", A_SCRIPT, ("claude-code/1", "2.1.112"), id="a script in the home"),
        pytest.param("/home/li/Downloads/x", AN_ELF, ("claude-code/0", "2.1.197"), id="a download"),
    ],
)
def test_a_renamed_copy_is_found_by_content(
    path: str, content: bytes | str, expected: tuple[str, str], machine: MachineFolder
) -> None:
    machine.file(path, content)
    (one,) = found_by(machine)
    assert (one.path, one.content, one.version) == (path, *expected)


def test_files_in_a_home_are_never_found_by_name(machine: MachineFolder) -> None:
    machine.file("/home/li/claude", "#!/bin/sh\n", 0o755)
    machine.file("/home/li/Downloads/claude", "#!/bin/sh\n", 0o755)
    assert found_by(machine) == []


def test_other_people_s_large_files_match_nothing(machine: MachineFolder) -> None:
    machine.file(f"{BIN}/other", b"\x7fELF\x02\x01\x01" + bytes(5000), 0o755)
    machine.file("/home/li/thesis.txt", "You are reading my thesis\n" * 400)
    assert found_by(machine) == []


def test_two_names_of_one_file_are_one_program(machine: MachineFolder) -> None:
    machine.file("/usr/bin/claude", AN_ELF, 0o755)
    os.link(machine.at("/usr/bin/claude"), machine.at("/usr/bin/notes"))
    (one,) = found_by(machine)
    assert (one.path, one.links) == ("/usr/bin/claude", ("/usr/bin/notes",))


def test_without_anything_wanted_nothing_is_reported_and_the_folders_are_named(machine: MachineFolder) -> None:
    machine.file("/usr/bin/claude", AN_ELF, 0o755)
    found = machine.look("executables")
    assert seen(found) == []
    assert found.coverage[0].roots == ("/usr/bin",)


# ---------------------------------------------------------------------------- containers
def test_a_program_inside_a_package_says_so(machine: MachineFolder) -> None:
    machine.npm(f"/usr/lib/node_modules/{CODE}", CODE, "2.1.112", {"claude": "cli.js"})
    machine.link("/usr/bin/claude", f"../lib/node_modules/{CODE}/cli.js")
    (one,) = found_by(machine)
    assert (one.container, one.container_path) == (
        "pkg:npm/%40anthropic-ai/claude-code",
        f"/usr/lib/node_modules/{CODE}",
    )


def test_a_program_inside_a_distribution_says_so(machine: MachineFolder) -> None:
    site = "/home/li/.virtualenvs/ai/lib/python3.12/site-packages"
    machine.dist(site, "anthropic", "2.11.0", record=["anthropic/__init__.py"])
    info = machine.dist(site, "claude-agent-sdk", "0.2.186", record=["claude_agent_sdk/_bundled/claude"])
    machine.file(f"{site}/claude_agent_sdk/_bundled/claude", AN_ELF, 0o755)
    machine.link(f"{BIN}/claude", f"{site}/claude_agent_sdk/_bundled/claude")
    (one,) = found_by(machine)
    assert (one.container, one.container_path) == ("pkg:pypi/claude-agent-sdk", info)


def test_a_script_of_a_distribution_says_so(machine: MachineFolder) -> None:
    prefix = "/home/li/.local"
    info = machine.dist(f"{prefix}/lib/python3.12/site-packages", "claude-wrap", "1.0", record=["../../../bin/claude"])
    machine.file(f"{prefix}/bin/claude", "#!/usr/bin/python3\n", 0o755)
    (one,) = found_by(machine)
    assert (one.container, one.container_path) == ("pkg:pypi/claude-wrap", info)


@pytest.mark.parametrize(
    ("sample", "script", "modules"),
    [
        ("pnpm-start-script", "/home/li/.local/share/pnpm/claude", "/home/li/.local/share/pnpm/global/5/node_modules"),
        ("local-installer-script", "/home/li/.claude/local/claude", "/home/li/.claude/local/node_modules"),
    ],
)
def test_a_script_that_only_starts_something_belongs_to_what_it_starts(
    sample: str, script: str, modules: str, machine: MachineFolder
) -> None:
    machine.npm(f"{modules}/{CODE}", CODE, "2.1.112", {"claude": "cli.js"})
    machine.link(f"{modules}/.bin/claude", f"../{CODE}/cli.js")
    machine.file(script, (SAMPLES / "executables" / sample).read_bytes(), 0o755)
    (one,) = found_by(machine)
    assert (one.path, one.container_path) == (script, f"{modules}/{CODE}")


# ---------------------------------------------------------------------------- remembering
def test_a_file_is_read_once_while_it_does_not_change(machine: MachineFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = []
    real = executables.look
    monkeypatch.setattr(executables, "look", lambda fd, *rest: (reads.append(os.fstat(fd).st_size), real(fd, *rest))[1])
    machine.file(f"{BIN}/a", AN_ELF, 0o755)
    machine.file(f"{BIN}/b", b"\x7fELF" + bytes(9000), 0o755)
    first = found_by(machine)
    assert found_by(machine) == first
    assert sorted(reads) == [len(AN_ELF), 9004]
    machine.file(f"{BIN}/b", AN_ELF + b"\0", 0o755)
    assert [one.name for one in found_by(machine)] == ["a", "b"]
    assert sorted(reads) == [len(AN_ELF), len(AN_ELF) + 1, 9004]
    found_by(machine, WANTED._replace(signatures=(SCRIPT,)))
    found_by(machine)
    assert len(reads) == 7, "other signatures forget what these found"


def test_hashes_are_made_of_what_is_reported_when_a_rule_names_any(machine: MachineFolder) -> None:
    machine.file("/usr/bin/claude", "#!/bin/sh\n", 0o755)
    machine.file("/usr/bin/renamed", AN_ELF, 0o755)
    rows = {one.name: one.sha256 for one in found_by(machine, WANTED._replace(hashes=True))}
    assert rows == {"claude": hashlib.sha256(b"#!/bin/sh\n").hexdigest(), "renamed": hashlib.sha256(AN_ELF).hexdigest()}
    assert {one.sha256 for one in found_by(machine)} == {""}


# ---------------------------------------------------------------------------- hostile
def test_pipes_loops_and_voids_neither_hang_nor_crash(machine: MachineFolder) -> None:
    machine.at(BIN).mkdir(parents=True)
    os.mkfifo(machine.at(f"{BIN}/claude"))
    machine.link(f"{BIN}/void", "nowhere")
    machine.link(f"{BIN}/out", "../../../../../../../../../../../../bin/sh")
    machine.link(f"{BIN}/loop", "loop")
    machine.file(f"{BIN}/{os.fsdecode(b'caf' + bytes([0xE9]))}", AN_ELF, 0o755)
    found = machine.look("executables", wanted=WANTED)
    assert [one.path for one in seen(found)] == [f"{BIN}/caf\udce9"]
    assert unknown(found) == [Unknown(f"{BIN}/loop", "more than 40 links on the way")]


def test_a_sparse_file_with_the_right_head_costs_nothing(machine: MachineFolder) -> None:
    machine.file(f"{BIN}/sparse", b"\x7fELF\x02\x01\x01", 0o755)
    os.truncate(machine.at(f"{BIN}/sparse"), 1 << 40)
    assert found_by(machine) == []


def test_a_program_that_vanishes_before_it_is_read_is_nothing(
    machine: MachineFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.file(f"{BIN}/claude", AN_ELF, 0o755)
    real = executables._Search.by_content_alone

    def vanish(search: executables._Search) -> object:
        machine.at(f"{BIN}/claude").unlink()
        return real(search)

    monkeypatch.setattr(executables._Search, "by_content_alone", vanish)
    assert found_by(machine) == []
