"""What each process really loads, read from `sys.modules` of a fresh interpreter: import contracts cannot see all.

The table is a promise about memory, start-up time and attack surface: the daemon runs as root and holds no TLS, no
TUF, no cryptography; the child that talks to the network holds no key; what the gate will share with the daemon
needs the standard library only.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import NamedTuple

import pytest

from tests.architecture.source import PACKAGES, ROOT, dotted, modules


class Process(NamedTuple):
    """One process: what it imports, which foreign packages it may hold, which of ours and of Python's it must not."""

    name: str
    modules: tuple[str, ...]
    foreign: frozenset[str]
    never: frozenset[str] = frozenset()


NETWORK = frozenset({"ssl", "http.client", "asyncio", "urllib.request"})
PARTS = ("agent.inventory", "agent.watch", "agent.enforce")


def _all_of(package: str, *without: str) -> tuple[str, ...]:
    names = (dotted(name) for name in modules(package.replace(".", "/")))
    return tuple(name for name in names if name not in without)


PROCESSES = (
    Process("rules, which the gate shares", _all_of("policy_schema.rules"), frozenset(), NETWORK | {"dataclasses"}),
)


def _loaded(names: tuple[str, ...]) -> list[str]:
    code = (
        "import importlib, json, sys; sys.path.insert(0, sys.argv[1]);"
        "[importlib.import_module(name) for name in sys.argv[2:]];"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, str(ROOT), *names], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)
def test_a_process_loads_only_what_it_may(process: Process) -> None:
    loaded = _loaded(process.modules)
    ours = {"__main__", *PACKAGES}
    foreign = {name.split(".")[0] for name in loaded if not name.startswith("_")} - sys.stdlib_module_names - ours
    assert foreign <= process.foreign
    assert process.never.isdisjoint(loaded)
