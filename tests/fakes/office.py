"""Signers on machines of their own: each with a checkout, keys elsewhere, and git between them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.fakes.author import PHRASE, POLICY, Author, Ran

LI, WANG, ZHAO, CHEN = "Li Wei", "Wang Fang", "Zhao Lei", "Chen Jie"


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, timeout=60)


class Signer(Author):
    """Somebody with a checkout and, elsewhere on the same machine, keys of their own."""

    def __init__(self, machine: Path, name: str, capsys: pytest.CaptureFixture[str] | None) -> None:
        super().__init__(machine, capsys)
        self.name = name
        self.dir, self.keys = machine / "checkout", machine / "keys"
        if machine.exists():
            return
        machine.mkdir()
        self.phrase.write_text(f"{PHRASE} of {name}\n")
        self.phrase.chmod(0o600)
        self.policy.write_text(POLICY)

    def new_keys(self) -> Path:
        """`keys new`; answers with the public file."""
        ran = self.run("keys", "new", self.name, "--dir", str(self.base), *self.own())
        assert ran.code == 0, ran.err
        return next(self.base.glob("*.pub.json"))

    def do(self, command: str, *arguments: str) -> Ran:
        return self.run(command, *arguments, "--dir", str(self.dir), *self.own())

    def pull(self) -> None:
        git(self.dir, "pull", "-q", "--ff-only")

    def push(self) -> None:
        git(self.dir, "add", "-A")
        git(self.dir, "commit", "-q", "--allow-empty", "-m", self.name)
        git(self.dir, "push", "-q")

    def signs(self, *arguments: str) -> Ran:
        """Takes what colleagues did, signs, hands it on."""
        self.pull()
        ran = self.sign(*arguments)
        assert ran.code == 0, ran.err
        self.push()
        return ran

    def publishes(self) -> None:
        self.pull()
        ran = self.do("publish")
        assert ran.code == 0, ran.err
        self.push()

    def own(self) -> tuple[str, ...]:
        """The options that say where their own keys are."""
        return ("--keys", str(self.keys), "--passphrase-file", str(self.phrase))


class Office:
    """Several machines and the repository between them. The first one has the on-line key and publishes."""

    def __init__(self, base: Path, capsys: pytest.CaptureFixture[str] | None, *names: str) -> None:
        self.base, self.capsys = base, capsys
        self.origin = base / "origin.git"
        if not self.origin.exists():
            git(base, "init", "-q", "--bare", "-b", "main", str(self.origin))
        self.people = {name: Signer(base / name.split()[0], name, capsys) for name in names}

    def __getitem__(self, name: str) -> Signer:
        return self.people[name]

    def joins(self, name: str) -> Signer:
        """A new colleague with an empty machine."""
        self.people[name] = Signer(self.base / name.split()[0], name, self.capsys)
        self.clone(name)
        return self.people[name]

    def clone(self, *names: str) -> None:
        for name in names:
            git(self.base, "clone", "-q", str(self.origin), str(self[name].dir))

    def begin(self, *options: str) -> None:
        """The first one's folder becomes the repository that all clone."""
        first, *others = self.people.values()
        ran = first.run("init", str(first.dir), *options, *first.own())
        assert ran.code == 0, ran.err
        git(first.dir, "init", "-q", "-b", "main")
        git(first.dir, "remote", "add", "origin", str(self.origin))
        git(first.dir, "add", "-A")
        git(first.dir, "commit", "-q", "-m", "begin")
        git(first.dir, "push", "-q", "-u", "origin", "main")
        self.clone(*(one.name for one in others))


def two_of_three(base: Path, capsys: pytest.CaptureFixture[str] | None) -> Office:
    """2 of 3: each made their keys at home, all three signed the first root, Li published it."""
    made = Office(base, capsys, LI, WANG, ZHAO)
    made.begin(*(f"--signer-key={one.new_keys()}" for one in made.people.values()))
    for name in (LI, WANG, ZHAO):
        made[name].signs()
    made[LI].publishes()
    return made
