"""Which file a process really runs: captured processes, made-up ones, and any bytes at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.host.processes import Process
from agent.watch.identity import Kind, Runs, Standing, what_runs

SAMPLES = Path(__file__).parents[2] / "samples" / "processes"
HOME = "/home/li/work"
NODE, PYTHON = "/usr/bin/node", "/usr/bin/python3.11"


def sample(name: str) -> Process:
    row = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return Process(**{**row, "cmdline": tuple(row["cmdline"])})


def process(exe: str, *argv: str, cwd: str = HOME, deleted: bool = False) -> Process:
    return Process(7, 1, 1.0, 1000, "li", exe, deleted, argv[0][:15] if argv else "", tuple(argv), cwd, 0)


class Want(NamedTuple):
    kind: Kind
    path: str
    standing: Standing = Standing.TOLD
    title: str = ""
    asked: str = ""
    deleted: bool = False


CAPTURED = {
    "node-script-through-a-link": Want(Kind.SCRIPT, f"{HOME}/bin/claude"),
    "node-script-by-name": Want(Kind.SCRIPT, f"{HOME}/bin/claude"),
    "node-relative-script": Want(Kind.SCRIPT, f"{HOME}/app/cli.js"),
    "node-relative-script-without-its-ending": Want(Kind.SCRIPT, f"{HOME}/app/./cli"),
    "node-with-require": Want(Kind.SCRIPT, f"{HOME}/app/cli.js"),
    "node-with-short-require-and-heap-size": Want(Kind.SCRIPT, f"{HOME}/app/cli.js"),
    "node-after-two-dashes": Want(Kind.SCRIPT, f"{HOME}/app/cli.js"),
    "node-inline-code": Want(Kind.CODE, NODE, Standing.SEEN),
    "node-title-rewritten": Want(Kind.RETITLED, NODE, Standing.HINTED, title="claude"),
    "node-env-split-shebang": Want(Kind.SCRIPT, f"{HOME}/app/./S.js"),
    "node-by-the-loader": Want(Kind.SCRIPT, f"{HOME}/app/cli.js"),
    "python-script": Want(Kind.SCRIPT, f"{HOME}/app/run.py"),
    "python-module-from-the-working-folder": Want(Kind.MODULE, f"{HOME}/pkg/mod/__main__.py"),
    "python-options-with-values": Want(Kind.SCRIPT, f"{HOME}/app/run.py"),
    "python-inline-code": Want(Kind.CODE, PYTHON, Standing.SEEN),
    "python-from-standard-input": Want(Kind.CODE, PYTHON, Standing.SEEN),
    "python-zipapp": Want(Kind.SCRIPT, f"{HOME}/app/tool.pyz"),
    "python-venv-script": Want(Kind.SCRIPT, f"{HOME}/app/run.py"),
    "python-title-rewritten": Want(Kind.RETITLED, PYTHON, Standing.HINTED, title="claude"),
    "shell-script-executed": Want(Kind.SCRIPT, f"{HOME}/app/./tool.sh"),
    "shell-script-by-name": Want(Kind.SCRIPT, f"{HOME}/app/tool.sh"),
    "bash-with-an-option-value": Want(Kind.SCRIPT, f"{HOME}/app/tool.sh"),
    "bash-inline": Want(Kind.CODE, "/usr/bin/bash", Standing.SEEN),
    "perl-script": Want(Kind.SCRIPT, f"{HOME}/app/a.pl"),
    "perl-title-rewritten": Want(Kind.RETITLED, "/usr/bin/perl", Standing.HINTED, title="claude"),
    "bun-script": Want(Kind.SCRIPT, f"{HOME}/app/t.ts"),
    "bun-script-without-run": Want(Kind.SCRIPT, f"{HOME}/app/t.ts"),
    "deno-script": Want(Kind.SCRIPT, f"{HOME}/app/t.ts"),
    "native-renamed": Want(Kind.PROGRAM, f"{HOME}/bin/notes-helper", Standing.SEEN),
    "native-deleted": Want(Kind.PROGRAM, f"{HOME}/bin/gone", Standing.SEEN, deleted=True),
    "native-by-the-loader": Want(Kind.PROGRAM, f"{HOME}/bin/notes-helper"),
    "npx-started": Want(Kind.SCRIPT, "/usr/bin/npx", asked="pkg:npm/cowsay"),
    "npx-after-its-title": Want(
        Kind.RETITLED, NODE, Standing.HINTED, title="npm exec cowsay@1.6.0 hi", asked="pkg:npm/cowsay"
    ),
    "npx-shell": Want(Kind.CODE, "/usr/bin/dash", Standing.SEEN),
    "npx-tool": Want(Kind.SCRIPT, "/home/li/.npm/_npx/0123456789abcdef/node_modules/.bin/cowsay"),
    "uvx": Want(Kind.PROGRAM, "/home/li/venv/bin/uv", Standing.SEEN, asked="pkg:pypi/pycowsay"),
    "uvx-tool": Want(Kind.SCRIPT, "/home/li/.cache/uv/archive-v0/AbCdEfGhIjKlMnOp/bin/pycowsay"),
    "pipx-run": Want(Kind.SCRIPT, "/home/li/venv/bin/pipx", asked="pkg:pypi/pycowsay"),
    "pipx-run-by-uv": Want(Kind.PROGRAM, "/home/li/venv/bin/uv", Standing.SEEN, asked="pkg:pypi/pycowsay"),
}


def told(runs: Runs) -> Want:
    return Want(runs.kind, runs.path, runs.standing, runs.title, runs.asked, runs.deleted)


def test_every_captured_process_is_in_the_table() -> None:
    assert {path.stem for path in SAMPLES.glob("*.json")} == CAPTURED.keys()


@pytest.mark.parametrize("name", sorted(CAPTURED))
def test_a_captured_process_is_what_it_really_runs(name: str) -> None:
    assert told(what_runs(sample(name))) == CAPTURED[name]


MADE_UP = {
    "a bare node prompt runs no file": (process(NODE, "node"), Kind.CODE, NODE),
    "a login shell runs no file": (process("/usr/bin/bash", "-bash"), Kind.CODE, "/usr/bin/bash"),
    "node --require with = takes no further word": (
        process(NODE, "node", "--require=/x.js", "a.js"), Kind.SCRIPT, f"{HOME}/a.js"),
    "node inspect runs the word after it": (process(NODE, "node", "inspect", "a.js"), Kind.SCRIPT, f"{HOME}/a.js"),
    "node --run runs a task, no file": (process(NODE, "node", "--run", "build"), Kind.CODE, NODE),
    "a node with a version in its name is node": (
        process("/opt/node-v22", "node", "/a.js"), Kind.SCRIPT, "/a.js"),
    "a script called through exec -a is still found": (
        process(NODE, "not-node-at-all", "/a.js"), Kind.SCRIPT, "/a.js"),
    "a program called node_exporter is itself": (
        process("/usr/bin/node_exporter", "node_exporter", "/a.js"), Kind.PROGRAM, "/usr/bin/node_exporter"),
    "an editor that opens a script is the editor": (
        process("/usr/bin/vim", "vim", "/a.js"), Kind.PROGRAM, "/usr/bin/vim"),
    "env is about to become something else": (
        process("/usr/bin/env", "env", "node", "/a.js"), Kind.SETTLING, "/usr/bin/env"),
    "python -m with its name joined": (
        process(PYTHON, "python3", "-mtool.sub"), Kind.MODULE, f"{HOME}/tool/sub/__main__.py"),
    "python letters before -m": (process(PYTHON, "python3", "-Im", "tool"), Kind.MODULE, f"{HOME}/tool/__main__.py"),
    "python -m with no name runs no file": (process(PYTHON, "python3", "-m"), Kind.CODE, PYTHON),
    "python -m with a path is no module": (process(PYTHON, "python3", "-m", "../x"), Kind.CODE, PYTHON),
    "a shell that reads a descriptor runs no file of ours": (
        process("/usr/bin/bash", "bash", "/dev/fd/63"), Kind.CODE, "/usr/bin/bash"),
    "a script named through /proc/self is no file of ours": (
        process(NODE, "node", "/proc/self/fd/9"), Kind.CODE, NODE),
    "a single dash ends a shell's options": (
        process("/bin/sh", "sh", "-", "run.sh"), Kind.SCRIPT, f"{HOME}/run.sh"),
    "a shell called through busybox": (
        process("/bin/busybox", "busybox", "sh", "-x", "run.sh"), Kind.SCRIPT, f"{HOME}/run.sh"),
    "a shell that is a link to busybox": (process("/bin/busybox", "/bin/sh", "/run.sh"), Kind.SCRIPT, "/run.sh"),
    "another program of busybox is busybox": (
        process("/bin/busybox", "vi", "/a.js"), Kind.PROGRAM, "/bin/busybox"),
    "deno with a package from npm": (process("/opt/deno", "deno", "run", "-A", "npm:cowsay"), Kind.CODE, "/opt/deno"),
    "deno with a page from the network": (
        process("/opt/deno", "deno", "run", "https://example.com/x.ts"), Kind.CODE, "/opt/deno"),
    "bun installing is bun": (process("/opt/bun", "bun", "install", "x"), Kind.CODE, "/opt/bun"),
    "bunx is bun with x": (process("/opt/bun", "bunx", "@scope/name@1", "--y"), Kind.CODE, "/opt/bun"),
    "an editor built on Electron that opens a script is itself": (
        process("/usr/share/code/code", "code", "/p/cli.js"), Kind.PROGRAM, "/usr/share/code/code"),
    "an Electron program told to run as node": (
        process("/opt/code", "code", "--ms-enable-electron-run-as-node", "/p/cli.js"), Kind.SCRIPT, "/p/cli.js"),
    "a helper process of an Electron program is the program": (
        process("/usr/share/code/code", "code", "--type=utility", "/p/cli.js"), Kind.PROGRAM, "/usr/share/code/code"),
    "Electron itself runs an application's folder": (
        process("/opt/electron", "electron", "."), Kind.SCRIPT, f"{HOME}/."),
    "a kernel thread runs nothing": (process("", cwd="/"), Kind.NOTHING, ""),
    "no command line at all leaves the program": (process(NODE), Kind.PROGRAM, NODE),
    "a relative script without a working folder is unknown": (process(NODE, "node", "a.js", cwd=""), Kind.CODE, NODE),
    "the loader that only lists runs no file": (
        process("/lib/ld-linux-x86-64.so.2", "ld.so", "--list", "/bin/x"), Kind.CODE, "/lib/ld-linux-x86-64.so.2"),
    "musl's loader": (process("/lib/ld-musl-x86_64.so.1", "ld", "/opt/claude"), Kind.PROGRAM, "/opt/claude"),
    "a deleted interpreter still names its script": (
        process(NODE, "node", "/a.js", deleted=True), Kind.SCRIPT, "/a.js"),
    "a program on Windows": (
        process("C:\\nodejs\\node.exe", "node", "-e", "1"), Kind.CODE, "C:\\nodejs\\node.exe"),
}  # fmt: skip


@pytest.mark.parametrize("name", MADE_UP)
def test_a_process_is_what_it_really_runs(name: str) -> None:
    subject, kind, path = MADE_UP[name]
    runs = what_runs(subject)
    assert (runs.kind, runs.path) == (kind, path)


def test_an_edited_script_is_only_a_hint() -> None:
    assert what_runs(process("/usr/share/code/code", "code", "/p/cli.js")).hints == ("/p/cli.js",)


def test_a_module_is_looked_for_in_the_environment_that_was_called() -> None:
    runs = what_runs(process(PYTHON, "/home/li/v/bin/python", "-m", "aider", cwd="/srv"))
    assert runs.candidates[:4] == (
        "/srv/aider/__main__.py",
        "/srv/aider.py",
        "/home/li/v/lib/python3.11/site-packages/aider/__main__.py",
        "/home/li/v/lib/python3.11/site-packages/aider.py",
    )


ASKED = {
    "npx with a scope and a version": (("node", "/usr/bin/npx", "@a/b@1.2", "-x"), "pkg:npm/%40a/b"),
    "npx with the package named apart": (("node", "/usr/bin/npx", "-y", "-p", "@a/b", "run"), "pkg:npm/%40a/b"),
    "npm exec": (("node", "/x/npm-cli.js", "exec", "--", "name@latest"), "pkg:npm/name"),
    "npm install asks for nothing to run": (("node", "/x/npm-cli.js", "install", "name"), ""),
    "pnpm dlx": (("node", "/x/pnpm.cjs", "dlx", "name"), "pkg:npm/name"),
    "npx of a folder": (("node", "/usr/bin/npx", "./folder"), ""),
    "npx of nothing": (("node", "/usr/bin/npx", "--yes"), ""),
}


@pytest.mark.parametrize("name", ASKED)
def test_what_a_launcher_was_asked_for(name: str) -> None:
    argv, purl = ASKED[name]
    assert what_runs(process(NODE, *argv)).asked == purl


@pytest.mark.parametrize(
    ("argv", "purl"),
    [
        pytest.param(("uvx", "--from", "Aider_Chat[x]==1", "aider"), "pkg:pypi/aider-chat", id="uvx with another name"),
        pytest.param(("uvx", "-p", "3.12", "ruff@latest"), "pkg:pypi/ruff", id="uvx with an option's value"),
        pytest.param(("uv", "tool", "run", "--python=3.12", "ruff"), "pkg:pypi/ruff", id="uv tool run"),
        pytest.param(("uv", "run", "script.py"), "", id="uv run is no tool"),
        pytest.param(("uv", "tool", "install", "ruff"), "", id="uv tool install runs nothing"),
        pytest.param(("uvx", "/tmp/x.whl"), "", id="a wheel has no name here"),
    ],
)
def test_what_uv_was_asked_for(argv: tuple[str, ...], purl: str) -> None:
    assert what_runs(process(f"/home/li/.local/bin/{argv[0]}", *argv)).asked == purl


interpreters = st.sampled_from(
    [NODE, PYTHON, "/bin/sh", "/opt/bun", "/opt/deno", "/usr/bin/perl", "/usr/bin/ruby", "/bin/busybox", "/usr/bin/env",
     "/lib64/ld-linux-x86-64.so.2", "/usr/share/code/code", "/usr/bin/uvx", "/opt/x"]
)  # fmt: skip
options = st.sampled_from(
    ["-", "--", "-m", "-c", "-e", "-r", "--require", "run", "x", "+o", "-W", "--type=a", "/usr/bin/node"]
)
words = (
    st.text(max_size=12) | st.binary(max_size=12).map(lambda data: data.decode("utf-8", "surrogateescape")) | options
)


@given(interpreters, st.lists(words, max_size=8), words)
@example("/lib64/ld-linux-x86-64.so.2", ["x", "/lib64/ld-linux-x86-64.so.2"] * 4, "/")
def test_no_command_line_breaks_it_and_every_answer_is_a_whole_path(exe: str, argv: list[str], cwd: str) -> None:
    cwd = "/" + cwd.lstrip("/")
    runs = what_runs(process(exe, *argv, cwd=cwd))
    assert runs.path.startswith("/")
    assert all(candidate.startswith("/") for candidate in (*runs.candidates, *runs.hints))
    assert runs.kind is not Kind.PROGRAM or runs.interpreter or runs.path == exe
