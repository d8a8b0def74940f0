"""Our order of Debian and RPM versions against dpkg's and rpm's own, on thousands of generated pairs."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from policy_schema.rules.versions import parse_key

pytestmark = pytest.mark.managers

DEB_PAIRS = 3_000
"""dpkg is started once a pair."""
ORDER_OF_DPKG = (
    'while IFS="|" read -r left word right; do dpkg --compare-versions "$left" $word "$right"; echo $?; done'
)
VALID_FOR_DPKG = 'while IFS= read -r text; do dpkg --validate-version "$text" >/dev/null 2>&1; echo $?; done'
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


def _answers(loop: str, lines: list[str]) -> list[int]:
    """What a loop of a shell answers to each line: a shell starts a program ten times faster than a test does."""
    done = subprocess.run(
        ["sh", "-c", loop], input="".join(f"{line}\n" for line in lines), capture_output=True, text=True, check=True
    )
    found = [int(line) for line in done.stdout.split()]
    assert len(found) == len(lines), done.stderr
    return found


def test_order_is_that_of_dpkg() -> None:
    pairs, words = _pairs("deb", DEB, DEB_PAIRS), {-1: "lt", 0: "eq", 1: "gt"}
    lines = [f"{left}|{words[_order('deb', left, right)]}|{right}" for left, right in pairs]
    differing = [line for line, code in zip(lines, _answers(ORDER_OF_DPKG, lines), strict=True) if code]
    assert differing == []
    assert {_order("deb", *pair) for pair in pairs} == {-1, 0, 1}


def test_what_dpkg_refuses_is_no_version() -> None:
    rng = random.Random("refused")
    texts = [_version(rng, DEB).strip() for _ in range(500)]
    valid = [code == 0 for code in _answers(VALID_FOR_DPKG, texts)]
    assert [parse_key("deb", text) is not None for text in texts] == valid
    assert 0 < valid.count(False) < len(texts)


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
