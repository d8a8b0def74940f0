"""Runs a real engine in mount and process namespaces of its own, with a copy of /etc, until it ends or time is over.

What it mounts, marks with fanotify and starts is seen by nobody else, and ends with it. `run` is called by tests;
`main` is what runs inside, as root: `python -m tests.fakes.confined WHAT ARGUMENT...`, one JSON line on stdout.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, cast

SECONDS = 60
"""After this long everything inside is killed."""
READY = "Starting to listen"
"""What fapolicyd says when its marks are set."""
PLAY = Path("/opt")
"""A filesystem of a kind that nothing else here has lies there, and only that kind is watched."""


def run(what: str, *arguments: str) -> dict[str, object]:
    """Calls `main` in namespaces of its own and gives its answer."""
    confined = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--net"]
    ran = subprocess.run(
        [
            "timeout",
            "--signal=KILL",
            str(SECONDS),
            *confined,
            sys.executable,
            "-m",
            "tests.fakes.confined",
            what,
            *arguments,
        ],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return cast(dict[str, object], json.loads(ran.stdout.splitlines()[-1]))


def main(what: str, arguments: Sequence[str]) -> dict[str, object]:
    """What is done inside, by name."""
    known: dict[str, Callable[..., dict[str, object]]] = {"fapolicyd": fapolicyd, "vendor": vendor, "osquery": osquery}
    return known[what](*arguments)


def true_program(number: int) -> bytes:
    """A program that does nothing, each number with a hash of its own."""
    return Path("/bin/true").read_bytes() + b"\0" * number


def own_etc(work: Path) -> None:
    """From now on /etc is a copy, in this namespace."""
    shutil.copytree("/etc", work / "etc", symlinks=True, ignore_dangling_symlinks=True)
    _call("mount", "--bind", str(work / "etc"), "/etc")


def fapolicyd(work: str, rules: str, *programs: str) -> dict[str, object]:
    """Loads the rules into the real daemon and starts each program: exit code, 126 where the kernel refused it."""
    own_etc(Path(work))
    etc = Path("/etc/fapolicyd")
    for old in (etc / "rules.d").iterdir():
        old.unlink()
    for new in Path(rules).glob("*.rules"):
        shutil.copy(new, etc / "rules.d")
    settings = {"watch_fs": "ramfs", "trust": "file", "permissive": "0", "uid": "root", "gid": "root", "q_size": "64"}
    (etc / "fapolicyd.conf").write_text("".join(f"{key} = {value}\n" for key, value in settings.items()))
    for folder in ("/run", "/var/lib/fapolicyd"):
        _call("mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", folder)
    Path("/run/fapolicyd").mkdir()
    _call("mount", "-t", "ramfs", "ramfs", str(PLAY))
    for number, program in enumerate(programs):
        Path(program).parent.mkdir(parents=True, exist_ok=True)
        Path(program).write_bytes(true_program(number))
        Path(program).chmod(0o755)
    _call("fagenrules", "--load")
    checked = _call("fapolicyd-cli", "--check-config")
    before = [_start(program) for program in programs]
    with subprocess.Popen(
        ["fapolicyd", "--debug-deny"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as daemon:
        said = _until_ready(cast(IO[str], daemon.stderr))
        after = [_start(program) for program in programs]
        readable = [len(Path(program).read_bytes()) > 0 for program in programs]
        daemon.kill()
    return {"check": checked, "said": said, "before": before, "after": after, "readable": readable}


def vendor(work: str, settings: str, user: str, *command: str) -> dict[str, object]:
    """Runs Claude Code with these managed settings and these of the person, in an empty home without a network."""
    own_etc(Path(work))
    managed = Path("/etc/claude-code")
    managed.mkdir(exist_ok=True)
    for old in managed.iterdir():
        old.unlink()
    if settings:
        shutil.copy(settings, managed / "managed-settings.json")
    home, folder = Path(work) / "home", Path(work) / "project"
    (home / ".claude").mkdir(parents=True)
    (home / ".claude" / "settings.json").write_text(user)
    folder.mkdir()
    _call("ip", "link", "set", "lo", "up")
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),
        "TERM": "dumb",
        "IS_SANDBOX": "1",
        "ANTHROPIC_API_KEY": "none",
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
        "CLAUDE_CODE_MAX_RETRIES": "0",
        "DISABLE_AUTOUPDATER": "1",
    }
    ran = subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    return {"code": ran.returncode, "said": ran.stdout + ran.stderr}


def osquery(program: str, pack: str, homes: str) -> dict[str, object]:
    """Runs each query of the pack that is for Linux, with these folders as /home and /root: rows by query."""
    _call("mount", "--bind", f"{homes}/home", "/home")
    _call("mount", "--bind", f"{homes}/root", "/root")
    queries = json.loads(Path(pack).read_text())["queries"]
    mine = {name: query["query"] for name, query in queries.items() if query.get("platform", "linux") == "linux"}
    asked = "\n".join(mine.values()) + "\n"
    ran = subprocess.run(
        [program, "--json", "--ephemeral", "--disable_database", "--disable_events"],
        input=asked,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, "Error" in ran.stderr) == (0, False), ran.stderr
    return dict(zip(mine, _answers(ran.stdout), strict=True))


def _answers(text: str) -> list[object]:
    """The JSON values that stand in a text one after the other."""
    found, decoder = [], json.JSONDecoder()
    while text := text.strip():
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:]
    return found


def _until_ready(lines: IO[str]) -> list[str]:
    said: list[str] = []
    for line in lines:
        said.append(line.rstrip())
        if READY in line:
            return said
    raise AssertionError(f"fapolicyd ended: {said}")


def _start(program: str) -> int:
    try:
        return subprocess.run([program], check=False).returncode
    except PermissionError:
        return 126


def _call(*command: str) -> str:
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"{command}: {ran.stderr}"
    return ran.stdout


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2:])))
