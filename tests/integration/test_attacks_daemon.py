"""Attacks on a real agent that runs as root, by somebody with a home and a shell."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes.other_person import UID, give_to
from tests.fakes.synthetic import synthetic_npm_install
from tests.fakes.workstation import TAKEN, Workstation

NAME, VERSION = "@anthropic-ai/claude-code", "2.1.197"
ESCAPE = "\x1b]0;owned\x07\x1b[2J"
pytestmark = pytest.mark.root


@pytest.fixture
def workstation(tmp_path: Path) -> Iterator[Workstation]:
    with Workstation(tmp_path) as one:
        yield one


def _package(folder: Path, text: str | bytes) -> Path:
    folder.mkdir(parents=True)
    (folder / "package.json").write_bytes(text.encode() if isinstance(text, str) else text)
    return folder


def _pipe(folder: Path) -> None:
    folder.mkdir()
    os.mkfifo(folder / "package.json")


def _link(folder: Path, target: str) -> None:
    folder.mkdir()
    (folder / "package.json").symlink_to(target)


def _claude(version: str = VERSION, **more: object) -> str:
    return json.dumps({"name": NAME, "version": version, **more})


TRAPS: dict[str, Callable[[Path], object]] = {
    "a pipe that nobody writes to": lambda f: _pipe(f / "a"),
    "a link to an endless device": lambda f: _link(f / "b", "/dev/zero"),
    "a link to itself": lambda f: (f / "c").symlink_to("c"),
    "a link to the root of the machine": lambda f: (f / "d").symlink_to("/"),
    "a megabyte of brackets": lambda f: _package(f / "e", "[" * (1 << 20)),
    "more than a megabyte": lambda f: _package(f / "g", b" " * (3 << 20) + b"{}"),
    "a number of a million digits": lambda f: _package(f / "h", '{"name": "x", "version": ' + "9" * 1_000_000 + "}"),
    "zero bytes": lambda f: _package(f / "i", b'{"name": "a\0b\\u0000", "version": "\\u0000"}'),
    "half a character": lambda f: _package(f / "j", '{"name": "\\ud800", "version": "\\udfff"}'),
    "a name that is no text": lambda f: _package(f / os.fsdecode(b"\xff\xfe\x80"), _claude()),
    "a name that a terminal obeys": lambda f: _package(f / ESCAPE, _claude(f"1.0{ESCAPE}")),
    "the longest name there is": lambda f: _package(f / ("x" * 255), _claude()),
    "a folder nobody may enter": lambda f: _package(f / "k", _claude()).chmod(0),
    "folders in folders": lambda f: _nested(f, 120),
    "ten thousand packages": lambda f: [_package(f / f"p{i}", '{"name": "p"}') for i in range(10_000)],
    "a folder called like a vault": lambda f: _package(
        f.parent / ".interdict-quarantine/node_modules" / NAME, _claude()
    ),
}


def _nested(folder: Path, depth: int) -> Path:
    return _package(folder.joinpath(*["n/node_modules"] * depth) / NAME, _claude())


@pytest.mark.parametrize(
    "trap",
    [
        pytest.param(trap, id=name, marks=[pytest.mark.slow] if name.startswith("ten thousand") else [])
        for name, trap in TRAPS.items()
    ],
)
def test_the_tool_is_found_and_taken_beside(workstation: Workstation, trap: Callable[[Path], object]) -> None:
    workstation.publish("notify", "block", "remove")
    installed = synthetic_npm_install(workstation.prefix, NAME, VERSION, "native")
    modules = workstation.prefix / "lib/node_modules"
    trap(modules)
    give_to(workstation.home)
    workstation.start()
    taken = workstation.wait_for(event="outcome", path=str(installed), result=TAKEN)
    assert taken["detail"] in ("", "none", "other-names-remain")
    status = workstation.command("status")
    explained = workstation.command("explain", str(modules))
    scanned = workstation.command("scan", "--json")
    assert status.returncode in (0, 1) and scanned.returncode in (0, 1) and explained.returncode in (0, 1)
    said = status.stdout + status.stderr + explained.stdout + explained.stderr + scanned.stdout
    assert "\x1b" not in said and "\x07" not in said
    json.loads(scanned.stdout)
    assert workstation.stop() == 0
    assert not workstation.events(event="part-failed")


def test_nobody_reads_what_concerns_others(workstation: Workstation, tmp_path: Path) -> None:
    other = tmp_path / "wang"
    secret = other / ".npm-global/lib/node_modules/secret-project"
    _package(secret, "no JSON")
    give_to(other)
    for path in (other, *other.rglob("*")):
        os.chown(path, UID + 1, UID + 1)
    synthetic_npm_install(workstation.prefix, NAME, VERSION, "native")
    give_to(workstation.home)
    workstation.publish("notify", "block", "remove")
    workstation.start(homes=[str(workstation.home), str(other)])
    workstation.wait_for(event="outcome", result=TAKEN)
    workstation.stop()
    state = workstation.state
    for folder in (tmp_path, *tmp_path.parents):
        if folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    open_to_all = _readable_by(UID + 2, state)
    assert open_to_all == {state / "views/machine.json", state / "views/rules.json"}
    assert _readable_by(UID, state) == open_to_all | {state / f"views/{UID}.json"}
    machine = (state / "views/machine.json").read_text()
    assert "secret-project" not in machine and ".npm-global" not in machine
    assert str(other) in machine, "that something could not be looked at is no secret"
    assert "secret-project" in (state / f"views/{UID + 1}.json").read_text(), "to the person themselves it is named"
    assert "secret-project" not in (state / f"views/{UID}.json").read_text()
    assert "secret-project" in workstation.command("status").stdout, "root sees everything"


def _readable_by(uid: int, folder: Path) -> set[Path]:
    """The files that somebody can really read, asked of the kernel."""
    script = (
        f"import os,sys\nos.setgroups([]); os.setresgid({uid},{uid},{uid}); os.setresuid({uid},{uid},{uid})\n"
        "for at, _, names in os.walk(sys.argv[1]):\n"
        "  for name in names:\n"
        "    try: open(os.path.join(at, name), 'rb').close(); print(os.path.join(at, name))\n"
        "    except OSError: pass\n"
    )
    done = subprocess.run(["/usr/bin/env", "python3", "-c", script, str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {Path(line) for line in done.stdout.splitlines()}


def test_a_second_agent_on_the_same_state_is_refused(workstation: Workstation) -> None:
    workstation.publish("notify")
    workstation.start()
    second = workstation.command("run")
    assert (second.returncode, second.stdout) == (2, "")
    assert "another agent uses it" in second.stderr
    workstation.stop(signal.SIGKILL)
    workstation.start()


def test_a_full_disk_holds_the_agent_and_does_not_end_it(workstation: Workstation, tmp_path: Path) -> None:
    workstation.state.mkdir(mode=0o755)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=755", "tmpfs", str(workstation.state)], check=True)
    try:
        workstation.publish("notify", "block", "remove")
        workstation.start()
        workstation.wait_for(event="policy-adopted")
        workstation.wait_for(event="look")
        filler = workstation.state / "filler"
        _fill(filler)
        mark = workstation.mark()
        installed = synthetic_npm_install(workstation.prefix, NAME, VERSION, "native")
        give_to(workstation.home)
        workstation.wait_for(mark, event="health")
        filler.unlink()
        workstation.wait_for(mark, event="outcome", result=TAKEN)
        assert not installed.exists()
        assert workstation.stop() == 0
        findings = workstation.view("0.json")["history"]
        assert isinstance(findings, list)
        assert [row["result"] for row in findings if row["kind"] in ("uninstall", "quarantine")][-1] in TAKEN
    finally:
        workstation.stop()
        subprocess.run(["umount", "-l", str(workstation.state)], check=True)


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1], ids=["SIGHUP", "SIGUSR1"])
def test_a_storm_of_signals_ends_or_blocks_nothing(workstation: Workstation, number: signal.Signals) -> None:
    workstation.publish("notify")
    workstation.start()
    workstation.wait_for(event="policy-adopted")
    for _ in range(20_000):
        os.kill(workstation.pid, number)
    mark = workstation.mark()
    synthetic_npm_install(workstation.prefix, NAME, VERSION, "native")
    workstation.wait_for(mark, event="finding", face="package")
    assert workstation.stop() == 0
