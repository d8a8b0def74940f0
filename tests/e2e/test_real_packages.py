"""The whole agent on real packages: with a range exactly the versions in it are told of, ended, taken and given back.

The programs are started as a person starts them, in a terminal of their own, with a home past its first questions and
nothing but a closed port of this machine to talk to: they wait, and reach nobody.
"""

from __future__ import annotations

import hashlib
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from policy_schema.document.catalogue import load_catalogue
from policy_schema.document.close import close_policy
from policy_schema.document.load import parse_policy
from tests.fakes import zoo
from tests.fakes.policies import stages
from tests.fakes.workstation import HOUR, TAKEN, Workstation

pytestmark = [
    pytest.mark.online,
    pytest.mark.skipif(sys.platform == "win32", reason="terminals and signals of Unix"),
]

CODE, SDK, QODER, CODEX = (
    "@anthropic-ai/claude-code",
    "@anthropic-ai/claude-agent-sdk",
    "@qoder-ai/qodercli",
    "@openai/codex",
)
NATIVE, SCRIPT, BEFORE = "2.1.197", "2.1.112", "2.1.90"
POLICY = """
schema: 1
organisation:
  {name: "Example Group", time_zone: "Asia/Shanghai", default_language: "en", contacts: {help: "https://help.example.com"}}
approved: ["qoder"]
bans:
  - id: "claude-code"
    targets: [{tool: "claude-code", versions: ">=2.1.91 <2.1.198"}]
    reason: {en: "Assessed as not allowed on company devices."}
    alternatives: [{name: "Qoder", tool: "qoder", url: "https://qoder.com"}]
    stages:
      - {from: "2026-07-04 09:00", action: "notify"}
"""


class Machine:
    """A workstation with real packages in three prefixes of one person."""

    def __init__(self, agent: Workstation, closing: ExitStack) -> None:
        self.agent = agent
        self.closing = closing
        versions = agent.home / ".nvm" / "versions" / "node"
        self.prefixes = {NATIVE: agent.prefix, SCRIPT: versions / "v22.1.0", BEFORE: versions / "v20.1.0"}
        # Only the native one needs its script, which puts the program in place.
        zoo.together(
            lambda: zoo.npm_global(self.prefixes[NATIVE], f"{CODE}@{NATIVE}"),
            lambda: zoo.npm_global(self.prefixes[SCRIPT], f"{CODE}@{SCRIPT}", CODEX, scripts=False),
            lambda: zoo.npm_global(self.prefixes[BEFORE], f"{CODE}@{BEFORE}", SDK, QODER, scripts=False),
        )
        asked = {"hasCompletedOnboarding": True, "projects": {str(agent.home): {"hasTrustDialogAccepted": True}}}
        (agent.home / ".claude.json").write_text(json.dumps(asked))

    def package(self, version: str) -> Path:
        return self.prefixes[version] / "lib" / "node_modules" / CODE

    def publish(self, *actions: str, lifted: bool = False) -> None:
        catalogue = load_catalogue()
        document = close_policy(parse_policy(POLICY, "policy.yaml"), catalogue).document
        (ban,) = document["bans"]
        now = int(time.time())
        rows = stages(*((now - HOUR * (len(actions) - number), action) for number, action in enumerate(actions)))
        ban |= {"stages": [{**row, "let_finish": 0, "kill_after": 5} for row in rows], "min_notice": 0, "rollout": []}
        if lifted:
            over = {"id": ban["id"], "date": "2026-11-21", "reason": {"en": "Answered."}, "quarantine": "restore"}
            document |= {"bans": [{**ban, "id": "other", "targets": [{"tool": "qoder", "versions": "<0.0.1"}]}]}
            document |= {"lifted": [over]}
        self.agent.publish_document(document)

    def start(self, version: str) -> subprocess.Popen[bytes]:
        """A session in a terminal of its own."""
        ours, theirs = pty.openpty()
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("ANTHROPIC", "CLAUDE", "XDG_"))}
        process = subprocess.Popen(
            [str(self.prefixes[version] / "bin" / "claude")],
            env={
                **kept,
                "HOME": str(self.agent.home),
                "TERM": "xterm",
                "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
                "ANTHROPIC_API_KEY": "none",
                "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
                "DISABLE_AUTOUPDATER": "1",
            },
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            cwd=self.agent.home,
        )
        os.close(theirs)
        reader = threading.Thread(target=_read_all, args=(ours,))
        reader.start()
        self.closing.callback(_end, process, reader)
        return process


def _read_all(terminal: int) -> None:
    with suppress(OSError):
        while os.read(terminal, 65536):
            pass
    os.close(terminal)


def _end(process: subprocess.Popen[bytes], reader: threading.Thread) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    reader.join()


def _tree(folder: Path) -> dict[str, tuple[int, int, int, str]]:
    """Everything that must be the same afterwards."""
    made = {}
    for path in [folder, *folder.rglob("*")]:
        status = path.lstat()
        text = os.readlink(path) if path.is_symlink() else _digest(path) if path.is_file() else ""
        made[str(path.relative_to(folder))] = (status.st_mode, status.st_uid, status.st_mtime_ns, text)
    return made


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with Workstation(tmp_path) as agent, ExitStack() as closing:
        yield Machine(agent, closing)
    shutil.rmtree(tmp_path)


def _finding_of(agent: Workstation, pid: int) -> object:
    return agent.wait_for(event="finding", face="process", pid=pid)["finding"]


def test_a_range_on_real_packages_from_the_notice_to_the_lifting(machine: Machine) -> None:
    agent = machine.agent
    machine.publish("notify")
    agent.start()
    agent.wait_for(event="policy-adopted")
    moved = agent.wait_for(event="moved")
    assert moved["tool"] == "qoder"
    for version in (NATIVE, SCRIPT):
        agent.wait_for(event="finding", face="package", version=version)
    agent.wait_for(event="outcome", kind="notify", result="told")
    sessions = {version: machine.start(version) for version in (NATIVE, SCRIPT, BEFORE)}
    for version in (NATIVE, SCRIPT):
        agent.wait_for(event="finding", face="process", pid=sessions[version].pid, version=version)

    mark = agent.mark()
    machine.publish("notify", "block")
    for version in (NATIVE, SCRIPT):
        pid = sessions[version].pid
        # Asked to end; `finishing` may come first, and KILL after `kill_after` where it needs that long.
        agent.wait_for(mark, event="finding-gone", finding=_finding_of(agent, pid))
        ended = agent.events(event="outcome", kind="stop", pid=pid)
        assert ended[-1]["result"] in ("stopped", "killed")
        sessions[version].wait()
    assert sessions[BEFORE].poll() is None, "a version outside of the range runs on"

    before = {version: _tree(package.parent) for version in machine.prefixes if (package := machine.package(version))}
    mark = agent.mark()
    machine.publish("notify", "block", "remove")
    for version in (NATIVE, SCRIPT):
        path = str(machine.package(version))
        agent.wait_for(mark, event="outcome", result=TAKEN, path=path)
        assert not machine.package(version).exists()
        assert not (machine.prefixes[version] / "bin" / "claude").is_symlink(), "a signpost stands there"
    assert _tree(machine.package(BEFORE).parent) == before[BEFORE]
    others = {CODEX: SCRIPT, SDK: BEFORE, QODER: BEFORE}
    assert all((machine.prefixes[where] / "lib" / "node_modules" / name).is_dir() for name, where in others.items())
    findings = {(row["tool"], row["version"]) for row in agent.events(event="finding") if row["face"] != "residue"}
    assert findings == {("claude-code", NATIVE), ("claude-code", SCRIPT)}

    mark = agent.mark()
    machine.publish("notify", lifted=True)
    for version in (NATIVE, SCRIPT):
        path = str(machine.package(version))
        agent.wait_for(mark, event="outcome", kind="restore", result="restored", path=path)
        assert _tree(machine.package(version).parent) == before[version]
    assert sessions[BEFORE].poll() is None
    agent.stop()
    program = machine.prefixes[NATIVE] / "bin" / "claude"
    said = subprocess.run(
        [program, "--version"], env={"HOME": str(agent.home), "PATH": os.environ["PATH"]}, capture_output=True
    )
    assert said.stdout.decode().startswith(NATIVE)
