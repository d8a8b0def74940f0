"""Where a project asks for a package: file and line, for the person who will edit it. Nothing is ever changed there."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator

from agent.errors import InterdictError
from agent.host.folders import open_above

NPM_SECTIONS = frozenset({"dependencies", "devDependencies", "optionalDependencies", "peerDependencies"})
_MAX_BYTES = 4 << 20
_TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|[{}\[\],:\n]')
_REQUIREMENT = re.compile(r"""["']?\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*(?:[<>=!~;@,\s"'].*)?$""")
_QUOTED = re.compile(r"""["']([^"']*)["']""")
_ENVIRONMENTS = ("node_modules", ".venv", "venv", "env")


def manifest_line(manifest: str, package: str) -> tuple[str, int] | None:
    """File and line (from 1) where a project asks for a package; None when it does not, or cannot be read.

    `package` is the name as the registry knows it (`@anthropic-ai/claude-code`, `claude-agent-sdk`).
    """
    parse = _PARSERS.get(os.path.basename(manifest))
    if parse is None:
        return None
    try:
        holder, name = open_above(manifest)
        with holder:
            text = holder.read_all(name, _MAX_BYTES).decode("utf-8", "replace")
    except InterdictError:
        return None  # a project that cannot be read still gets its notice, without file and line
    line = parse(text, package)
    return None if line is None else (manifest, line)


def find_line(path: str, package: str) -> tuple[str, int] | None:
    """The same for an installation inside a project: its nearest manifest that asks for the package."""
    return next((line for file in manifests_around(path) if (line := manifest_line(file, package))), None)


def manifests_around(path: str) -> Iterator[str]:
    """Manifests of the projects whose environment holds `path`, nearest first."""
    parts = path.split(os.sep)
    for index in range(len(parts) - 1, 0, -1):
        if parts[index] in _ENVIRONMENTS:
            folder = os.sep.join(parts[:index]) or os.sep
            names = ("package.json",) if parts[index] == "node_modules" else ("pyproject.toml", "requirements.txt")
            yield from (os.path.join(folder, name) for name in names)


def line_in_package_json(text: str, package: str) -> int | None:
    """Finds `"PACKAGE": …` directly in one of the dependency objects, whatever the layout."""
    keys: list[str] = []
    line, key = 1, ""
    for token in _TOKEN.findall(text):
        if token == "\n":
            line += 1
        elif token in "{[":
            keys.append(key)
            key = ""
        elif token in "}]":
            key = ""
            if keys:
                keys.pop()
        elif token == ",":
            key = ""
        elif token == ":":
            if key == package and len(keys) == 2 and keys[1] in NPM_SECTIONS:
                return line
        else:
            key = _text(token)
    return None


def line_in_requirements(text: str, package: str) -> int | None:
    """Finds the line of a requirements file that begins with the package's name."""
    wanted = _normal(package)
    for number, line in enumerate(text.split("\n"), 1):
        match = _REQUIREMENT.match(line.strip())
        if match and _normal(match[1]) == wanted:
            return number
    return None


def line_in_pyproject(text: str, package: str) -> int | None:
    """Finds a quoted requirement, or a key of a poetry table; the project's own name does not count."""
    wanted, table = _normal(package), ""
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if stripped.startswith("["):
            table = stripped.strip("[] ")
        key = stripped.partition("=")[0].strip().strip("\"'")
        if "poetry" in table and table.endswith("dependencies") and _normal(key) == wanted:
            return number
        if stripped.startswith("#") or key in ("name", "description"):
            continue
        names = (_REQUIREMENT.match(quoted) for quoted in _QUOTED.findall(stripped))
        if any(match and _normal(match[1]) == wanted for match in names):
            return number
    return None


_PARSERS: dict[str, Callable[[str, str], int | None]] = {
    "package.json": line_in_package_json,
    "pyproject.toml": line_in_pyproject,
    "requirements.txt": line_in_requirements,
}


def _text(token: str) -> str:
    try:
        return str(json.loads(token))
    except ValueError:
        return ""


def _normal(name: str) -> str:
    """PEP 503: `Claude.Agent_SDK` and `claude-agent-sdk` are one name."""
    return re.sub(r"[-_.]+", "-", name).casefold()
