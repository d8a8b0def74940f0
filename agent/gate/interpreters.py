"""Which interpreter a process is: by what its program can do, not by its name.

A runtime that loads native extensions must export the functions that those call, under names that its ecosystem has
fixed for good; they stand in the dynamic string table of the program (or it names the library that has them). So a
copy, a renamed one, or one with a byte changed is still one. Shells export nothing of the kind: they are known by size
and beginning, taken from the shells of this machine.
"""

from __future__ import annotations

# ruff: noqa: E402 - the type checker of another system stops at the assertion
import os
import stat
import sys
import threading
from _blake2 import blake2b
from collections import OrderedDict
from enum import StrEnum

assert sys.platform == "linux"

from agent.gate.calls import attributes
from policy_schema.rules.binary import HEAD_SIZE, Kind, find_sections, kind_of
from policy_schema.rules.descriptor import DescriptorReader


class Family(StrEnum):
    """What can be fed a script."""

    JAVASCRIPT = "javascript"
    PYTHON = "python"
    RUBY = "ruby"
    PERL = "perl"
    SHELL = "shell"
    LOADER = "loader"


_EXPORTS: tuple[tuple[Family, tuple[bytes, ...]], ...] = (
    (Family.JAVASCRIPT, (b"napi_create_function",)),
    (Family.PYTHON, (b"Py_BytesMain", b"Py_Main", b"PyRun_SimpleFileExFlags", b"Py_RunMain")),
    (Family.RUBY, (b"ruby_run_node", b"ruby_init")),
    (Family.PERL, (b"perl_parse",)),
    # The loader of glibc, of old glibc, of musl.
    (Family.LOADER, (b"_dl_debug_state", b"_dl_debug_addr", b"__rtld_malloc", b"_dl_mcount")),
)
SHELLS = tuple(
    f"{folder}/{name}"
    for folder in ("/bin", "/usr/bin", "/usr/local/bin")
    for name in ("sh", "ash", "bash", "busybox", "dash", "fish", "ksh", "mksh", "yash", "zsh")
)
_ENDINGS: dict[Family, tuple[str, ...]] = {
    Family.JAVASCRIPT: (".js", ".cjs", ".mjs", ".ts", ".mts", ".cts", ".jsx", ".tsx"),
    Family.PYTHON: (".py", ".pyw", ".pyc", ".pyz"),
    Family.RUBY: (".rb",),
    Family.PERL: (".pl", ".pm"),
    Family.SHELL: (".sh", ".bash", ".zsh", ".fish"),
}
MAX_NAMES = 16 << 20
"""Bytes of a string table that are looked at; node's is 5 MB."""
MAX_KNOWN = 512
_FINGERPRINT = 64 << 10


def readers_of(path: str, head: bytes) -> frozenset[Family]:
    """Who must not open a banned entry file: the interpreters of its language, and shells, whose `<` hands it on.

    A backup tool written in Python may copy a `cli.js`: it cannot run it. A program is opened to run it by a loader.
    """
    if kind_of(head) is Kind.ELF:
        return frozenset({Family.LOADER})
    line = head.split(b"\n", 1)[0] if head.startswith(b"#!") else b""
    for family, endings in _ENDINGS.items():
        if path.endswith(endings):
            return frozenset({family, Family.SHELL, Family.LOADER})
    named = {family for family, word in _SHEBANGS if word in line}
    return frozenset({*named, Family.SHELL, Family.LOADER}) if named else frozenset(Family)


_SHEBANGS = (
    (Family.JAVASCRIPT, b"node"),
    (Family.JAVASCRIPT, b"bun"),
    (Family.JAVASCRIPT, b"deno"),
    (Family.PYTHON, b"python"),
    (Family.RUBY, b"ruby"),
    (Family.PERL, b"perl"),
    (Family.SHELL, b"sh"),
)


def families_in(names: bytes) -> frozenset[Family]:
    """What a program's dynamic string table tells of it."""
    return frozenset(family for family, exports in _EXPORTS if any(export in names for export in exports))


class Interpreters:
    """Knows interpreters by what they are; any worker. Each program is looked at once while it does not change."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[int, int, int, int], frozenset[Family]] = OrderedDict()
        self._shells = frozenset(filter(None, map(_shell_print, SHELLS)))

    def of_process(self, pid: int, local: frozenset[int]) -> frozenset[Family]:
        """What the program of a process is; nothing on a filesystem whose server could keep us waiting."""
        try:
            link = os.open(f"/proc/{pid}/exe", os.O_PATH | os.O_CLOEXEC)
        except OSError:
            return frozenset()
        try:
            return self._of_link(link, local)
        except OSError:
            return frozenset()
        finally:
            os.close(link)

    def _of_link(self, link: int, local: frozenset[int]) -> frozenset[Family]:
        seen = attributes(link)
        if seen.device not in local or not stat.S_ISREG(seen.mode):
            return frozenset()
        key = (seen.device, seen.inode, seen.ctime_ns, seen.size)
        known = self._known.get(key)
        if known is None:
            fd = os.open(f"/proc/self/fd/{link}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                known = self.of_file(fd, seen.size)
            finally:
                os.close(fd)
            with self._lock:
                self._known[key] = known
                if len(self._known) > MAX_KNOWN:
                    self._known.popitem(last=False)
        return known

    def of_file(self, fd: int, size: int) -> frozenset[Family]:
        """What an open program is."""
        reader = DescriptorReader(fd, size)
        if kind_of(reader.read_at(0, HEAD_SIZE)) is not Kind.ELF:
            return frozenset()
        tables = find_sections(Kind.ELF, reader.read_at, size, ".dynstr")
        names = b"".join(reader.read_at(part.start, min(part.end - part.start, MAX_NAMES)) for part in tables[:1])
        found = families_in(names)
        return found | {Family.SHELL} if _print_of(reader) in self._shells else found


def _shell_print(path: str) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        reader = DescriptorReader(fd, os.fstat(fd).st_size)
        return _print_of(reader) if kind_of(reader.read_at(0, HEAD_SIZE)) is Kind.ELF else b""
    except OSError:
        return b""
    finally:
        os.close(fd)


def _print_of(reader: DescriptorReader) -> bytes:
    # The code of a shell stands behind its headers and tables: a changed size or beginning makes it another program.
    return reader.size.to_bytes(8, "big") + blake2b(reader.read_at(0, _FINGERPRINT), digest_size=16).digest()
