"""Our order of semantic versions against npm's own `semver`: one run of node over many generated pairs."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from policy_schema.rules.versions import compile_range, parse_key
from tests.fakes import zoo

pytestmark = pytest.mark.online

PAIRS = 20_000
SCRIPT = """
const semver = require("semver");
const pairs = JSON.parse(require("fs").readFileSync(0, "utf8"));
const order = (a, b) => semver.valid(a) && semver.valid(b) ? semver.compare(a, b) : null;
console.log(JSON.stringify(pairs.map(([a, b]) => order(a, b))));
"""
IDENTIFIERS = ["0", "1", "9", "10", "00", "01", "a", "b", "A", "alpha", "beta", "rc1", "1a", "-", "a-b", "x.y", ""]


def _version(rng: random.Random) -> str:
    numbers = [
        rng.choice(
            ["0", "1", "2", "9", "10", "99", "9007199254740991", "01"] if rng.random() < 0.2 else ["0", "1", "2"]
        )
    ]
    numbers += [str(rng.choice([0, 1, 2, 10, 90, 91, 197, 198])) for _ in range(rng.choice([1, 2, 2, 2, 2, 2, 3]))]
    text = ".".join(numbers)
    if rng.random() < 0.5:
        text += "-" + ".".join(rng.choice(IDENTIFIERS) for _ in range(rng.randint(1, 3)))
    if rng.random() < 0.2:
        text += "+" + rng.choice(["build", "1", "001", "a.b", ""])
    return rng.choice(["", "", "", "v", " "]) + text


def _ours(left: str, right: str) -> int | None:
    first, second = parse_key("semver", left), parse_key("semver", right)
    if first is None or second is None:
        return None
    return (first > second) - (first < second)


def test_order_and_refusals_are_those_of_npm(tmp_path: Path) -> None:
    zoo.npm_local(tmp_path, "semver@7")
    (tmp_path / "order.js").write_text(SCRIPT, encoding="utf-8")
    rng = random.Random("versions")
    pairs = [(_version(rng), _version(rng)) for _ in range(PAIRS)]
    node = shutil.which("node")
    assert node is not None
    done = subprocess.run(
        [node, "order.js"],
        cwd=tmp_path,
        input=json.dumps(pairs),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    theirs = json.loads(done.stdout)
    differing = [(*pair, npm, _ours(*pair)) for pair, npm in zip(pairs, theirs, strict=True) if npm != _ours(*pair)]
    assert differing == []
    assert {-1, 0, 1, None} == set(theirs)


def test_the_first_real_range_holds_for_every_published_version_as_npm_says(tmp_path: Path) -> None:
    """npm's answer with pre-releases included, over all that was ever published."""
    zoo.npm_local(tmp_path, "semver@7")
    versions = zoo.npm_versions("@anthropic-ai/claude-code")
    assert len(versions) > 400
    text = ">=2.1.91 <2.1.198"
    program = (
        "const s = require('semver'); const v = JSON.parse(require('fs').readFileSync(0, 'utf8'));"
        f"console.log(JSON.stringify(v.filter((x) => s.satisfies(x, '{text}', {{ includePrerelease: true }}))));"
    )
    (tmp_path / "range.js").write_text(program, encoding="utf-8")
    node = shutil.which("node")
    assert node is not None
    done = subprocess.run(
        [node, "range.js"],
        cwd=tmp_path,
        input=json.dumps(versions),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    compiled = compile_range("semver", text)
    assert [version for version in versions if compiled.contains(version)] == json.loads(done.stdout)
    assert {"2.1.91", "2.1.112", "2.1.197"} <= set(json.loads(done.stdout))
