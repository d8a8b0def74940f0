"""Messages as bytes: one encoding, one decoding with its bounds, and the cleaning of texts from a machine."""

from __future__ import annotations

import unicodedata
import zlib
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from policy_schema.messages.enrol import EnrolAnswer, EnrolRequest
from policy_schema.messages.report import Report, ReportAnswer
from policy_schema.rules.instant import parse_instant

MAX_SENT = 1 << 20
"""Bytes of a request body as sent."""
MAX_INFLATED = 8 << 20
"""Bytes of a report after inflating; a sender splits what is bigger into several reports."""
VERSIONS = (1,)
"""The message versions that this code reads: its own and, once there are two, the one before."""

M = TypeVar("M", bound=msgspec.Struct)


class MessageRefused(ValueError):
    """A message cannot be used. `code` is one of `malformed`, `too-big`, `version-not-understood`."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code

    def advice(self) -> str:
        """What the sender's admin can do."""
        return {
            "too-big": "Split the report into several.",
            "version-not-understood": "Upgrade the console before the agents.",
        }.get(self.code, "Compare the versions of agent and console; the console must not be the older one.")


def encode(message: msgspec.Struct) -> bytes:
    """The JSON bytes of a message, fields in the order of their definition."""
    return msgspec.json.encode(message)


def decode(data: bytes, kind: type[M]) -> M:
    """Reads a message that anybody may have written. Fields that this version does not know are passed over.

    Raises:
        MessageRefused: not JSON, a wrong type, a bound exceeded, a day that does not exist, an unknown version.
    """
    if len(data) > MAX_INFLATED:
        raise MessageRefused("too-big", f"more than {MAX_INFLATED} bytes")
    try:
        if _VERSION.decode(data).v not in VERSIONS:
            raise MessageRefused("version-not-understood", "the message has a version that this console does not read")
        message: M = _KINDS[kind].decode(data)
        _check_moments(message)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise MessageRefused("malformed", str(error)[:200]) from error
    except OverflowError as error:
        raise MessageRefused("malformed", "a number beyond every bound") from error
    return message


def inflate(data: bytes, limit: int = MAX_INFLATED) -> bytes:
    """Undoes gzip without ever holding more than `limit` bytes.

    Raises:
        MessageRefused: not gzip, cut off, followed by something else, or bigger than the limit.
    """
    machine = zlib.decompressobj(wbits=31)
    try:
        text = machine.decompress(data, limit + 1)
    except zlib.error as error:
        raise MessageRefused("malformed", "the body is not gzip") from error
    if len(text) > limit:
        raise MessageRefused("too-big", f"more than {limit} bytes after inflating")
    if not machine.eof:
        raise MessageRefused("malformed", "the gzip stream is cut off")
    if machine.unused_data:
        raise MessageRefused("malformed", "something follows the gzip stream")
    return text


def clean(text: str, most: int = 120) -> str:
    """A text from a machine, fit for a message, a page and a table: cut, and without what could hide or confuse.

    Controls, surrogates, private and unassigned characters and the marks that turn the writing direction become "�".
    Senders clean before encoding (a name that is not UTF-8 has surrogates); the console cleans again.
    """
    cut = text[:most]
    if cut.isascii() and cut.isprintable():
        return cut
    return "".join("\ufffd" if unicodedata.category(sign) in _HIDING else sign for sign in cut)


_HIDING = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


class _Version(msgspec.Struct):
    """Just enough of a message to know which version it is."""

    v: int = 1


_VERSION: Final = msgspec.json.Decoder(_Version)
_KINDS: Final[Mapping[type, msgspec.json.Decoder[Any]]] = {
    kind: msgspec.json.Decoder(kind) for kind in (EnrolRequest, EnrolAnswer, Report, ReportAnswer)
}
"""Made here and not at the first message: two threads that learn a type at the same moment end the process, since
msgspec (0.22) fills in what it knows of a type while others may already read it."""


def _check_moments(message: msgspec.Struct) -> None:
    """Days such as 2026-02-31 have the right form and do not exist."""
    if not isinstance(message, Report):
        return
    moments = [message.generated_at, message.heartbeat.started_at]
    moments += [f"{move.seen_at}T00:00:00Z" for move in message.moves]
    moments += [f"{request.at}T00:00:00Z" for request in message.requests]
    moments += [request.held_until for request in message.requests if request.held_until]
    for finding in message.findings:
        moments.append(finding.since if len(finding.since) > 10 else f"{finding.since}T00:00:00Z")
        moments += [finding.effective_from] if finding.effective_from else []
        moments += [finding.next.start] if finding.next else []
    for moment in moments:
        try:
            parse_instant(moment)
        except ValueError as error:
            raise MessageRefused("malformed", f"{moment} is not a day") from error
