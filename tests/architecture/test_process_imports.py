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
    """One process: what it imports, which foreign packages it may hold, which modules of Python and of ours never."""

    name: str
    modules: tuple[str, ...]
    foreign: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()


def _all_of(*packages: str) -> tuple[str, ...]:
    names = (dotted(name) for package in packages for name in modules(package.replace(".", "/")))
    return tuple(name for name in names if name not in NOT_LOADED_HERE)


NOT_LOADED_HERE = {
    "agent.enforce.restore_records",
    "agent.enforce.restore_script",  # text that is laid beside a quarantine, run by people
}
NETWORK = frozenset({"asyncio", "http.client", "ssl", "urllib.request"})
SLOW_TO_LOAD = frozenset("_strptime argparse dataclasses inspect random secrets shutil sqlite3 subprocess".split())
DAEMON_PARTS = ("agent.enforce", "agent.inventory", "agent.report", "agent.watch")
PYDANTIC = frozenset({"annotated_types", "pydantic", "pydantic_core", "typing_extensions", "typing_inspection"})
TUF = frozenset({"cryptography", "securesystemslib", "tuf"})

PROCESSES = (
    Process("the rules, which the gate will share", _all_of("policy_schema.rules"), never=NETWORK | {"dataclasses"}),
    Process(
        "the gate: the rules, the standard library, and of that as little as can be",
        ("agent.gate.program",),
        never=NETWORK | {"agent.host", "argparse", "dataclasses", "hashlib", "logging", "pathlib", "subprocess"},
    ),
    Process(
        "the daemon with all its parts",
        ("agent.deps", *_all_of(*DAEMON_PARTS)),
        frozenset({"msgspec", "psutil", "typing_extensions"}),
        NETWORK | {"agent.policy.adopter", "agent.policy.courier", "agent.policy.signer", "multiprocessing"},
    ),
    Process(
        "the courier: network, no key, nothing that parses policies",
        ("agent.policy.courier",),
        # brotli: httpx takes it where the PDF extra has brought it
        frozenset({"anyio", "brotli", "certifi", "h11", "httpcore", "httpx", "idna", "truststore"}),
    ),
    Process(
        "the adopter: trust and documents, no HTTP client",
        ("agent.policy.adopter",),
        PYDANTIC | TUF | {"packageurl"},
        frozenset({"agent.policy.courier", "policy_schema.network.fetcher", "http.client", "ssl", "urllib.request"}),
    ),
    Process(
        "the signer: the device's key, nothing that parses policies or talks to anybody",
        ("agent.policy.signer",),
        frozenset({"cryptography", "http_message_signatures", "http_sf", "msgspec", "typing_extensions"}),
        NETWORK,
    ),
    Process("interdict before it knows which command", ("agent.cli.main",), never=NETWORK | {"dataclasses", "sqlite3"}),
    Process(
        "interdict status: within three starts of the interpreter (benchmarks/start)",
        ("agent.cli.main", "agent.cli.status"),
        never=NETWORK | SLOW_TO_LOAD | {"policy_schema.rules.rulebook"},
    ),
    Process("interdict status --html", ("agent.cli.own_page",), frozenset({"msgspec", "psutil", "typing_extensions"})),
    Process("interdict-policy before it knows which command", ("policy_schema.authoring.cli.main",), never=NETWORK),
    Process(
        "interdict-policy lint: no TUF",
        ("policy_schema.authoring.cli.lint",),
        PYDANTIC | {"cython_runtime", "packageurl", "ruamel"},  # the first: of the parser in C
        NETWORK,
    ),
    Process("interdict-console without its extra", ("console.cli",), never=NETWORK),
)
UNWANTED_IN_THE_CONSOLE = frozenset({"agent", "pydantic", "tuf"})


def _loaded(names: tuple[str, ...]) -> list[str]:
    code = (
        # What the interpreter brings by itself is not ours: Debian's has a sitecustomize.
        "import sys; before = set(sys.modules);"
        "import importlib, json; sys.path.insert(0, sys.argv[1]);"
        "[importlib.import_module(name) for name in sys.argv[2:]];"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
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


def test_the_console_loads_neither_the_agent_nor_pydantic() -> None:
    assert UNWANTED_IN_THE_CONSOLE.isdisjoint(_loaded(("console.commands", "console.app")))
