"""An author's folder made by the real commands, copied for each test, and the commands called in this process."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from policy_schema.authoring.cli.main import main

NAMES = ("Li Wei", "Wang Fang", "Zhao Lei")
PHRASE = "correct horse battery"

POLICY = """\
schema: 1
organisation: {name: "Example Group", time_zone: "Asia/Shanghai", default_language: "en"}
approved: ["qoder"]
bans:
  - id: "claude-code"
    targets: [{tool: "claude-code"}]
    reason: {en: "Assessed as not allowed on company devices."}
    alternatives: [{name: "Qoder", tool: "qoder", url: "https://qoder.com"}]
    stages:
      - {from: "2036-12-04 09:00", action: "notify"}
      - {from: "2036-12-10 09:00", action: "block", let_finish: "4h", kill_after: "30s"}
"""


class Ran(NamedTuple):
    """What one command did."""

    code: int
    out: str
    err: str


class Author:
    """One folder, one passphrase for all keys."""

    def __init__(self, base: Path, capsys: pytest.CaptureFixture[str] | None) -> None:
        self.base = base
        self.dir = base / "dir"
        self.phrase = base / "phrase"
        self.policy = base / "policy.yaml"
        self._capsys = capsys

    def init(self, *options: str) -> Ran:
        """`interdict-policy init`."""
        self.base.mkdir(parents=True, exist_ok=True)
        self.phrase.write_text(PHRASE + "\n")
        self.phrase.chmod(0o600)
        self.policy.write_text(POLICY)
        return self.run("init", str(self.dir), "--passphrase-file", str(self.phrase), *options)

    def do(self, command: str, *arguments: str) -> Ran:
        """A command on this folder with the passphrase."""
        return self.run(command, *arguments, "--dir", str(self.dir), "--passphrase-file", str(self.phrase))

    def sign(self, *arguments: str, name: str | None = None) -> Ran:
        """`sign --yes`, as somebody."""
        return self.do("sign", *arguments, "--yes", *(("--as", name) if name else ()))

    def published(self) -> None:
        """Two people sign the policy; it is published."""
        assert self.sign(str(self.policy), name=NAMES[0]).code == 0
        assert self.sign(name=NAMES[1]).code == 0
        assert self.do("publish").code == 0

    def run(self, *arguments: str) -> Ran:
        """Any command line."""
        code = main(arguments)
        captured = self._capsys.readouterr() if self._capsys else None
        return Ran(code, captured.out if captured else "", captured.err if captured else "")


def copy_of(template: Path, base: Path, capsys: pytest.CaptureFixture[str]) -> Author:
    """The same folder again: making keys takes a second."""
    shutil.copytree(template, base, dirs_exist_ok=True)
    return Author(base, capsys)
