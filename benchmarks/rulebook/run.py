"""What a decision costs: 10,000 bans against 10, how many observations a second, and how large the gate's table is.

    python benchmarks/rulebook/run.py

Observations as a developer's machine shows them: packages of npm, PyPI and Debian, programs, extensions of editors. Of
a hundred, one is a tool of the policy. Runs take turns, so that a busy machine is as busy for each; a figure is the
best of its runs. Prints a table, then one JSON document; ends with 1 if a goal is missed.
"""

from __future__ import annotations

import gc
import json
import random
import time
import tracemalloc
from collections.abc import Sequence
from typing import NamedTuple

from policy_schema.document.catalogue import load_catalogue
from policy_schema.document.close import close_policy
from policy_schema.document.compile import compile_policy
from policy_schema.document.load import parse_policy
from policy_schema.rules.identity import make_purl
from policy_schema.rules.instant import Instant
from policy_schema.rules.observation import Face, Observation
from policy_schema.rules.rulebook import Device, DeviceRules, Rulebook
from tests.fakes.policies import ban, closed, stages

FEW, MANY = 10, 10_000
OBSERVATIONS, MATCHING = 20_000, 200
RUNS = 9
RATIO_GOAL, RATE_GOAL, GATE_GOAL_MB = 1.5, 500_000, 2.0
GATE_BANS, GATE_TOOLS = 10, 60
NOW = Instant(1_790_000_000)
"""In September 2026: every stage below has begun."""


class Result(NamedTuple):
    """What came out."""

    few_ns: float
    many_ns: float
    rate: int
    gate_mb: float
    gate_tools: int

    @property
    def ratio(self) -> float:
        """What an observation costs with many bans, by what it costs with few."""
        return self.many_ns / self.few_ns


def main() -> int:
    """Measures and prints."""
    few, many = _rules(FEW), _rules(MANY)
    seen = _observations()
    for rules in (few, many):
        found = sum(rules.decide(one, NOW) is not None for one in seen)
        assert found == MATCHING, f"{found} decisions instead of {MATCHING}"
    pairs = [(_per_observation(few, seen), _per_observation(many, seen)) for _ in range(RUNS)]
    few_ns, many_ns = min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)
    gate_mb, tools = _gate_table()
    return _show(Result(few_ns, many_ns, round(1e9 / many_ns), gate_mb, tools))


def _tool(number: int) -> dict[str, object]:
    name = f"assistant-{number}"
    return {
        "id": name,
        "name": f"Assistant {number}",
        "vendor": "Example",
        "category": "ai-coding-assistant",
        "version_scheme": "semver",
        "faces": {
            "packages": [f"pkg:npm/%40vendor-{number}/{name}", f"pkg:pypi/{name}-cli", f"pkg:deb/{name}"],
            "extensions": {"vscode": [f"vendor-{number}.{name}"], "jetbrains": [f"com.vendor{number}.{name}"]},
            "executables": {"names": [name], "folders": [f"~/.local/share/{name}/versions"]},
        },
        "embeds": [],
    }


def _rules(number: int) -> DeviceRules:
    names = [f"assistant-{at}" for at in range(number)]
    bans = [ban(id=name, targets=[{"tool": name, "versions": None}], stages=stages((0, "block"))) for name in names]
    book = Rulebook(compile_policy(closed(*bans, tools={name: _tool(at) for at, name in enumerate(names)}), 1))
    return book.for_device(Device("device-1"))


def _observations() -> list[Observation]:
    """A mix that is the same in each run; what matches is one of the few tools, which both policies name."""
    dice = random.Random(7)
    makers = (_npm, _npm, _npm, _npm, _pypi, _deb, _program, _program, _extension, _pypi)
    rows = [makers[at % len(makers)](dice, f"part-{dice.randrange(10**6)}") for at in range(OBSERVATIONS - MATCHING)]
    for at in range(MATCHING):
        maker = (_npm_tool, _program, _extension)[at % 3]
        rows.append(maker(dice, f"assistant-{at % FEW}"))
    dice.shuffle(rows)
    return rows


def _npm(dice: random.Random, name: str) -> Observation:
    scoped = f"@{name}/core" if dice.random() < 0.3 else name
    path = f"/home/li/work/app-{dice.randrange(40)}/node_modules/{scoped}"
    return Observation(
        "npm", Face.PACKAGE, path, name=scoped, purl=make_purl("npm", scoped, "4.17.21"), home="/home/li"
    )


def _npm_tool(dice: random.Random, name: str) -> Observation:
    scoped = f"@vendor-{name.rpartition('-')[2]}/{name}"
    path = f"/usr/lib/node_modules/{scoped}"
    return Observation(
        "npm", Face.PACKAGE, path, name=scoped, purl=make_purl("npm", scoped, f"1.{dice.randrange(9)}.0")
    )


def _pypi(dice: random.Random, name: str) -> Observation:
    path = f"/home/li/work/tool/.venv/lib/python3.12/site-packages/{name}-2.31.0.dist-info"
    return Observation("pypi", Face.PACKAGE, path, name=name, purl=make_purl("pypi", name, "2.31.0"), home="/home/li")


def _deb(dice: random.Random, name: str) -> Observation:
    purl = f"pkg:deb/debian/{name}@1:2.39.5-0%2Bdeb12u2?arch=amd64&distro=debian-12"
    return Observation("deb", Face.PACKAGE, f"/var/lib/dpkg/info/{name}.list", name=name, purl=purl)


def _program(dice: random.Random, name: str) -> Observation:
    path = f"/home/li/.local/bin/{name}"
    folder = f"/home/li/.local/share/{name}/versions/1.2.{dice.randrange(9)}/bin/{name}"
    return Observation("executables", Face.EXECUTABLE, folder, name=name, links=(path,), home="/home/li")


def _extension(dice: random.Random, name: str) -> Observation:
    publisher = name.replace("assistant", "vendor")
    key = f"vscode:{publisher}.{name}"
    path = f"/home/li/.vscode/extensions/{publisher}.{name}-1.0.{dice.randrange(9)}"
    return Observation("vscode", Face.EXTENSION, path, name=key[7:], extension=key, home="/home/li")


def _per_observation(rules: DeviceRules, seen: Sequence[Observation]) -> float:
    """Nanoseconds for one observation."""
    decide = rules.decide
    gc.disable()
    try:
        began = time.perf_counter_ns()
        for one in seen:
            decide(one, NOW)
        return (time.perf_counter_ns() - began) / len(seen)
    finally:
        gc.enable()


def _gate_table() -> tuple[float, int]:
    """Megabytes that the gate holds: a policy of ten bans over 60 tools of the catalogue, for one device."""
    catalogue = load_catalogue()
    names = sorted(catalogue.tools)[:GATE_TOOLS]
    parts = [names[at::GATE_BANS] for at in range(GATE_BANS)]
    text = _POLICY + "".join(_BAN.format(id=f"ban-{at}", tools=_targets(part)) for at, part in enumerate(parts))
    policy = close_policy(parse_policy(text, "policy.yaml"), catalogue)
    compiled = json.dumps(compile_policy(policy.document, 1))
    del catalogue, policy
    gc.collect()
    tracemalloc.start()
    try:
        rules = Rulebook(json.loads(compiled)).for_device(Device("device-1"))
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
        return held / 2**20, len(rules.book.tools)
    finally:
        tracemalloc.stop()


_POLICY = """\
schema: 1
organisation: {name: "Benchmark", time_zone: "UTC", default_language: "en", contacts: {help: "https://help.example.com"}}
bans:
"""
_BAN = """\
  - id: "{id}"
    targets: [{tools}]
    reason: {{en: "Assessed as not allowed on company devices.", zh-Hans: "\\u7ecf\\u8bc4\\u4f30"}}
    stages:
      - {{from: "2026-07-04 09:00", action: "notify"}}
      - {{from: "2026-07-10 09:00", action: "block", let_finish: "4h", kill_after: "30s"}}
      - {{from: "2026-07-24 09:00", action: "remove"}}
    min_notice: "24h"
"""


def _targets(names: Sequence[str]) -> str:
    return ", ".join(f'{{tool: "{name}"}}' for name in names)


def _show(result: Result) -> int:
    rows = (
        (f"an observation, {FEW} bans", f"{result.few_ns:.0f} ns", "", True),
        (f"an observation, {MANY} bans", f"{result.many_ns:.0f} ns", "", True),
        ("the same as a ratio", f"{result.ratio:.2f}", f"{RATIO_GOAL}", result.ratio <= RATIO_GOAL),
        (f"observations a second, {MANY} bans", f"{result.rate}", f"{RATE_GOAL}", result.rate >= RATE_GOAL),
        (
            f"the gate's table, {GATE_BANS} bans, {result.gate_tools} tools",
            f"{result.gate_mb:.2f} MB",
            f"{GATE_GOAL_MB:g} MB",
            result.gate_mb <= GATE_GOAL_MB,
        ),
    )
    for name, value, goal, met in rows:
        print(f"{name:<48}{value:>14}" + (f"   goal {goal} {'met' if met else 'MISSED'}" if goal else ""))
    met = all(row[3] for row in rows)
    print(json.dumps({"schema": 1, "benchmark": "rulebook", **result._asdict(), "ratio": result.ratio, "met": met}))
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
