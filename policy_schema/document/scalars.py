"""The small types of a policy: each reads a text, refuses what is wrong, and says what to write instead."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import Annotated
from urllib.parse import urlsplit

from packageurl import PackageURL
from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from policy_schema.document.languages import canonical_tag
from policy_schema.document.times import LocalTime, parse_date, parse_local_time, parse_zone
from policy_schema.rules.instant import parse_duration, parse_instant
from policy_schema.rules.portable import SETTINGS_FILE
from policy_schema.rules.versions import SCHEMES

MEGABYTE = 1024 * 1024
_SIZES = {"KB": 1024, "MB": MEGABYTE, "GB": 1024 * MEGABYTE}
_IDENTIFIER = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*", re.ASCII)
_TOOL_ID = re.compile(r"(?:[a-z0-9]+(?:-[a-z0-9]+)*/)?[a-z0-9]+(?:[._-][a-z0-9]+)*", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,63}", re.ASCII)
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+_~:-]{0,63}", re.ASCII)


_instant = lru_cache(maxsize=1024)(parse_instant)
"""Bans of one policy mostly begin together."""


class Wrong(ValueError):
    """What is wrong with a value, and what to do. Pydantic carries it to `complaints`."""

    def __init__(self, message: str, mend: str) -> None:
        super().__init__(message)
        self.message = message
        self.mend = mend


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Wrong("is not a text", "write one value here, not a list or a mapping")
    return value


def _identifier(value: object) -> str:
    text = _text(value)
    if not _IDENTIFIER.fullmatch(text) or len(text) > 64:
        raise Wrong(f"{text[:80]!r} is not an id", "use small letters, digits, - . and _, such as claude-code")
    return text


def _tool_id(value: object) -> str:
    text = _text(value)
    if not _TOOL_ID.fullmatch(text) or len(text) > 96:
        raise Wrong(f"{text[:80]!r} is not the id of a tool", "write it as in `interdict-policy catalogue list`")
    return text


def _label(value: object) -> str:
    text = _text(value)
    if not _LABEL.fullmatch(text):
        raise Wrong(f"{text[:80]!r} is not a name of a group or region", "use letters, digits, blanks, - . and _")
    return text


def _line(value: object) -> str:
    text = _text(value).strip()
    if not text:
        raise Wrong("is empty", "write a text, or leave the key out")
    if "\n" in text or len(text) > 200:
        raise Wrong(
            f"is too long ({len(text)} characters) or has several lines", "write one line of up to 200 characters"
        )
    return text


def _exact(value: object) -> str:
    text = _text(value)
    if not text or len(text.encode()) > 400:
        raise Wrong(
            f"has {len(text.encode())} bytes", "write a text of 1 to 400 bytes, exactly as it stands in the file"
        )
    return text


def _paragraph(value: object) -> str:
    text = _text(value).strip()
    if not text:
        raise Wrong("is empty", "write a text, or leave the key out")
    if len(text) > 2000:
        raise Wrong(f"has {len(text)} characters, and 2,000 are allowed", "write it shorter; people read this mid-work")
    return text


def _link(value: object) -> str:
    text = _text(value)
    scheme = text.partition(":")[0].lower()
    mend = "write an address that begins with https:// or mailto:"
    if scheme not in ("https", "mailto"):
        raise Wrong(f"{text[:80]!r} is not an https or mailto address", mend)
    if len(text) > 500 or not text.isascii() or not text.isprintable() or set(text) & set(" \"'<>\\^`{|}"):
        raise Wrong(f"{text[:80]!r} has characters that no address has", "percent-encode them (a blank is %20)")
    if scheme == "mailto":
        if "@" not in text:
            raise Wrong(f"{text[:80]!r} names no mailbox", "write mailto:name@example.com")
        return text
    _check_host(text, mend)
    return text


def _check_host(text: str, mend: str) -> None:
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise Wrong(f"{text[:80]!r} is not an address: {error}", mend) from error
    if not host or "." not in host.strip("."):
        raise Wrong(f"{text[:80]!r} names no host", mend)
    if "@" in parts.netloc:
        raise Wrong(f"{text[:80]!r} hides its host behind an @", "leave the user name out")


def _duration(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        seconds = value
    else:
        try:
            seconds = parse_duration(_text(value))
        except ValueError as error:
            raise Wrong(str(error), "write a number and a unit, such as 30s, 15m, 4h or 3d") from error
    if not 0 <= seconds <= 366 * 86400:
        raise Wrong("is longer than a year", "write a shorter time")
    return seconds


def _size(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        size = value
    else:
        text = _text(value)
        number, unit = (text[:-2], text[-2:]) if text[-2:] in _SIZES else (text, "")
        if not (number.isascii() and number.isdigit()) or len(number) > 12:
            raise Wrong(f"{text[:40]!r} is not a size", "write bytes, or a number with KB, MB or GB, such as 32MB")
        size = int(number) * _SIZES.get(unit, 1)
    if not 0 < size <= 64 * _SIZES["GB"]:
        raise Wrong(f"{size} bytes is no useful size", "write bytes, or a number with KB, MB or GB, such as 32MB")
    return size


def _local_time(value: object) -> LocalTime:
    if isinstance(value, LocalTime):
        return value
    try:
        return parse_local_time(_text(value))
    except Wrong:
        raise
    except ValueError as error:
        raise Wrong(f"{str(value)[:40]!r} is not a time", "write it as 2026-07-10 09:00, in the time_zone") from error


def _date(value: object) -> date:
    if isinstance(value, date):
        return value
    try:
        return parse_date(_text(value))
    except Wrong:
        raise
    except ValueError as error:
        raise Wrong(f"{str(value)[:40]!r} is not a date", "write it as 2026-07-03") from error


def _zone(value: object) -> str:
    text = _text(value)
    try:
        parse_zone(text)
    except ValueError as error:
        raise Wrong(str(error), "write a name such as Asia/Shanghai or Europe/Berlin") from error
    return text


def _language(value: object) -> str:
    text = _text(value)
    tag = canonical_tag(text)
    if tag is None:
        what = f"{text[:60]!r} is not a language"
        if " " in text:
            raise Wrong(f"{what}: the text before it was cut at a comma", "put the whole text in double quotes")
        raise Wrong(what, "write a tag such as en, zh-Hans or pt-BR")
    if tag != text:
        raise Wrong(f"{text!r} is not how this language is written", f"write {tag}")
    return text


def _purl(value: object) -> str:
    return _package(value)[0]


def _package(value: object) -> tuple[str, PackageURL]:
    text = _text(value)
    try:
        package = PackageURL.from_string(text)
    except ValueError as error:
        raise Wrong(f"{text[:80]!r} is not a package URL", "write pkg:npm/%40scope/name or pkg:pypi/name") from error
    canonical: str = package.to_string()
    if canonical != text:
        raise Wrong(f"{text[:80]!r} is not in its usual form", f"write {canonical[:200]}")
    return text, package


def _purl_without_version(value: object) -> str:
    text, package = _package(value)
    if package.version:
        raise Wrong(f"{text[:80]!r} has a version", "leave the version out here")
    return text


def _sha256(value: object) -> str:
    text = _text(value)
    if not _SHA256.fullmatch(text):
        raise Wrong(f"{text[:80]!r} is not a SHA-256", "write its 64 digits 0-9 a-f in small letters")
    return text


def _version(value: object) -> str:
    text = _text(value)
    if not _VERSION.fullmatch(text):
        raise Wrong(f"{text[:40]!r} is not a version", "write one version, such as 2.1.198")
    return text


def _scheme(value: object) -> str:
    text = _text(value)
    if text not in SCHEMES:
        raise Wrong(f"{text[:40]!r} is not a version scheme that is built", f"write one of {', '.join(SCHEMES)}")
    return text


def _utc(value: object) -> str:
    try:
        _instant(_text(value))
    except Wrong:
        raise
    except ValueError as error:
        raise Wrong(f"{str(value)[:40]!r} is not an instant", "write it as 2026-07-10T01:00:00Z") from error
    return str(value)


def _settings_file(value: object) -> str:
    text = _text(value)
    if not SETTINGS_FILE.fullmatch(text) or len(text) > 200:
        mend = "write ~/ and the way to a .json or .md file, the first part with a dot, such as ~/.acme/settings.json"
        raise Wrong(f"{text[:80]!r} is no settings file of a person", mend)
    return text


_STRING = WithJsonSchema({"type": "string", "minLength": 1})
_LINK_SCHEMA = WithJsonSchema({"type": "string", "pattern": "^(https://|mailto:)", "maxLength": 500})


def _pattern(pattern: str, example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$", "examples": [example]})


Identifier = Annotated[str, BeforeValidator(_identifier), _pattern(_IDENTIFIER.pattern, "claude-code")]
ToolId = Annotated[str, BeforeValidator(_tool_id), _pattern(_TOOL_ID.pattern, "acme/linter")]
Label = Annotated[str, BeforeValidator(_label), _pattern(_LABEL.pattern, "red-team")]
Line = Annotated[str, BeforeValidator(_line), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 200})]
Exact = Annotated[str, BeforeValidator(_exact), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 400})]
"""A text that is looked for in files: blanks at its ends count."""
Paragraph = Annotated[
    str, BeforeValidator(_paragraph), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 2000})
]
Link = Annotated[str, BeforeValidator(_link), _LINK_SCHEMA]
Duration = Annotated[int, BeforeValidator(_duration), _pattern("[0-9]{1,6}[smhd]", "4h")]
Size = Annotated[int, BeforeValidator(_size), _pattern("[0-9]{1,12}(KB|MB|GB)?", "32MB")]
Moment = Annotated[
    LocalTime,
    BeforeValidator(_local_time),
    PlainSerializer(lambda time: time.text, return_type=str),
    _pattern("[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}", "2026-07-10 09:00"),
]
Day = Annotated[date, BeforeValidator(_date), _pattern("[0-9]{4}-[0-9]{2}-[0-9]{2}", "2026-07-03")]
Zone = Annotated[str, BeforeValidator(_zone), _STRING]
Language = Annotated[
    str, BeforeValidator(_language), _pattern("[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?", "en")
]
Package = Annotated[str, BeforeValidator(_purl_without_version), _pattern("pkg:[a-z]+/.+", "pkg:pypi/anthropic")]
PackageMaybeVersion = Annotated[str, BeforeValidator(_purl), _pattern("pkg:[a-z]+/.+", "pkg:pypi/anthropic@1.0")]
_TOOL_ID_SCHEMA = {"type": "string", "pattern": f"^{_TOOL_ID.pattern}$"}
ToolIds = Annotated[
    tuple[ToolId, ...],
    BeforeValidator(lambda value: (value,) if isinstance(value, str) else value),
    WithJsonSchema({"anyOf": [_TOOL_ID_SCHEMA, {"type": "array", "items": _TOOL_ID_SCHEMA}]}),
]
"""A list of ids, or one id alone (`except: "approved"`)."""
Sha256 = Annotated[str, BeforeValidator(_sha256), _pattern(_SHA256.pattern, "0" * 64)]
Version = Annotated[str, BeforeValidator(_version), _pattern(_VERSION.pattern, "2.1.198")]
SchemeName = Annotated[str, BeforeValidator(_scheme), WithJsonSchema({"enum": sorted(SCHEMES)})]
SettingsFile = Annotated[
    str, BeforeValidator(_settings_file), _pattern(SETTINGS_FILE.pattern, "~/.qoder/settings.json")
]
Utc = Annotated[str, BeforeValidator(_utc), _pattern("[0-9-]{10}T[0-9:]{8}Z", "2026-07-10T01:00:00Z")]
