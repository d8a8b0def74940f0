"""What a look costs: beside osquery on one tree, in a developer's home of 300,000 files, and after one install.

    python benchmarks/inventory/run.py                 both parts (root, npm, pip, rpm; minutes the first time)
    python benchmarks/inventory/run.py --only osquery  or: home

Both programs run in turns on the same tree and page cache. Cold means after the caches of the system were dropped,
where that is allowed; the figure is the ratio to `find` over the same files. Memory is what the process holds at most
beyond what it held before the look. Prints tables, then one JSON document; ends with 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
from pathlib import Path

from benchmarks.inventory.developer_home import developer_home, run
from benchmarks.inventory.machine_tree import machine_tree
from benchmarks.inventory.osquery import SOURCES, TABLES, Row, ask_osquery, measured, put_osquery, rows_of
from benchmarks.rig import CannotMeasure
from policy_schema.rules.identity import normal_name, parse_purl

TURNS, COLD_TURNS = 5, 3
FASTER, FIND_RATIO, MEMORY_MB, RESCAN_MS = 3.0, 2.0, 25.0, 100.0
_SHOWN = 5
Figures = dict[str, object]


def main() -> int:
    """Runs what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("osquery", "home"))
    parser.add_argument("--look", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.look:
        return _look(*options.look)
    results: dict[str, Figures] = {}
    try:
        if options.only != "home":
            results["osquery"] = _beside_osquery()
        if options.only != "osquery":
            results["home"] = _in_a_home()
    except CannotMeasure as problem:
        print(f"inventory: {problem}", file=sys.stderr)
        return 2
    met = all(bool(result["met"]) for result in results.values())
    print(json.dumps({"schema": 1, "benchmark": "inventory", **results, "met": met}))
    return 0 if met else 1


# ---------------------------------------------------------------------------- beside osquery
def _beside_osquery() -> Figures:
    if os.geteuid() != 0:
        raise CannotMeasure("osquery needs a root of its own here: run this as root")
    tree = machine_tree(_say)
    put_osquery(tree)
    names = [word for source in SOURCES.values() for word in ("--source", source)]
    ours = [_program("interdict"), "inventory", "--json", "--root", os.fspath(tree), *names]
    theirs_runs, our_runs, starts = [], [], []
    for _ in range(TURNS):
        theirs_runs.append(ask_osquery(tree, *TABLES.values()))
        our_runs.append(measured(ours))
        starts.append(ask_osquery(tree, "SELECT 1").seconds)
    theirs, own = rows_of(theirs_runs[-1].output), _own_rows(our_runs[-1].output)
    missing = 0
    print(f"{'table':<20}{'osquery':>10}{'interdict':>11}{'in both':>9}{'only osquery':>14}{'only interdict':>16}")
    for table in TABLES:
        lost, more = theirs[table] - own[table], own[table] - theirs[table]
        missing += len(lost)
        both = len(theirs[table] & own[table])
        print(f"{table:<20}{len(theirs[table]):>10}{len(own[table]):>11}{both:>9}{len(lost):>14}{len(more):>16}")
        _list("only osquery finds", lost)
        _list("only interdict finds", more)
    wall, our_wall = (statistics.median(one.seconds for one in runs) for runs in (theirs_runs, our_runs))
    memory, our_memory = (max(one.memory_mb for one in runs) for runs in (theirs_runs, our_runs))
    start = statistics.median(starts)
    met = missing == 0 and wall >= FASTER * our_wall and our_memory < memory
    print(f"\nwall: osquery {wall:.2f} s, interdict {our_wall:.2f} s: {wall / our_wall:.1f} times (goal {FASTER:g})")
    print(f"      without osquery's own start of {start:.2f} s: {(wall - start) / our_wall:.1f} times")
    print(f"memory at most: osquery {memory:.0f} MB, interdict {our_memory:.0f} MB\n")
    return {
        "rows_missing": missing,
        "osquery_s": round(wall, 3),
        "osquery_start_s": round(start, 3),
        "interdict_s": round(our_wall, 3),
        "osquery_mb": round(memory, 1),
        "interdict_mb": round(our_memory, 1),
        "met": met,
    }


def _own_rows(output: str) -> dict[str, set[Row]]:
    table_of = {source: table for table, source in SOURCES.items()}
    found: dict[str, set[Row]] = {table: set() for table in TABLES}
    for item in json.loads(output)["items"]:
        found[table_of[item["source"]]].add(_own_row(item))
    return found


def _own_row(item: dict[str, str]) -> Row:
    source, name, version, place = item["source"], item["name"], item["version"], item["path"]
    if source == "pypi":
        name = normal_name("pypi", name)
    if source in ("deb", "rpm"):
        # These tables name no file: the architecture takes its place.
        place = item["purl"].partition("arch=")[2].partition("&")[0]
    if source == "rpm":
        version = version.rpartition(":")[2]
    if source == "browsers":
        name = place.rpartition("/")[2]
    if source == "npm" and not name:
        name = parse_purl(item["purl"]).key
    return name, version, place


def _list(what: str, rows: set[Row]) -> None:
    for row in sorted(rows)[:_SHOWN]:
        print(f"    {what}: {row[0]} {row[1]} {row[2]}")
    if len(rows) > _SHOWN:
        print(f"    {what}: and {len(rows) - _SHOWN} more")


# ---------------------------------------------------------------------------- a developer's home
def _in_a_home() -> Figures:
    home = developer_home(_say)
    cold = _can_drop()
    finds, looks, last = [], [], {}
    for _ in range(COLD_TURNS):
        _drop(cold)
        finds.append(measured(["find", os.fspath(home)]).seconds)
        _drop(cold)
        last = json.loads(measured([sys.executable, __file__, "--look", os.fspath(home), "cold"]).output)
        looks.append(float(last["seconds"]))
    again = json.loads(measured([sys.executable, __file__, "--look", os.fspath(home), "install"]).output)
    ratio = statistics.median(looks) / statistics.median(finds)
    met = ratio <= FIND_RATIO and float(last["memory_mb"]) <= MEMORY_MB and float(again["rescan_ms"]) <= RESCAN_MS
    rows = (
        (f"find, {'cold' if cold else 'warm'}", f"{statistics.median(finds):.2f} s", ""),
        (f"a look by every source, {'cold' if cold else 'warm'}", f"{statistics.median(looks):.2f} s", ""),
        ("the same as a ratio", f"{ratio:.2f}", f"{FIND_RATIO:g}"),
        ("memory above the idle, at most", f"{last['memory_mb']} MB", f"{MEMORY_MB:g} MB"),
        ("what is remembered of it", f"{again['remembered_mb']} MB", ""),
        ("a whole look again, nothing changed", f"{again['whole_ms']} ms", ""),
        ("a look after one npm install -g", f"{again['rescan_ms']} ms", f"{RESCAN_MS:g} ms"),
        ("worst time to an end that was asked for", f"{again['stop_ms']} ms", ""),
    )
    for name, value, goal in rows:
        print(f"{name:<44}{value:>12}{'   goal ' + goal if goal else ''}")
    print(f"{last['items']} things by {last['sources']} sources\n")
    return {"ratio": round(ratio, 2), "cold": cold, **last, **again, "met": met}


def _look(home: str, what: str) -> int:
    """In a process of its own: one look, or looks around an install, measured from inside."""
    from benchmarks.inventory.look import after_an_install, first_look

    print(json.dumps(first_look(home) if what == "cold" else after_an_install(home)))
    return 0


def _can_drop() -> bool:
    try:
        return os.access("/proc/sys/vm/drop_caches", os.W_OK) and os.geteuid() == 0
    except OSError:
        return False


def _drop(allowed: bool) -> None:
    if allowed:
        run(["sync"], Path("/"))
        Path("/proc/sys/vm/drop_caches").write_text("3\n", encoding="ascii")


def _program(name: str) -> str:
    beside = Path(sys.executable).with_name(name)
    found = os.fspath(beside) if beside.exists() else shutil.which(name)
    if not found:
        raise CannotMeasure(f"no program {name}: run make setup")
    return found


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
