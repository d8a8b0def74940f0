"""Interpreters and how their command lines are read: which word is the file, the module, the code.

Pure tables. An interpreter is known by the name of its program's file (the kernel's word, not the process's own);
options are from the manuals: `node --help`, `deno run --help`, bun's and Python's and the shells' manual pages. An
option that takes its value as the next word must stand here, or the value would be taken for the script.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple


class Family(StrEnum):
    """Programs that run something other than themselves."""

    NODE = "node"
    BUN = "bun"
    DENO = "deno"
    PYTHON = "python"
    RUBY = "ruby"
    PERL = "perl"
    SHELL = "shell"
    ENV = "env"
    LOADER = "loader"
    ELECTRON = "electron"


class Word(StrEnum):
    """What the deciding word of a command line is."""

    FILE = "file"
    MODULE = "module"
    CODE = "code"
    """Code on the command line or from standard input, or nothing at all: no file to name."""
    PACKAGE = "package"
    """A package that shall be fetched and run (`bun x NAME`)."""
    TOOL = "tool"
    """A command of the interpreter's own, such as `bun install`."""


class Grammar(NamedTuple):
    """How one family reads its words."""

    valued: frozenset[str] = frozenset()
    """Options whose value is the next word unless joined by `=`."""
    code: frozenset[str] = frozenset()
    letters_valued: str = ""
    """One-letter options that take a value, when letters are joined (`-uW default`)."""
    letters_code: str = ""
    letters_module: str = ""
    plus: bool = False
    """Shells: `+o` is an option too, and a single `-` ends the options."""
    commands: Mapping[str, Word] = MappingProxyType({})
    """First words that are commands: what the next word is then."""


class Found(NamedTuple):
    """The deciding word and what comes after it."""

    kind: Word
    word: str = ""
    rest: tuple[str, ...] = ()


_NAMES: tuple[tuple[Family, re.Pattern[str]], ...] = (
    (Family.NODE, re.compile(r"(?:node|nodejs|iojs)(?:[-_.]?v?\d+)*")),
    (Family.BUN, re.compile(r"bunx?(?:-(?:debug|profile))?")),
    (Family.DENO, re.compile(r"deno")),
    (Family.PYTHON, re.compile(r"(?:python|pypy)(?:\d+(?:\.\d+)*)?[dtmuw]*(?:-dbg)?")),
    (Family.RUBY, re.compile(r"j?ruby(?:\d+(?:\.\d+)*)?")),
    (Family.PERL, re.compile(r"perl(?:\d+(?:\.\d+)*)?")),
    (Family.SHELL, re.compile(r"(?:a|ba|da|fi|k|mk|rba|pdk|z|ya|c|tc)?sh(?:-?\d+(?:\.\d+)*)?")),
    (Family.ENV, re.compile(r"g?env")),
    (Family.LOADER, re.compile(r"ld(?:64|-linux|-musl)?(?:-[\w.-]+)?\.so(?:\.\d+)*|ld-\d[\d.]*\.so")),
    (
        Family.ELECTRON,
        re.compile(
            r"electron\d*|code|code-(?:insiders|oss|tunnel)|codium|vscodium|cursor|windsurf|qoder|kiro|trae|positron"
            r"|(?:code|code - insiders|cursor|windsurf|qoder|electron) helper(?: \(\w+\))?"
        ),
    ),
)
_MULTI_CALL = frozenset({"busybox", "toybox", "coreutils"})

_NODE_VALUED = """
-r --require --import --loader --experimental-loader -C --conditions --env-file --env-file-if-exists --title
--build-snapshot-config --cpu-prof-dir --cpu-prof-interval --cpu-prof-name --diagnostic-dir --disable-proto
--disable-warning --dns-result-order --experimental-default-type --experimental-policy --heap-prof-dir
--heap-prof-interval --heap-prof-name --heapsnapshot-near-heap-limit --heapsnapshot-signal --icu-data-dir --input-type
--inspect-port --debug-port --inspect-publish-uid --max-http-header-size --openssl-config --policy-integrity
--redirect-warnings --report-directory --report-dir --report-filename --report-signal --secure-heap --secure-heap-min
--snapshot-blob --stack-trace-limit --test-concurrency --test-name-pattern --test-skip-pattern --test-reporter
--test-reporter-destination --test-shard --test-timeout --test-coverage-include --test-coverage-exclude
--tls-cipher-list --tls-keylog --tls-max-v1.2 --trace-event-categories --trace-event-file-pattern
--trace-require-module --unhandled-rejections --use-largepages --v8-pool-size --watch-path --allow-fs-read
--allow-fs-write --localstorage-file --network-family-autoselection-attempt-timeout --experimental-config-file
--watch-kill-signal
"""
_BUN_VALUED = """
-r --preload --require --import --cwd -c --config --env-file --port --define -d --loader -l --tsconfig-override
--conditions --main-fields --extension-order --jsx-factory --jsx-fragment --jsx-import-source --jsx-runtime --drop
--filter -F --shell --origin -u --install --max-http-header-size --dns-result-order --title --elide-lines --user-agent
--inspect-port --cpu-prof-name --cpu-prof-dir
"""
_DENO_VALUED = """
-c --config --import-map --lock --cert --seed --location -L --log-level --preload --import --require --unstable-hmr
--ext --v8-flags --port --host --minimum-dependency-age --conditions --tunnel
"""
_LOADER_VALUED = "--library-path --inhibit-rpath --preload --audit --argv0 --glibc-hwcaps-prepend --glibc-hwcaps-mask"
_BUN_TOOLS = """
install i add a remove rm update outdated link unlink pm publish patch audit why info upgrade build init
"""
_DENO_TOOLS = """
add approve-scripts audit cache check clean compile completions coverage deploy doc fmt info init install jupyter lint
lsp outdated publish remove sandbox types uninstall update upgrade vendor
"""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _commands(**words: str) -> Mapping[str, Word]:
    return {command: Word(kind) for kind, commands in words.items() for command in commands.split()}


GRAMMARS: dict[Family, Grammar] = {
    Family.NODE: Grammar(
        valued=_words(_NODE_VALUED),
        code=_words("-e --eval -p --print -pe -ep --run --experimental-sea-config -v --version -h --help"),
        commands=_commands(file="inspect debug"),
    ),
    Family.BUN: Grammar(
        valued=_words(_BUN_VALUED),
        code=_words("-e --eval -p --print --version --help"),
        commands=_commands(file="run test", package="x create", code="exec repl", tool=_BUN_TOOLS),
    ),
    Family.DENO: Grammar(
        valued=_words(_DENO_VALUED),
        code=_words("--version --help"),
        commands=_commands(file="run serve test bench", package="x create", code="eval repl task", tool=_DENO_TOOLS),
    ),
    Family.PYTHON: Grammar(
        valued=_words("--check-hash-based-pycs"),
        code=_words("--version --help --help-all --help-env --help-xoptions"),
        letters_valued="WX",
        letters_code="c",
        letters_module="m",
    ),
    Family.RUBY: Grammar(
        valued=_words("--encoding --external-encoding --internal-encoding"),
        code=_words("--version --help"),
        letters_valued="IrCE",
        letters_code="e",
    ),
    Family.PERL: Grammar(letters_valued="I", letters_code="eE"),
    Family.SHELL: Grammar(
        valued=_words("--rcfile --init-file --init-command --features --profile --emulate"),
        code=_words("--version --help"),
        letters_valued="oO",
        letters_code="cs",
        plus=True,
    ),
    Family.LOADER: Grammar(
        valued=_words(_LOADER_VALUED),
        code=_words("--list --verify --help --version --list-tunables --list-diagnostics"),
    ),
}


def family_of(exe: str, argv: tuple[str, ...] = ()) -> Family | None:
    """Which interpreter a program is by the name of its file; programs with many names go by the word they were
    called with."""
    name = base_name(exe)
    if name in _MULTI_CALL and argv:
        name = applet(name, argv)
    if name.startswith("."):
        return None
    for family, pattern in _NAMES:
        if pattern.fullmatch(name):
            return family
    return None


def applet(name: str, argv: tuple[str, ...]) -> str:
    """Which of its many programs a multi-call program is (`busybox sh x`, or a link called `sh`)."""
    called = base_name(argv[0]).lstrip("-")
    if called == name and len(argv) > 1:
        return base_name(argv[1])
    return called


def base_name(path: str) -> str:
    """The last part of a path of either system, small letters, without `.exe`."""
    name = path.replace("\\", "/").rsplit("/", 1)[-1].lower()
    return name.removesuffix(".exe")


def deciding_word(family: Family, words: tuple[str, ...]) -> Found:
    """Reads the words after the program's name as that interpreter does, up to the one that decides."""
    grammar = GRAMMARS[family]
    wanted = Word.FILE
    at = 0
    while at < len(words):
        word = words[at]
        if word == "--" or (word == "-" and grammar.plus):
            return _name(wanted, words, at + 1)
        if word == "-":
            return Found(Word.CODE)
        if word.startswith("-") or (grammar.plus and word.startswith("+")):
            found, step = _option(grammar, words, at)
            if found is not None:
                return found
            at += step
            continue
        command = grammar.commands.get(word) if wanted is Word.FILE and word in grammar.commands else None
        if command is None:
            return _name(wanted, words, at)
        if command in (Word.CODE, Word.TOOL):
            return Found(command, word, words[at + 1 :])
        wanted, grammar = command, grammar._replace(commands={})
        at += 1
    return Found(Word.CODE)


def _name(wanted: Word, words: tuple[str, ...], at: int) -> Found:
    """The word at a place, if there is one."""
    if at >= len(words) or not words[at]:
        return Found(Word.CODE)
    return Found(wanted, words[at], words[at + 1 :])


def _option(grammar: Grammar, words: tuple[str, ...], at: int) -> tuple[Found | None, int]:
    """One option: what it decides, or how many words it takes."""
    word = words[at]
    name, joined, _ = word.partition("=")
    if name in grammar.code:
        return Found(Word.CODE), 0
    if name in grammar.valued:
        return None, 1 if joined else 2
    if word.startswith("--"):
        return None, 1
    for place, letter in enumerate(word[1:], start=1):
        value = word[place + 1 :]
        if letter in grammar.letters_code:
            return Found(Word.CODE), 0
        if letter in grammar.letters_module:
            return (Found(Word.MODULE, value, words[at + 1 :]) if value else _name(Word.MODULE, words, at + 1)), 0
        if letter in grammar.letters_valued:
            return None, 1 if value else 2
    return None, 1
