"""What plainly is no secret, and what looks like one. Pure; a guess in both directions that errs to the safe side.

Words of a command line are judged one by one: only those that are known to be harmless by their form, or by the option
before them, count as such. Free text is judged by what it looks like.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

SECRET_NAME = re.compile(
    r"api[-_]?key|access[-_]?key|private[-_]?key|token|secret|passw|passphrase|pwd|credential|cookie|bearer|auth"
    r"|signature|session|webhook|(?:^|[-_])(?:key|pass|pin|pat|sig|dsn|jwt|header|env|user|login)s?(?:$|[-_])",
    re.IGNORECASE,
)
"""Names of options, keys and settings whose values are taken for secrets."""
_TOKENS = re.compile(
    r"(?<![A-Za-z0-9])(?:sk|pk|rk|pat|key|ghp|gho|ghu|ghs|ghr|hf|npm|ntn|secret|figd|github_pat|lin_api|dop_v1|glpat|pypi"
    r"|xox[abeoprs]|shp(?:at|ss))[-_][A-Za-z0-9_-]{6,}|(?<![A-Za-z0-9])(?:AIza|AKIA|ASIA|eyJ|ya29|SG\.)[A-Za-z0-9_.-]{6,}"
    r"|-----BEGIN"
)
_WITH_PASSWORD = re.compile(r"://[^/\s]*@|\b[^\s:/@]+:[^\s:/@]+@[^\s/]")
_NAMED = re.compile(
    r"(?:(?:api|private|access)[-_ ]?key|token|secret|passwo?r?d|passphrase|pwd|credentials?|cookie|authorization)"
    r"[\w-]*[\"'`]?\s*(?:[=:]|\bis\b)\s*\S|\b(?:bearer|basic)\s+\S{6,}",
    re.IGNORECASE,
)
_RUN = re.compile(r"[A-Za-z0-9+_=-]{8,}")
_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_LONG_NUMBER = re.compile(r"[0-9]{10,}")
_WORD = re.compile(r"[A-Za-z]{1,16}(?:[-_.][A-Za-z]{1,16}){0,6}|\d{1,5}")
_PACKAGE = re.compile(
    r"@[a-z0-9][a-z0-9._-]*/[a-z0-9][a-z0-9._-]*(?:@[a-z0-9][a-z0-9._-]{0,30})?|[a-z0-9][a-z0-9._-]*@[a-z0-9.-]{1,20}"
)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,60}(?:\[[a-z,]+\])?")
_PATH = re.compile(r"(?:~|\.{1,2})?/[\w ./@+~-]*|[A-Za-z]:\\[\w .\\@+~-]*|[\w-]{1,40}\.(?:js|mjs|cjs|ts|py|sh)")
_IMAGE = re.compile(r"(?:[a-z][a-z.-]{0,40}/){1,3}[a-z][a-z0-9._-]{0,40}(?::(?:latest|v?\d[\d.]{0,11}))?")
_HOST = re.compile(r"(?:localhost|127\.0\.0\.1|0\.0\.0\.0)(?::\d{1,5})?")
_OPTION = re.compile(r"--[A-Za-z][A-Za-z-]{0,40}|-[A-Za-z]{1,3}")
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]{0,63})=.*", re.DOTALL)
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]{0,63})(?::-[^}]*)?\}")
_ALONE = frozenset(
    "-y --yes -i -t -it --rm --interactive --tty --stdio --quiet -q --headless --isolated --init".split()
)
"""Options that take no value."""
_PLAIN = frozenset(
    """--from --package --transport --directory --project --python --with --host --port --mode --log-level --config
    --name --image --network --browser --output --format --module -m --read-only -n --oneline""".split()
)
"""Options whose value may be any plain word or number."""
_LAUNCHERS = frozenset("npx npm bunx pnpx pnpm yarn uvx uv pipx".split())
"""Programs whose first word may be the name of a package."""
SHORTEST = 5
"""Characters from which on a value that is known to be secret is looked for in other texts."""


class Word(NamedTuple):
    """A word of a command line as it may be shown; `missing` names what stands in it for something left out."""

    text: str
    missing: str = ""


def looks_secret(text: str) -> bool:
    """Whether a text looks as if it held a secret: tokens by their prefix, long runs of mixed signs, `name: value`."""
    if _TOKENS.search(text) or _WITH_PASSWORD.search(text) or _NAMED.search(text):
        return True
    return any(_mixed(run) for run in _RUN.findall(text))


def holds(text: str, hidden: Collection[str]) -> bool:
    """Whether one of the values that are known to be secret stands in a text."""
    return any(value in text for value in hidden if len(value) >= SHORTEST)


def reference(text: str) -> str:
    """The name of `${NAME}` or `${NAME:-default}`; empty for anything else."""
    found = _REFERENCE.fullmatch(text)
    return found[1] if found else ""


def shown_words(words: Sequence[str], stem: str, hidden: Collection[str], *, launcher: str = "") -> Iterator[Word]:
    """The words of a command line with `${STEM_ARG_3}` for each that is not plainly harmless.

    `launcher` is the program before them; a package's name follows some of those.
    """
    before, named = "", launcher in _LAUNCHERS
    for number, word in enumerate(words, 1):
        missing = f"{stem}_ARG_{number}"
        if holds(word, hidden):
            yield Word(f"${{{missing}}}", missing)
            before = ""
            continue
        yield _judged(word, before, missing, named)
        if _OPTION.fullmatch(word):
            before = "" if word in _ALONE else word
        else:
            named, before = named and bool(before), ""


def _judged(word: str, option: str, missing: str, named: bool) -> Word:
    left_out = Word(f"${{{missing}}}", missing)
    if name := reference(word):
        return Word(f"${{{name}}}", name)
    if _OPTION.fullmatch(word):
        return left_out if looks_secret(word) else Word(word)
    key, equals, value = word.partition("=")
    if equals and _OPTION.fullmatch(key):
        return Word(word) if _harmless(value, key, False) else Word(f"{key}=${{{missing}}}", missing)
    if found := _ASSIGNMENT.fullmatch(word):
        return left_out if looks_secret(found[1]) else Word(f"{found[1]}=${{{found[1]}}}", found[1])
    if option in ("-e", "--env") and re.fullmatch(r"[A-Z][A-Z0-9_]{1,63}", word) and not looks_secret(word):
        return Word(word)
    return Word(word) if _harmless(word, option, named) else left_out


def _harmless(word: str, option: str, named: bool) -> bool:
    if SECRET_NAME.search(option) or looks_secret(word) or len(word) > 500:
        return False
    if any(form.fullmatch(word) for form in (_PATH, _IMAGE, _PACKAGE, _HOST)):
        return True
    if option and option not in _PLAIN:
        return False
    return bool(_WORD.fullmatch(word) or ((named or option in _PLAIN) and _NAME.fullmatch(word)))


def _mixed(run: str) -> bool:
    """Whether a run of signs changes between small letters, big letters and digits more often than words do."""
    if _LONG_NUMBER.search(run):
        return True
    parts = _PARTS.findall(run)
    if sum(char.isdigit() for char in run) >= 2 and len(parts) >= 4 and len(run) >= 12:
        return True
    return len(parts) >= 4 and sum(map(len, parts)) < 3.2 * len(parts)


def is_plain(word: str) -> bool:
    """Whether a value is a word or number like any other, so that it says nothing where it stands elsewhere."""
    return bool(_WORD.fullmatch(word)) and not looks_secret(word)
