"""What the gate costs: paired runs in one go, with it and without it, and beside fapolicyd where that is installed.

    python benchmarks/gate/run.py                  two filesystems of its own, one with the gate, one without (root)
    python benchmarks/gate/run.py --whole          also before the whole machine: make, npm install (a watchdog ends it)
    python benchmarks/gate/run.py --fapolicyd      also fapolicyd, in mounts of its own (a watchdog ends it)
    python benchmarks/gate/run.py --soak 60        8 threads, mixed programs, new orders each second: wrong answers

The pair is started in turns, so that whatever else the machine does falls on both. Prints a table, then one JSON
document; ends with 1 if a goal is missed. The policy bans a tool that does not exist: nobody's work is refused.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.gate import load, peers, whole
from benchmarks.gate.start import paired, timed
from tests.fakes.gate import Gate, gate_before, mounted
from tests.fakes.other_person import UID

PAIRS = 3000
DIFFERENT = 2000
TABLE = 8192


class Row(NamedTuple):
    """One figure: with the gate, without it (0: there is no such thing), and the goal for their ratio or the figure."""

    name: str
    with_gate: float
    without: float
    unit: str
    goal: float | None = None

    @property
    def ratio(self) -> float:
        """With against without."""
        return self.with_gate / self.without if self.without else self.with_gate

    @property
    def met(self) -> bool:
        """Whether the goal is reached, or there is none."""
        return self.goal is None or self.ratio <= self.goal


class Place(NamedTuple):
    """Three filesystems of one kind; the gate stands before the first, a door that only says yes before the last."""

    gated: Path
    free: Path
    yes: Path
    gate: Gate


@contextlib.contextmanager
def place() -> Iterator[Place]:
    """Both, mounted, and the gate."""
    folder = Path(tempfile.mkdtemp(prefix="gate-bench-"))
    folder.chmod(0o711)
    try:
        with (
            mounted(folder / "gated", "ext4", 1500) as gated,
            mounted(folder / "free", "ext4", 1500) as free,
            mounted(folder / "yes", "ext4", 1500) as yes,
        ):
            for mount in (gated, free, yes):
                mount.chmod(0o755)
                _fill(mount)
            (folder / "gate").mkdir()
            with gate_before(folder / "gate", gated, first=load.orders()) as gate:
                yield Place(gated, free, yes, gate)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fill(mount: Path) -> None:
    system, people, many = mount / "system", mount / "people", mount / "many"
    for folder in (system, people, many):
        folder.mkdir()
    shutil.copy("/bin/true", system / "true")
    shutil.copy("/bin/true", people / "true")
    load.banned(people / "banned")
    for number in range(DIFFERENT):
        load.small(many / f"p{number}", number)
    for path in [people, *people.iterdir(), many, *many.iterdir()]:
        os.chown(path, UID, UID)


def starts(at: Place) -> Iterator[Row]:
    """Starting an unrelated program again and again."""
    wait_until_settled(at.gated)
    for name, goal in (("system", 1.02), ("people", 1.12)):
        pair = (os.fspath(at.gated / name / "true"), os.fspath(at.free / name / "true"))
        uid = 0 if name == "system" else UID
        with_gate, without = paired(pair, PAIRS, uid)
        owner = "root" if name == "system" else "a user"
        for what, part in (("median", 0.5), ("95 %", 0.95)):
            yield Row(
                f"start of a program that {owner} owns, {what}",
                quantile(with_gate, part) * 1e6,
                quantile(without, part) * 1e6,
                "us",
                goal if what == "median" else None,
            )


def floor(at: Place) -> Iterator[Row]:
    """What the kernel's question and a bare yes cost, in 12 lines of Python: below this no gate can be."""
    with peers.yes_to_everything(at.yes):
        pair = (os.fspath(at.yes / "people" / "true"), os.fspath(at.free / "people" / "true"))
        asked, free = (quantile(row, 0.5) * 1e6 for row in paired(pair, PAIRS, UID))
    yield Row("the same with a door that only says yes, median", asked, free, "us")


def different(at: Place) -> Iterator[Row]:
    """Many different programs, each once: what the table cannot know yet."""
    figures = [
        timed([[os.fspath(mount / "many" / f"p{number}")] for number in range(DIFFERENT)], UID)
        for mount in (at.gated, at.free)
    ]
    yield Row(f"{DIFFERENT:,} different programs, once each", figures[0] * 1000, figures[1] * 1000, "ms")


def shell_loop(at: Place) -> Iterator[Row]:
    """A script that starts a program 300 times."""
    script = 'i=0; while [ $i -lt 300 ]; do "$0"; i=$((i+1)); done'
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(7):
        for into, mount in zip(seconds, (at.gated, at.free), strict=True):
            into.append(timed([["/bin/sh", "-c", script, os.fspath(mount / "people" / "true")]], UID))
    gated, free = (statistics.median(row) * 1000 for row in seconds)
    yield Row("a shell loop of 300 starts, median", gated, free, "ms")


def refusals(at: Place) -> Iterator[Row]:
    """How soon a banned start is told no."""
    banned = os.fspath(at.gated / "people" / "banned")
    took = []
    for _ in range(500):
        began = time.perf_counter()
        try:
            os.waitpid(os.posix_spawn(banned, [banned], {}), 0)
        except PermissionError:
            took.append(time.perf_counter() - began)
    if len(took) != 500:
        yield Row("banned starts that were not refused", 500 - len(took), 0, "", 0)
    yield Row("a banned start is refused, first time", took[0] * 1e6, 0, "us")
    yield Row("a banned start is refused, median", quantile(took, 0.5) * 1e6, 0, "us")


def memory(at: Place) -> Iterator[Row]:
    """The gate's own, with a table that is full."""
    yield Row("PSS after the start", at.gate.pss() / 1e6, 0, "MB", 15)
    folder = at.gated / "people" / "table"
    folder.mkdir()
    for number in range(TABLE + 200):
        load.small(folder / f"t{number}", number)
    wait_until_settled(at.gated)
    timed([[os.fspath(path)] for path in sorted(folder.iterdir())], UID)
    yield Row("PSS with a full table", at.gate.pss() / 1e6, 0, "MB", 15)


def flood(at: Place) -> Iterator[Row]:
    """What another person waits for while one floods the gate with sparse programs."""
    with_gate, without = load.flood(at.gated, at.free)
    for what, part in (("median", 0.5), ("longest", 1.0)):
        yield Row(
            f"another person's start in a flood, {what}",
            quantile(with_gate, part) * 1000,
            quantile(without, part) * 1000,
            "ms",
        )
    more = max(0.0, quantile(with_gate, 1.0) - quantile(without, 1.0))
    yield Row("of the longest, what the gate adds", more * 1000, 0, "ms", 100)


def wait_until_settled(mount: Path) -> None:
    """Until what was just written is old enough to be remembered."""
    marker = mount / "settled"
    marker.touch()
    time.sleep(max(0.0, marker.stat().st_ctime + 2.1 - time.time()))


def quantile(samples: list[float], part: float) -> float:
    """The sample below which this part lies."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


PARTS: tuple[Callable[[Place], Iterator[Row]], ...] = (starts, floor, different, shell_loop, refusals, memory, flood)


def main() -> int:
    """Runs what is asked for. 1: a goal was missed; 2: it could not be measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", action="append", choices=[part.__name__ for part in PARTS], help="only these")
    parser.add_argument("--whole", action="store_true", help="also before the whole machine")
    parser.add_argument("--fapolicyd", action="store_true", help="also fapolicyd, for comparison")
    parser.add_argument("--soak", type=float, metavar="SECONDS", help="only this")
    args = parser.parse_args()
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        print("benchmarks/gate: needs Linux and root", file=sys.stderr)
        return 2
    rows: list[Row] = []
    with place() as at:
        if args.soak:
            counts = load.soak(at.gate, at.gated, args.soak)
            rows = [Row(name, value, 0, "", goal) for name, value, goal in counts]
        else:
            for part in PARTS:
                if not args.part or part.__name__ in args.part:
                    rows += shown(part(at))
    rows = rows if not args.soak else list(shown(iter(rows)))
    if args.whole:
        rows += shown(Row(*figures) for figures in whole.measure())
    if args.fapolicyd:
        rows += shown(Row(*figures) for figures in peers.fapolicyd())
    print(json.dumps([{**row._asdict(), "ratio": round(row.ratio, 3), "met": row.met} for row in rows]))
    return 0 if all(row.met for row in rows) else 1


def shown(rows: Iterator[Row]) -> list[Row]:
    """Prints each as it comes."""
    made = []
    for row in rows:
        ratio = f"{row.ratio:8.3f}" if row.without else " " * 8
        goal = "" if row.goal is None else f"  goal {row.goal:g} {'met' if row.met else 'MISSED'}"
        without = f"{row.without:10.1f}" if row.without else " " * 10
        print(f"{row.name:<58}{row.with_gate:10.1f}{without} {row.unit:<3}{ratio}{goal}", flush=True)
        made.append(row)
    return made


if __name__ == "__main__":
    raise SystemExit(main())
