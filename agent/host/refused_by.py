"""What the kernel's security modules have refused, read from where they write it: pure lines, thin doors.

SELinux and AppArmor both write audit records. With auditd they stand in its log, without it in the kernel's own.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

AUDIT_LOG = "/var/log/audit/audit.log"
KERNEL_LOG = "/dev/kmsg"
_TAIL = 1 << 20
_MOST_LINES = 20_000
_FIELD = re.compile(r'\b([a-z_]+)=("[^"]{0,300}"|[^\s"]{1,300})')


class Denial(NamedTuple):
    """One refusal. `what` names the operation and its object, `context` the label or profile that lacks the right."""

    module: str
    command: str
    what: str
    context: str


def newest_denials(commands: frozenset[str]) -> tuple[list[Denial], str]:
    """Refusals of these programs, each kind once, newest first; and why nobody could look, where that is so."""
    for read in (_audit_lines, _kernel_lines):
        with contextlib.suppress(OSError):
            return parse_denials(read(), commands), ""
    return [], "its record can be read by root only"


def parse_denials(lines: Iterable[str], commands: frozenset[str]) -> list[Denial]:
    """The refusals among lines of an audit log, each kind once, newest first."""
    found = [one for one in map(_denial, lines) if one is not None and one.command in commands]
    return list(dict.fromkeys(reversed(found)))


def _denial(line: str) -> Denial | None:
    selinux = "avc:" in line and "denied" in line
    if not selinux and 'apparmor="DENIED"' not in line:
        return None
    fields = {name: value.strip('"') for name, value in _FIELD.findall(line)}
    command = fields.get("comm", "")
    thing = _printable(fields.get("name") or fields.get("path") or fields.get("capname") or "")
    if not selinux:
        what = f"{_printable(fields.get('operation', ''))} {thing}".strip()
        return Denial("AppArmor", command, what, _printable(fields.get("profile", "")))
    rights = re.search(r"denied\s+\{ ([a-z_ ]{1,100}) \}", line)
    what = f"{rights[1] if rights else 'something'} {thing} ({fields.get('tclass', '')})"
    return Denial("SELinux", command, what, _printable(fields.get("scontext", "")))


def _printable(text: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def _audit_lines() -> Iterator[str]:
    fd = os.open(AUDIT_LOG, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(fd, "rb") as file:
        size = os.fstat(fd).st_size
        file.seek(max(0, size - _TAIL))
        data = file.read(_TAIL)
    return iter(data.decode("utf-8", "replace").splitlines()[-_MOST_LINES:])


def _kernel_lines() -> Iterator[str]:
    """All that the kernel still remembers; reading it takes nothing away from others."""
    fd = os.open(KERNEL_LOG, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    lines: list[str] = []
    try:
        for _ in range(_MOST_LINES):
            try:
                lines.append(os.read(fd, 8192).decode("utf-8", "replace"))
            except BlockingIOError:
                break
            except BrokenPipeError:  # what was to be read next has been overwritten: the kernel goes on with the next
                continue
    finally:
        os.close(fd)
    return iter(lines)
