"""How long `interdict status` takes, in starts of the bare interpreter: goal at most 3.

    python benchmarks/start/run.py [--rounds N]

A real agent has written what is shown. Each round starts the bare interpreter (`python -c pass`) and each form of the
command, one after the other. What counts is the processor time of the process, which is its whole start on an idle
machine: on a busy one, waiting for a processor says nothing about the program. Prints a table, then one JSON document;
ends with 1 if the goal is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.rig import CannotMeasure, Workplace, percentile, program, workplace

GOAL = 3.0
BARE = "the bare interpreter"


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    try:
        with workplace(Path(tempfile.mkdtemp(prefix="interdict-start-"))) as place:
            samples = measure(place, options.rounds)
    except CannotMeasure as problem:
        print(f"start: {problem}", file=sys.stderr)
        return 2
    return _show(samples)


def measure(place: Workplace, rounds: int) -> dict[str, list[float]]:
    """Processor seconds of each start, by name.

    Raises:
        CannotMeasure: the agent does not write, or the command fails.
    """
    package = place.modules / "@anthropic-ai" / "claude-code"
    package.mkdir(parents=True)
    (package / "package.json").write_text('{"name": "@anthropic-ai/claude-code", "version": "2.1.197"}')
    daemon = place.daemon()
    daemon.wait_for(0, lambda row: row["event"] == "finding", "that it found the package")
    daemon.stop()
    status = [*program("interdict"), "status", "--config", os.fspath(place.folder / "settings.toml")]
    commands = {
        BARE: [sys.executable, "-c", "pass"],
        "interdict status": status,
        "interdict status --json": [*status, "--json"],
        "interdict status --login": [*status[:-2], "--login", *status[-2:]],
        "interdict status --html": [*status, "--html", os.fspath(place.folder / "page.html")],
    }
    environment = {key: value for key, value in place.environment.items() if key != "PYTHONDONTWRITEBYTECODE"}
    samples: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            took = _start(name, command, environment)
            if number:  # the first one compiles
                samples[name].append(took)
    return samples


def _start(name: str, command: Sequence[str], environment: Mapping[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    took = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if done.returncode not in (0, 1) or done.stderr:
        raise CannotMeasure(f"{name} ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    return took


def _show(samples: Mapping[str, list[float]]) -> int:
    bare = percentile(samples[BARE], 0.5)
    rows = []
    for name, taken in samples.items():
        middle = percentile(taken, 0.5)
        goal = GOAL if name in ("interdict status", "interdict status --json") else None
        met = None if goal is None else middle / bare <= goal
        rows.append({"name": name, "p50_ms": round(middle * 1000, 1), "times": round(middle / bare, 2), "met": met})
        said = "" if met is None else f"   goal {goal:g} {'met' if met else 'MISSED'}"
        print(f"{name:<28}{middle * 1000:>8.1f} ms{middle / bare:>8.2f} times{said}")
    met = all(row["met"] is not False for row in rows)
    print(json.dumps({"schema": 1, "benchmark": "start", "rows": rows, "goal_times": GOAL, "met": met}))
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
