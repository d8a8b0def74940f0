"""A workstation for benchmarks: a signed policy, its server, and the real daemon in a throw-away folder.

Everything is the program that gets installed, driven as an administrator drives it: `interdict-policy` publishes,
`interdict run --config FILE` runs, and what it does is read from the JSON lines it writes to stderr.
"""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import math
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

PATIENCE = 60.0
POLICY = """\
schema: 1
organisation: {name: "Benchmark", time_zone: "UTC", default_language: "en", contacts: {help: "https://help.example.com"}}
approved: ["qoder"]
bans:
  - id: "claude-code"
    targets: [{tool: "claude-code"}]
    reason: {en: "A benchmark."}
    alternatives: [{name: "Qoder", tool: "qoder", url: "https://qoder.com"}]
    stages:
      - {from: "2026-07-04 09:00", action: "notify"}
      - {from: "2026-07-10 09:00", action: "block", let_finish: "0s", kill_after: "30s"}
    min_notice: "0s"
"""


class CannotMeasure(Exception):
    """The benchmark cannot go on, and why."""


class Row(NamedTuple):
    """One figure: a name, its samples in seconds, and the goal for the 95th percentile (None: for comparison)."""

    name: str
    samples: list[float]
    goal: float | None

    def json(self) -> dict[str, object]:
        """The row as it goes into the JSON document, in milliseconds."""
        return {
            "name": self.name,
            "n": len(self.samples),
            "p50_ms": round(percentile(self.samples, 0.5) * 1000, 1),
            "p95_ms": round(percentile(self.samples, 0.95) * 1000, 1),
            "max_ms": round(max(self.samples) * 1000, 1),
            "goal_p95_ms": None if self.goal is None else self.goal * 1000,
            "met": None if self.goal is None else percentile(self.samples, 0.95) <= self.goal,
        }


def percentile(samples: Sequence[float], part: float) -> float:
    """The smallest sample that is at least as large as this part of them."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


def print_rows(rows: Sequence[Row]) -> None:
    """The table for people."""
    print(f"{'':<66}{'n':>4}{'p50':>10}{'p95':>10}{'max':>10}{'goal p95':>11}")
    for row in rows:
        made = row.json()
        goal = "" if row.goal is None else f"{made['goal_p95_ms']:.0f} {'met' if made['met'] else 'MISSED'}"
        print(
            f"{row.name:<66}{made['n']:>4}{made['p50_ms']:>8} ms{made['p95_ms']:>8} ms{made['max_ms']:>8} ms{goal:>13}",
            flush=True,
        )


class Event(NamedTuple):
    """One line of the daemon's log."""

    at: float
    """When it was read, monotonic seconds."""
    row: dict[str, object]


class Daemon:
    """`interdict run`, and its events."""

    def __init__(self, settings: Path, environment: dict[str, str], log: Path) -> None:
        self._events: list[Event] = []
        self._new = threading.Condition()
        self._log = log.open("w", encoding="utf-8")
        self.process = subprocess.Popen(
            [*program("interdict"), "run", "--config", os.fspath(settings)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def mark(self) -> int:
        """How many events there were so far."""
        with self._new:
            return len(self._events)

    def wait_for(self, since: int, accept: Callable[[dict[str, object]], bool], what: str) -> Event:
        """The first event from number `since` on that is accepted.

        Raises:
            CannotMeasure: it did not come, or the daemon ended.
        """
        deadline = time.monotonic() + PATIENCE
        at = since
        with self._new:
            while True:
                for event in self._events[at:]:
                    if accept(event.row):
                        return event
                at = len(self._events)
                left = deadline - time.monotonic()
                if left <= 0 or self.process.poll() is not None:
                    raise CannotMeasure(f"the daemon did not say {what}; its log is {self._log.name}")
                self._new.wait(min(left, 0.5))

    def stop(self) -> None:
        """Ends it properly."""
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(15)
        self.process.kill()
        self.process.wait()
        self._reader.join(5)
        self._log.close()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            at = time.monotonic()
            self._log.write(line)
            self._log.flush()
            with contextlib.suppress(json.JSONDecodeError), self._new:
                self._events.append(Event(at, json.loads(line)))
                self._new.notify_all()


class Workplace:
    """Folders of one benchmark run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.prefix = self.home / ".npm-global"
        self.modules = self.prefix / "lib" / "node_modules"
        self.author = folder / "author"
        self.closing = contextlib.ExitStack()
        for made in (self.home, self.modules, self.prefix / "bin", self.author):
            made.mkdir(parents=True, exist_ok=True)
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "npm_"))},
            "HOME": os.fspath(self.home),
            "npm_config_prefix": os.fspath(self.prefix),
            "npm_config_cache": os.fspath(folder / "npm-cache"),
            "npm_config_update_notifier": "false",
        }

    def publish(self) -> str:
        """Signs the policy and serves it; the address."""
        (self.author / "policy.yaml").write_text(POLICY, encoding="utf-8")
        secret = self.author / "passphrase"
        secret.write_text("a benchmark has no secrets\n", encoding="utf-8")
        secret.chmod(0o600)
        author, phrase = os.fspath(self.author), ("--passphrase-file", os.fspath(secret))
        self._author("init", author, "--solo", *phrase)
        self._author("sign", f"{author}/policy.yaml", "--dir", author, *phrase, "--yes")
        self._author("publish", "--dir", author, *phrase)
        handler = functools.partial(_Quiet, directory=f"{author}/repository")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self.closing.callback(server.shutdown)
        return f"http://127.0.0.1:{server.server_address[1]}/"

    def settings(self, address: str, **more: str) -> Path:
        """Writes the settings file: defaults but for where things are."""
        texts = {
            "policy_url": address,
            "trust_root": os.fspath(self.author / "root.json"),
            "state_dir": os.fspath(self.folder / "state"),
            "notices": "stdout",
            **more,
        }
        lines = [f"{key} = {json.dumps(value)}\n" for key, value in texts.items()]
        lines.append(f"homes = {json.dumps([os.fspath(self.home)])}\nsystem = false\n")
        lines.append(f"path_folders = {json.dumps([os.fspath(self.prefix / 'bin')])}\n")
        file = self.folder / "settings.toml"
        file.write_text("".join(lines), encoding="utf-8")
        file.chmod(0o600)
        return file

    def daemon(self) -> Daemon:
        """The daemon, after it has adopted the policy and looked everywhere once."""
        started = Daemon(self.settings(self.publish()), self.environment, self.folder / "daemon.log")
        self.closing.callback(started.stop)
        started.wait_for(0, lambda row: row["event"] == "policy-adopted", "that the policy was adopted")
        started.wait_for(0, lambda row: row["event"] == "look", "that it looked")
        return started

    def npm(self, *words: str) -> None:
        """Runs npm in the throw-away prefix."""
        quiet = ("--no-audit", "--no-fund", "--loglevel=error", "--prefer-offline")
        done = subprocess.run(
            ["npm", *words, *quiet], env=self.environment, cwd=self.home, capture_output=True, text=True
        )
        if done.returncode:
            raise CannotMeasure(f"npm {' '.join(words)}: {done.stderr.strip()[-300:]}")

    def _author(self, *words: str) -> None:
        done = subprocess.run(
            [*program("interdict-policy"), *words], env=self.environment, capture_output=True, text=True
        )
        if done.returncode:
            raise CannotMeasure(f"interdict-policy {words[0]}: {done.stderr.strip()}")


@contextlib.contextmanager
def workplace(folder: Path) -> Iterator[Workplace]:
    """A workplace that is ended and removed afterwards, unless something went wrong."""
    made = Workplace(folder)
    with made.closing:
        yield made
    shutil.rmtree(folder, ignore_errors=True)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    """Static files, without a line for each request."""

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


def program(name: str) -> list[str]:
    """How one of our own commands is called: the one beside this Python."""
    beside = Path(sys.executable).parent / name
    return [os.fspath(beside)] if beside.exists() else [shutil.which(name) or name]
