"""A new source, action, engine, report or command is a file and a line in a table; this finds the forgotten line."""

from __future__ import annotations

import ast
from collections.abc import Callable
from importlib import import_module
from typing import NamedTuple

import pytest

from tests.architecture.source import dotted, modules, tree

NOT_MEMBERS = {"__init__", "interface", "main"}


def _assigns(name: str) -> Callable[[ast.Module], bool]:
    def look(module: ast.Module) -> bool:
        targets = (t for node in module.body if isinstance(node, ast.Assign) for t in node.targets)
        return any(isinstance(target, ast.Name) and target.id == name for target in targets)

    return look


def _has_class_with(method: str) -> Callable[[ast.Module], bool]:
    def look(module: ast.Module) -> bool:
        classes = (node for node in module.body if isinstance(node, ast.ClassDef))
        return any(isinstance(n, ast.FunctionDef) and n.name == method for cls in classes for n in cls.body)

    return look


def _every(module: ast.Module) -> bool:
    return bool(module.body)


class Table(NamedTuple):
    """A folder of like things, the file that holds its table, the table's name, and what makes a file such a thing."""

    folder: str
    file: str
    name: str
    is_member: Callable[[ast.Module], bool]


TABLES = (
    Table("agent/cli", "agent/cli/main.py", "COMMANDS", _assigns("HELP")),
    Table("agent/enforce", "agent/enforce/__init__.py", "ACTIONS", _assigns("KIND")),
    Table("agent/inventory", "agent/inventory/__init__.py", "SOURCES", _has_class_with("collect")),
    Table("console/reports", "console/reports/__init__.py", "REPORTS", _every),
    Table("policy_schema/authoring/cli", "policy_schema/authoring/cli/main.py", "COMMANDS", _assigns("HELP")),
    Table("policy_schema/engines", "policy_schema/engines/__init__.py", "ENGINES", _every),
)
EVERY_TABLE = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.folder)


def _members(table: Table) -> set[str]:
    direct = [name for name in modules(table.folder) if name.count("/") == table.folder.count("/") + 1]
    stems = {dotted(name): name.rsplit("/", 1)[1].removesuffix(".py") for name in direct}
    return {
        module
        for module, stem in stems.items()
        if stem not in NOT_MEMBERS and not stem.startswith("_") and module != dotted(table.folder)
        if table.is_member(tree(module.replace(".", "/") + ".py"))
    }


def _entries(table: Table) -> list[tuple[str, str]]:
    """The lines of a table as (key, module): a dict of module names, or a tuple of classes or functions."""
    value = getattr(import_module(dotted(table.file)), table.name, ())
    if isinstance(value, dict):
        return [(str(key), entry.partition(":")[0]) for key, entry in value.items()]
    return [(entry.__name__, entry.__module__) for entry in value]


@EVERY_TABLE
def test_every_file_has_its_line(table: Table) -> None:
    assert _members(table) - {module for _, module in _entries(table)} == set(), f"a line in {table.file}: {table.name}"


@EVERY_TABLE
def test_every_line_has_its_file(table: Table) -> None:
    assert {module for _, module in _entries(table)} - _members(table) == set()


@EVERY_TABLE
def test_the_table_is_alphabetical(table: Table) -> None:
    keys = [key for key, _ in _entries(table)]
    assert keys == sorted(keys)
