"""Ranges of versions: comparators that all must hold, compiled to half-open intervals of keys.

Order is the scheme's full order, pre-releases included: `>=2.1.91 <2.1.198` contains 2.1.198-beta.1. npm would leave
it out, because npm answers "what may be installed unasked?"; a ban answers "what is this copy?", and a pre-release of
the repaired version does not hold the repair for sure. Who wants the betas out writes `<2.1.198-0`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from typing import Final, NamedTuple

from policy_schema.rules.versions.scheme import MAX_VERSION_LENGTH, Key, Scheme

MAX_RANGE_LENGTH: Final = 1024
MAX_COMPARATORS: Final = 32

_COMPARATOR = re.compile(r"(>=|<=|!=|>|<|=)([^<>=!].*)", re.DOTALL)
_FORM = "write comparators separated by blanks, such as"


class Range(NamedTuple):
    """A compiled range. Build it with `compile_range`."""

    scheme: Scheme
    text: str
    edges: tuple[Key, ...]
    """Where containment changes, ascending: in from the first, out from the second, and so on."""

    def contains(self, version: str) -> bool | None:
        """Tells whether this version lies in the range; None if the text is no version of the scheme."""
        key = self.scheme.key(version)
        return None if key is None else self.contains_key(key)

    def contains_key(self, key: Key) -> bool:
        """The same for a key of this scheme that the caller has at hand."""
        return bisect_right(self.edges, key) % 2 == 1

    def is_empty(self) -> bool:
        """Tells whether no version at all can lie in the range."""
        return not self.edges


def parse_range(scheme: Scheme, text: str) -> Range:
    """Compiles `text`.

    Raises:
        ValueError: the text is not comparators separated by blanks; the message says what to write.
    """
    if len(text) > MAX_RANGE_LENGTH:
        raise ValueError(f"a range of {len(text)} characters is too long; {MAX_RANGE_LENGTH} are allowed")
    words = text.split()
    if not words:
        raise ValueError(
            f"an empty range says nothing: {_FORM} '{scheme.example_range}', or leave `versions` out for all"
        )
    if len(words) > MAX_COMPARATORS:
        raise ValueError(f"a range of {len(words)} comparators is too long; {MAX_COMPARATORS} are allowed")
    return Range(scheme, " ".join(words), _intersection([_edges(scheme, word) for word in words]))


def _edges(scheme: Scheme, word: str) -> tuple[Key, ...]:
    matched = _COMPARATOR.fullmatch(word)
    if matched is None:
        raise ValueError(_advice(scheme, word))
    operator, version = matched.groups()
    key = scheme.key(version)
    if key is None:
        raise ValueError(_bad_version(scheme, operator, version))
    first, after = scheme.first(key), scheme.after(key)
    return {
        ">=": (first,),
        ">": (after,),
        "<": (scheme.lowest, first),
        "<=": (scheme.lowest, after),
        "=": (first, after),
        "!=": (scheme.lowest, first, after),
    }[operator]


def _intersection(parts: Iterable[tuple[Key, ...]]) -> tuple[Key, ...]:
    ranges = list(parts)
    kept: list[Key] = []
    for edge in sorted({edge for part in ranges for edge in part}):
        inside = all(bisect_right(part, edge) % 2 == 1 for part in ranges)
        if inside != (len(kept) % 2 == 1):
            kept.append(edge)
    return tuple(kept)


def _advice(scheme: Scheme, word: str) -> str:
    shown = _quoted(word)
    if scheme.key(word) is not None:
        return f"{shown} has no comparator: write ={word} for this version only, or >={word} for it and all later ones"
    if word in (">=", "<=", "!=", ">", "<", "="):
        return f"{shown} stands alone: write it without a blank before its version, such as {word}{scheme.example}"
    if word.startswith("=="):
        return f"{shown} has one = too many: write ={scheme.example}"
    if word in ("*", "x", "X"):
        return f"{shown} is no comparator: leave `versions` out to mean all versions"
    if "||" in word:
        return f"{shown}: a range has no 'or'; write a second target with the other range"
    if "," in word:
        return f"{shown}: {_FORM} '{scheme.example_range}', without commas"
    if word.startswith(("^", "~")):
        return f"{shown}: write both ends out, such as '{scheme.example_range}'"
    return f"{shown} is not understood: {_FORM} '{scheme.example_range}'"


def _bad_version(scheme: Scheme, operator: str, version: str) -> str:
    if "," in version or "||" in version:
        return _advice(scheme, operator + version)
    shown = _quoted(operator + version)
    return f"{shown}: {_quoted(version)} is no {scheme.name} version; write it as in {operator}{scheme.example}"


def _quoted(word: str) -> str:
    return repr(word if len(word) <= MAX_VERSION_LENGTH else word[:40] + "...")
