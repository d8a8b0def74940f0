"""A real gate under everything at once: mixed programs from eight threads, new orders each second, a flood beside."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.architecture.source import ROOT
from tests.fakes.door_site import wait_until_settled
from tests.fakes.gate import gate_before, mounted, orders
from tests.fakes.other_person import UID
from tests.fakes.policies import ban
from tests.fakes.synthetic import synthetic_native, synthetic_plain_package

pytestmark = pytest.mark.root
NAME = "@anthropic-ai/claude-code"
FLOODER = UID + 1
FULL_TABLE = 8192
MOST_PSS = 15_000_000
TIMES = [
    pytest.param(3, False, id="three seconds"),
    pytest.param(60, True, id="a minute, with a full table", marks=pytest.mark.slow),
]
FLOOD = "while :; do for f in *; do ./$f 2>/dev/null & done; wait; done"


@pytest.mark.parametrize(("seconds", "full"), TIMES)
def test_no_answer_is_wrong_while_orders_change_and_somebody_floods(seconds: int, full: bool) -> None:
    folder = Path(tempfile.mkdtemp(prefix="gate-soak-"))
    folder.chmod(0o711)
    try:
        with mounted(folder / "m", megabytes=2000) as mount:
            (folder / "gate").mkdir()
            many = programs(mount / "many", FULL_TABLE if full else 200)
            banned = banned_starts(mount)
            wait_until_settled(many[-1])
            with gate_before(folder / "gate", mount) as gate:
                with flooding(mount / "flood"), starting([[os.fspath(path)] for path in many], banned) as told:
                    for serial in range(2, seconds + 2):
                        assert gate.order(changed(serial))["ok"] is True
                        gate.so_far("refused")
                        threading.Event().wait(1.0)
                late = {message["uid"] for message in gate.so_far("allowed-late")}
                assert gate.pss() < MOST_PSS
                print(json.dumps({"told": told, "orders": seconds, "late": sorted(map(str, late)), "pss": gate.pss()}))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    assert [row["wrong"] for row in told] == [[], []]
    assert all(row["refused"] > 10 for row in told)
    assert late <= {FLOODER}, "only who floods has starts that are not looked at in time"


def changed(serial: int) -> dict[str, object]:
    """Other orders that ban the same: another person's exception comes and goes, and so does another ban."""
    more = [ban(id="another")] if serial % 2 else []
    return orders(serial, bans=[ban(), *more], spare=[f"/nowhere/{serial}"])


def programs(folder: Path, number: int) -> list[Path]:
    """Programs that no rule is about: a user's, root's, and scripts."""
    folder.mkdir(mode=0o755)
    first = folder / "p0"
    shutil.copy("/bin/true", first)
    made = [first]
    for index in range(1, number):
        path = folder / f"p{index}"
        if index % 5 == 0:
            path.write_text(f"#!/bin/sh\nexit 0 # {index}\n", encoding="ascii")
            path.chmod(0o755)
        else:
            shutil.copy("/bin/true", path)
        if index % 2:
            os.chown(path, UID, UID)
        made.append(path)
    return made


def banned_starts(mount: Path) -> list[list[str]]:
    """Ordinary doors to banned programs."""
    native = synthetic_native(mount / "native", "2.1.200")
    shutil.copy(native, mount / "ls")
    os.link(native, mount / "linked")
    (mount / "link").symlink_to("native")
    package = synthetic_plain_package(mount / "node_modules" / NAME, "2.1.112", NAME)
    script = os.fspath(package / "bin" / "claude-code.js")
    direct = [[os.fspath(mount / name), "--version"] for name in ("native", "ls", "linked", "link")]
    through = [["/usr/bin/env", os.fspath(native), "--version"], ["/bin/sh", "-c", f"{native} --version"]]
    return [*direct, *through, [script]]


@contextmanager
def starting(allowed: list[list[str]], banned: list[list[str]]) -> Iterator[list[dict[str, object]]]:
    """Root and another person start all of it, four threads each; what they tell stands in the list afterwards."""
    told: list[dict[str, object]] = []
    people = []
    for uid in (0, UID):
        command = [sys.executable, "-m", "tests.fakes.mixed_starts", str(uid), "4"]
        one = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert one.stdin is not None
        one.stdin.write(json.dumps({"allowed": allowed, "banned": banned}) + "\n")
        one.stdin.flush()
        people.append(one)
    try:
        yield told
    finally:
        told += [json.loads(one.communicate("", timeout=60)[0]) for one in people]


@contextmanager
def flooding(folder: Path) -> Iterator[None]:
    """One more person starts sparse programs of 60 MB, each of which would have to be read, as fast as they can."""
    folder.mkdir(mode=0o755)
    for number in range(20):
        with (folder / f"p{number}").open("wb") as file:
            file.write(b"\x7fELF" + bytes(60))
            file.truncate(60 << 20)
        (folder / f"p{number}").chmod(0o755)
    flood = subprocess.Popen(
        ["sh", "-c", FLOOD],
        cwd=folder,
        user=FLOODER,
        group=FLOODER,
        extra_groups=[],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        os.killpg(flood.pid, 9)
        flood.wait()
