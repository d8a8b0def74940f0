"""A policy and a console on the loopback, for the installers' trial on a machine of another system.

    python -m tests.fakes.installers_fleet FOLDER

writes FOLDER/root.json and FOLDER/fleet.json (policy_url, server, secret), then FOLDER/devices.json again and again:
the devices as the console knows them. It ends when FOLDER/end is there.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from pathlib import Path

from sqlalchemy import select

from console.store.tables import device
from tests.fakes.packaged import Fleet, blocking, fleet
from tests.fakes.running_console import SECRET

_LOOK = 0.5


def main(folder: Path) -> int:
    """Serves until it is told to end."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "console").mkdir()
    with fleet(folder / "console") as servers:
        servers.publish(blocking())
        (folder / "root.json").write_bytes(servers.repository.trust)
        _write(folder / "devices.json", _devices(servers))
        facts = {"policy_url": servers.policy_url, "server": servers.console.address, "secret": SECRET}
        _write(folder / "fleet.json", facts)
        while not (folder / "end").exists():
            time.sleep(_LOOK)
            _write(folder / "devices.json", _devices(servers))
    return 0


def _devices(servers: Fleet) -> list[dict[str, str]]:
    with servers.console.database.read() as connection:
        rows = connection.execute(select(device)).mappings().all()
    return [{name: str(value) for name, value in row.items()} for row in rows]


def _write(path: Path, value: object) -> None:
    """Whole or not at all: others read it meanwhile. Windows replaces nothing that is open: then the next time."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(json.dumps(value), encoding="utf-8")
    with contextlib.suppress(PermissionError):
        new.replace(path)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
