"""Versions of Debian packages, `[EPOCH:]UPSTREAM[-REVISION]`, ordered as dpkg orders them.

Rules: deb-version(7); the tests compare with `dpkg --compare-versions`. A bound without a revision names every
revision of it: `=2.1.197` contains 2.1.197-1, because a ban means the program and not how often it was packaged.
"""

from __future__ import annotations

import re
from typing import Final

from policy_schema.rules.versions.scheme import MAX_VERSION_LENGTH, Key, Scheme

_EPOCH = re.compile(r"[0-9]+(?=:)", re.ASCII)
_UPSTREAM = re.compile(r"[0-9][0-9A-Za-z.+~:-]*", re.ASCII)
_REVISION = re.compile(r"[0-9A-Za-z.+~]+", re.ASCII)
_RUNS = re.compile(r"([^0-9]*)([0-9]*)", re.ASCII)
_MAX_EPOCH: Final = 2**31 - 1
_TILDE: Final = -1
_END: Final = 0
_NO_REVISION: Final = ((_END,), 0, (_END,))
"""Also that of `-0`: dpkg takes both for the same."""


def key(text: str) -> Key | None:
    """Orders by epoch, upstream version and revision; None if dpkg would not take it for a version."""
    if len(text) > MAX_VERSION_LENGTH:
        return None
    text = text.strip()
    epoch = _EPOCH.match(text)
    text = text[epoch.end() + 1 :] if epoch else text
    upstream, hyphen, revision = text.rpartition("-") if "-" in text else (text, "", "")
    if not _UPSTREAM.fullmatch(upstream) or (":" in upstream and not epoch):
        return None
    number = int(epoch[0]) if epoch else 0
    if (hyphen and not _REVISION.fullmatch(revision)) or number > _MAX_EPOCH:
        return None
    return number, _part(upstream), _part(revision)


def _part(text: str) -> tuple[object, ...]:
    """Runs of other characters and numbers by turns; what is not there is a run without characters and the number 0."""
    runs: list[object] = []
    for other, digits in _RUNS.findall(text):
        if other or digits:
            runs += [_order(other), int(digits or 0)]
    return (*(runs or _NO_REVISION[:2]), (_END,))


def _order(text: str) -> tuple[int, ...]:
    # A tilde before the end, the end before letters, letters before everything else.
    return (*(_TILDE if c == "~" else ord(c) if c.isalpha() else ord(c) + 256 for c in text), _END)


def first(bound: Key) -> Key:
    """The least key of all revisions that the bound names: a tilde sorts below no revision at all."""
    epoch, upstream, revision = bound
    return (epoch, upstream, ()) if revision == _NO_REVISION else bound


def after(bound: Key) -> Key:
    """The least key above all revisions that the bound names."""
    epoch, upstream, revision = bound
    assert isinstance(upstream, tuple) and isinstance(revision, tuple)
    if revision == _NO_REVISION:
        return epoch, _beyond(upstream), ()
    return epoch, upstream, _beyond(revision)


def _beyond(runs: tuple[object, ...]) -> tuple[object, ...]:
    # Nothing that is written sorts between the end and the first letter.
    return (*runs[:-1], (_END, _END))


SCHEME: Final = Scheme(
    name="deb",
    key=key,
    first=first,
    after=after,
    lowest=(0, (), ()),
    example="2.1.91-1",
    example_range=">=2.1.91 <2.1.198",
)
