"""Our order of Debian and RPM versions against dpkg's and rpm's own, on thousands of generated pairs."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from policy_schema.rules.versions import parse_key

pytestmark = pytest.mark.managers

DEB_PAIRS = 1_500
"""dpkg is started once a pair."""
RPM_PAIRS = 50_000
DEB = ["0", "1", "9", "10", "01", "a", "b", "Z", "rc", "~", "~~", "+", ".", "-", ":", "_", " ", ""]
RPM = ["0", "1", "9", "10", "01", "a", "b", "Z", "fc41", "~", "^", "+", ".", "-", ":", "_", ""]


def _version(rng: random.Random, parts: list[str]) -> str:
    return rng.choice(["", "1", "1.", "1.0-", "2:"]) + "".join(rng.choice(parts) for _ in range(rng.randint(1, 6)))


def _pairs(scheme: str, parts: list[str], count: int) -> list[tuple[str, str]]:
    """Pairs of versions, half of them close to each other."""
    rng = random.Random(scheme)
    found: list[tuple[str, str]] = []
    while len(found) < count:
        left = _version(rng, parts)
        right = left + rng.choice(parts) if rng.random() < 0.5 else _version(rng, parts)
        if parse_key(scheme, left) is not None and parse_key(scheme, right) is not None:
            found.append((left, right))
    return found


def _order(scheme: str, left: str, right: str) -> int:
    first, second = parse_key(scheme, left), parse_key(scheme, right)
    assert first is not None and second is not None
    return (first > second) - (first < second)


def test_order_is_that_of_dpkg() -> None:
    pairs, words, differing = _pairs("deb", DEB, DEB_PAIRS), {-1: "lt", 0: "eq", 1: "gt"}, []
    for left, right in pairs:
        word = words[_order("deb", left, right)]
        if subprocess.run(["dpkg", "--compare-versions", left, word, right], check=False).returncode:
            differing.append((left, word, right))
    assert differing == []
    assert {_order("deb", *pair) for pair in pairs} == {-1, 0, 1}


def test_what_dpkg_refuses_is_no_version() -> None:
    rng, differing = random.Random("refused"), []
    texts = [_version(rng, DEB).strip() for _ in range(500)]
    for text in texts:
        valid = subprocess.run(["dpkg", "--validate-version", text], capture_output=True, check=False).returncode == 0
        if valid != (parse_key("deb", text) is not None):
            differing.append((text, valid))
    assert differing == []
    assert 0 < sum(parse_key("deb", text) is None for text in texts) < len(texts)


def test_order_is_that_of_rpm(tmp_path: Path) -> None:
    pairs = _pairs("rpm", RPM, RPM_PAIRS)
    (tmp_path / "pairs").write_text("".join(f"{left} {right}\n" for left, right in pairs))
    script = tmp_path / "order.lua"
    script.write_text(
        f'local out = io.open("{tmp_path}/order", "w")\n'
        f'for line in io.lines("{tmp_path}/pairs") do\n'
        '  local left, right = line:match("^(%S+) (%S+)$")\n'
        '  out:write(tostring(rpm.vercmp(left, right)), "\\n")\n'
        "end\n"
        "out:close()\n"
    )
    subprocess.run(["rpm", "--eval", f"%{{lua:dofile('{script}')}}"], capture_output=True, check=True)
    theirs = [int(line) for line in (tmp_path / "order").read_text().split()]
    differing = [
        (*pair, rpm, _order("rpm", *pair))
        for pair, rpm in zip(pairs, theirs, strict=True)
        if rpm != _order("rpm", *pair)
    ]
    assert differing == []
    assert set(theirs) == {-1, 0, 1}
