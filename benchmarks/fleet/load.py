"""Fills a console's PostgreSQL database with a fleet that was never there, and says how quick its pages would be.

    python benchmarks/fleet/load.py --devices 1000000 [--database URL]

Without --database it starts a server of its own in a throw-away folder. What is written is what ingest would have
written: devices in all states, groups, findings with history, what devices were, expected devices. Rows are made
inside the database, so that a million devices take minutes.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from sqlalchemy import Connection, text

from benchmarks.rig import Row, print_rows
from console.reports import compliance
from console.state import DeviceState
from console.store import partitions, totals
from console.store.db import Database
from console.store.migrate import migrate
from console.store.queries.fleet import Silence, Wanted
from tests.fakes.postgres import cluster

NOW = 1_783_818_000
DAY = 86_400
GOAL = 0.150
AGAIN = 12
SERVER = {"shared_buffers": "2GB", "max_wal_size": "8GB", "fsync": "off", "autovacuum_naptime": "10s"}

DEVICES = f"""
INSERT INTO device (device_id, public_key, enrolled_at, secret_id, epoch, host_name, host_key, os, os_version, kind,
    ownership, region, groups, agent, last_report_at, generated_at, standing, why, policy_id, policy_version,
    policy_trust, policy_age_s, policy_signers, heartbeat, removed_at, past, looked, kept, heard_on)
SELECT 'd-' || substr(md5(n::text), 1, 24), decode(md5(n::text) || md5(n::text), 'hex'), {NOW - 90 * DAY}, 1,
    'e-' || substr(md5(n::text), 1, 16), 'host-' || substr(md5('h' || n), 1, 8), 'host-' || substr(md5('h' || n), 1, 8),
    (ARRAY['linux', 'macos', 'windows'])[1 + n % 3], 'Debian GNU/Linux 12', 'workstation', 'company', 'CN',
    '["all","dept-' || n % 200 || '"]', '0.1.' || n % 4,
    {NOW} - CASE WHEN n % 50 = 0 THEN {3 * DAY} ELSE n % 900 END, '2026-07-12T01:00:00Z',
    CASE WHEN n % 20 = 0 THEN 'open' WHEN n % 20 = 1 THEN 'partial' WHEN n % 500 = 2 THEN 'held'
         WHEN n % 200 = 3 THEN 'excepted' ELSE 'clean' END,
    CASE WHEN n % 20 = 1 THEN '["npm: 1 place could not be looked at (denied)"]' ELSE '[]' END,
    '3b1e5f7a9c0d2468', 7 - (n % 40 = 0)::int, 'verified', n % 300, '["key-of-wang","key-of-chen"]',
    '{{"started_at":"2026-07-12T00:00:00Z","uptime_s":3600,"looks":4,"decisions":412,"look_ms":180,"acts":1,"dropped":0,'
    || '"restarts":0,"journal_rows":96,"rss_kb":21504,"mode":"enforce","brake":false,"gate":"full"}}',
    CASE WHEN n % 1000 = 7 THEN {NOW - 40 * DAY} END, 'x', substr(md5(n::text), 1, 16), 3,
    ({NOW} - CASE WHEN n % 50 = 0 THEN {3 * DAY} ELSE n % 900 END) / {DAY}
FROM generate_series(FIRST, LAST) AS n
"""
"""Each twentieth has something; each fiftieth is silent."""
OF = "(SELECT *, ('x' || substr(device_id, 3, 7))::bit(28)::int AS r FROM device) AS d"
REST = {
    "device_epoch": f"SELECT device_id, epoch, 4000, {NOW - 90 * DAY}, last_report_at FROM device",
    "device_group": "SELECT d.device_id, g.value FROM device d, jsonb_array_elements_text(d.groups::jsonb) AS g(value)",
    "device_past": f"""SELECT device_id, {NOW - 30 * DAY}, false, host_name, host_key, groups, os, kind, region, '[]',
        policy_id, 7, 'verified', false, '[]' FROM device""",
    "expected_device": f"""SELECT host_key, max(host_name), {NOW - 90 * DAY}, NULL, true FROM device
        GROUP BY host_key
        UNION ALL
        SELECT 'never-' || n, 'never-' || n, {NOW - 90 * DAY}, NULL, false FROM generate_series(1, 1000) AS n""",
    "move": f"""SELECT device_id, 'qoder', 'claude-code', '1.4.2', '2026-07-' || lpad((1 + r % 11)::text, 2, '0'), NULL
        FROM {OF} WHERE r % 3 = 0""",
    "finding": f"""SELECT device_id, 'f-' || r || '-' || part, 'i-' || r,
        'ban-' || r % 20, 'claude-code', (ARRAY['package', 'executable', 'process'])[part],
        'pkg:npm/%40anthropic-ai/claude-code@2.1.197', '2.1.' || r % 60, 'exact', '["package-identity"]',
        CASE standing WHEN 'open' THEN 'active' ELSE standing END, 'block', 'told', '2026-07-10T01:00:00Z', 'remove',
        '2026-07-24T01:00:00Z', NULL, '2026-07-03T08:12:44Z', 'home', 'p-' || r, {NOW} - (r % 30) * {DAY},
        {NOW} - (r % 5) * {DAY}, CASE WHEN standing IN ('clean', 'partial') THEN {NOW} - (r % 9) * {DAY} END
        FROM {OF}, generate_series(1, 3) AS part
        WHERE standing IN ('open', 'held', 'excepted') OR r % 10 = 0""",
    "finding_event": """SELECT device_id, first_reported_at, 'e-1', part, finding_id, change, ban, tool, face, version,
        'active', 'block', 'told', installation, NULL, since
        FROM finding, (VALUES (1, 'new'), (2, 'changed')) AS change(part, change)""",
}


def load(database: Database, devices: int, say: Callable[[str], None]) -> None:
    """Writes the fleet."""
    with database.write() as connection:
        partitions.make_ahead(connection, NOW - 32 * DAY)
        partitions.make_ahead(connection, NOW)
    for first in range(1, devices + 1, 100_000):
        with database.write() as connection:
            last = min(first + 99_999, devices)
            _run(connection, DEVICES.replace("FIRST", f"{first}::bigint").replace("LAST", f"{last}::bigint"))
    for table, rows in REST.items():
        with database.write() as connection:
            say(f"{table}: {_run(connection, f'INSERT INTO {table} {rows}')} rows")
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def _run(connection: Connection, statement: str) -> int:
    """A statement as it is: its colons and percent signs are no parameters."""
    return connection.execution_options(no_parameters=True).exec_driver_sql(statement).rowcount


def size(connection: Connection) -> int:
    """Bytes of the whole database."""
    return int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one())


SILENCE = Silence(NOW, DAY)
LISTS: dict[str, Wanted] = {
    "devices, what needs somebody first": Wanted(),
    "devices that are open": Wanted(state=DeviceState.OPEN),
    "devices that are clean": Wanted(state=DeviceState.CLEAN),
    "devices that are silent": Wanted(state=DeviceState.SILENT),
    "devices that never enrolled": Wanted(state=DeviceState.NEVER_ENROLLED),
    "devices with a ban's findings": Wanted(ban="ban-3"),
    "devices by a part of the name": Wanted(search="host-00ab"),
    "devices of one department": Wanted(groups=frozenset({"dept-7"})),
}


def measure(database: Database) -> Iterator[Row]:
    """The pages of the device list, and the overview."""
    for name, wanted in LISTS.items():
        yield Row(f"a page of {name}", [_timed(database, wanted) for _ in range(AGAIN)], GOAL)
    samples = []
    for _ in range(3):
        with database.read() as connection:
            began = time.perf_counter()
            compliance.overview(connection, SILENCE)
            samples.append(time.perf_counter() - began)
    yield Row("the overview, computed", samples, None)
    with database.write() as connection:
        began = time.perf_counter()
        totals.write(connection, SILENCE)
        yield Row("the totals of a day", [time.perf_counter() - began], None)


def _timed(database: Database, wanted: Wanted) -> float:
    """The first page and the next one, the slower of both."""
    worst, after = 0.0, None
    for _ in range(2):
        with database.read() as connection:
            began = time.perf_counter()
            after = compliance.lines(connection, SILENCE, wanted, after).following
            worst = max(worst, time.perf_counter() - began)
        if after is None:
            break
    return worst


@contextmanager
def _address(given: str) -> Iterator[str]:
    if given:
        yield given
        return
    with cluster(SERVER) as server:
        yield server.address(server.create())


def main() -> int:
    """Loads, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--devices", type=int, default=100_000)
    parser.add_argument("--database", default="", help="an empty database; without it a server is started")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    say = (lambda line: None) if arguments.json else print
    with _address(arguments.database) as address:
        database = Database(address)
        migrate(database)
        began = time.perf_counter()
        load(database, arguments.devices, say)
        with database.read() as connection:
            stored = size(connection)
        took = time.perf_counter() - began
        say(f"{arguments.devices} devices in {took:.0f} s, {stored / arguments.devices:.0f} bytes each")
        rows = list(measure(database))
        database.close()
    if arguments.json:
        print(json.dumps({"devices": arguments.devices, "bytes": stored, "rows": [row.json() for row in rows]}))
    else:
        print_rows(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
