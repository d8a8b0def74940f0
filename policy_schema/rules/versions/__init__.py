"""Versions and version ranges: one file a scheme, one line in SCHEMES.

To add a scheme: write `NAME.py` with a `Scheme` called SCHEME (see `scheme.py` for its parts), add the line here,
and a table of published examples under `tests/unit/rules/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from policy_schema.rules.versions import deb, dotted, pep440, rpm, semver
from policy_schema.rules.versions.range import Range, parse_range
from policy_schema.rules.versions.scheme import Key, Scheme

__all__ = ["SCHEMES", "Key", "Range", "Scheme", "compile_range", "parse_key"]

SCHEMES: Mapping[str, Scheme] = MappingProxyType(
    {
        "deb": deb.SCHEME,
        "dotted": dotted.SCHEME,
        "pep440": pep440.SCHEME,
        "rpm": rpm.SCHEME,
        "semver": semver.SCHEME,
    }
)


def compile_range(scheme: str, text: str) -> Range:
    """Compiles comparators separated by blanks, such as `>=2.1.91 <2.1.198`, in the named scheme.

    Raises:
        ValueError: unknown scheme, or the text is not of that form; the message says what to write.
    """
    return parse_range(_scheme(scheme), text)


def parse_key(scheme: str, text: str) -> Key | None:
    """Returns what orders this version in the named scheme, or None if the text is no version there.

    Raises:
        ValueError: unknown scheme.
    """
    return _scheme(scheme).key(text)


def _scheme(name: str) -> Scheme:
    found = SCHEMES.get(name)
    if found is None:
        raise ValueError(f"version scheme {name!r} is not known here; write one of {', '.join(SCHEMES)}")
    return found
