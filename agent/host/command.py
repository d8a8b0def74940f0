"""Programs of the system: the only place that starts one.

What may be started is a named constant with absolute paths: adding a program is a visible act. Never through a shell,
never by a name looked up in PATH, never with the agent's own environment, never without a time limit or with
unbounded output.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any, NamedTuple

from agent.errors import TooBig, ToolFailed, ToolMissing


class Tool(NamedTuple):
    """A program and where it may be; the first that exists is taken."""

    name: str
    paths: tuple[str, ...]


NOTIFY_SEND = Tool("notify-send", ("/usr/bin/notify-send", "/usr/local/bin/notify-send"))
ESLOGGER = Tool("eslogger", ("/usr/bin/eslogger",))
XDG_OPEN = Tool("xdg-open", ("/usr/bin/xdg-open",))
XRANDR = Tool("xrandr", ("/usr/bin/xrandr", "/usr/bin/X11/xrandr"))
SETPRIV = Tool("setpriv", ("/usr/bin/setpriv", "/bin/setpriv"))

subprocess._USE_VFORK = False  # type: ignore[misc]  # documented as the switch for just this
"""With vfork the whole interpreter stands still until the child has called exec, and exec waits for the gate: a gate
that does not answer would then keep us from ending it. A plain fork lets our other threads go on."""

PLAIN_ENVIRONMENT: Mapping[str, str] = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
STDERR_LIMIT = 64 * 1024
_PIECE = 64 * 1024
_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Account(NamedTuple):
    """The user that a program runs as, with this group and no other. Only root can choose one."""

    uid: int
    gid: int


class Output(NamedTuple):
    """What a program left behind."""

    code: int
    stdout: bytes
    stderr: bytes


def find_tool(tool: Tool) -> str:
    """The path of a program.

    Raises:
        ToolMissing: it is at none of its places.
    """
    for path in tool.paths:
        if os.access(path, os.X_OK) and os.path.isfile(path):
            return path
    raise ToolMissing(f"{tool.name} is not installed", f"Install {tool.name}; it is looked for at {tool.paths[0]}.")


def run_tool(
    tool: Tool,
    arguments: Sequence[str],
    *,
    timeout: float,
    stdin: bytes = b"",
    environment: Mapping[str, str] = PLAIN_ENVIRONMENT,
    account: Account | None = None,
    most: int = 1_000_000,
    good: frozenset[int] = frozenset({0}),
) -> Output:
    """Runs a program of the system in `/`, without a terminal, in a session of its own, for `timeout` seconds at most.

    Raises:
        ToolMissing: it is not installed.
        ToolFailed: it could not be started, ran out of time, or ended with a code that is not `good`.
        TooBig: it wrote more than `most` bytes.
    """
    command = [find_tool(tool), *arguments]
    output = talk(tool.name, start(command, environment, account), stdin, timeout=timeout, most=most)
    if output.code not in good:
        raise ToolFailed(f"{tool.name} ended with {output.code}: {last_line(output.stderr)}")
    return output


def leave(tool: Tool, arguments: Sequence[str], environment: Mapping[str, str], patience: float = 5.0) -> None:
    """Starts a program that goes on by itself, such as a browser, and waits a moment for it to say that it cannot.

    Raises:
        ToolMissing: it is not installed.
        ToolFailed: it could not be started, or ended with an error at once.
    """
    nothing = subprocess.DEVNULL
    process = subprocess.Popen(
        [find_tool(tool), *arguments],
        stdin=nothing,
        stdout=nothing,
        stderr=nothing,
        env=dict(environment),
        cwd="/",
        start_new_session=True,
    )
    try:
        code = process.wait(patience)
    except subprocess.TimeoutExpired:
        process.returncode = 0  # it is not ours any more, and Python shall not warn that it runs
        return
    if code:
        raise ToolFailed(f"{tool.name} ended with {code}")


def start(command: Sequence[str], environment: Mapping[str, str], account: Account | None) -> subprocess.Popen[bytes]:
    """Starts a program; `talk` must follow.

    Raises:
        ToolFailed: the system refuses.
    """
    identity: dict[str, Any] = {}
    if account is not None and sys.platform != "win32":
        identity = {"user": account.uid, "group": account.gid, "extra_groups": []}
    try:
        process: subprocess.Popen[bytes] = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            cwd="/" if sys.platform != "win32" else None,
            start_new_session=True,
            close_fds=True,
            **identity,
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise ToolFailed(f"{command[0]} cannot be started: {error}") from error
    return process


def talk(name: str, process: subprocess.Popen[bytes], stdin: bytes, *, timeout: float, most: int) -> Output:
    """Hands over `stdin`, reads at most `most` bytes, and ends the program's whole session when time is over.

    Raises:
        ToolFailed: it ran out of time.
        TooBig: it wrote more.
    """
    try:
        stdout, stderr = _exchange(name, process, stdin, timeout, most)
        code = process.wait()
    finally:
        end(process)
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
    return Output(code, stdout, stderr)


class Stream:
    """A program of the system that goes on printing; its complaints are not kept."""

    def __init__(self, tool: Tool, arguments: Sequence[str], longest: int = 1 << 20) -> None:
        """Starts it. A line of more than `longest` bytes is passed over.

        Raises:
            ToolMissing: it is not installed.
            ToolFailed: the system refuses.
        """
        self._longest = longest
        self._process = start([find_tool(tool), *arguments], PLAIN_ENVIRONMENT, None)
        assert self._process.stdin and self._process.stderr
        self._process.stdin.close()
        self._drain = threading.Thread(target=_drain, args=(self._process.stderr, []), name=f"{tool.name}-stderr")
        self._drain.start()

    def lines(self) -> Iterator[bytes]:
        """Line by line until it ends; one that is too long comes as an empty one."""
        assert self._process.stdout is not None
        with self._process.stdout as pipe:
            while line := pipe.readline(self._longest):
                if line.endswith(b"\n"):
                    yield line
                    continue
                while (rest := pipe.readline(self._longest)) and not rest.endswith(b"\n"):
                    pass
                yield b""

    def close(self) -> None:
        """Ends it. Any thread; `lines` then comes to its end."""
        end(self._process)
        self._process.wait()
        self._drain.join()
        if self._process.stderr is not None:
            self._process.stderr.close()


def end(process: subprocess.Popen[bytes]) -> None:
    """Kills the program and everything in its session; does nothing when it is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)


def last_line(text: bytes) -> str:
    """The last line of what a program complained about, safe to show."""
    lines = [line for line in text.decode("utf-8", "replace").splitlines() if line.strip()]
    return "".join(char if char.isprintable() else "?" for char in lines[-1][:300]) if lines else "it gave no reason"


def _exchange(
    name: str, process: subprocess.Popen[bytes], stdin: bytes, timeout: float, most: int
) -> tuple[bytes, bytes]:
    """Writes and reads until all pipes are closed. A descendant that left the session and keeps a pipe open cannot keep
    us: time is up for it too."""
    if sys.platform == "win32":
        return _exchange_by_threads(name, process, stdin, timeout, most)
    assert process.stdin and process.stdout and process.stderr
    until = time.monotonic() + timeout
    stdout, stderr, rest = bytearray(), bytearray(), memoryview(stdin)
    with selectors.DefaultSelector() as waiting:
        for pipe, events in ((process.stdin, _WRITE), (process.stdout, _READ), (process.stderr, _READ)):
            os.set_blocking(pipe.fileno(), False)
            waiting.register(pipe, events, pipe)
        while waiting.get_map():
            ready = waiting.select(max(0.0, until - time.monotonic()))
            if not ready and time.monotonic() >= until:
                raise ToolFailed(f"{name} did not end within {timeout:g} s")
            for key, _ in ready:
                if key.data is process.stdin:
                    rest = _write_some(key.fd, rest)
                    more = bool(rest)
                elif key.data is process.stdout:
                    more = _read_some(key.fd, stdout, most + 1)
                else:
                    more = _read_some(key.fd, stderr, STDERR_LIMIT)
                if not more:
                    waiting.unregister(key.data)
                    with contextlib.suppress(OSError):
                        key.data.close()
            if len(stdout) > most:
                raise TooBig(f"{name} wrote more than {most} bytes")
    if not _ended(process, until):
        raise ToolFailed(f"{name} did not end within {timeout:g} s")
    return bytes(stdout), bytes(stderr)


def _ended(process: subprocess.Popen[bytes], until: float) -> bool:
    """Whether it ends in time after it has closed its pipes."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(max(0.0, until - time.monotonic()))
        return True
    return False


def _write_some(fd: int, rest: memoryview) -> memoryview:
    """What is left to write; nothing for a program that does not read: its answer is judged, not this."""
    try:
        return rest[os.write(fd, rest[:_PIECE]) :] if rest else rest
    except BlockingIOError:
        return rest
    except OSError:
        return rest[:0]


def _read_some(fd: int, kept: bytearray, limit: int) -> bool:
    """Reads once and keeps the beginning; False at the end."""
    try:
        piece = os.read(fd, _PIECE)
    except BlockingIOError:
        return True
    kept += piece[: max(0, limit - len(kept))]
    return bool(piece)


def _exchange_by_threads(
    name: str, process: subprocess.Popen[bytes], stdin: bytes, timeout: float, most: int
) -> tuple[bytes, bytes]:
    """The same where pipes cannot be waited for together (Windows)."""
    assert process.stdin and process.stdout and process.stderr
    late = threading.Event()
    errors: list[bytes] = []

    def expire() -> None:
        late.set()
        end(process)

    timer = threading.Timer(timeout, expire)
    helpers = (
        timer,
        threading.Thread(target=_feed, args=(process.stdin, stdin), name=f"{name}-stdin"),
        threading.Thread(target=_drain, args=(process.stderr, errors), name=f"{name}-stderr"),
    )
    for helper in helpers:
        helper.start()
    try:
        stdout = process.stdout.read(most + 1)
        if len(stdout) > most:
            raise TooBig(f"{name} wrote more than {most} bytes")
        process.wait()
    finally:
        timer.cancel()
        end(process)
        for helper in helpers:
            helper.join()
    if late.is_set():
        raise ToolFailed(f"{name} did not end within {timeout:g} s")
    return stdout, b"".join(errors)


def _feed(pipe: IO[bytes], content: bytes) -> None:
    # A program that does not read its input has the right to: its answer is judged, not this.
    with contextlib.suppress(BrokenPipeError, OSError):
        pipe.write(content)
    with contextlib.suppress(BrokenPipeError, OSError):
        pipe.close()


def _drain(pipe: IO[bytes], kept: list[bytes]) -> None:
    """Keeps the beginning and lets the rest go, so that a chatty program does not wait."""
    with contextlib.suppress(OSError, ValueError):
        kept.append(pipe.read(STDERR_LIMIT))
        while pipe.read(STDERR_LIMIT):
            pass
