"""A policy over a generated fleet, by the real command: wall time and memory, against reading the same file alone.

`python benchmarks/simulation/run.py [--devices 1000000]`. A fifth of the devices has the banned tool in one of 120
versions, every device two packages that nobody bans. Goals: memory does not grow with the number of devices.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

POLICY = Path(__file__).parents[2] / "examples" / "claude-code-ban" / "policy.yaml"
CODE = "%40anthropic-ai/claude-code"
MEMORY_GOAL = 200.0
"""MB at most, whatever the size of the fleet."""
READ = "import sys, msgspec\nfor line in open(sys.argv[1], 'rb'):\n    msgspec.json.decode(line)\n"


class Run(NamedTuple):
    """One program over the file."""

    seconds: float
    megabytes: float
    output: str


def main() -> int:
    """Builds the fleet, runs both, prints the table and one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=100_000)
    number: int = parser.parse_args().devices
    with tempfile.TemporaryDirectory() as folder:
        fleet = Path(folder) / "fleet.ndjson"
        hit = write_fleet(fleet, number)
        plain = measured([sys.executable, "-c", READ, str(fleet)])
        program = [sys.executable, "-m", "policy_schema.authoring.cli.main", "simulate", str(POLICY), str(fleet)]
        ours = measured([*program, "--against", str(POLICY), "--json"])
    found = json.loads(ours.output)
    counted = {row["ban"]: row["devices"] for row in found["stages"] if row["action"] == "block"}
    right = found["devices"] == number and counted == {"claude-code": hit}
    result = {
        "devices": number,
        "hit": hit,
        "seconds": round(ours.seconds, 1),
        "devices_per_second": round(number / ours.seconds),
        "times_reading_alone": round(ours.seconds / plain.seconds, 1),
        "memory_mb": round(ours.megabytes, 1),
        "memory_reading_alone_mb": round(plain.megabytes, 1),
        "right": right,
    }
    memory = f"{ours.megabytes:.0f} MB (goal {MEMORY_GOAL:.0f})"
    print(f"{number:,} devices, {hit:,} of them hit: {ours.seconds:.1f} s, {memory};")
    print(f"reading the same file alone: {plain.seconds:.1f} s, {plain.megabytes:.0f} MB; counts right: {right}")
    print(json.dumps(result))
    return 0 if right and ours.megabytes <= MEMORY_GOAL else 1


def write_fleet(path: Path, number: int) -> int:
    """Writes the records; returns on how many devices the ban acts."""
    chance = random.Random(7)
    hit = 0
    with path.open("w") as file:
        for place in range(number):
            region = chance.choice(["CN", "HK", "DE", None])
            items = [_item("npm", "npm", "11.19.1", "root"), _item("pypi", "requests", "2.32.0", "li")]
            if chance.random() < 0.2:
                items.append(_item("npm", CODE, f"2.1.{chance.randint(80, 199)}", f"p{chance.randrange(10**6)}"))
                hit += 1
            groups = chance.sample(["it", "dev", "sales"], k=chance.randint(0, 2))
            about = {"id": f"d-{place:07}", "region": region, "groups": groups}
            file.write(json.dumps({"device": about, "items": items}) + "\n")
    return hit


def measured(command: list[str]) -> Run:
    """Runs a program and takes its time and its highest resident memory."""
    start = time.monotonic()
    program = subprocess.Popen(
        [sys.executable, "-c", _WATCH, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    output, errors = program.communicate()
    if program.returncode != 0:
        raise SystemExit(errors)
    return Run(time.monotonic() - start, int(errors.strip().splitlines()[-1]) / 1024, output)


_WATCH = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""


def _item(source: str, name: str, version: str, owner: str) -> dict[str, str]:
    purl = f"pkg:{source}/{name}@{version}"
    return {"source": source, "face": "package", "purl": purl, "path": f"/home/{owner}/{name}", "owner": owner}


if __name__ == "__main__":
    sys.exit(main())
