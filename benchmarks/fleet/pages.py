"""How quick the pages of a console with a million devices are, over HTTP, and how much memory a whole export takes.

    python benchmarks/fleet/pages.py --database URL [--again 12]

The database is one that `load.py --database URL` has filled. A console process of its own serves it as a trial; each
page is asked for as a browser does: its first page, and for lists also a page far in, by the key of a row there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import httpx
import psutil

from benchmarks.fleet.load import NOW
from benchmarks.rig import Row, print_rows
from console import app, server
from console.settings import Settings
from console.store.db import open_database
from policy_schema.rules.instant import Instant

ROOT = Path(__file__).resolve().parents[2]
GOAL = 0.150
PAGES = (
    "/",
    "/devices",
    "/devices?state=open",
    "/devices?state=clean",
    "/devices?state=partial",
    "/devices?state=silent",
    "/devices?state=never-enrolled",
    "/devices?ban=ban-3",
    "/devices?search=host-00ab",
    "/devices?group=dept-7",
    "/devices?os=macos",
    "/devices?agent=0.1.2",
    "/bans",
    "/bans/ban-3",
    "/moves",
    "/policy",
    "/health",
    "/exceptions",
    "/audit",
    "/reports",
    "/settings",
)
DEEP = 5
"""How many pages in a list is followed by its own link."""


class Export(NamedTuple):
    """A whole file: its bytes, how long it took, the console's own memory before and at the most, in bytes."""

    bytes: int
    seconds: float
    before: int
    most: int


@contextmanager
def serving(database: str) -> Iterator[tuple[str, psutil.Process]]:
    """A console on this database."""
    with tempfile.TemporaryDirectory(prefix="pages-") as data:
        command = [sys.executable, __file__, "--database", database, "--serve", data]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                yield process.stdout.readline().split()[-1], psutil.Process(process.pid)
            finally:
                process.terminate()


def serve(database: str, data: Path) -> None:
    """The console at the time of the fleet that was loaded, until it is told to end."""
    settings = Settings(data=data, port=0, trial=True)
    began = time.monotonic()
    opened = open_database(database)
    with server.bind(settings) as bound:
        built = app.build(settings, opened, clock=lambda: Instant(NOW + int(time.monotonic() - began)))
        server.server(built, lambda: print(server.address(bound), flush=True)).run([bound])


def next_page(text: str) -> str:
    """The link to the next page of a list, empty at its end."""
    found = text.split('rel="next"')
    if len(found) < 2:
        return ""
    tag = found[0].rsplit("<a", 1)[1] + found[1].split(">", 1)[0]
    return tag.split('href="', 1)[1].split('"', 1)[0].replace("&amp;", "&")


def measured(client: httpx.Client, again: int) -> Iterator[Row]:
    """Each page, and the one that is `DEEP` links further."""
    for page in PAGES:
        # A console that has been used: what it counts every few minutes is counted.
        yield Row(f"{page}, for the first time", [_timed(client, page)], None)
        yield Row(page, [_timed(client, page) for _ in range(again)], GOAL)
        deep = page
        for _ in range(DEEP):
            further = next_page(client.get(deep).text)
            if not further:
                break
            deep = further if further.startswith("/") else page.split("?")[0] + further
        if deep != page:
            yield Row(f"{page}, {DEEP} pages in", [_timed(client, deep) for _ in range(again)], GOAL)


def _timed(client: httpx.Client, page: str) -> float:
    began = time.perf_counter()
    answer = client.get(page)
    took = time.perf_counter() - began
    if answer.status_code != 200:
        raise SystemExit(f"pages: {page} answered {answer.status_code}")
    return took


def exported(client: httpx.Client, process: psutil.Process, path: str) -> Export:
    """Reads a whole file as it comes, and looks at the console's memory meanwhile."""
    before = most = int(process.memory_full_info().pss)
    ended = threading.Event()

    def look() -> None:
        nonlocal most
        while not ended.wait(0.5):
            most = max(most, int(process.memory_full_info().pss))

    looking = threading.Thread(target=look)
    looking.start()
    began, size = time.perf_counter(), 0
    with client.stream("GET", path) as answer:
        for piece in answer.iter_raw():
            size += len(piece)
    took = time.perf_counter() - began
    ended.set()
    looking.join()
    return Export(size, round(took, 1), before, most)


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", required=True, help="a database that load.py has filled")
    parser.add_argument("--again", type=int, default=12, help="how often each page is asked for")
    parser.add_argument("--export", default="/export/compliance.csv")
    parser.add_argument("--serve", type=Path, metavar="DIR", help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.database, arguments.serve)
        return 0
    with serving(arguments.database) as (address, process), httpx.Client(base_url=address, timeout=1800) as client:
        rows = []
        for row in measured(client, arguments.again):
            rows.append(row)
            if not arguments.json:
                print_rows([row])
        whole = exported(client, process, arguments.export)
    if arguments.json:
        print(json.dumps({"rows": [row.json() for row in rows], "export": whole._asdict()}))
    else:
        print(f"{arguments.export}: {whole.bytes >> 20} MiB in {whole.seconds} s, own memory (PSS)", end=" ")
        print(f"{whole.before >> 20} MiB before, {whole.most >> 20} MiB at the most; load {os.getloadavg()[0]:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
