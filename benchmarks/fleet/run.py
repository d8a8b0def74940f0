"""How many reports a second one machine takes with PostgreSQL, and what each of them costs.

    python benchmarks/fleet/run.py [--devices 6000] [--rounds 10] [--processes 2] [--connections 64] [--rate 500]

Starts what `scripts/fleet` starts (PostgreSQL that really writes, console processes, nginx), enrols the devices, and
then sends signed reports: once as fast as they are answered, once at a steady rate with the time counted from when each
was due. The generator runs on the same machine; what each part used of the processors is counted by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import psutil
from sqlalchemy import text

from benchmarks.fleet.agents import Plan, Sent, drive, enrol, seal, statuses
from benchmarks.rig import percentile
from console.store.db import Database

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("console", "postgresql", "nginx", "generator")


class Fleet(NamedTuple):
    """What `scripts/fleet` has started."""

    process: subprocess.Popen[str]
    address: str
    database: str

    def cpu(self) -> dict[str, float]:
        """Seconds of processor that each part has used, and this process as the generator."""
        used = dict.fromkeys(PARTS, 0.0)
        for one in psutil.Process(self.process.pid).children(recursive=True):
            with one.oneshot():
                times, words = one.cpu_times(), " ".join(one.cmdline())
            name = "console" if "console.cli" in words else "nginx" if words.startswith("nginx") else "postgresql"
            used[name] += times.user + times.system
        own = psutil.Process().cpu_times()
        used["generator"] = own.user + own.system
        return used


@contextmanager
def fleet(folder: Path, processes: int, *words: str) -> Iterator[Fleet]:
    """The whole console in a folder, ended afterwards."""
    command = [
        sys.executable,
        str(ROOT / "scripts" / "fleet"),
        str(folder),
        "--processes",
        str(processes),
        "--port",
        "0",
    ]
    with subprocess.Popen([*command, "--trial", *words], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            said = [process.stdout.readline().split()[-1:] for _ in range(2)]
            if not all(said):
                raise SystemExit("run: the console did not start")
            yield Fleet(process, said[1][0], said[0][0])
        finally:
            process.send_signal(signal.SIGTERM)


def measure(started: Fleet, plan: Plan, connections: int, rate: float, seconds: float) -> dict[str, object]:
    """One run: what was reached, how long answers took, what each part used."""
    requests = seal(plan, connections)
    host = urlsplit(started.address)
    gc.collect()
    gc.freeze()
    before, load = started.cpu(), os.getloadavg()[0]
    sent = asyncio.run(drive(str(host.hostname), int(host.port or 80), requests, rate, seconds))
    after = started.cpu()
    return summary(sent, rate, {part: after[part] - before[part] for part in PARTS}) | {"load_before": round(load, 1)}


def summary(sent: list[Sent], rate: float, used: dict[str, float]) -> dict[str, object]:
    """The figures of a run."""
    good = [one.took for one in sent if one.status == 200] or [0.0]
    took = max(one.at + one.took for one in sent)
    return {
        "asked_per_s": rate or None,
        "reports": len(sent),
        "seconds": round(took, 1),
        "stored_per_s": round(len(good) / took),
        "p50_ms": round(percentile(good, 0.5) * 1000, 1),
        "p95_ms": round(percentile(good, 0.95) * 1000, 1),
        "p99_ms": round(percentile(good, 0.99) * 1000, 1),
        "max_ms": round(max(good) * 1000, 1),
        "answers": statuses(sent),
        "cpu_ms_per_report": {part: round(used[part] / len(sent) * 1000, 2) for part in PARTS},
        "processors_used": {part: round(used[part] / took, 2) for part in PARTS},
    }


def sizes(database: Database, devices: int) -> dict[str, int]:
    """Bytes a device by table, with its indexes, and of the whole database."""
    statement = """SELECT relname, pg_total_relation_size(oid) FROM pg_class
        WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 2 DESC LIMIT 8"""
    with database.read() as connection:
        found = {name: size // devices for name, size in connection.execute(text(statement))}
        whole = int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one())
    return {**found, "whole": whole // devices}


def print_run(title: str, run: dict[str, object]) -> None:
    """For people."""
    print(
        f"{title}: {run['stored_per_s']} reports/s, p50 {run['p50_ms']} ms, p95 {run['p95_ms']}, p99 {run['p99_ms']}, ",
        end="",
    )
    print(f"max {run['max_ms']}; answers {run['answers']}; load average before {run['load_before']}")
    print(f"    CPU ms a report {run['cpu_ms_per_report']}; processors used {run['processors_used']}", flush=True)


def main() -> int:
    """Starts, enrols, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=6_000)
    parser.add_argument(
        "--rounds", type=int, default=10, help="reports a device, at most; half of the devices in each of the two runs"
    )
    parser.add_argument("--processes", type=int, default=2, help="of the console")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rate", type=float, default=500.0, help="reports a second of the steady run; 0 leaves it out")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each run, at most; four minutes are the bound")
    parser.add_argument("--telling", type=int, default=50, help="each how many-th report has a new finding; 0: none")
    parser.add_argument("--direct", action="store_true", help="past nginx, to the one process")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="fleet-", dir="/tmp"))
    folder.chmod(0o711)
    say = (lambda *_: None) if arguments.json else print_run
    result: dict[str, object] = {"devices": arguments.devices, "processes": arguments.processes}
    try:
        with fleet(folder, arguments.processes, "--report-every", "5m") as started:
            database = Database(started.database)
            took = enrol(database, arguments.devices)
            result["enrolled_and_first_report_per_s"] = round(arguments.devices / took)
            half = arguments.devices // 2
            plan = Plan(half, 2, arguments.rounds, arguments.telling, urlsplit(started.address).netloc)
            for title, rate in (("as fast as answered", 0.0), (f"at {arguments.rate:.0f}/s", arguments.rate)):
                if rate or not title.startswith("at"):
                    run = measure(started, plan, arguments.connections, rate, arguments.seconds)
                    result[title] = run
                    say(title, run)
                    plan = plan._replace(start=half)
            result["bytes_a_device"] = sizes(database, arguments.devices)
            database.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(result) if arguments.json else f"bytes a device {result['bytes_a_device']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
