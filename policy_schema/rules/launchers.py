"""Launchers: what `npx`, `npm exec`, `bun x`, `uvx`, `uv tool run`, `pipx run` were asked to fetch and run.

Pure. The answer is a purl without a version, or empty. It is a lead only: the launched tool is another process.
"""

from __future__ import annotations

import re
from urllib.parse import quote

_NPM_NAME = re.compile(r"(?:@[a-z0-9~-][a-z0-9._~-]*/)?[a-z0-9~-][a-z0-9._~-]*", re.IGNORECASE)
_PYPI_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")

_NPX_VALUED = frozenset({"-c", "--call", "-w", "--workspace", "--prefix", "--registry", "--cache", "--userconfig"})
_NPX_NAMED = frozenset({"-p", "--package"})
_UV_OPTIONS = """
--with --with-editable --with-requirements -p --python --index --default-index -i --index-url --extra-index-url
-f --find-links --cache-dir --directory --project --config-file --env-file -c --constraints
"""
_UV_VALUED = frozenset(_UV_OPTIONS.split())
_UV_NAMED = frozenset({"--from"})
_PIPX_VALUED = frozenset({"--python", "--pip-args", "-i", "--index-url", "--with"})
_PIPX_NAMED = frozenset({"--spec"})


def npm_purl(spec: str) -> str:
    """The purl of an npm spec such as `@scope/name@1.2`; empty for folders, tarballs and URLs."""
    scoped = spec.startswith("@")
    name = ("@" if scoped else "") + spec.removeprefix("@").partition("@")[0]
    if not _NPM_NAME.fullmatch(name):
        return ""
    return "pkg:npm/" + "/".join(quote(part, safe="") for part in name.split("/"))


def pypi_purl(spec: str) -> str:
    """The purl of a Python requirement such as `aider-chat[x]==0.86`; empty for paths and URLs."""
    if "/" in spec or "\\" in spec:
        return ""
    name = re.split(r"[\[<>=!~;@ ]", spec, maxsplit=1)[0]
    if not _PYPI_NAME.fullmatch(name):
        return ""
    return "pkg:pypi/" + re.sub(r"[-_.]+", "-", name).lower()


def deno_purl(spec: str) -> str:
    """The purl of `npm:@scope/name@1/bin`; empty for jsr and URLs."""
    if not spec.startswith("npm:"):
        return ""
    name = spec.removeprefix("npm:").lstrip("/")
    parts = name.split("/")
    return npm_purl("/".join(parts[:2]) if name.startswith("@") else parts[0])


def by_title(title: str) -> str:
    """npm overwrites its command line with its own words: `npm exec @scope/name --flag`."""
    words = tuple(title.split())
    if words[:2] in (("npm", "exec"), ("npm", "x")):
        return npm_purl(_first(words[2:], _NPX_VALUED, _NPX_NAMED))
    return ""


def by_script(name: str, rest: tuple[str, ...]) -> str:
    """A launcher that is itself a script (or a Python module), by the script's name and the words after it."""
    match name:
        case "npx" | "npx-cli.js":
            return npm_purl(_first(rest, _NPX_VALUED, _NPX_NAMED))
        case "npm" | "npm-cli.js" if rest[:1] in (("exec",), ("x",)):
            return npm_purl(_first(rest[1:], _NPX_VALUED, _NPX_NAMED))
        case "pnpm" | "pnpm.cjs" | "yarn" | "yarn.js" if rest[:1] == ("dlx",):
            return npm_purl(_first(rest[1:], _NPX_VALUED, _NPX_NAMED))
        case "pnpx":
            return npm_purl(_first(rest, _NPX_VALUED, _NPX_NAMED))
        case "pipx" if rest[:1] == ("run",):
            return pypi_purl(_first(rest[1:], _PIPX_VALUED, _PIPX_NAMED))
        case "uv" | "uvx":
            return by_program(name, (name, *rest))
        case _:
            return ""


def by_program(name: str, argv: tuple[str, ...]) -> str:
    """A launcher that is a program of its own."""
    if name == "uvx":
        return pypi_purl(_first(argv[1:], _UV_VALUED, _UV_NAMED))
    if name == "uv" and "tool" in argv:
        after = argv[argv.index("tool") + 1 :]
        # `uvx` becomes `uv tool uvx` by exec.
        if after[:1] in (("run",), ("uvx",)):
            return pypi_purl(_first(after[1:], _UV_VALUED, _UV_NAMED))
    return ""


def _first(words: tuple[str, ...], valued: frozenset[str], named: frozenset[str]) -> str:
    """The value of an option that names the package, else the first word that is neither an option nor its value."""
    at = 0
    while at < len(words):
        option, joined, value = words[at].partition("=")
        if option in named:
            return value if joined else "".join(words[at + 1 : at + 2])
        if option == "--":
            return "".join(words[at + 1 : at + 2])
        if not option.startswith("-"):
            return words[at]
        at += 2 if option in valued and not joined else 1
    return ""
