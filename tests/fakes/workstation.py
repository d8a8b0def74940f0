"""A whole workstation in a folder: a real agent process, its policy server and, if wanted, a real console.

Nothing is faked but the place: the agent is `python -m agent run`, the policy is signed and served over HTTP, the home
is a folder of the test's. Waiting is for events of the agent's log, never for a time.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import queue
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType

from agent.host.vault import mount_vault
from tests.fakes.policies import CLAUDE_CODE, ban, closed
from tests.fakes.policy_server import PolicyRepository, PolicyServer, encode

PATIENCE = 20.0
HOUR = 3600


TAKEN = ("uninstalled", "quarantined")
"""What came of a removal: which of them depends on whether its manager is on this machine."""


def has(row: Mapping[str, object], wanted: Mapping[str, object]) -> bool:
    """Whether a row has these values; of a tuple, any of them."""
    return all(row.get(key) in (value if isinstance(value, tuple) else (value,)) for key, value in wanted.items())


class AgentStopped(AssertionError):
    """The agent ended, or never said what was waited for."""


class Workstation:
    """Start it with `with`; `publish` changes the policy, `wait_for` reads the log."""

    def __init__(
        self, folder: Path, *, server: str = "", secret: str = "", tls: ssl.SSLContext | None = None, **settings: object
    ) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.prefix = self.home / ".npm-global"
        self.state = folder / "state"
        self.repository = PolicyRepository(now=int(time.time()))
        self.server = PolicyServer(lambda: self.repository.files, tls)
        self.behind: tuple[str, ...] = ()
        """A command before the agent's own, such as one that takes rights from it."""
        self._settings = settings
        self._console = server
        self._secret = secret
        self._process: subprocess.Popen[str] | None = None
        self._readers: list[threading.Thread] = []
        self._events: list[dict[str, object]] = []
        self._new = threading.Condition()
        self.notices: queue.SimpleQueue[str] = queue.SimpleQueue()
        (self.prefix / "bin").mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Workstation:
        self.server.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
        self.server.__exit__(kind, error, at)
        if os.geteuid() == 0:
            # Root's vault lies at the top of the filesystem, outside of the test's folder.
            for vault in glob.glob(f"/{mount_vault(str(self.state))}") + glob.glob(
                f"/*/{mount_vault(str(self.state))}"
            ):
                shutil.rmtree(vault, ignore_errors=True)

    # The author's side

    def publish(self, *actions: str, let_finish: int = 0, **changes: object) -> None:
        """Publishes a ban of Claude Code whose stages began an hour apart, the last one an hour ago."""
        now = int(time.time())
        rows = [
            {"from": _utc(now - HOUR * (len(actions) - i)), "action": a, "let_finish": let_finish, "kill_after": 2}
            for i, a in enumerate(actions)
        ]
        tools = changes.pop("tools", None)
        document = closed(ban(stages=rows, **changes))
        if tools is not None:
            document["tools"] = tools
        self.repository.publish_bytes(encode(document))
        self.poll()

    def publish_document(self, document: Mapping[str, object]) -> None:
        """Publishes a whole closed policy."""
        self.repository.publish_bytes(encode(document))
        self.poll()

    # The agent

    @property
    def settings_file(self) -> Path:
        """The settings that the agent is started with."""
        return self.folder / "settings.toml"

    def write_settings(self, **changes: object) -> None:
        """Writes the settings file."""
        (self.folder / "root.json").write_bytes(self.repository.trust)
        values: dict[str, object] = {
            "policy_url": self.server.url,
            "trust_root": str(self.folder / "root.json"),
            "state_dir": str(self.state),
            "poll_interval": "1h",
            "report_delay": "1s",
            "notices": "stdout",
            "homes": [str(self.home)],
            "path_folders": [str(self.prefix / "bin")],
            "system": False,
        }
        if self._console:
            (self.folder / "secret").write_text(self._secret + "\n")
            (self.folder / "secret").chmod(0o600)
            values |= {"server": self._console, "secret_file": str(self.folder / "secret")}
        values |= self._settings | changes
        self.settings_file.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items()))
        self.settings_file.chmod(0o600)

    def start(self, **changes: object) -> None:
        """Starts the agent."""
        self.write_settings(**changes)
        mark = self.mark()
        self._process = subprocess.Popen(
            [*self.behind, sys.executable, "-m", "agent", "run", "--config", str(self.settings_file)],
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for stream, take in ((self._process.stderr, self._take), (self._process.stdout, self._notice)):
            thread = threading.Thread(target=_read, args=(stream, take), daemon=True)
            thread.start()
            self._readers.append(thread)
        self.wait_for(mark, event="started")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int | None:
        """Ends the agent (or kills it) and waits for it."""
        process, self._process = self._process, None
        if process is None:
            return None
        process.send_signal(how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
        process.kill()
        for thread in self._readers:
            thread.join(PATIENCE)
        self._readers.clear()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
        return process.wait()

    @property
    def pid(self) -> int:
        """The agent's process."""
        assert self._process is not None
        return self._process.pid

    def poll(self) -> None:
        """Makes the agent look for a new policy now."""
        if self._process is not None:
            self._process.send_signal(signal.SIGUSR1)

    def reload(self) -> None:
        """Makes the agent read its settings again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def mark(self) -> int:
        """A place in the log: `wait_for(since=mark)` looks only behind it."""
        with self._new:
            return len(self._events)

    def wait_for_number(self, number: int) -> None:
        """Waits until so many events were written, whatever they say."""
        with self._new:
            if not self._new.wait_for(lambda: len(self._events) >= number, PATIENCE):
                raise AgentStopped(f"the agent wrote {len(self._events)} events, and not {number}")

    @property
    def is_alive(self) -> bool:
        """Whether the agent still runs."""
        return self._process is not None and self._process.poll() is None

    def since(self, mark: int) -> list[dict[str, object]]:
        """Every event behind a mark."""
        with self._new:
            return self._events[mark:]

    def place_of(self, row: dict[str, object]) -> int:
        """Where an event stands in the log."""
        with self._new:
            return next(number for number, one in enumerate(self._events) if one is row)

    def wait_for(self, since: int = 0, **wanted: object) -> dict[str, object]:
        """The first event behind a mark that has these values; of a tuple, any of them."""
        deadline = time.monotonic() + PATIENCE
        with self._new:
            while True:
                for row in self._events[since:]:
                    if has(row, wanted):
                        return row
                left = deadline - time.monotonic()
                alive = self._process is not None and self._process.poll() is None
                if left <= 0 or not alive:
                    tail = "\n".join(json.dumps(row) for row in self._events[-30:])
                    raise AgentStopped(
                        f"the agent {'lives but' if alive else 'ended and'} never said {wanted}:\n{tail}"
                    )
                self._new.wait(min(left, 0.2))

    def events(self, **wanted: object) -> list[dict[str, object]]:
        """Every event so far that has these values."""
        with self._new:
            return [row for row in self._events if has(row, wanted)]

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs `interdict` with this workstation's settings."""
        name, *rest = arguments
        return subprocess.run(
            [sys.executable, "-m", "agent", name, "--config", str(self.settings_file), *rest],
            capture_output=True,
            text=True,
            check=False,
        )

    def view(self, name: str) -> dict[str, object]:
        """What the agent shows others."""
        value = json.loads((self.state / "views" / name).read_bytes())
        assert isinstance(value, dict)
        return value

    def wait_for_view(self, so: Callable[[list[dict[str, object]]], bool], uid: int | None = None) -> None:
        """Waits until the findings that the agent shows this person (or us) are so; the log is a moment ahead of it."""
        name = f"{os.geteuid() if uid is None else uid}.json"
        self._wait_until(name, lambda view: so(view["findings"]))  # type: ignore[arg-type]  # a list

    def wait_for_machine(self, so: Callable[[dict[str, object]], bool]) -> None:
        """Waits until what it shows of the machine is so."""
        self._wait_until("machine.json", so)

    def _wait_until(self, name: str, so: Callable[[dict[str, object]], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(FileNotFoundError):
                if so(self.view(name)):
                    return
            if time.monotonic() > deadline:
                raise AgentStopped("the agent's view never came to be so")
            time.sleep(0.02)

    def _take(self, line: str) -> None:
        with self._new:
            try:
                self._events.append(json.loads(line))
            except json.JSONDecodeError:
                self._events.append({"event": "not-json", "line": line})
            self._new.notify_all()

    def _notice(self, line: str) -> None:
        self.notices.put(line)


def _read(stream: Iterator[str], take: object) -> None:
    assert callable(take)
    for line in stream:
        take(line.rstrip("\n"))


def _utc(instant: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(instant))


__all__ = ["CLAUDE_CODE", "AgentStopped", "Workstation"]
