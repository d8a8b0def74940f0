"""What the agent costs while nothing happens: memory and processor time, its children averaged in.

    python benchmarks/footprint/run.py                          the real daemon at its default intervals, 10 minutes
    python benchmarks/footprint/run.py --seconds 60
    python benchmarks/footprint/run.py --seconds 30 -- COMMAND  any command and the processes it starts

Memory is PSS (shared pages are counted in parts), read once a second over the whole tree of processes: children that
live for a second weigh a second. Processor time is the daemon's own and that of its children, ended ones included.
Prints a table, then one JSON document; ends with 1 if a goal is missed. Linux only.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.rig import CannotMeasure, percentile, workplace

GOAL_PSS_MB, GOAL_CPU_PERCENT = 35.0, 0.3
SETTLE = 10.0
"""Seconds after the start that are not counted: the first look is no rest."""
TICKS = os.sysconf("SC_CLK_TCK")


class Sample(NamedTuple):
    """One second."""

    pss_kb: int
    processes: int


class Result(NamedTuple):
    """What came out."""

    seconds: float
    pss_mb: float
    peak_mb: float
    cpu_percent: float
    most_processes: int


def main() -> int:
    """Runs what was asked for."""
    words = sys.argv[1:]
    command = words[words.index("--") + 1 :] if "--" in words else []
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--settle", type=float, default=SETTLE)
    options = parser.parse_args(words[: words.index("--")] if "--" in words else words)
    try:
        result = _of_command(command, options) if command else _of_daemon(options)
    except CannotMeasure as problem:
        print(f"footprint: {problem}", file=sys.stderr)
        return 2
    return _show(result, bound=not command)


def _of_command(command: Sequence[str], options: argparse.Namespace) -> Result:
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        return measure(process.pid, options.seconds, options.settle)
    finally:
        process.kill()
        process.wait()


def _of_daemon(options: argparse.Namespace) -> Result:
    with workplace(Path(tempfile.mkdtemp(prefix="interdict-footprint-"))) as place:
        return measure(place.daemon().process.pid, options.seconds, options.settle)


def measure(pid: int, seconds: float, settle: float) -> Result:
    """Watches a tree of processes.

    Raises:
        CannotMeasure: it ended, or may not be looked at.
    """
    time.sleep(settle)
    samples: list[Sample] = []
    began, used = time.monotonic(), _cpu_seconds(pid)
    while (passed := time.monotonic() - began) < seconds:
        samples.append(_sample(pid))
        time.sleep(max(0.0, min(1.0, seconds - passed)))
    lasted = time.monotonic() - began
    pss = [sample.pss_kb / 1024 for sample in samples]
    return Result(
        seconds=round(lasted, 1),
        pss_mb=round(sum(pss) / len(pss), 1),
        peak_mb=round(percentile(pss, 1.0), 1),
        cpu_percent=round((_cpu_seconds(pid) - used) / lasted * 100, 3),
        most_processes=max(sample.processes for sample in samples),
    )


def _sample(pid: int) -> Sample:
    tree = _tree(pid)
    found = [pss for one in tree if (pss := _pss_kb(one)) is not None]
    if not found:
        raise CannotMeasure(f"process {pid} cannot be looked at")
    return Sample(sum(found), len(found))


def _tree(pid: int) -> list[int]:
    """The process and everything below it, as far as it lives now."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            fields = _stat(int(name))
            if fields:
                children.setdefault(int(fields[1]), []).append(int(name))
    tree = [pid]
    for one in tree:
        tree += children.get(one, [])
    return tree


def _pss_kb(pid: int) -> int | None:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), None)


def _stat(pid: int) -> list[str]:
    """The fields after the name in `/proc/PID/stat`; none when it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].decode("ascii").split()
    except OSError:
        return []


def _cpu_seconds(pid: int) -> float:
    """User and system time of a process, of the children it has waited for, and of those that live."""
    own = _stat(pid)
    if not own:
        raise CannotMeasure(f"process {pid} has ended")
    total = sum(int(field) for field in own[11:15])
    for child in _tree(pid)[1:]:
        total += sum(int(field) for field in _stat(child)[11:15])
    return total / TICKS


def _show(result: Result, bound: bool) -> int:
    met = result.pss_mb <= GOAL_PSS_MB and result.cpu_percent <= GOAL_CPU_PERCENT
    rows = (
        ("memory (PSS), children averaged in", f"{result.pss_mb} MB", f"{GOAL_PSS_MB:g} MB"),
        ("memory, highest second", f"{result.peak_mb} MB", ""),
        ("processor time of one core", f"{result.cpu_percent} %", f"{GOAL_CPU_PERCENT} %"),
        ("processes at once, at most", f"{result.most_processes}", ""),
        ("watched for", f"{result.seconds:g} s", ""),
    )
    for name, value, goal in rows:
        print(f"{name:<40}{value:>12}{'   goal ' + goal if goal and bound else ''}")
    print(json.dumps({"schema": 1, "benchmark": "footprint", **result._asdict(), "met": met if bound else None}))
    return 1 if bound and not met else 0


if __name__ == "__main__":
    raise SystemExit(main())
