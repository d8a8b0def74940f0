"""Which language a person reads: BCP 47 tags (RFC 4647 lookup) and POSIX locales (`zh_CN.UTF-8`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

_SCRIPT_OF_REGION = {"CN": "Hans", "MY": "Hans", "SG": "Hans", "HK": "Hant", "MO": "Hant", "TW": "Hant"}
"""Likely scripts of Chinese (CLDR)."""


class Reader(NamedTuple):
    """What is known of the person: wanted languages, best first, and whether only ASCII can be shown."""

    languages: tuple[str, ...] = ()
    ascii_only: bool = False


def session_reader(environment: Mapping[str, str]) -> Reader:
    """The reader of a session by its environment, in gettext's order of variables.

    The Linux console (`TERM=linux`) has glyphs for Latin letters at most: English there, in ASCII.
    """
    if environment.get("TERM") == "linux":
        return Reader(("en",), ascii_only=True)
    locale = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := environment.get(name))), "")
    if posix_tag(locale) is None:
        # The C locale wins over LANGUAGE, as in gettext.
        return Reader()
    wanted = [*environment.get("LANGUAGE", "").split(":"), locale]
    return Reader(tuple(tag for name in wanted if (tag := posix_tag(name)) is not None))


def posix_tag(locale: str) -> str | None:
    """`zh_CN.UTF-8` → `zh-CN`; None for the C locale and for what is no locale."""
    name = locale.partition(".")[0].partition("@")[0].replace("_", "-")
    if name in ("", "C", "POSIX") or not name.isascii() or not name.replace("-", "").isalnum() or len(name) > 35:
        return None
    return name


def choose(wanted: Iterable[str], available: Sequence[str], default: str) -> str:
    """The best of `available` for the first wanted language that has any; else the default, else the first.

    Traditional Chinese falls back to Simplified: it is read more easily than a foreign language.
    """
    by_tag = {full_tag(tag): tag for tag in available}
    for tag in (*wanted, default):
        for candidate in _fallbacks(full_tag(tag)):
            if candidate in by_tag:
                return by_tag[candidate]
            regional = next((known for known in sorted(by_tag) if known.startswith(f"{candidate}-")), None)
            if regional is not None:
                return by_tag[regional]
    return available[0] if available else default


def full_tag(tag: str) -> str:
    """The tag in usual letters, Chinese always with its script: `zh_tw` → `zh-Hant-TW`, `zh` → `zh-Hans`."""
    parts = tag.replace("_", "-").split("-")
    language, rest = parts[0].lower(), [_cased(part) for part in parts[1:]]
    if language == "zh" and not any(part in ("Hans", "Hant") for part in rest):
        script = next((_SCRIPT_OF_REGION[part] for part in rest if part in _SCRIPT_OF_REGION), "Hans")
        rest.insert(0, script)
    return "-".join([language, *rest])


def _cased(part: str) -> str:
    return part.title() if len(part) == 4 and part.isalpha() else part.upper() if len(part) == 2 else part.lower()


def _fallbacks(tag: str) -> Iterator[str]:
    parts = tag.split("-")
    shortest = 2 if parts[0] == "zh" and len(parts) > 1 else 1
    for length in range(len(parts), shortest - 1, -1):
        yield "-".join(parts[:length])
    if tag.startswith("zh-Hant"):
        yield "zh-Hans"
