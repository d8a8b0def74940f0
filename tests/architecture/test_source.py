"""What every source file keeps to, whoever wrote it."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache

import pytest

from tests.architecture.source import PACKAGES, ROOT, calls_of, imports, modules, project_files, tree

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
LONGEST_FUNCTION = 60
LONGEST_MODULE = 500

STARTS_PROGRAMS = {
    "agent/host/child.py": "starts our own program again",
    "agent/host/command.py": "starts programs of the system",
    "console/store/backup.py": "PostgreSQL's own programs make and read copies, on the console's machine",
    "policy_schema/authoring/offers.py": "asks npm and pip, on the author's machine",
}
PURE = tuple(name for name in modules("policy_schema") if not name.startswith("policy_schema/authoring/"))
READS_ITS_OWN_FILES = {"policy_schema/catalogue/__init__.py"}


@pytest.mark.parametrize("package", PACKAGES)
def test_only_the_two_doors_start_programs(package: str) -> None:
    users = {name for name in modules(package) for imported, _ in imports(tree(name)) if imported == "subprocess"}
    assert users <= STARTS_PROGRAMS.keys(), "start programs through agent/host/command.py or child.py"


@pytest.mark.parametrize("name", PURE)
def test_pure_packages_open_no_file(name: str) -> None:
    assert name in READS_ITS_OWN_FILES or not list(calls_of(tree(name), "open")), "bytes come in as a parameter"


def test_rules_import_the_standard_library_only() -> None:
    allowed = sys.stdlib_module_names | {"policy_schema"}
    foreign = [
        f"{name}:{line}: {imported}"
        for name in modules("policy_schema/rules")
        for imported, line in imports(tree(name))
        if imported.split(".")[0] not in allowed
        or (imported.startswith("policy_schema") and not imported.startswith("policy_schema.rules"))
    ]
    assert foreign == []


def test_packaging_is_no_python_package() -> None:
    """With an `__init__.py` the folder would hide PyPI's `packaging` from `python -m pytest` in the root."""
    shadows = [name for name in project_files() if re.fullmatch(r"packaging/(__init__\.py|[^/]+\.py)", name)]
    assert shadows == []


def test_policy_schema_itself_is_empty() -> None:
    """A re-export there would load pydantic into the daemon."""
    assert (ROOT / "policy_schema/__init__.py").read_text().strip() == ""


Class = ast.ClassDef


@cache
def _classes() -> dict[str, list[Class]]:
    """Every class of the project by its name, to look a base up."""
    found: dict[str, list[Class]] = {}
    for name in modules():
        for node in ast.walk(tree(name)):
            if isinstance(node, Class):
                found.setdefault(node.name, []).append(node)
    return found


def _documented_by_a_base(owner: Class | None, method: str) -> bool:
    """True if a base class of the project documents this method: to say it again would only drift."""
    for base in owner.bases if owner else []:
        for candidate in _classes().get(ast.unparse(base).split(".")[-1].split("[")[0], []):
            theirs = [n for n in candidate.body if isinstance(n, FUNCTIONS) and n.name == method]
            if any(ast.get_docstring(n) for n in theirs) or _documented_by_a_base(candidate, method):
                return True
    return False


def _undocumented(body: list[ast.stmt], owner: Class | None = None) -> Iterator[str]:
    for node in body:
        if not isinstance(node, (Class, *FUNCTIONS)) or node.name.startswith("_"):
            continue
        again = any(ast.unparse(d).split(".")[-1] in {"override", "overload", "setter"} for d in node.decorator_list)
        if not again and not ast.get_docstring(node) and not _documented_by_a_base(owner, node.name):
            yield f"{owner.name}.{node.name}" if owner else node.name
        if isinstance(node, Class):
            yield from _undocumented(node.body, node)


@pytest.mark.parametrize("name", modules())
def test_public_names_say_what_they_are(name: str) -> None:
    module = tree(name)
    missing = list(_undocumented(module.body))
    if module.body and not ast.get_docstring(module):
        missing.insert(0, "the module itself")
    assert missing == [], "a docstring of one line or more"


# A migration is one list of tables, and is never edited again.
@pytest.mark.parametrize("name", [name for name in modules() if "/migrations/versions/" not in name])
def test_functions_and_modules_stay_short(name: str) -> None:
    module = tree(name)
    long = [
        f"{node.name} ({node.end_lineno - node.lineno + 1} lines)"
        for node in ast.walk(module)
        if isinstance(node, FUNCTIONS) and node.end_lineno
        if node.end_lineno - node.lineno >= LONGEST_FUNCTION
    ]
    lines = (ROOT / name).read_bytes().count(b"\n")
    if lines > LONGEST_MODULE:
        long.append(f"the module ({lines} lines): is it two subjects?")
    assert long == []


UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")


@pytest.mark.parametrize("name", [n for n in project_files() if n.endswith((".py", ".md", ".yaml", ".toml", ".html"))])
def test_nothing_is_left_for_later(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    left = [f"{name}:{number}" for number, line in enumerate(text.splitlines(), 1) if UNFINISHED.search(line)]
    assert left == []


REGISTRY_HOSTS = (
    "registry." + "npmjs.org",
    "py" + "pi.org",
    "files.python" + "hosted.org",
    "registry." + "yarnpkg.com",
)
MACHINE_PATHS = re.compile(r"(?<![\w.])/" + r"(work|root/\.pyenv|opt/pypi|opt/wheels)/")


@pytest.mark.parametrize("name", project_files())
def test_no_file_names_a_registry_host_or_somebody_s_machine(name: str) -> None:
    """Registries are reached as the user's own npm and pip are configured; a path of one machine is nobody else's."""
    text = (ROOT / name).read_bytes().decode("utf-8", "replace")
    assert [host for host in REGISTRY_HOSTS if host in text] == []
    assert MACHINE_PATHS.search(text) is None


def test_no_test_waits_by_the_clock() -> None:
    """An event or a virtual clock says when; a sleep only guesses. (Helpers that ask again and again are in fakes.)"""
    sleepers = [
        f"{name}:{node.lineno}"
        for name in project_files()
        if name.startswith("tests/") and not name.startswith("tests/fakes/") and name.endswith(".py")
        for node in ast.walk(tree(name))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"time.sleep", "sleep"}
    ]
    assert sleepers == []
