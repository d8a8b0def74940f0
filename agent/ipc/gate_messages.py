"""What gate and daemon say to each other: small JSON messages, one a packet, bounded and checked. Pure.

What comes from the gate is believed as far as it can be: it answers the kernel with three of root's rights. Still its
messages are parsed as if anybody had sent them, since programs that are refused choose the paths in them.
"""

from __future__ import annotations

import json
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

MOST_BYTES = 8192
"""The longest message in either direction."""

_Number = Annotated[int, Meta(ge=0, le=2**53)]
_Pid = Annotated[int, Meta(ge=0, le=2**31)]
_Uid = Annotated[int, Meta(ge=-1, le=2**32)]
_Word = Annotated[str, Meta(max_length=100)]
_Path = Annotated[str, Meta(max_length=4200)]


class _Message(Struct, frozen=True, kw_only=True, tag_field="t"):
    """Fields that are not known are passed over: gate and daemon may be of different versions for a moment."""


class Hello(_Message, frozen=True, kw_only=True, tag="hello"):
    """The gate is there."""

    pid: _Pid
    features: _Word
    """`full`, `no-evictable` or `none`: what this kernel offers."""
    serial: _Number = 0
    """Number of the orders that it works by; 0 for none."""


class Beat(_Message, frozen=True, kw_only=True, tag="beat"):
    """The thread that answers the kernel lives."""

    n: _Number = 0


class Refused(_Message, frozen=True, kw_only=True, tag="refused"):
    """A start was refused."""

    at: float
    uid: _Uid
    pid: _Pid
    tty: _Number = 0
    """The terminal's number as in `/proc/PID/stat`; 0 for none, or for one of another namespace."""
    path: _Path
    tool: _Word
    ban: _Word
    version: _Word = ""
    matches: Annotated[tuple[_Word, ...], Meta(max_length=20)] = ()
    by: _Word = ""
    owner: _Uid = -1
    """Whose the file is, as the kernel says."""
    file: _Word = ""
    """What tells it from root's other files, wherever it is seen: its size and the time of its last change."""


class AllowedLate(_Message, frozen=True, kw_only=True, tag="allowed-late"):
    """Content took too long, so the program was let through: the watcher looks at it."""

    pid: _Pid
    path: _Path = ""
    uid: _Uid = -1


class OrdersTaken(_Message, frozen=True, kw_only=True, tag="orders"):
    """Whether the orders with this number are in force in the gate."""

    serial: _Number
    ok: bool
    why: Annotated[str, Meta(max_length=500)] = ""


class Trouble(_Message, frozen=True, kw_only=True, tag="trouble"):
    """Something keeps the gate from its work: a code, and whose starts did it."""

    code: _Word
    uid: _Uid = -1


GateMessage = Hello | Beat | Refused | AllowedLate | OrdersTaken | Trouble
# Learnt before two threads listen to two gates: see `policy_schema.messages.wire`.
msgspec.json.Decoder(GateMessage)


def read_message(data: bytes) -> GateMessage:
    """One message of the gate.

    Raises:
        ValueError: it is none.
    """
    try:
        # Not msgspec's own parser: a path need not be UTF-8, and travels as half of a surrogate pair.
        message: GateMessage = msgspec.convert(json.loads(data), GateMessage)
    except (msgspec.ValidationError, ValueError, RecursionError) as error:
        raise ValueError(str(error)) from error
    return message


def read_orders_again(serial: int) -> bytes:
    """Tells the gate that other orders are there."""
    return json.dumps({"t": "orders", "serial": serial}).encode()


def stop() -> bytes:
    """Tells the gate to end."""
    return b'{"t":"stop"}'
