"""Numbers with dots between them, as many as there are: applications, editor plug-ins, dates.

The rule: number by number from the left; a missing one is 0. So 1.9 < 1.10, and 1.2 is 1.2.0. A leading `v` is allowed,
anything else is no version of this scheme.
"""

from __future__ import annotations

import re
from typing import Final

from policy_schema.rules.versions.scheme import MAX_VERSION_LENGTH, Key, Scheme

_VERSION = re.compile(r"v?[0-9]+(?:\.[0-9]+)*", re.ASCII)
_BEYOND: Final = -1
"""Behind the numbers of a key: above that key, and below every other that begins with its numbers."""


def key(text: str) -> Key | None:
    """Orders by the numbers; None if the text is anything else."""
    if len(text) > MAX_VERSION_LENGTH:
        return None
    text = text.strip()
    if _VERSION.fullmatch(text) is None:
        return None
    numbers = [int(part) for part in text.removeprefix("v").split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def after(bound: Key) -> Key:
    """The least key above the bound."""
    return (*bound, _BEYOND)


SCHEME: Final = Scheme(
    name="dotted",
    key=key,
    after=after,
    lowest=(),
    example="2.1.91",
    example_range=">=2.1.91 <2.1.198",
)
