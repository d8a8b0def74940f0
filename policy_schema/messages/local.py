"""What passes between the daemon and a person's own programs on the same machine: the notifier and their commands.

A frame is its length (four bytes, big-endian, at most `MOST_BYTES`) and one JSON document. The daemon asks the kernel
who is at the other end; nothing in a message says on whose behalf it speaks. Whatever a program of a person says is a
wish for that person's own things, or a hint.
"""

from __future__ import annotations

import struct
from enum import StrEnum
from hashlib import blake2b
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

VERSION = 1
MOST_BYTES = 64 * 1024
"""Of one document, without its length."""
_LENGTH = struct.Struct("!I")
HEAD = _LENGTH.size

Text = Annotated[str, Meta(max_length=4000)]
Short = Annotated[str, Meta(max_length=200)]
Id = Annotated[str, Meta(max_length=120, pattern=r"\A[!-~]*\Z")]
Key = Annotated[str, Meta(max_length=20, pattern=r"\A[a-z-]+\Z")]
"""A button: one of `KEYS`, or one that this version does not know and nobody acts on."""

GET, DETAILS, REMOVE, ASK, LATER = "get", "details", "remove", "ask", "later"
KEYS = (GET, DETAILS, REMOVE, ASK, LATER)
"""What people can press: get the alternative, see everything, have it removed now, ask for an exception, later."""


# From a person's program


class Hello(Struct, frozen=True, kw_only=True, tag="hello"):
    """The first message. `what` is `notifier` or `command`."""

    v: int = VERSION
    what: Key
    languages: Annotated[tuple[Short, ...], Meta(max_length=10)] = ()
    """What the person's session prefers, best first (`zh-CN`)."""


class Shown(Struct, frozen=True, kw_only=True, tag="shown"):
    """A notification service took the notice: that starts `min_notice`. `ok` is false when none did."""

    notice: Id
    ok: bool = True
    kept: bool = False
    """It was not shown, since the person does not want to be disturbed now, or others see their screen."""


class Pressed(Struct, frozen=True, kw_only=True, tag="pressed"):
    """The person pressed a button of a notice."""

    notice: Id
    key: Key


class AskException(Struct, frozen=True, kw_only=True, tag="ask-exception"):
    """The person asks for an exception from a ban."""

    ban: Id
    reason: Text = ""


class ReportWrong(Struct, frozen=True, kw_only=True, tag="report-wrong"):
    """The person says that a finding is none."""

    finding: Id
    reason: Text = ""


class Later(Struct, frozen=True, kw_only=True, tag="later"):
    """The person puts a reminder off, or (`undo`) wants it after all."""

    ban: Id
    undo: bool = False


class Came(StrEnum):
    """What became of a notice; true if it was shown."""

    SHOWN = "shown"
    NOT = "not"
    KEPT = "kept"
    """The person does not want to be disturbed, or others see their screen: nobody shall try another way."""

    def __bool__(self) -> bool:
        return self is Came.SHOWN


def notice_id(uid: int, ban: str, tool: str) -> str:
    """The id of a person's notice about one ban of one tool: a later one takes the place of the one before."""
    what = blake2b("\0".join((ban, tool)).encode(), digest_size=10).hexdigest()
    return f"{uid}-{what}"


# From the daemon


class Ready(Struct, frozen=True, kw_only=True, tag="ready"):
    """The answer to `Hello`."""

    v: int = VERSION
    agent: Short = ""


class Button(Struct, frozen=True, kw_only=True):
    """For desktops that show buttons. `url` is what it opens; empty where the daemon or a command does something."""

    key: Key
    label: Short
    url: Text = ""


class Notice(Struct, frozen=True, kw_only=True, tag="notice"):
    """What to show now. One with the id of an earlier one takes its place."""

    id: Id
    title: Short
    body: Text
    buttons: Annotated[tuple[Button, ...], Meta(max_length=6)] = ()
    stays: bool = False
    """It stays on the screen until the person closes it: something happens within the hour."""


class Withdraw(Struct, frozen=True, kw_only=True, tag="withdraw"):
    """A notice is no longer true."""

    id: Id


class Answer(Struct, frozen=True, kw_only=True, tag="answer"):
    """What came of a wish, as a sentence."""

    ok: bool
    text: Text


FromPerson = Hello | Shown | Pressed | AskException | ReportWrong | Later
FromDaemon = Ready | Notice | Withdraw | Answer


class FrameRefused(ValueError):
    """Bytes that are no message of this version."""


def pack(message: FromPerson | FromDaemon) -> bytes:
    """A message as one frame.

    Raises:
        FrameRefused: it would be longer than anybody reads.
    """
    body = msgspec.json.encode(message)
    if len(body) > MOST_BYTES:
        raise FrameRefused(f"a message of {len(body)} bytes; {MOST_BYTES} are the most")
    return _LENGTH.pack(len(body)) + body


def length_of(head: bytes) -> int:
    """The length that a frame's first `HEAD` bytes announce.

    Raises:
        FrameRefused: none, or more than anybody reads.
    """
    length = int(_LENGTH.unpack(head)[0])
    if not 0 < length <= MOST_BYTES:
        raise FrameRefused(f"a frame of {length} bytes; {MOST_BYTES} are the most")
    return length


_from_person: msgspec.json.Decoder[FromPerson] = msgspec.json.Decoder(FromPerson)
_from_daemon: msgspec.json.Decoder[FromDaemon] = msgspec.json.Decoder(FromDaemon)


def read_from_person(body: bytes) -> FromPerson:
    """What a person's program says.

    Raises:
        FrameRefused: it is no message, or breaks a bound.
    """
    try:
        return _from_person.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError) as error:
        raise FrameRefused(str(error)[:200]) from error


def read_from_daemon(body: bytes) -> FromDaemon:
    """What the daemon says.

    Raises:
        FrameRefused: it is no message, or breaks a bound.
    """
    try:
        return _from_daemon.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError) as error:
        raise FrameRefused(str(error)[:200]) from error


class Frames:
    """Puts frames together from whatever pieces come. Holds one frame at the most."""

    def __init__(self) -> None:
        self._held = bytearray()

    @property
    def begun(self) -> bool:
        """Whether a frame has begun and is not whole."""
        return bool(self._held)

    def feed(self, data: bytes) -> list[bytes]:
        """The bodies that are whole now.

        Raises:
            FrameRefused: a length that nobody reads.
        """
        self._held += data
        whole: list[bytes] = []
        while len(self._held) >= HEAD:
            end = HEAD + length_of(bytes(self._held[:HEAD]))
            if len(self._held) < end:
                break
            whole.append(bytes(self._held[HEAD:end]))
            del self._held[:end]
        return whole
