"""What one content verdict costs, warm, against reading the same bytes and doing nothing with them.

Paired runs in one process; the figure is the ratio, since milliseconds say more about the machine than about us.
`python benchmarks/content/run.py [FILE...]` measures real files too. Prints a table, then one JSON document.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from policy_schema.document.catalogue import load_catalogue
from policy_schema.rules.content import Signature, compile_signature, look, look_in
from policy_schema.rules.descriptor import DescriptorReader
from tests.fakes.synthetic import (
    BANNER,
    EVENTS,
    ISSUES,
    PROMPT,
    SCRIPT,
    TRAILER,
    native_payload,
    synthetic_native,
    synthetic_script,
    write_elf,
)

REPEATS = 15
CHUNK = 1 << 20
GOAL = 4.0
"""A verdict costs at most so many times plain reading for each text that is looked for, and a millisecond besides."""


class Case(NamedTuple):
    """One file and what a look at it must answer."""

    name: str
    path: Path
    signatures: Sequence[Signature]
    matches: bool | None
    texts: int = 1
    """How many texts the file makes us look for all through it."""
    whole: bool = False


class Result(NamedTuple):
    """Figures of one case; times are medians in milliseconds."""

    case: str
    matches: int
    file_mb: float
    read_mb: float
    look_ms: float
    plain_ms: float
    look_mb_s: float
    ratio: float
    within_goal: bool


class CountingReader(DescriptorReader):
    """Counts what a look really reads."""

    def __init__(self, fd: int, size: int) -> None:
        super().__init__(fd, size)
        self.read = 0

    def read_into(self, view: memoryview, offset: int) -> int:
        """Reads and counts."""
        count = super().read_into(view, offset)
        self.read += count
        return count


def claude_code() -> tuple[Signature, ...]:
    """The signatures of the shipped catalogue."""
    rows = load_catalogue().tools["claude-code"].faces.content
    return tuple(compile_signature(f"claude-code/{i}", row.model_dump(mode="json")) for i, row in enumerate(rows))


def sixteen() -> tuple[Signature, ...]:
    """As many signatures as may be in force, all for one kind of program."""
    fields = {"magic": ["elf"], "section": ".bun", "version": "// Version: "}
    return tuple(
        compile_signature(
            f"tool/{n}", {**fields, "all": [f"(c) Example {n}. All rights reserved", f"https://{n}.example"]}
        )
        for n in range(16)
    )


def cases(folder: Path) -> list[Case]:
    """The worst of each kind: texts at the very end, or nearly all of them and never the last."""
    noise = random.Random(1).randbytes(56 << 20)
    almost = noise + f"{BANNER}. // Version: 2.1.197 {TRAILER}".encode()
    ours = claude_code()
    text = SCRIPT.format(banner=BANNER, version="2.1.112", texts=json.dumps([ISSUES, PROMPT, *EVENTS]))
    words = "".join(f"function f{n}(a,b){{return a+b*{n}}}\n" for n in range(900_000))[: 33 << 20]
    return [
        Case(
            "native, texts at the end of a dense section",
            _program(folder, "a", noise + native_payload("1.0.0")),
            ours,
            True,
        ),
        Case("native, sparse", synthetic_native(folder / "b", "2.1.197"), ours, True),
        Case("native, another Bun program", _program(folder, "c", noise + TRAILER.encode()), ours, False),
        Case("native, all but one text", _program(folder, "d", almost), ours, False),
        Case("native, neither section nor trailer", _program(folder, "e", noise, ".data"), ours, False),
        Case("native, sixteen signatures", folder / "c", sixteen(), False, texts=16),
        Case("native, looked through whole", folder / "e", ours, False, whole=True),
        Case("script of 9 MB", synthetic_script(folder / "f", "2.1.112"), ours, True),
        Case("script of 33 MB, another tool", _text(folder / "g", words), ours, False),
        Case(
            "script of 33 MB, texts at its end",
            _text(folder / "h", words + text.partition("\n")[2]),
            ours,
            True,
            texts=7,
        ),
    ]


def _program(folder: Path, name: str, payload: bytes, section: str = ".bun") -> Path:
    return write_elf(folder / name, b"", 62, section, payload, len(payload))


def _text(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def measure(case: Case) -> Result:
    """Times one case; the answer is checked first."""
    fd = os.open(case.path, os.O_RDONLY)
    try:
        size = os.fstat(fd).st_size
        counting = CountingReader(fd, size)
        found = look_in(counting, case.signatures, whole=case.whole)
        if case.matches is not None and bool(found) is not case.matches:
            raise SystemExit(f"{case.name}: {found} is a wrong answer")
        looks, plains = [], []
        for _ in range(REPEATS):
            looks.append(_timed(lambda: look(fd, size, case.signatures, whole=case.whole)))
            plains.append(_timed(lambda: _plain(fd, size, counting.read)))
    finally:
        os.close(fd)
    took, plain = statistics.median(looks), statistics.median(plains)
    ratio = took / plain
    return Result(
        case=case.name,
        matches=len(found),
        file_mb=round(size / 1e6, 1),
        read_mb=round(counting.read / 1e6, 2),
        look_ms=round(took * 1e3, 2),
        plain_ms=round(plain * 1e3, 2),
        look_mb_s=round(counting.read / took / 1e6),
        ratio=round(ratio, 2),
        within_goal=took <= GOAL * case.texts * plain + 0.001,
    )


def _plain(fd: int, size: int, amount: int) -> None:
    buffer = memoryview(bytearray(CHUNK))
    at = max(0, size - amount)
    while amount > 0 and (count := os.preadv(fd, [buffer[: min(CHUNK, amount)]], at)):
        at, amount = at + count, amount - count


def _timed(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def main() -> int:
    """Prints the table and the JSON; 1 when a case misses the goal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="real files to measure as well")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="interdict-bench-") as folder:
        real = [Case(str(path)[-44:], path, claude_code(), None) for path in arguments.files]
        results = [measure(case) for case in (*cases(Path(folder)), *real)]
    print(f"{'case':<46}{'match':>6}{'file MB':>9}{'read MB':>9}{'ms':>8}{'MB/s':>7}{'plain ms':>10}{'ratio':>7}")
    for row in results:
        mark = "" if row.within_goal else f"  over the goal of {GOAL}"
        print(
            f"{row.case:<46}{row.matches:>6}{row.file_mb:>9}{row.read_mb:>9}{row.look_ms:>8}{row.look_mb_s:>7}"
            f"{row.plain_ms:>10}{row.ratio:>7}{mark}"
        )
    print(json.dumps({"benchmark": "content", "goal": GOAL, "results": [row._asdict() for row in results]}))
    return 0 if all(row.within_goal for row in results) else 1


if __name__ == "__main__":
    raise SystemExit(main())
