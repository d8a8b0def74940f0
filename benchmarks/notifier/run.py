"""What a person's notifier costs while nothing happens, beside a bare interpreter; how soon a notice is on the screen.

    python benchmarks/notifier/run.py [--seconds 30]

A real notifier in a session with dunst on a virtual screen, connected to the agent's door. Memory is PSS after some
notices, processor time that of `--seconds` of rest; from the finding to the notice is by the log of a whole agent that
finds a package for the first time, with the notifier there. Prints a table, then one JSON document; ends with 1 if a
goal is missed. Linux only; needs what the tier `desktop` of the tests needs.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from agent.host.person_socket import NAME, PersonListener
from agent.ipc.people import PeopleDoor
from policy_schema.messages import local
from tests.fakes.desktop import desktop
from tests.fakes.synthetic import synthetic_npm_install
from tests.fakes.workstation import Workstation

GOAL_PSS_MB, GOAL_CPU_PERCENT, GOAL_SHOWN_S = 45.0, 0.0, 1.0
TICKS = os.sysconf("SC_CLK_TCK")
_NOTICES = 20
_ROUNDS = 5


def main() -> int:
    """Runs it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as name, desktop(Path(name), os.geteuid(), os.getegid()) as screen:
        folder = Path(name)
        screen.serve("dunst")
        with _door(folder) as door, _notifier(folder, screen.environment(DISPLAY=screen.display)) as pid:
            while not door.present():
                time.sleep(0.05)
            shown = sorted(_show(door, number) for number in range(_NOTICES))
            time.sleep(2)
            before = _ticks(pid)
            time.sleep(seconds)
            cpu = (_ticks(pid) - before) / TICKS / seconds * 100
            pss = _pss_mb(pid)
    found = sorted(_from_finding() for _ in range(_ROUNDS))
    rows = [
        ("memory (PSS), MB", pss, GOAL_PSS_MB),
        ("memory of a bare interpreter, MB", _bare(), None),
        (f"processor over {seconds:g} s of rest, %", cpu, GOAL_CPU_PERCENT),
        ("a notice on the screen, s (p95)", shown[-2], GOAL_SHOWN_S),
        (f"from the finding to the notice, s (worst of {_ROUNDS})", found[-1], GOAL_SHOWN_S),
    ]
    for what, value, goal in rows:
        verdict = "" if goal is None else f"  goal {goal:g} {'met' if value <= goal else 'MISSED'}"
        print(f"{what:<44}{value:>8.3f}{verdict}")
    print(json.dumps({"schema": 1, "rows": [{"name": w, "value": round(v, 4), "goal": g} for w, v, g in rows]}))
    return int(any(goal is not None and value > goal for _, value, goal in rows))


def _from_finding() -> float:
    """Seconds between an agent's `finding` and its `told`, which a notification service has taken."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        session, place = Path(name, "session"), Path(name, "station")
        session.mkdir()
        place.mkdir()
        screen = stack.enter_context(desktop(session, os.geteuid(), os.getegid()))
        screen.serve("dunst")
        station = stack.enter_context(Workstation(place, notices="desktop", gate="off"))
        station.publish("notify")
        station.start()
        stack.enter_context(_notifier(Path(name), screen.environment(DISPLAY=screen.display), station.state))
        station.wait_for(event="policy-adopted")
        time.sleep(2)  # the notifier has connected, and the welcome is over
        mark = station.mark()
        synthetic_npm_install(station.prefix, "@anthropic-ai/claude-code", "2.1.197", "native")
        found = station.wait_for(mark, event="finding")
        told = station.wait_for(mark, event="outcome", result="told", finding=found["finding"])
    return float(str(told["at"])) - float(str(found["at"]))


@contextlib.contextmanager
def _door(folder: Path) -> Iterator[PeopleDoor]:
    stop, path = threading.Event(), str(folder / NAME)
    door = PeopleDoor(listen=lambda: PersonListener(path), say=lambda said: None, version="benchmark")
    thread = threading.Thread(target=door.run, args=(stop,))
    thread.start()
    try:
        yield door
    finally:
        stop.set()
        thread.join()
        door.close()


@contextlib.contextmanager
def _notifier(folder: Path, environment: dict[str, str], state: Path | None = None) -> Iterator[int]:
    settings = folder / "settings.toml"
    settings.write_text(f'state_dir = "{state or folder}"\n', encoding="utf-8")
    settings.chmod(0o600)
    command = [sys.executable, "-m", "agent", "notifier", "--config", str(settings)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            yield process.pid
        finally:
            process.terminate()


def _show(door: PeopleDoor, number: int) -> float:
    began = time.monotonic()
    uid = os.geteuid()
    notice = local.Notice(
        id=local.notice_id(uid, "ban", str(number)), title="Claude Code", body="may not be used\n" * 8
    )
    if not door.show(uid, notice):
        sys.exit("the notice was not shown")
    return time.monotonic() - began


def _bare() -> float:
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as process:
        time.sleep(0.5)
        return _pss_mb(process.pid)


def _pss_mb(pid: int) -> float:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in rollup if line.startswith("Pss:")) / 1024


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


if __name__ == "__main__":
    sys.exit(main())
