"""Versions of RPM packages, `[EPOCH:]VERSION[-RELEASE]`, ordered as rpm orders them.

Rules: rpm-version(7); the tests compare with rpm's own `vercmp`. A bound without a release names every release of it,
as in rpm's dependencies: `=2.1.197` contains 2.1.197-1.fc41.
"""

from __future__ import annotations

import re
from typing import Final

from policy_schema.rules.versions.scheme import MAX_VERSION_LENGTH, Key, Scheme

_PART = r"[0-9A-Za-z._+%{}~^]+"
_VERSION = re.compile(rf"(?:(?P<epoch>[0-9]+):)?(?P<version>{_PART})(?:-(?P<release>{_PART}))?", re.ASCII)
_SEGMENT = re.compile(r"~|\^|[0-9]+|[A-Za-z]+", re.ASCII)
_TILDE: Final = (-2, 0, "")
_END: Final = (-1, 0, "")
_CARET: Final = (0, 0, "")
_BEYOND: Final = (-1, 1, "")
_NO_RELEASE: Final = ()


def key(text: str) -> Key | None:
    """Orders by epoch, version and release; None if no package can have it."""
    if len(text) > MAX_VERSION_LENGTH:
        return None
    matched = _VERSION.fullmatch(text.strip())
    if matched is None or not any(c.isalnum() for c in matched["version"]):
        return None
    release = _segments(matched["release"]) if matched["release"] else _NO_RELEASE
    return int(matched["epoch"] or 0), _segments(matched["version"]), release


def _segments(text: str) -> tuple[tuple[int, int, str], ...]:
    return (*(_segment(part) for part in _SEGMENT.findall(text)), _END)


def _segment(text: str) -> tuple[int, int, str]:
    # A tilde before the end, the end before a caret, then words by ASCII, then numbers. Everything else only separates.
    if text == "~":
        return _TILDE
    if text == "^":
        return _CARET
    return (2, int(text), "") if text.isdigit() else (1, 0, text)


def first(bound: Key) -> Key:
    """The least key of all releases that the bound names: a tilde sorts below no release at all."""
    epoch, version, release = bound
    return (epoch, version, ()) if release == _NO_RELEASE else bound


def after(bound: Key) -> Key:
    """The least key above all releases that the bound names."""
    epoch, version, release = bound
    assert isinstance(version, tuple) and isinstance(release, tuple)
    if release == _NO_RELEASE:
        return epoch, (*version[:-1], _BEYOND), ()
    return epoch, version, (*release[:-1], _BEYOND)


SCHEME: Final = Scheme(
    name="rpm",
    key=key,
    first=first,
    after=after,
    lowest=(0, (), ()),
    example="2.1.91-1.fc41",
    example_range=">=2.1.91 <2.1.198",
)
