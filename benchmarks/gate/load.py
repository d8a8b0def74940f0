"""Programs, orders and load for the gate's benchmark. The banned tool does not exist outside of it."""

from __future__ import annotations

import os
import platform
import subprocess
import threading
import time
from pathlib import Path

from tests.fakes import gate as fake
from tests.fakes.gate import Gate
from tests.fakes.other_person import UID
from tests.fakes.policies import ban
from tests.fakes.synthetic import _program, write_elf

TEXT = "a text that stands in the benchmark's banned program only"
TOOL = "benchmark-tool"
SIZE = 56 << 20
Count = tuple[str, float, float | None]


def orders(serial: int = 1) -> dict[str, object]:
    """Orders that ban the tool, as large in its signature as a real one."""
    tool = {
        "id": TOOL,
        "name": "Benchmark Tool",
        "vendor": "Nobody",
        "category": "benchmark",
        "version_scheme": "semver",
        "faces": {
            "packages": ["pkg:npm/interdict-benchmark-tool"],
            "executables": {"names": [TOOL], "folders": []},
            "content": [
                {"magic": ["elf"], "min_size": 50_000_000, "section": ".bun", "tail": 33_554_432, "all": [TEXT]},
                {"magic": ["text"], "min_size": 5_000_000, "max_size": 40_000_000, "all": [TEXT]},
            ],
        },
        "embeds": [],
    }
    return fake.orders(
        serial,
        tools={TOOL: tool},
        bans=[ban(id=TOOL, targets=[{"tool": TOOL, "versions": None}], alternatives=[])],
        enforce=[[TOOL, TOOL, -1]],
    )


def small(path: Path, number: int) -> Path:
    """A program of some hundred bytes that ends at once; each is another file."""
    code, machine = _program(platform.machine(), b"")
    # Begins where it writes nothing and ends: the part behind the wait.
    entry = code[16:] if machine == 62 else code[40:]
    return write_elf(path, entry, machine, ".note", str(number).encode(), 64)


def banned(path: Path) -> Path:
    """The banned program."""
    code, machine = _program(platform.machine(), b"ran\n")
    return write_elf(path, code, machine, ".bun", TEXT.encode() + bytes(64), SIZE)


def flood(gated: Path, free: Path) -> tuple[list[float], list[float]]:
    """One person starts 300 sparse programs of 60 MB three times at once; another's starts meanwhile, seconds of each.

    They are started in turns on the filesystem with the gate and on the one without: what the processors' load costs
    falls on both.
    """
    folder = gated / "flood"
    folder.mkdir()
    for number in range(300):
        path = folder / f"p{number}"
        with path.open("wb") as file:
            file.write(b"\x7fELF" + bytes(60))
            file.truncate(60 << 20)
        path.chmod(0o755)
    innocents = [os.fspath(mount / "people" / "true") for mount in (gated, free)]
    script = f"for f in {folder}/*; do for i in 1 2 3; do $f 2>/dev/null & done; done; wait"
    attacker = subprocess.Popen(
        ["sh", "-c", script], user=UID + 1, group=UID + 1, extra_groups=[], stderr=subprocess.DEVNULL
    )
    waits: tuple[list[float], list[float]] = ([], [])
    while attacker.poll() is None:
        for into, innocent in zip(waits, innocents, strict=True):
            began = time.perf_counter()
            os.waitpid(os.posix_spawn(innocent, [innocent], {}), 0)
            into.append(time.perf_counter() - began)
    return waits


def soak(gate: Gate, mount: Path, seconds: float) -> list[Count]:
    """8 threads start mixed programs, new orders come each second; how many there were and how many wrong answers."""
    allowed = [mount / "system" / "true", mount / "people" / "true", *(mount / "many" / f"p{n}" for n in range(200))]
    refused = [mount / "people" / "banned"]
    counts = {"starts": 0, "refused": 0, "banned that started": 0, "allowed that were refused": 0}
    lock, stop = threading.Lock(), threading.Event()

    def run(number: int) -> None:
        turn = number
        while not stop.is_set():
            turn += 1
            path = refused[0] if turn % 4 == 0 else allowed[turn % len(allowed)]
            try:
                os.waitpid(os.posix_spawn(path, [os.fspath(path), "x"], {}), 0)
                was = "banned that started" if path in refused else "starts"
            except PermissionError:
                was = "refused" if path in refused else "allowed that were refused"
            with lock:
                counts[was] += 1

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    began, serial = time.monotonic(), 1
    try:
        while time.monotonic() - began < seconds:
            serial += 1
            assert gate.order(orders(serial))["ok"] is True
            for _ in gate.listen(1.0):
                pass
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    late = len(gate.so_far("allowed-late"))
    rows: list[Count] = [(name, value, 0 if "that" in name else None) for name, value in counts.items()]
    return [
        *rows,
        ("new orders", serial - 1, None),
        ("answered late", late, 0),
        ("PSS at the end, MB", gate.pss() / 1e6, 15),
    ]


__all__ = ["banned", "flood", "orders", "small", "soak"]
