"""A person without an account who moves from one tool to another: their home, the policy in force, their programs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from agent.report.views import Views
from policy_schema.document.catalogue import load_catalogue
from policy_schema.document.close import close_policy
from policy_schema.document.compile import compile_policy
from policy_schema.document.load import parse_policy
from tests.fakes.other_person import UID

POLICY = """
schema: 1
organisation:
  name: "Example Group"
  time_zone: "UTC"
  default_language: "en"
  contacts: {help: "https://help.example.com/ai"}
approved: ["qoder"]
bans:
  - id: "claude-code"
    targets: [{tool: "claude-code"}]
    reason: {en: "Assessed as not allowed on company devices."}
    alternatives: [{name: "Qoder", tool: "qoder", url: "https://qoder.com"}]
    stages: [{from: "2026-07-04 09:00", action: "notify"}]
"""


class Mover(NamedTuple):
    """The person. Everything below `folder` is readable by them; `home` is theirs."""

    folder: Path
    home: Path
    config: Path

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """Their environment: ours with their own home, which holds npm's settings too."""
        ours = {key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "CLAUDE", "QODER"))}
        return {**ours, "HOME": str(self.home), "npm_config_cache": str(self.home / ".npm"), **(more or {})}

    def command(self, *arguments: str) -> list[str]:
        """`interdict move` as them, with the policy of this test; to be started by root."""
        program = str(Path(__file__).with_name("as_mover.py"))
        words = [sys.executable, "-B", program, str(UID), "move", "--config", str(self.config), *arguments]
        return ["/usr/bin/env", *(f"{key}={value}" for key, value in self.environment().items()), *words]

    def move(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs `interdict move` as them, with nobody at a terminal."""
        return self._run(self.command(*arguments), self.environment(), None)

    def run(self, *command: str | Path, more: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Runs a program of the system, or of theirs, as them, in their home."""
        return self._run([str(word) for word in command], self.environment(more), UID)

    def _run(
        self, command: list[str], environment: dict[str, str], uid: int | None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            env=environment,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            user=uid,
            group=uid,
            extra_groups=None if uid is None else [],
        )

    def file(self, place: str, content: str) -> Path:
        """Puts a file of theirs into their home."""
        path = self.home / place
        for folder in reversed(path.relative_to(self.home).parents):
            (self.home / folder).mkdir(exist_ok=True)
            os.chown(self.home / folder, UID, UID)
        path.write_text(content, encoding="utf-8")
        os.chown(path, UID, UID)
        return path


@contextmanager
def mover() -> Iterator[Mover]:
    """A person with an empty home, and an agent's views with the policy in force."""
    folder = Path(tempfile.mkdtemp(prefix="interdict-mover-"))
    try:
        folder.chmod(0o755)
        catalogue = load_catalogue()
        document = close_policy(parse_policy(POLICY, "policy.yaml"), catalogue).document
        view = {"rulebook": compile_policy(document, 1), "policy": {"trust": "verified", "signers": ["a"]}}
        (folder / "state").mkdir(mode=0o755)
        Views(str(folder / "state")).rules(view)
        (folder / "settings.toml").write_text(f'state_dir = "{folder}/state"\n')
        made = Mover(folder, folder / "home", folder / "settings.toml")
        made.home.mkdir(mode=0o700)
        os.chown(made.home, UID, UID)
        yield made
    finally:
        shutil.rmtree(folder)
