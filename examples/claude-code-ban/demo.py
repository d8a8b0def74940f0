"""A ban from the first draft to its lifting, on this machine, in a folder of its own, without root.

    make demo                      waits at the end, with the console's page open to look at
    make demo ARGS=--exit          ends by itself with 0
    make demo ARGS="--dir DIR"     keeps everything in DIR (default: a new temporary folder, removed at the end)
    make demo ARGS=--offline       does not ask the registry

Everything is the real thing: the policy is signed and served as a TUF repository over HTTP, the console and the agent
are the programs that get installed, and the banned package comes from the registry. Where no npm or no registry can be
reached, a package tree of the same shape is put in its place, and the timeline says so and why.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import http.server
import importlib.util
import json
import os
import pty
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import NoReturn
from zoneinfo import ZoneInfo

# Nothing outside the demo's folder is touched, not even by the import of its own parts.
sys.dont_write_bytecode = True

from stage import (  # noqa: E402
    PATIENCE,
    Agent,
    Ended,
    Failed,
    QuietFiles,
    Timeline,
    drain,
    end_process,
    how_ended,
    npm_files,
    output_of,
    page_at,
    program,
    tree_digest,
)

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PACKAGE = "@anthropic-ai/claude-code"
VERSION = "2.1.112"
SHAPE = "2.1.197"
"""What stands in for the package without a registry: a native program, since there may be no node either."""
ALTERNATIVE = "@qoder-ai/qodercli"
NPM_NETWORK = frozenset(
    f"npm_config_{key}" for key in "registry proxy https_proxy noproxy ca cafile strict_ssl".split()
)
TAKEN = ("uninstalled", "quarantined")
"""By npm where there is one, else by moving it away."""
LET_FINISH = 6


class Demo:
    """The steps, in order."""

    def __init__(self, folder: Path, offline: bool) -> None:
        self.folder = folder
        self.offline = offline
        self.home = folder / "home"
        self.prefix = self.home / ".npm-global"
        self.author = folder / "author"
        self.site = folder / "author" / "repository"
        self.policy = folder / "policy.yaml"
        self.passphrase = folder / "passphrase"
        self.timeline = Timeline()
        self.environment = self._clean_environment()
        self.closing = contextlib.ExitStack()
        self.version = 0
        self.no_registry = "asked not to look" if offline else ""
        """Why packages come from no registry; empty while one answers."""

    def run(self) -> str:
        """Everything; returns the address of the compliance page."""
        self.home.mkdir(parents=True)
        Path(self.environment["TMPDIR"]).mkdir()
        self.environment.update(npm_files(self.environment))
        # Past its first questions, so that a session waits for a person and asks nobody on the network.
        asked = {"hasCompletedOnboarding": True, "projects": {str(self.home): {"hasTrustDialogAccepted": True}}}
        (self.home / ".claude.json").write_text(json.dumps(asked))
        print(
            "A ban of Claude Code from its first draft to its lifting: an author signs a policy, a web server hands\n"
            "it out, an agent on a workstation carries it out, a console shows who complies.\n"
            f"Everything happens in {self.folder}\n"
        )
        self._author()
        address = self._console()
        agent = self._agent(address)
        installed = self._install()
        since = time.monotonic()
        found = agent.wait_for(event="finding", face="package")
        self.timeline.step("found", time.monotonic() - since, f"{found['tool']} {found['version']} in ~/.npm-global")
        agent.wait_for(event="outcome", kind="notify", result="told")
        self.timeline.step("told", time.monotonic() - since, "the notice below, once")
        self._show_notice(agent)
        self._block(agent, installed)
        self._remove(agent, installed)
        self._move(agent)
        self._reported(address)
        self._report()
        self._lift(agent, installed)
        return address

    # The author's side

    def _author(self) -> None:
        self.passphrase.write_text("a demo has no secrets\n")
        self.passphrase.chmod(0o600)
        self._policy("notify")
        shown = self._policy_command("preview", str(self.policy), "--ban", "claude-code", "--language", "en")
        print("What people will read (interdict-policy preview):\n")
        print("\n".join(f"    {line}" for line in shown.splitlines()[:14]) + "\n")
        self._policy_command(
            "init", str(self.author), "--solo", "--signer", "Demo", "--passphrase-file", str(self.passphrase)
        )
        self._publish()
        print("Timeline\n")
        self.timeline.step("policy signed and published", None, "TUF, ONE SIGNER (a trial), version 1")

    def _policy(self, *actions: str, lifted: bool = False) -> None:
        """Writes the example with stages that began a moment ago, so that nobody has to wait for a date."""
        text = (HERE / "policy.yaml").read_text(encoding="utf-8")
        zone = ZoneInfo("Asia/Shanghai")
        began = datetime.now(zone) - timedelta(hours=len(actions) + 1)
        rows = []
        for number, action in enumerate(actions):
            at = (began + timedelta(hours=number)).strftime("%Y-%m-%d %H:%M")
            more = f', let_finish: "{LET_FINISH}s", kill_after: "5s"' if action == "block" else ""
            rows.append(f'      - {{from: "{at}", action: "{action}"{more}}}\n')
        first, second = text.split('  - id: "claude-agent-sdk"', 1)
        first = re.sub(r"(    stages:\n)(?:      - .*\n)+", lambda found: found[1] + "".join(rows), first)
        first = re.sub(r"    min_notice: .*\n", '    min_notice: "0s"\n', first)
        first = re.sub(r"    no_later_than: .*\n", "", first)
        first = re.sub(r"    rollout:\n(?:      - .*\n)+", "", first)
        if lifted:
            first = first[: first.index('  - id: "claude-code"')]
            today = datetime.now(zone).strftime("%Y-%m-%d")
            second += f"""
lifted:
  - id: "claude-code"
    date: "{today}"
    reason: {{en: "The vendor has answered."}}
    quarantine: "restore"
"""
        self.policy.write_text(first + '  - id: "claude-agent-sdk"' + second, encoding="utf-8")

    def _publish(self) -> None:
        secret = ("--dir", str(self.author), "--passphrase-file", str(self.passphrase))
        self._policy_command("sign", str(self.policy), "--yes", *secret)
        self._policy_command("publish", *secret)
        self.version += 1

    def _policy_command(self, *arguments: str) -> str:
        return output_of([*program("interdict-policy"), *arguments], self.environment)

    # Server, console, agent

    def _serve(self) -> str:
        handler = functools.partial(QuietFiles, directory=str(self.site))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.closing.callback(server.shutdown)
        return f"http://127.0.0.1:{server.server_address[1]}/"

    def _console(self) -> str:
        data = str(self.folder / "console")
        output_of([*program("interdict-console"), "migrate", "--data", data], self.environment)
        secret = output_of([*program("interdict-console"), "enroll-secret", "new", "--data", data], self.environment)
        (self.folder / "secret").write_text(secret.split()[-1] + "\n")
        (self.folder / "secret").chmod(0o600)
        console = subprocess.Popen(
            [*program("interdict-console"), "serve", "--data", data, "--trial", "--port", "0"],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=(self.folder / "console.log").open("w"),
            text=True,
            start_new_session=True,
        )
        self.closing.callback(end_process, console)
        assert console.stdout is not None
        for line in console.stdout:
            found = re.search(r"http://[\w.:]+", line)
            if found:
                threading.Thread(target=console.stdout.read, daemon=True).start()
                self.timeline.step("console listens", None, found[0])
                return found[0]
        raise Failed(f"the console did not start; see {self.folder / 'console.log'}")

    def _agent(self, console: str) -> Agent:
        settings = self.folder / "settings.toml"
        rows = {
            "policy_url": self._serve(),
            "trust_root": str(self.author / "root.json"),
            "server": console,
            "secret_file": str(self.folder / "secret"),
            "state_dir": str(self.folder / "state"),
            "poll_interval": "1s",
            "report_delay": "1s",
            "notices": "stdout",
        }
        lists = {"homes": [str(self.home)], "path_folders": [str(self.prefix / "bin")]}
        lines = [f"{key} = {json.dumps(value)}\n" for key, value in {**rows, **lists}.items()]
        settings.write_text("".join(lines) + "system = false\n", encoding="utf-8")
        settings.chmod(0o600)
        since = time.monotonic()
        agent = Agent(settings, self.environment, self.folder / "agent.log")
        self.closing.callback(agent.stop)
        agent.wait_for(event="policy-adopted")
        self.timeline.step(
            "agent started, policy adopted", time.monotonic() - since, "poll over HTTP, verified, compiled"
        )
        return agent

    # What happens on the workstation

    def _install(self) -> Path:
        since = time.monotonic()
        note = f"npm install -g {PACKAGE}@{VERSION}"
        if not self._npm("install", "-g", "--ignore-scripts", f"{PACKAGE}@{VERSION}"):
            sys.path.insert(0, str(ROOT))
            from tests.fakes.synthetic import synthetic_npm_install

            since = time.monotonic()
            synthetic_npm_install(self.prefix, PACKAGE, SHAPE, "native")
            note = f"a tree of the shape of {PACKAGE} {SHAPE} (no registry: {self.no_registry})"
        self.timeline.step("installed", time.monotonic() - since, note)
        return self.prefix / "lib" / "node_modules" / PACKAGE

    def _block(self, agent: Agent, installed: Path) -> None:
        session = self._start_tool()
        found = agent.wait_for(event="finding", face="process", pid=session.pid)
        self.timeline.step("a session runs", None, f"pid {session.pid}, found as {found['tool']}")
        mark = agent.count
        self._policy("notify", "block")
        self._publish()
        published = time.monotonic()
        agent.wait_for(mark, event="policy-adopted")
        agent.wait_for(mark, event="finding-changed", pid=session.pid, action="block")
        self.timeline.step(
            "block in force",
            time.monotonic() - published,
            f"policy version {self.version}; the session may finish for {LET_FINISH} s",
        )
        started = time.monotonic()
        second = self._start_tool()
        agent.wait_for(mark, event="outcome", kind="stop", pid=second.pid)
        second.wait(PATIENCE)
        self.timeline.step("a new start is ended", time.monotonic() - started, f"pid {second.pid}, {how_ended(second)}")
        agent.wait_for(mark, event="outcome", kind="stop", pid=session.pid)
        session.wait(PATIENCE)
        note = f"pid {session.pid}, {how_ended(session)} after its time to finish"
        self.timeline.step("the running session is ended", time.monotonic() - published, note)

    def _remove(self, agent: Agent, installed: Path) -> None:
        self.before = tree_digest(installed)
        mark = agent.count
        self._policy("notify", "block", "remove")
        self._publish()
        published = time.monotonic()
        done = agent.wait_for(mark, event="outcome", result=TAKEN)
        note = f"{done['result']}; {done['quarantine']} holds it, nothing is lost"
        self.timeline.step("removed", time.monotonic() - published, note)
        if installed.exists():
            raise Failed(f"{installed} is still there")

    def _move(self, agent: Agent) -> None:
        since, by = time.monotonic(), "npm"
        if not self._npm("install", "-g", "--ignore-scripts", ALTERNATIVE):
            by = "the tree of its shape"
            sys.path.insert(0, str(ROOT))
            from tests.fakes.synthetic import synthetic_npm_install

            synthetic_npm_install(self.prefix, ALTERNATIVE, "1.1.52", "plain")
        installed = time.time()
        moved = agent.wait_for(event="moved")
        took = float(str(moved["at"])) - installed
        when = f"seen before {by} was done" if took < 0 else f"{took * 1000:.0f} ms after {by} was done"
        self.timeline.step(
            "moved to the alternative", time.monotonic() - since, f"{moved['tool']} {moved['version']}, {when}"
        )

    def _reported(self, address: str) -> None:
        since = time.monotonic()
        deadline = since + PATIENCE
        while time.monotonic() < deadline:
            with contextlib.suppress(urllib.error.URLError, OSError):
                page = page_at(f"{address}/export/compliance.csv")
                # What was done, and to what they moved: each comes with a report of its own.
                if any(word in page for word in TAKEN) and "qoder" in page:
                    self.timeline.step("reported", time.monotonic() - since, "signed, numbered, stored by the console")
                    return
            threading.Event().wait(0.2)
        raise Failed("no report reached the console")

    def _report(self) -> None:
        """The first compliance report, with a device that is expected and has no agent, on screen and as files."""
        data, folder = str(self.folder / "console"), self.folder / "reports"
        folder.mkdir()
        listed = self.folder / "expected.csv"
        listed.write_text(f"host_name\n{socket.gethostname()}\na-new-hire\n", encoding="utf-8")
        command, since = program("interdict-console"), time.monotonic()
        output_of([*command, "devices", "import", str(listed), "--data", data], self.environment)
        shown = output_of([*command, "report", "--data", data], self.environment)
        formats = ["csv", *(["pdf"] if importlib.util.find_spec("weasyprint") else ["xlsx"])]
        for form in formats:
            file = folder / f"compliance.{form}"
            output_of([*command, "report", "--format", form, "--out", str(file), "--data", data], self.environment)
        took = time.monotonic() - since
        self.timeline.step("compliance report", took, f"below, and as {', '.join(formats)} in {folder}")
        print("\n" + "\n".join(f"    {line}" for line in shown.splitlines()) + "\n")

    def _lift(self, agent: Agent, installed: Path) -> None:
        mark = agent.count
        self._policy(lifted=True)
        self._publish()
        published = time.monotonic()
        agent.wait_for(mark, event="outcome", kind="restore", result="restored")
        same = tree_digest(installed) == self.before
        self.timeline.step(
            "lifted and restored", time.monotonic() - published, "byte for byte" if same else "NOT the same as before"
        )
        if not same:
            raise Failed("what was restored differs from what was taken")

    # Small things

    def _start_tool(self) -> subprocess.Popen[bytes]:
        """Starts the tool as a person would, in a terminal of its own, with nothing but this machine to talk to."""
        main, other = pty.openpty()
        process = subprocess.Popen(
            [str(self.prefix / "bin" / "claude")],
            env={**self.environment, "TERM": "xterm"},
            stdin=other,
            stdout=other,
            stderr=other,
            start_new_session=True,
            cwd=self.home,
        )
        os.close(other)
        threading.Thread(target=drain, args=(main,), daemon=True).start()
        self.closing.callback(end_process, process)
        return process

    def _npm(self, *arguments: str) -> bool:
        npm = shutil.which("npm")
        if npm is None:
            self.no_registry = self.no_registry or "no npm"
        if npm is None or self.no_registry:
            return False
        quiet = ["--no-audit", "--no-fund", "--loglevel=error", "--fetch-timeout=60000"]
        retry = ["--fetch-retries=1", "--fetch-retry-mintimeout=1000"]
        done = subprocess.run(
            [npm, *arguments, *quiet, *retry], env=self.environment, cwd=self.home, capture_output=True, text=True
        )
        with (self.folder / "npm.log").open("a", encoding="utf-8") as log:
            log.write(done.stdout + done.stderr)
        if done.returncode != 0:
            code = re.search(r"code (\w+)", done.stderr)
            self.no_registry = f"npm says {code[1]}" if code else f"npm ended with {done.returncode}"
        return done.returncode == 0

    def _show_notice(self, agent: Agent) -> None:
        lines: list[str] = []
        with contextlib.suppress(queue.Empty):
            while len(lines) < 40:
                lines.append(agent.notices.get(timeout=0.3))
        print("\n" + "\n".join(f"      | {line}" for line in lines).rstrip(" |\n") + "\n", flush=True)

    def _clean_environment(self) -> dict[str, str]:
        """The caller's environment without what could lead out of the folder, and with their way to the registry."""
        elsewhere = ("xdg_", "npm_", "anthropic", "claude", "node_compile_cache", "interdict_")
        kept = {
            key: value
            for key, value in os.environ.items()
            if key.lower() in NPM_NETWORK or not key.lower().startswith(elsewhere)
        }
        return {
            **kept,
            "HOME": str(self.home),
            "TMPDIR": str(self.folder / "tmp"),
            "npm_config_prefix": str(self.prefix),
            "npm_config_cache": str(self.folder / "npm-cache"),
            "npm_config_update_notifier": "false",
            "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
            "ANTHROPIC_API_KEY": "none",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }


def _end_at_signals() -> None:
    """Ctrl-C, a closed terminal and `kill` all end the demo in order."""

    def end(number: int, frame: FrameType | None) -> NoReturn:
        raise Ended(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)


def _ignore_signals() -> None:
    """From here on the parts are being ended, and nothing cuts that short."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _wait_for_person() -> None:
    with contextlib.suppress(Ended):
        if sys.stdin.isatty():
            print("Enter or Ctrl-C ends the demo.", flush=True)
            sys.stdin.readline()
        else:
            print("Ctrl-C ends the demo.", flush=True)
            threading.Event().wait()


def _folder(wished: Path | None) -> Path:
    if wished is None:
        return Path(tempfile.mkdtemp(prefix="interdict-demo-")).resolve()
    if wished.exists() and not wished.is_dir():
        raise Failed(f"{wished} is no folder. Name another one, or none.")
    if wished.exists() and any(wished.iterdir()):
        raise Failed(f"{wished} is not empty. Name another folder, or none.")
    wished.mkdir(parents=True, exist_ok=True)
    return wished.resolve()


def _show(demo: Demo, stay: bool) -> int:
    """Runs the demo and, if wished, waits at its end. Returns the exit code; all that was started is ended."""
    try:
        address = demo.run()
        closed = "" if stay else " (closed by now; without --exit it stays open)"
        print(f"\nCompliance page: {address}/{closed}\nNothing outside {demo.folder} was touched.")
        if stay:
            _wait_for_person()
        return 0
    except Ended as error:
        print(f"\ndemo: ended before it was done ({signal.Signals(error.number).name})", file=sys.stderr)
        return 128 + error.number
    finally:
        _ignore_signals()
        demo.closing.close()


def main() -> int:
    """Runs the demo; 0 when every step happened."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exit", action="store_true", help="end at once when done")
    parser.add_argument("--dir", type=Path, help="where everything goes (must not exist or be empty)")
    parser.add_argument("--offline", action="store_true", help="do not ask the registry")
    args = parser.parse_args()
    _end_at_signals()
    try:
        folder = _folder(args.dir)
    except (Failed, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2
    try:
        code = _show(Demo(folder, args.offline), not args.exit)
    except (Failed, OSError) as error:
        print(f"\ndemo: {error}\nWhat happened until then is in {folder}", file=sys.stderr)
        return 1
    if args.dir:
        print(f"Everything is in {folder}.")
    else:
        shutil.rmtree(folder, ignore_errors=True)
        print(f"{folder} is removed again.")
    return code


if __name__ == "__main__":
    raise SystemExit(main())
