"""PEP 440: the versions of Python packages.

Own code instead of the `packaging` library, because the gate imports nothing but the standard library; the tests
compare it with `packaging`.
"""

from __future__ import annotations

import re
from typing import Final

from policy_schema.rules.versions.scheme import MAX_VERSION_LENGTH, Key, Scheme

# All spellings that PEP 440, "Normalization", allows.
_VERSION = re.compile(
    r"""v?(?:(?P<epoch>[0-9]+)!)?(?P<release>[0-9]+(?:\.[0-9]+)*)
    (?:[-_.]?(?P<pre>alpha|a|beta|b|preview|pre|c|rc)[-_.]?(?P<pre_number>[0-9]*))?
    (?P<post>-(?P<post_short>[0-9]+)|[-_.]?(?:post|rev|r)[-_.]?(?P<post_number>[0-9]*))?
    (?P<dev>[-_.]?dev[-_.]?(?P<dev_number>[0-9]*))?
    (?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?""",
    re.VERBOSE | re.ASCII | re.IGNORECASE,
)

_PRE: Final = {"a": 0, "alpha": 0, "b": 1, "beta": 1, "c": 2, "rc": 2, "pre": 2, "preview": 2}
_DEV_ONLY: Final = (-1, 0)
"""In the place of the pre-release: `1.0.dev1` comes before `1.0a1`."""
_NO_PRE: Final = (3, 0)
_NO_POST: Final = -1
_NO_DEV: Final = (1, 0)


def key(text: str) -> Key | None:
    """Orders by "Summary of permitted suffixes and relative ordering"; None if the text is no such version."""
    if len(text) > MAX_VERSION_LENGTH:
        return None
    matched = _VERSION.fullmatch(text.strip())
    if matched is None:
        return None
    field = matched.groupdict(default="")
    post = int(field["post_short"] or field["post_number"] or 0) if field["post"] else _NO_POST
    dev = (0, int(field["dev_number"] or 0)) if field["dev"] else _NO_DEV
    if field["pre"]:
        pre = (_PRE[field["pre"].lower()], int(field["pre_number"] or 0))
    else:
        pre = _DEV_ONLY if field["dev"] and not field["post"] else _NO_PRE
    return int(field["epoch"] or 0), _release(field["release"]), pre, post, dev, _local(field["local"])


def _release(text: str) -> tuple[int, ...]:
    # 1.0 and 1.0.0 are the same release.
    numbers = [int(part) for part in text.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _local(text: str) -> tuple[tuple[int, int, str], ...]:
    # Words below numbers, the shorter one first ("Local version identifiers").
    parts = re.split(r"[-_.]", text.lower()) if text else []
    return tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts)


def after(bound: Key) -> Key:
    """The least key above the bound. Without a local part a bound names every local build of it, as in pip's `==`."""
    epoch, release, pre, post, dev, local = bound
    assert isinstance(post, int) and isinstance(dev, tuple) and isinstance(local, tuple)
    if local:
        return epoch, release, pre, post, dev, (*local, (-1, 0, ""))
    if dev == _NO_DEV:
        return epoch, release, pre, post + 1, (0, 0), ()
    return epoch, release, pre, post, (0, dev[1] + 1), ()


SCHEME: Final = Scheme(
    name="pep440",
    key=key,
    after=after,
    lowest=(0, (), _DEV_ONLY, _NO_POST, (0, 0), ()),
    example="0.2.186",
    example_range=">=0.2 <0.3.dev0",
)
