"""A real gate before a filesystem of its own: a mounted tmpfs or ext4 image, orders, and the daemon's end of the line.

The mount is made for the test and taken away after it; the gate gets `--only` that mount, so that nobody else on the
machine is ever asked about.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from policy_schema.document.compile import compile_policy
from tests.fakes.policies import BLOCK, CLAUDE_CODE, ban, closed

PATIENCE = 20.0
PROGRAM = Path(__file__).parents[2] / "agent" / "gate" / "__main__.py"
EVERYBODY = -1
Message = dict[str, object]

SCRIPT_SIGNATURE = {
    "magic": ["text"],
    "min_size": 5_000_000,
    "max_size": 40_000_000,
    "version": "// Version: ",
    "all": ["You are Claude Code, Anthropic's official CLI for Claude"],
    "some": {"least": 2, "of": ["tengu_api_success", "tengu_oauth_success", "tengu_tool_use_success", "tengu_cancel"]},
}


def claude_code() -> dict[str, object]:
    """The catalogue's tool with both content signatures, as a closed policy has it."""
    faces = dict(CLAUDE_CODE["faces"])  # type: ignore[call-overload]  # a dict, typed as object there
    faces["content"] = [*faces["content"], SCRIPT_SIGNATURE]
    faces["packages"] = [*faces["packages"], "pkg:pypi/claude-code"]
    return {**CLAUDE_CODE, "faces": faces}


def orders(serial: int = 1, **changes: object) -> Message:
    """Orders that block Claude Code for everybody, with fields replaced. `bans` and `tools` change the policy."""
    bans = changes.pop("bans", None) or [ban()]
    tools = changes.pop("tools", None) or {"claude-code": claude_code()}
    compiled = compile_policy(closed(*bans, tools=tools), serial)  # type: ignore[misc]  # a list of bans
    base: Message = {
        "schema": 1,
        "serial": serial,
        "compiled": compiled,
        "device": {"id": "device-1", "os": "linux", "kind": "workstation", "ownership": "company"},
        "floor": BLOCK + 60,
        "enforce": [["claude-code", "claude-code", EVERYBODY]],
        "spare": [],
        "entries": [],
        "protected": [],
    }
    return {**base, **changes}


class Gate:
    """A gate that runs, as its daemon sees it."""

    def __init__(self, folder: Path, mounts: tuple[Path, ...], first: Mapping[str, object], way: Sequence[str]) -> None:
        self.folder = folder
        self.orders_file = folder / "orders.json"
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(os.fspath(folder / "gate.sock"))
        (folder / "gate.sock").chmod(0o666)
        self._listener.listen(1)
        self._listener.settimeout(PATIENCE)
        self._line: socket.socket | None = None
        self.messages: list[Message] = []
        self.serial = 0
        self.write(first)
        only = ["--only", *map(os.fspath, mounts)] if mounts else []
        words = ["--socket", os.fspath(folder / "gate.sock"), "--orders", os.fspath(self.orders_file)]
        with (folder / "gate.log").open("wb") as log:
            self.process = subprocess.Popen(
                [*way, sys.executable, "-SIE", os.fspath(PROGRAM), *words, *only],
                stderr=log,
            )

    def accept(self) -> Message:
        """Takes the gate's call; its hello."""
        try:
            self._line, _ = self._listener.accept()
        except TimeoutError:
            log = (self.folder / "gate.log").read_text(encoding="utf-8", errors="replace")
            raise AssertionError(f"the gate does not call: {self.process.poll()} {log}") from None
        return self.wait(lambda message: message["t"] == "hello")

    def write(self, made: Mapping[str, object]) -> None:
        """Puts orders in place, as the daemon does."""
        beside = self.orders_file.with_suffix(".new")
        beside.write_text(json.dumps(made), encoding="utf-8")
        beside.chmod(0o644)
        beside.rename(self.orders_file)
        self.serial = int(str(made["serial"]))

    def order(self, made: Mapping[str, object]) -> Message:
        """Gives orders and waits until they hold (or are refused)."""
        self.write(made)
        self.say({"t": "orders", "serial": self.serial})
        return self.wait(lambda m: m["t"] == "orders" and (m["serial"] == self.serial or not m["ok"]))

    def say(self, message: Message) -> None:
        """Sends a command."""
        assert self._line is not None
        self._line.send(json.dumps(message).encode())

    def wait(self, accept: Callable[[Message], bool], patience: float = PATIENCE) -> Message:
        """The first message from now on that is accepted."""
        for message in self.listen(patience):
            if accept(message):
                return message
        log = (self.folder / "gate.log").read_text(encoding="utf-8", errors="replace")
        raise AssertionError(f"the gate did not say it; it said {self.messages[-5:]}; {log}")

    def listen(self, patience: float) -> Iterator[Message]:
        """Messages as they come, for so long."""
        assert self._line is not None
        deadline = time.monotonic() + patience
        while (left := deadline - time.monotonic()) > 0:
            ready, _, _ = select.select([self._line], [], [], left)
            data = self._line.recv(65536) if ready else b""
            if not data:
                return
            message = json.loads(data)
            self.messages.append(message)
            yield message

    def so_far(self, kind: str) -> list[Message]:
        """Messages of one kind that have come until now."""
        for _ in self.listen_now():
            pass
        return [message for message in self.messages if message["t"] == kind]

    def listen_now(self) -> Iterator[Message]:
        """What is there, without waiting."""
        assert self._line is not None
        while select.select([self._line], [], [], 0)[0]:
            data = self._line.recv(65536)
            if not data:
                return
            message = json.loads(data)
            self.messages.append(message)
            yield message

    def hang_up(self) -> None:
        """Ends the line as a daemon that dies does."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def pss(self) -> int:
        """Its memory, bytes."""
        rows = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
        return next(int(row.split()[1]) * 1024 for row in rows if row.startswith("Pss:"))

    def end(self) -> int:
        """Ends it; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        return code

    def close(self) -> None:
        """Closes the daemon's end."""
        self.hang_up()
        self._listener.close()


@contextlib.contextmanager
def mounted(point: Path, kind: str = "tmpfs", megabytes: int = 400) -> Iterator[Path]:
    """A filesystem of its own at a new folder, for everybody to write in; taken away afterwards."""
    point.mkdir()
    if kind == "tmpfs":
        call("mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=1777", "gate-test", os.fspath(point))
    else:
        image = point.with_suffix(".img")
        with image.open("wb") as file:
            file.truncate(megabytes << 20)
        call("mkfs.ext4", "-q", "-E", "lazy_itable_init=1", os.fspath(image))
        call("mount", "-o", "loop", os.fspath(image), os.fspath(point))
        point.chmod(0o1777)
    try:
        yield point
    finally:
        call("umount", "-l", os.fspath(point))


@contextlib.contextmanager
def gate_before(
    folder: Path, *mounts: Path, first: Mapping[str, object] | None = None, way: Sequence[str] = ()
) -> Iterator[Gate]:
    """A gate before these mounts; ended afterwards, whatever happened. `way`: words that the call begins with."""
    made = Gate(folder, mounts, first or orders(), way)
    try:
        made.accept()
        yield made
    finally:
        if made.process.poll() is None:
            made.end()
        made.close()


def call(*words: str) -> str:
    """Runs a program of the system that must work."""
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
    return done.stdout
