"""How soon an install is found, and how soon a banned program that starts is ended.

    python benchmarks/latency/run.py                  the real daemon, 20 tries each (root for the kernel's connector)
    python benchmarks/latency/run.py --parts          the watchers and the stopper alone, without a daemon
    python benchmarks/latency/run.py --offline        no registry: only the package tree that is written by hand

An install ends when `npm` has ended; a finding that came before counts as 0. A program starts when it is asked for
(before the fork) and has ended when it can be waited for. Prints a table, then one JSON document; ends with 1 if a
goal is missed. The peer is what one would write without us: psutil's list every half second.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from agent.cases import Kind as ActKind
from agent.enforce.interface import Intent
from agent.enforce.stop import StopActor
from agent.errors import Denied, Gone
from agent.watch.choose import choose_watcher
from agent.watch.files import FilesWatcher
from agent.watch.interface import FileEvent, ProcessEvent, ProcessWatcher, Started
from agent.watch.sight import Sight
from benchmarks.rig import PATIENCE, CannotMeasure, Daemon, Row, Workplace, print_rows, workplace
from policy_schema.rules.decision import Action
from policy_schema.rules.instant import Instant
from tests.fakes.synthetic import synthetic_npm_install

PACKAGE, VERSION = "@anthropic-ai/claude-code", "2.1.112"
FOUND_GOAL, CONNECTOR_GOAL, POLLING_GOAL = 1.0, 0.2, 1.5
PEER_INTERVAL = 0.5
APART = 3.5
"""Seconds between two starts: the agent's brake lets 20 acts a minute pass."""


def main() -> int:
    """Runs what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", action="store_true", help="without the daemon")
    parser.add_argument("--offline", action="store_true", help="do not ask a registry")
    parser.add_argument("--tries", type=int, default=20)
    parser.add_argument("--only", choices=("install", "stop"), help="one of the two")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    rows: list[Row] = []
    try:
        if options.inside:
            return _inside(options.tries)
        if options.only != "stop":
            rows += _installs(options)
        if options.only != "install":
            rows += _stops(options)
    except CannotMeasure as problem:
        print(f"latency: {problem}", file=sys.stderr)
        return 2
    print_rows(rows)
    _print_ratio(rows)
    print(json.dumps({"schema": 1, "benchmark": "latency", "rows": [row.json() for row in rows]}))
    return 1 if any(row.json()["met"] is False for row in rows) else 0


def _print_ratio(rows: list[Row]) -> None:
    peer = next((row for row in rows if row.goal is None), None)
    for row in rows:
        if peer is not None and row is not peer and "start" in row.name:
            ratio = float(str(peer.json()["p50_ms"])) / max(0.1, float(str(row.json()["p50_ms"])))
            print(f"{row.name}: {ratio:.1f} times as fast as the peer")


# end of an install to finding


def _installs(options: argparse.Namespace) -> list[Row]:
    rows = []
    ways: list[tuple[str, Callable[[Workplace], None]]] = [("a tree written by hand", _write_tree)]
    if not options.offline and shutil.which("npm"):
        ways.append(("npm install -g", _npm_install))
    for name, install in ways:
        with workplace(Path(tempfile.mkdtemp(prefix="interdict-latency-"))) as place:
            if options.parts:
                rows.append(
                    Row(f"end of install to folder event, {name}", _to_event(place, install, options), FOUND_GOAL)
                )
            else:
                rows.append(Row(f"end of install to finding, {name}", _to_finding(place, install, options), FOUND_GOAL))
    return rows


def _write_tree(place: Workplace) -> None:
    synthetic_npm_install(place.prefix, PACKAGE, VERSION, "js")


def _npm_install(place: Workplace) -> None:
    place.npm("install", "-g", f"{PACKAGE}@{VERSION}")


def _remove(place: Workplace) -> None:
    shutil.rmtree(place.modules / PACKAGE)
    (place.prefix / "bin" / "claude").unlink()


def _to_finding(place: Workplace, install: Callable[[Workplace], None], options: argparse.Namespace) -> list[float]:
    daemon = place.daemon()
    samples = []
    for _ in range(options.tries):
        mark = daemon.mark()
        install(place)
        ended = time.monotonic()
        found = daemon.wait_for(mark, lambda row: row["event"] == "finding" and row["face"] == "package", "a finding")
        samples.append(max(0.0, found.at - ended))
        mark = daemon.mark()
        _remove(place)
        daemon.wait_for(mark, lambda row: row["event"] == "finding-gone", "that the finding is gone")
    return samples


def _to_event(place: Workplace, install: Callable[[Workplace], None], options: argparse.Namespace) -> list[float]:
    """A look at an event finds the package when its manifest is there, so the first such event counts."""
    came: list[float] = []
    news = threading.Condition()

    def sink(event: FileEvent) -> None:
        if (place.modules / PACKAGE / "package.json").exists():
            with news:
                came.append(time.monotonic())
                news.notify_all()

    watcher = FilesWatcher()
    watcher.watch(frozenset({os.fspath(place.modules), os.fspath(place.prefix / "bin")}))
    watcher.start(sink)
    place.closing.callback(watcher.stop)
    samples = []
    for _ in range(options.tries):
        time.sleep(1.5)
        came.clear()
        install(place)
        ended = time.monotonic()
        with news:
            if not news.wait_for(lambda: came, PATIENCE):
                raise CannotMeasure("no event came")
        samples.append(max(0.0, came[0] - ended))
        _remove(place)
    return samples


# start of a program to its end


def _stops(options: argparse.Namespace) -> list[Row]:
    if options.parts:
        rows = [_stop_by_parts("auto", options.tries), _stop_by_parts("polling", options.tries)]
    else:
        rows = [_stop_by_daemon("as the system allows", CONNECTOR_GOAL, options.tries)]
        if os.geteuid() == 0 and shutil.which("unshare"):
            rows.append(_stop_without_connector(options.tries))
    return [*rows, _stop_by_peer(options.tries)]


@contextlib.contextmanager
def _started(place: Workplace) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [os.fspath(place.prefix / "bin" / "claude")],
        env=place.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _time_to_end(place: Workplace) -> float:
    before = time.monotonic()
    with _started(place) as process:
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise CannotMeasure("the banned program was not ended") from None
        return time.monotonic() - before


def _out_of_step(number: int) -> float:
    """Seconds that keep the starts from falling always on the same moment between two polls."""
    return 0.037 * (number % 7)


def _stop_by_daemon(how: str, goal: float, tries: int) -> Row:
    with workplace(Path(tempfile.mkdtemp(prefix="interdict-latency-"))) as place:
        synthetic_npm_install(place.prefix, PACKAGE, "2.1.197", "native")
        daemon: Daemon = place.daemon()
        daemon.wait_for(
            0, lambda row: row["event"] == "finding" and row["action"] == "block", "a finding that is blocked"
        )
        samples = []
        for number in range(tries):
            time.sleep(APART + _out_of_step(number))
            samples.append(_time_to_end(place))
    return Row(f"start of a banned program to its end, daemon, {how}", samples, goal)


def _stop_without_connector(tries: int) -> Row:
    """In a network namespace of its own the kernel's connector does not speak, so the daemon polls."""
    done = subprocess.run(
        ["unshare", "--net", sys.executable, __file__, "--inside", "--tries", str(tries)],
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        raise CannotMeasure("the run in another network namespace failed")
    return Row("start of a banned program to its end, daemon, by polling", json.loads(done.stdout), POLLING_GOAL)


def _inside(tries: int) -> int:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    print(json.dumps(_stop_by_daemon("by polling", POLLING_GOAL, tries).samples))
    return 0


def _stop_by_parts(wanted: str, tries: int) -> Row:
    """The shortest way there is: a start, a look, a comparison of the path, the signal."""
    with workplace(Path(tempfile.mkdtemp(prefix="interdict-latency-"))) as place:
        package = os.path.realpath(synthetic_npm_install(place.prefix, PACKAGE, "2.1.197", "native"))
        sight = Sight()
        watcher: ProcessWatcher = choose_watcher(sight.glance, wanted)
        actor = StopActor(
            now=lambda: Instant(0),
            still_runs=lambda intent: sight.still_runs(intent.pid or 0, intent.started or 0.0, intent.path),
        )

        def sink(event: ProcessEvent) -> None:
            if isinstance(event, Started):
                with contextlib.suppress(Gone, Denied):
                    seen = sight.look(event.pid)
                    if seen.path.startswith(package + "/"):
                        actor.act(_intent(seen.path, event.pid, seen.process.started))

        watcher.start(sink)
        place.closing.callback(watcher.stop)
        samples = []
        for number in range(tries):
            time.sleep(0.2 + _out_of_step(number))
            samples.append(_time_to_end(place))
    goal = CONNECTOR_GOAL if watcher.name == "connector" else POLLING_GOAL
    return Row(f"start of a banned program to its end, parts alone, {watcher.name}", samples, goal)


def _intent(path: str, pid: int, started: float) -> Intent:
    return Intent(ActKind.STOP, "f", "i", "c", Action.BLOCK, "b", "t", path=path, pid=pid, started=started)


def _stop_by_peer(tries: int) -> Row:
    with workplace(Path(tempfile.mkdtemp(prefix="interdict-latency-"))) as place:
        package = os.path.realpath(synthetic_npm_install(place.prefix, PACKAGE, "2.1.197", "native"))
        stop = threading.Event()
        thread = threading.Thread(target=_peer, args=(package, stop))
        thread.start()
        place.closing.callback(thread.join)
        place.closing.callback(stop.set)
        samples = []
        for number in range(tries):
            time.sleep(0.2 + _out_of_step(number))
            samples.append(_time_to_end(place))
    return Row(f"start of a banned program to its end, peer: psutil every {PEER_INTERVAL} s", samples, None)


def _peer(package: str, stop: threading.Event) -> None:
    while not stop.wait(PEER_INTERVAL):
        for process in psutil.process_iter(["exe"]):
            if (process.info["exe"] or "").startswith(package + "/"):
                with contextlib.suppress(psutil.Error):
                    process.terminate()


if __name__ == "__main__":
    raise SystemExit(main())
