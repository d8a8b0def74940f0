"""Checks of content signatures: each costs every machine a little at each new file, so few, and cheap first."""

from __future__ import annotations

from collections.abc import Iterator

from policy_schema.document.checks.subject import Lint
from policy_schema.document.problems import Path, Problem
from policy_schema.document.scalars import MEGABYTE
from policy_schema.document.tool import Content, Magic
from policy_schema.rules.signature import MAX_TAIL, MAX_TEXT, compile_signature

MAX_IN_FORCE = 16
MIN_LITERAL = 8


def cheap_test(lint: Lint) -> Iterator[Problem]:
    """Something cheaper than reading the content must rule most files out."""
    for path, _, signature in _signatures(lint):
        if not (signature.min_size or signature.section or signature.trailer):
            yield lint.error(path, "has no cheap test", "add min_size, section or trailer")
        elif Magic.TEXT in signature.magic and not signature.max_size:
            yield lint.error(path, "has no max_size, and text is read whole", "add max_size")


def size_read(lint: Lint) -> Iterator[Problem]:
    """At most 32 MB of a program are read, 40 MB of a text."""
    for path, _, signature in _signatures(lint):
        if signature.tail is not None and signature.tail > MAX_TAIL:
            mend = f"write {MAX_TAIL // MEGABYTE}MB or less"
            yield lint.error((*path, "tail"), "reads more than is allowed", mend)
        programs = set(signature.magic) - {Magic.TEXT}
        if not programs and signature.max_size is not None and signature.max_size > MAX_TEXT:
            mend = f"write {MAX_TEXT // MEGABYTE}MB or less"
            yield lint.error((*path, "max_size"), "reads more than is allowed", mend)
        if signature.min_size and signature.max_size and signature.min_size > signature.max_size:
            yield lint.error((*path, "min_size"), "is above max_size: nothing can match", "turn the two round")


def number_in_force(lint: Lint) -> Iterator[Problem]:
    """At most sixteen in one closed policy."""
    number = sum(len(tool.faces.content) for tool in lint.included)
    if number > MAX_IN_FORCE:
        message = f"need {number} content signatures, and {MAX_IN_FORCE} may be in force"
        yield lint.error(("bans",), message, "aim at fewer tools, or use packages and folders under `define`")


def usable(lint: Lint) -> Iterator[Problem]:
    """A signature compiles, and does not rest on a word that any file may hold."""
    for path, tool, signature in _signatures(lint):
        try:
            compile_signature(tool, signature.model_dump(mode="json"))
        except ValueError as error:
            yield lint.error(path, str(error).removeprefix(f"{tool}: "), "see docs/writing-a-policy.md")
        if max(len(literal) for literal in signature.all) < MIN_LITERAL:
            mend = f"add a text of {MIN_LITERAL} characters or more that only this tool holds"
            yield lint.error((*path, "all"), "holds only short texts, which other files hold too", mend)
        if signature.some is not None and signature.some.least > len(signature.some.of):
            yield lint.error((*path, "some", "least"), "is more than there are in `of`", "lower it")


def _signatures(lint: Lint) -> Iterator[tuple[Path, str, Content]]:
    for number, tool in enumerate(lint.policy.define):
        for position, signature in enumerate(tool.faces.content):
            yield ("define", number, "faces", "content", position), tool.id, signature
