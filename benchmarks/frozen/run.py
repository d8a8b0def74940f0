"""The frozen agent against the one from source: start of `interdict status` (goal at most 1.3 times), size, memory.

    python benchmarks/frozen/run.py [--frozen DIR] [--rounds N]

DIR is the folder with the two programs (dist/interdict; `packaging/build frozen` makes it). Both read what a real agent
has written. Processor time counts, as in benchmarks/start. Memory is what one process keeps for itself and its share
(PSS) of the frozen and the source agent five seconds after it has looked. Prints a table, then one JSON document; ends
with 1 if the goal is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.rig import CannotMeasure, percentile, program, workplace

GOAL = 1.3
ROOT = Path(__file__).resolve().parents[2]
SETTLE = 5.0


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frozen", type=Path, default=ROOT / "dist" / "interdict")
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    frozen = options.frozen.resolve() / "interdict"
    if not frozen.is_file():
        # Part of `make bench` on a machine that has not built it: said, not failed.
        print(f"frozen: {frozen} is not there; build it first: packaging/build frozen")
        return 0
    try:
        with workplace(Path(tempfile.mkdtemp(prefix="interdict-frozen-"))) as place:
            place.daemon().stop()
            settings = ["--config", os.fspath(place.folder / "settings.toml")]
            both = {"source": program("interdict"), "frozen": [os.fspath(frozen)]}
            commands = {name: [*words, "status", *settings] for name, words in both.items()}
            taken = _starts(commands, place.environment, options.rounds)
            memory = {name: _memory([*words, "run", *settings], place.environment) for name, words in both.items()}
    except CannotMeasure as problem:
        print(f"frozen: {problem}", file=sys.stderr)
        return 2
    return _show(taken, memory, frozen.parent)


def _starts(commands: dict[str, list[str]], environment: dict[str, str], rounds: int) -> dict[str, list[float]]:
    environment = {key: value for key, value in environment.items() if key != "PYTHONDONTWRITEBYTECODE"}
    samples: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            if done.returncode not in (0, 1) or done.stderr:
                raise CannotMeasure(f"{name} ended with {done.returncode}: {done.stderr[-300:]}")
            if number:  # the first one compiles
                samples[name].append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return samples


def _memory(command: Sequence[str], environment: dict[str, str]) -> float:
    """MB of an agent that has looked."""
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as run:
        assert run.stderr is not None
        for line in run.stderr:
            if '"event": "look"' in line:
                break
        time.sleep(SETTLE)
        rows = Path(f"/proc/{run.pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
        run.terminate()
        run.stderr.read()
    return next(int(row.split()[1]) for row in rows if row.startswith("Pss:")) / 1024


def _show(taken: dict[str, list[float]], memory: dict[str, float], folder: Path) -> int:
    middle = {name: percentile(samples, 0.5) * 1000 for name, samples in taken.items()}
    times = middle["frozen"] / middle["source"]
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1_000_000
    for name in taken:
        print(f"interdict status, {name:<8}{middle[name]:>8.1f} ms    agent that has looked {memory[name]:>7.1f} MB")
    print(
        f"frozen start: {times:.2f} times; goal {GOAL:g} {'met' if times <= GOAL else 'MISSED'}; {size:.1f} MB on disk"
    )
    figures = {"status_ms": middle, "times": round(times, 2), "agent_mb": memory, "disk_mb": round(size, 1)}
    print(json.dumps({"schema": 1, "benchmark": "frozen", **figures, "met": times <= GOAL}))
    return 0 if times <= GOAL else 1


if __name__ == "__main__":
    raise SystemExit(main())
