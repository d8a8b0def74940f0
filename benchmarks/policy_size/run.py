"""What a large policy costs: 10,000 bans and 10,000 tools of an organisation's own, from the text to a device.

    python benchmarks/policy_size/run.py [--bans N]

The commands of an author run as an author runs them (lint, sign, publish), then a device polls that repository with
its own two children: adoption is the adopter's whole life, from its start to its last byte, and its memory is what
the kernel saw at most of it: resident pages, those of shared libraries counted in full although other processes use
them too, since that is what a list of processes shows. An interpreter that does nothing stands beside it. Prints a
table, then one JSON document; ends with 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import NamedTuple

from agent.host.child import own_command
from agent.host.confine import Cage, Limits
from agent.policy import children, frames
from agent.policy.refresh import Place, Status, refresh
from agent.policy.store import Store

PROGRAM = [sys.executable, "-m", "policy_schema.authoring.cli.main"]
AUTHOR_GOAL_S, ADOPTION_GOAL_S, ADOPTION_GOAL_MB = 10.0, 2.0, 60.0
HEAD = """\
schema: 1
organisation: {name: "Example", time_zone: "UTC", default_language: "en", contacts: {help: "https://help.example.com"}}
approved: ["qoder"]
bans:
"""
BAN = """\
  - id: "ban-%d"
    targets: [{tool: "acme/tool-%d"}]
    reason: {en: "Assessed as not allowed on company devices."}
    alternatives: [{name: "Qoder", tool: "qoder", url: "https://qoder.com"}]
    stages:
      - {from: "2026-07-04 09:00", action: "notify"}
      - {from: "2026-07-10 09:00", action: "block"}
"""
TOOL = """\
  - id: "acme/tool-%d"
    name: "Tool %d"
    vendor: "Acme"
    category: "other"
    version_scheme: "semver"
    faces: {packages: ["pkg:npm/%%40acme/tool-%d"], executables: {names: ["tool-%d"]}}
"""


LAUNCHER = """
import os, subprocess, sys, time
begin = time.monotonic()
with open(sys.argv[1], "rb") as question, open(sys.argv[2], "wb") as answer:
    process = subprocess.Popen(sys.argv[3:], stdin=question, stdout=subprocess.PIPE)
    while piece := os.read(process.stdout.fileno(), 65536):
        answer.write(piece)
_, status, usage = os.wait4(process.pid, 0)
print(time.monotonic() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
sys.exit(status != 0)
"""
"""A process counts what its parent had when it was forked, so the parent of the one that is measured must be small."""


class Row(NamedTuple):
    """One figure and its goal."""

    name: str
    value: float
    unit: str
    goal: float | None

    @property
    def met(self) -> bool:
        """True where there is no goal."""
        return self.goal is None or self.value <= self.goal


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--bans", type=int, default=10_000, help="bans, and tools of an organisation's own")
    count = parser.parse_args().bans
    with tempfile.TemporaryDirectory() as folder:
        rows = [*_author(Path(folder), count), *_device(Path(folder))]
    return _show(rows, count)


def _text(count: int) -> str:
    bans = [BAN % (number, number) for number in range(count)]
    tools = [TOOL % (number, number, number, number) for number in range(count)]
    return "".join([HEAD, *bans, "define:\n", *tools])


def _author(folder: Path, count: int) -> Iterator[Row]:
    policy, phrase = folder / "policy.yaml", folder / "phrase"
    policy.write_text(_text(count))
    phrase.write_text("four words of a passphrase\n")
    phrase.chmod(0o600)
    yield Row("the policy as it is written", policy.stat().st_size / 1e6, "MB", None)
    there, secret = str(folder / "author"), ["--passphrase-file", str(phrase)]
    _command("init", there, "--solo", "--signer", "Li Wei", *secret)
    yield Row("lint", _command("lint", str(policy)), "s", AUTHOR_GOAL_S)
    yield Row("sign: lint, close, sign", _command("sign", str(policy), "--dir", there, "--yes", *secret), "s", None)
    yield Row("publish: verify, write", _command("publish", "--dir", there, *secret), "s", AUTHOR_GOAL_S)
    closed = max((folder / "author/repository/targets").iterdir(), key=lambda file: file.stat().st_size)
    yield Row("the closed policy", closed.stat().st_size / 1e6, "MB", None)


def _command(*words: str) -> float:
    begin = time.monotonic()
    done = subprocess.run([*PROGRAM, *words], check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"interdict-policy {words[0]}: {done.stderr.strip() or done.stdout.strip()}")
    return time.monotonic() - begin


def _device(folder: Path) -> Iterator[Row]:
    """One poll by the daemon's own functions, and the adopter once more alone, where its memory can be read."""
    questions: list[dict[str, object]] = []
    ask = children.adopter(None)

    def adopt(question: object) -> object:
        questions.append(dict(question))  # type: ignore[call-overload]
        return ask(question)  # type: ignore[arg-type]

    trust = (folder / "author/root.json").read_bytes()
    with _served(folder / "author/repository") as url:
        begin = time.monotonic()
        looked = refresh(
            Place(url, trust),
            Store(str(folder / "state")),
            courier=children.courier(None),
            adopter=adopt,  # type: ignore[arg-type]
            now=int(time.time()),
            seen={},
            in_force=None,
        )
        whole = time.monotonic() - begin
    if looked.status is not Status.ADOPTED:
        raise SystemExit(f"the policy was not adopted: {looked.message}")
    yield Row("a poll of the daemon: fetch, adopt, keep", whole, "s", None)
    yield from _alone(folder, b"".join(frames.write(questions[0])))


def _alone(folder: Path, asked: bytes) -> Iterator[Row]:
    """One adopter by itself, and an interpreter that does nothing, each started by a launcher that is small itself."""
    question, answer = folder / "question", folder / "answer"
    question.write_bytes(asked)
    cage = Cage(0, 0, True, Limits(cpu=60)).to_argument()
    seconds, processor, megabytes = _launched(question, answer, [*own_command("_adopter"), cage])
    with answer.open("rb") as file:
        if frames.read(file).get("result") != "adopted":
            raise SystemExit(f"the adopter answers {answer.read_bytes()[:300]!r}")
    yield Row("adoption in its child", seconds, "s", ADOPTION_GOAL_S)
    yield Row("  its processor time", processor, "s", None)
    yield Row("memory of that child at most", megabytes, "MB", ADOPTION_GOAL_MB)
    *_, bare = _launched(question, answer, [sys.executable, "-I", "-c", "pass"])
    yield Row("  of an interpreter that does nothing", bare, "MB", None)


def _launched(question: Path, answer: Path, command: list[str]) -> tuple[float, float, float]:
    """Seconds, those of a processor, and megabytes (of a million bytes) of one process, as the kernel counts them."""
    launcher = [sys.executable, "-I", "-S", "-c", LAUNCHER, str(question), str(answer), *command]
    seconds, processor, kilobytes = map(float, subprocess.check_output(launcher, text=True).split())
    return seconds, processor, kilobytes * 1024 / 1e6


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _show(rows: list[Row], count: int) -> int:
    print(f"{count:,} bans and {count:,} tools of an organisation's own")
    for row in rows:
        goal = "" if row.goal is None else f"goal {row.goal:g} {row.unit}: {'met' if row.met else 'MISSED'}"
        print(f"{row.name:<50}{row.value:>9.1f} {row.unit:<4} {goal}")
    document = [{**row._asdict(), "value": round(row.value, 2), "met": row.met} for row in rows]
    print(json.dumps({"bans": count, "rows": document}))
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
