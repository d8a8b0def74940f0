"""What comes after a restart with everybody waiting: when agents arrive, drawn as docs/images/restart.svg.

    python benchmarks/fleet/restart.py [--agents 100000] [--out docs/images/restart.svg] [--real 800]

The large fleet is played in virtual time, second by second; the answers are the console's (`console.ingest.pace`:
when to report next, when to try again), the waiting that of the agent; only the capacity is a number from `run.py`.
The small one is real: a console that is killed, agents with signatures, a minute's interval, every second measured.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import psutil

from agent.reporter import _RETRY_LAST
from agent.settings import Settings as AgentSettings
from benchmarks.fleet.agents import Agent, Line, as_bytes, enrol
from benchmarks.fleet.run import Fleet, fleet
from console.ingest.agents import MOST_INSIDE
from console.ingest.pace import Pace
from console.store.db import Database
from policy_schema.rules.instant import parse_instant

FIRST_TRY = float(AgentSettings._field_defaults["report_delay"])
WITHIN = 10
"""Seconds in which everybody comes at first: far worse than agents that wait up to ten minutes between tries."""


class Curve(NamedTuple):
    """By the second: who came, and who was stored."""

    came: list[int]
    stored: list[int]


def wait_after_refusal(retry: float, wanted: float, interval: float) -> float:
    """As `agent.reporter` waits."""
    return max(retry, min(wanted, max(_RETRY_LAST, interval)))


def play(agents: int, every: int, capacity: int, seconds: int) -> Curve:
    """The large fleet in virtual time, from the moment at which the console is back."""
    chance, pace = random.Random(1), Pace(every)
    due: dict[int, list[int]] = defaultdict(list)
    for number in range(agents):
        due[chance.randrange(WITHIN)].append(number)
    retry = [FIRST_TRY] * agents
    inside: list[int] = []
    curve = Curve([], [])
    for second in range(seconds):
        coming = due.pop(second, [])
        chance.shuffle(coming)
        room = capacity + MOST_INSIDE - len(inside)
        for number in coming[room:]:
            pace.turned_away(second)
            wait = wait_after_refusal(retry[number], pace.retry_after(b"%d %d" % (number, second)), every)
            retry[number] = min(retry[number] * 2, _RETRY_LAST)
            due[second + max(1, round(wait))].append(number)
        inside += coming[:room]
        for place, number in enumerate(inside[:capacity]):
            pace.answered(place / capacity, second)
            retry[number] = FIRST_TRY
            due[max(second + 1, pace.next_report(f"d-{number}", second))].append(number)
        curve.came.append(len(coming))
        curve.stored.append(min(len(inside), capacity))
        inside = inside[capacity:]
    return curve


async def _live(started: Fleet, agents: Sequence[Agent], seconds: int) -> Curve:
    """Real agents, each obeying the answers it gets."""
    host = urlsplit(started.address)
    netloc, now = host.netloc, int(time.time())
    ready = [[as_bytes(agent.numbered(number, telling=False), netloc) for number in range(2, 9)] for agent in agents]
    began = time.monotonic()
    curve = Curve([0] * (seconds + 1), [0] * (seconds + 1))
    for one in psutil.Process(started.process.pid).children(recursive=True):
        if "console.cli" in " ".join(one.cmdline()):
            one.kill()

    async def life(requests: list[bytes]) -> None:
        assert host.hostname and host.port
        place, retry, wait = 0, 1.0, random.random()
        while True:
            await asyncio.sleep(wait)
            at = int(time.monotonic() - began)
            if at >= seconds or place == len(requests):
                return
            curve.came[at] += 1
            status, answer = 0, b""
            try:
                transport, line = await asyncio.get_running_loop().create_connection(Line, host.hostname, host.port)
                status, answer = await line.ask(requests[place])
                transport.close()
            except OSError:
                pass
            if status == 200:
                curve.stored[min(seconds, int(time.monotonic() - began))] += 1
                place, retry = place + 1, 1.0
                next_at = json.loads(answer.split(b"\r\n\r\n", 1)[1])["next_report_at"]
                wait = max(0.0, parse_instant(next_at) - (now + time.monotonic() - began))
            else:
                wanted = answer.lower().partition(b"retry-after: ")[2].split(b"\r\n")[0]
                wait, retry = (
                    wait_after_refusal(retry, float(wanted or 0), 60.0) * (0.75 + random.random() / 2),
                    retry * 2,
                )

    await asyncio.gather(*(life(requests) for requests in ready))
    return curve


def real(agents: int, seconds: int) -> Curve:
    """The small fleet: a console is killed while all of them come, and started again by what looks after it."""
    with tempfile.TemporaryDirectory(prefix="fleet-", dir="/tmp") as made:
        folder = Path(made)
        folder.chmod(0o711)
        with fleet(folder, 2, "--report-every", "60s") as started:
            database = Database(started.database)
            enrol(database, agents)
            database.close()
            now = int(time.time())
            return asyncio.run(_live(started, [Agent(number, now) for number in range(agents)], seconds))


def panel(curve: Curve, top: int, title: str, level: float, label: str) -> str:
    """One diagram: columns for who came, a line for who was stored, a dashed line for what is usual."""
    wide, high, left = 760, 170, 60
    seconds, most = len(curve.came), max(*curve.came, *curve.stored, 1)
    step = wide / seconds

    def y(value: float) -> float:
        return top + high - high * value / most

    came = "".join(
        f"M{left + place * step:.1f} {top + high}V{y(value):.1f}" for place, value in enumerate(curve.came) if value
    )
    stored = " ".join(f"{left + place * step:.1f},{y(value):.1f}" for place, value in enumerate(curve.stored))
    marks = "".join(
        f'<text x="{left + wide * part / 4:.0f}" y="{top + high + 16}" text-anchor="middle">'
        f"{seconds * part // 4} s</text>"
        for part in range(5)
    )
    scale = "".join(
        f'<text x="{left - 6}" y="{y(value) + 4:.0f}" text-anchor="end">{value:.0f}</text>'
        for value in (0, most / 2, most)
    )
    return (
        f'<text x="{left}" y="{top - 10}" font-weight="bold">{title}</text>{marks}{scale}'
        f'<path d="{came}" stroke="#c9a227" stroke-width="{max(step, 0.6):.2f}" fill="none"/>'
        f'<polyline points="{stored}" stroke="#1b6ca8" stroke-width="1.2" fill="none"/>'
        f'<path d="M{left} {y(level):.1f}h{wide}" stroke="#444" stroke-dasharray="4 4" fill="none"/>'
        f'<text x="{left + wide}" y="{y(level) - 4:.0f}" text-anchor="end">{label}</text>'
    )


def picture(large: Curve, small: Curve | None, agents: int, every: int, capacity: int, few: int) -> str:
    """Both as one SVG, on white so that it can be read on any page."""
    parts = [
        panel(
            large,
            40,
            f"{agents:,} agents after a restart, simulated: {capacity:,} reports/s at most, one in {every} s each",
            agents / every,
            f"usual: {agents / every:.0f}/s",
        )
    ]
    if small is not None:
        title = f"{few:,} real agents, both processes of the console killed at 0 s, one report in 60 s each"
        parts.append(panel(small, 290, title, few / 60, f"usual: {few / 60:.0f}/s"))
    legend = "columns: reports that came in that second (yellow); line: reports stored (blue)"
    tall = 520 if small is not None else 270
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 850 {tall}" font-family="sans-serif" font-size="12">'
        f'<rect width="850" height="{tall}" fill="#fff"/>{"".join(parts)}'
        f'<text x="60" y="{tall - 14}">{legend}</text></svg>\n'
    )


def main() -> int:
    """Plays, runs, draws, and says the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=100_000)
    parser.add_argument("--every", type=int, default=300, help="seconds between two reports of an agent")
    parser.add_argument("--capacity", type=int, default=1_000, help="reports a second, from run.py")
    parser.add_argument("--seconds", type=int, default=1_800)
    parser.add_argument("--real", type=int, default=800, help="real agents; 0 leaves them out")
    parser.add_argument("--out", type=Path, default=Path("docs/images/restart.svg"))
    arguments = parser.parse_args()
    large = play(arguments.agents, arguments.every, arguments.capacity, arguments.seconds)
    small = real(arguments.real, 180) if arguments.real else None
    shape = (arguments.agents, arguments.every, arguments.capacity, arguments.real)
    arguments.out.write_text(picture(large, small, *shape), encoding="utf-8")
    drained = next(
        (at for at in range(len(large.stored)) if sum(large.stored[: at + 1]) >= arguments.agents), arguments.seconds
    )
    later = large.came[drained:] or [0]
    print(
        f"as many reports stored as there are agents after {drained} s; most in a second after that: {max(later)}",
        end="",
    )
    print(f", usual {arguments.agents / arguments.every:.0f}")
    if small is not None:
        second = small.came[60:]
        print(f"real: {sum(small.stored)} stored of {arguments.real} agents; most in a second: first minute", end=" ")
        print(f"{max(small.came[:60])}, afterwards {max(second)}, usual {arguments.real / 60:.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
