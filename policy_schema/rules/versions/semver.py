"""Semantic Versioning 2.0.0 (semver.org), as npm's `semver` reads it: the versions of npm packages.

Build metadata plays no part in the order, so `=1.2.3` contains `1.2.3+build`.
"""

from __future__ import annotations

import re
from typing import Final

from policy_schema.rules.versions.scheme import MAX_VERSION_LENGTH, Key, Scheme

# A leading `v` is no part of the standard, but of many git tags and of what npm accepts.
_VERSION = re.compile(
    r"""v?(?P<major>0|[1-9][0-9]*)\.(?P<minor>0|[1-9][0-9]*)\.(?P<patch>0|[1-9][0-9]*)
    (?:-(?P<pre>(?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*))*))?
    (?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?""",
    re.VERBOSE | re.ASCII,
)

_RELEASE: Final = (1,)
"""Above every pre-release of the same three numbers (section 11.3)."""

_LEAST_IDENTIFIER: Final = (0, 0, "")


def key(text: str) -> Key | None:
    """Orders by section 11: numbers, then pre-release identifiers; None if the text is no such version."""
    if len(text) > MAX_VERSION_LENGTH:
        return None
    matched = _VERSION.fullmatch(text.strip())
    if matched is None:
        return None
    major, minor, patch, pre = matched.group("major", "minor", "patch", "pre")
    last = _RELEASE if pre is None else (0, tuple(_identifier(part) for part in pre.split(".")))
    return int(major), int(minor), int(patch), last


def _identifier(text: str) -> tuple[int, int, str]:
    # Section 11.4: numbers below words; numbers by value, words by ASCII.
    return (0, int(text), "") if text.isdigit() else (1, 0, text)


def after(bound: Key) -> Key:
    """The next version in the order: `1.2.4-0` follows 1.2.3, and `1.2.3-a.0` follows 1.2.3-a."""
    major, minor, patch, last = bound
    if last == _RELEASE:
        assert isinstance(patch, int)
        return major, minor, patch + 1, (0, (_LEAST_IDENTIFIER,))
    assert isinstance(last, tuple)
    return major, minor, patch, (0, (*last[1], _LEAST_IDENTIFIER))


SCHEME: Final = Scheme(
    name="semver",
    key=key,
    after=after,
    lowest=(0, 0, 0, (0, (_LEAST_IDENTIFIER,))),
    example="2.1.91",
    example_range=">=2.1.91 <2.1.198",
)
