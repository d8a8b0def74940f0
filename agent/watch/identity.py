"""Which file a process really runs. Pure: from what the kernel and the command line say, no look at any file.

The kernel names the program, and nobody can lie about that. For an interpreter the file is a word of the command
line. A process writes that line itself, but lies about it only to be taken for something else: at its start it is
what the interpreter was really given, and the watcher remembers it from then (`agent.watch.sight`), since Claude
Code's node era rewrites its line to `claude` half a second later. Order of trust: `Standing`.

Launchers (`npx`, `uvx`, `pipx run`, `bun x`) are not what they launch: that is a process of its own, or the same one
after its exec. They say what was asked for, which is a lead, no more.
"""

from __future__ import annotations

import os
import re
from enum import StrEnum
from typing import NamedTuple

from agent.host.processes import Process
from agent.watch.interpreters import Family, Word, applet, base_name, deciding_word, family_of
from policy_schema.rules import launchers


class Kind(StrEnum):
    """What sort of thing runs."""

    PROGRAM = "program"
    SCRIPT = "script"
    MODULE = "module"
    """`python -m NAME`: the file is one of `candidates`."""
    CODE = "code"
    """An interpreter without a file: code on the line or from standard input, a prompt, a tool of its own."""
    RETITLED = "retitled"
    """An interpreter that overwrote its command line: the file is unknown unless it was seen at the start."""
    SETTLING = "settling"
    """`env`, about to become another program: look again."""
    NOTHING = "nothing"
    """A kernel thread."""


class Standing(StrEnum):
    """On whose word this rests."""

    SEEN = "seen"
    """The kernel's."""
    TOLD = "told"
    """The command line's."""
    RECALLED = "recalled"
    """The command line's when the program started; it was overwritten since."""
    HINTED = "hinted"
    """Only a title or a resemblance: weak, to be reported, never acted on."""


class Runs(NamedTuple):
    """What a process runs."""

    kind: Kind
    path: str
    """Absolute, links not resolved; the interpreter itself where there is no file to name."""
    standing: Standing = Standing.SEEN
    interpreter: str = ""
    """The interpreter's program when `path` is not the program itself."""
    candidates: tuple[str, ...] = ()
    """For scripts and modules: the places in the interpreter's own order; the first that exists is it."""
    title: str = ""
    """What the process calls itself now, when it overwrote its command line."""
    asked: str = ""
    """purl (without version) of what a launcher was told to fetch and run."""
    hints: tuple[str, ...] = ()
    """Files that may be involved: weak."""
    deleted: bool = False
    """The program (not the script) has no name any more."""


def what_runs(process: Process) -> Runs:
    """Which file a process really runs."""
    if not process.exe:
        return Runs(Kind.NOTHING, "")
    family = family_of(process.exe, process.cmdline)
    if family is None or not process.cmdline:
        return _program(process)
    if family is Family.ENV:
        return _interpreter(process, Kind.SETTLING)
    if family is Family.ELECTRON:
        return _electron(process)
    if _retitled(process, family):
        title = process.cmdline[0]
        return _interpreter(process, Kind.RETITLED)._replace(
            standing=Standing.HINTED, title=title, asked=launchers.by_title(title)
        )
    return _interpreted(process, family)


def _program(process: Process) -> Runs:
    asked = launchers.by_program(base_name(process.exe), process.cmdline)
    return Runs(Kind.PROGRAM, process.exe, asked=asked, deleted=process.exe_deleted)


def _interpreter(process: Process, kind: Kind) -> Runs:
    return Runs(kind, process.exe, deleted=process.exe_deleted)


def _interpreted(process: Process, family: Family) -> Runs:
    words = process.cmdline[1:]
    if base_name(process.cmdline[0]).lstrip("-") in ("busybox", "toybox", "coreutils"):
        words = words[1:]
    if family is Family.BUN and base_name(process.cmdline[0]) == "bunx":
        words = ("x", *words)
    found = deciding_word(family, words)
    match found.kind:
        case Word.FILE if family is Family.LOADER:
            return _loaded(process, found.word, found.rest)
        case Word.FILE:
            return _script(process, family, found.word, found.rest)
        case Word.MODULE:
            return _module(process, found.word, found.rest)
        case Word.PACKAGE:
            return _interpreter(process, Kind.CODE)._replace(asked=launchers.npm_purl(found.word))
        case Word.CODE | Word.TOOL:
            return _interpreter(process, Kind.CODE)


def _script(process: Process, family: Family, word: str, rest: tuple[str, ...]) -> Runs:
    if family in (Family.DENO, Family.BUN) and word.startswith(("npm:", "jsr:", "http:", "https:", "data:")):
        return _interpreter(process, Kind.CODE)._replace(asked=launchers.deno_purl(word))
    path = _absolute(process.cwd, word.removeprefix("file://"))
    if not path or path.startswith(("/dev/", "/proc/")):
        # `bash <(…)`, `/dev/fd/3`: a descriptor of that process; the same name in ours is another thing.
        return _interpreter(process, Kind.CODE)
    return Runs(
        Kind.SCRIPT,
        path,
        Standing.TOLD,
        process.exe,
        candidates=tuple(path + ending for ending in _ENDINGS.get(family, ("",))),
        asked=launchers.by_script(base_name(path), rest),
        deleted=process.exe_deleted,
    )


_ENDINGS: dict[Family, tuple[str, ...]] = {
    Family.NODE: ("", ".js", ".cjs", ".mjs", "/index.js"),
    Family.BUN: ("", ".ts", ".tsx", ".js", ".jsx", ".mjs", ".cjs", "/index.ts", "/index.js"),
    Family.PYTHON: ("", "/__main__.py"),
}
"""What an interpreter tries after the name as it stands."""


def _loaded(process: Process, word: str, rest: tuple[str, ...]) -> Runs:
    """A program that was started by naming the loader: what would be said if it had been started itself."""
    path = _absolute(process.cwd, word)
    if not path:
        return _interpreter(process, Kind.CODE)
    inner = what_runs(process._replace(exe=path, exe_deleted=False, cmdline=(word, *rest)))
    if inner.standing is Standing.HINTED:
        return inner
    return inner._replace(standing=Standing.TOLD, interpreter=inner.interpreter or process.exe)


def _module(process: Process, name: str, rest: tuple[str, ...]) -> Runs:
    """`python -m NAME`: folders where that Python looks for it, in its order."""
    parts = name.split(".")
    if not all(part.isidentifier() for part in parts):
        return _interpreter(process, Kind.CODE)
    places = tuple(
        os.path.join(folder, *parts) + ending
        for folder in _module_folders(process)
        for ending in ("/__main__.py", ".py")
    )
    return Runs(
        Kind.MODULE,
        places[0] if places else process.exe,
        Standing.TOLD,
        process.exe,
        candidates=places,
        asked=launchers.by_script(name, rest),
        deleted=process.exe_deleted,
    )


def _module_folders(process: Process) -> list[str]:
    """The working directory, the environment that the first word points into, and the interpreter's own prefix."""
    version = re.search(r"python(3\.\d+)", base_name(process.exe))
    folders = [process.cwd] if process.cwd else []
    called = _absolute(process.cwd, process.cmdline[0]) if "/" in process.cmdline[0] else ""
    for program in (called, process.exe):
        prefix = os.path.dirname(os.path.dirname(program))
        if program and version:
            library = f"{prefix}/lib/python{version[1]}"
            folders += [f"{library}/site-packages", library, f"{prefix}/lib/python3/dist-packages"]
    return list(dict.fromkeys(folders))


def _electron(process: Process) -> Runs:
    """An Electron program is itself, and with its node mode a script's host. That mode is in the environment, which is
    never read: without the flag of VS Code a script's name on the line is a hint (`code cli.js` only edits it)."""
    if any(word.startswith("--type=") for word in process.cmdline):
        return _program(process)
    names = [word for word in process.cmdline[1:] if word and not word.startswith("-")]
    path = _absolute(process.cwd, names[0]) if names else ""
    if not path:
        return _program(process)
    if "--ms-enable-electron-run-as-node" in process.cmdline or base_name(process.exe) == "electron":
        candidates = (path, f"{path}/index.js")
        return Runs(Kind.SCRIPT, path, Standing.TOLD, process.exe, candidates, deleted=process.exe_deleted)
    if path.endswith((".js", ".cjs", ".mjs")):
        return _program(process)._replace(hints=(path,))
    return _program(process)


def _retitled(process: Process, family: Family) -> bool:
    """Whether the one word that is left is not what an interpreter was ever called with: libuv (`process.title`),
    setproctitle and `$0 =` overwrite the whole line with one text."""
    if len(process.cmdline) != 1:
        return False
    called = process.cmdline[0]
    if applet(base_name(process.exe), process.cmdline) == base_name(process.exe):
        return False
    return family_of(called.lstrip("-"), ()) is not family


def _absolute(cwd: str, word: str) -> str:
    """A word as a path, from the process's working directory; empty when that is not known."""
    if os.path.isabs(word):
        return word
    return os.path.join(cwd, word) if cwd and word else ""
