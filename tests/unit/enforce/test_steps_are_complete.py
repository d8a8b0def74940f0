"""The step test is as good as the list of steps: every call that changes the disk is announced ahead of it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

HERE = Path(__file__).parents[3]
CHANGES = frozenset(
    "chmod chown fchmod fchown fsync ftruncate link makedirs mkdir mknod mkfifo open_for_writing remove removexattr "
    "rename rename_no_replace replace rmdir setxattr symlink truncate unlink utime write".split()
)
HELPERS = {"_move", "_write_xattrs"}
"""Called from announced steps only; looked at by hand."""
MODULES = ["agent/host/_posix_folder.py", "agent/host/_path_folder.py", "agent/host/copies.py", "agent/host/trees.py"]


def unannounced(tree: ast.AST, inside: bool = False) -> list[int]:
    """Lines that change something outside of `with self._step(True, …)` and with no `before(True, …)` in front."""
    found: list[int] = []
    announced = False
    for node in ast.iter_child_nodes(tree):
        here = inside or announced or (isinstance(node, ast.With) and any(map(_announces, _contexts(node))))
        if isinstance(node, ast.FunctionDef) and node.name in HELPERS:
            continue
        if isinstance(node, ast.Call) and not here and _name(node) in CHANGES and _on(node) in ("os", "file", "made"):
            found.append(node.lineno)
        found += unannounced(node, here)
        announced = announced or (isinstance(node, ast.Expr) and _announces(node.value))
    return found


def _contexts(node: ast.With) -> list[ast.expr]:
    return [item.context_expr for item in node.items]


def _announces(node: ast.expr) -> bool:
    first = node.args[0] if isinstance(node, ast.Call) and node.args else None
    return (
        isinstance(node, ast.Call)
        and _name(node) in ("_step", "before")
        and isinstance(first, ast.Constant)
        and first.value is True
    )


def _name(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else ""


def _on(node: ast.Call) -> str:
    value = node.func.value if isinstance(node.func, ast.Attribute) else None
    return value.id if isinstance(value, ast.Name) else ""


@pytest.mark.parametrize("module", MODULES)
def test_every_change_is_announced(module: str) -> None:
    assert unannounced(ast.parse((HERE / module).read_text())) == []


def test_the_check_sees_one_that_is_not() -> None:
    code = "with self._step(False, 'x'):\n  os.unlink('a')\nwith self._step(True, 'y'):\n  os.unlink('b')\n"
    assert unannounced(ast.parse(code)) == [2]


@pytest.mark.parametrize("module", sorted(path.name for path in (HERE / "agent" / "enforce").glob("*.py")))
def test_the_actions_themselves_change_nothing_but_through_a_folder(module: str) -> None:
    if module in ("restore_script.py", "restore_records.py"):
        return  # it stands alone, after the agent is gone
    tree = ast.parse((HERE / "agent" / "enforce" / module).read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _on(node) == "os"]
    assert [_name(call) for call in calls if _name(call) in CHANGES] == []
