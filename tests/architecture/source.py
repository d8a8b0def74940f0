"""The project's own files, for the tests in this folder."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("agent", "console", "policy_schema")

OTHERS = ("tests/conformance/suite/tuf_conformance/",)
"""Folders that hold a copy of somebody else's program, with its own rules."""


@cache
def project_files() -> tuple[str, ...]:
    """Every file of the project, from git: tracked, and new ones that nobody ignores. Others' code is not ours."""
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    names = sorted(filter(None, listed.stdout.decode().split("\0")))
    return tuple(name for name in names if (ROOT / name).is_file() and not name.startswith(OTHERS))


def modules(*packages: str) -> tuple[str, ...]:
    """The Python files below these packages (default: all three), as `agent/host/files.py`."""
    wanted = tuple(f"{package}/" for package in packages or PACKAGES)
    return tuple(name for name in project_files() if name.startswith(wanted) and name.endswith(".py"))


@cache
def tree(name: str) -> ast.Module:
    """The syntax tree of one file."""
    return ast.parse((ROOT / name).read_bytes(), filename=name)


def dotted(name: str) -> str:
    """`agent/host/files.py` as `agent.host.files`."""
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imports(module: ast.Module) -> Iterator[tuple[str, int]]:
    """Every module that is imported anywhere in this one, with the line."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, node.lineno


def calls_of(module: ast.Module, builtin: str) -> Iterator[int]:
    """The lines on which a built-in function is called by its name."""
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == builtin:
            yield node.lineno
