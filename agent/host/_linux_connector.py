"""The kernel's process connector: tells of every program that starts, the moment it has started.

Netlink family NETLINK_CONNECTOR, group CN_IDX_PROC (include/uapi/linux/{connector,cn_proc}.h). Three things keep its
traffic small: the event filter of Linux 6.6 and later, asked for in a second subscription that older kernels ignore
by its length; a classic BPF filter on the socket for those; and a forced receive buffer for bursts. When the buffer
overflows all the same, the kernel says so once (ENOBUFS) and `read` passes that on: whoever reads must look at
everything then.

It speaks only in the first network namespace (others: ECONNREFUSED) and of pids of the first pid namespace; both are
recognised at the start. From Linux 6.6 on it needs no right to listen; before, CAP_NET_ADMIN.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import select
import socket
import struct
import sys
from typing import NamedTuple

from agent.errors import Denied, ToolMissing

assert sys.platform == "linux"

NETLINK_CONNECTOR = 11
CN_IDX_PROC, CN_VAL_PROC = 1, 1
LISTEN, IGNORE = 1, 2
"""PROC_CN_MCAST_LISTEN and _IGNORE."""
NONE, EXEC = 0x0, 0x2
"""PROC_EVENT_NONE (an acknowledgement) and PROC_EVENT_EXEC."""
NLMSG_DONE = 3
SO_ATTACH_FILTER, SO_RCVBUFFORCE = 26, 33
FIRST_PID_NAMESPACE = 0xEFFFFFFC
"""PROC_PID_INIT_INO (include/linux/proc_ns.h): the inode of the first pid namespace, the same on every machine."""
BUFFER = 8 * 1024 * 1024
"""Holds about 10,000 starts that nobody has read yet; only used while there are any."""
ANSWER_WITHIN = 1.0

_HEADERS = struct.Struct("=IHHII IIIIHH")
"""nlmsghdr (length, type, flags, sequence, port), then cn_msg (idx, val, sequence, ack, length, flags)."""
_EVENT = struct.Struct("=IIQ")
"""proc_event: what, cpu, time; the event's own words follow."""
_WORDS = struct.Struct("=II")
_WHAT_AT = _HEADERS.size
_WORDS_AT = _HEADERS.size + _EVENT.size


class Starts(NamedTuple):
    """What one read brought."""

    pids: tuple[int, ...]
    lost: bool
    """True when the kernel had to drop some: their number is not known."""


class _Filter(ctypes.Structure):
    """sock_filter of linux/filter.h."""

    _fields_ = (("code", ctypes.c_uint16), ("jt", ctypes.c_uint8), ("jf", ctypes.c_uint8), ("k", ctypes.c_uint32))


class ExecConnector:
    """A subscription to program starts. One thread reads; `close` may come from another."""

    def __init__(self, buffer: int = BUFFER) -> None:
        """Subscribes.

        Raises:
            Denied: this kernel wants more rights for it, or we live in another namespace.
            ToolMissing: this kernel has no process connector.
        """
        if os.stat("/proc/self/ns/pid").st_ino != FIRST_PID_NAMESPACE:
            raise Denied("the process connector tells pids of another pid namespace")
        self._socket = _open_socket()
        self._subscribed = False
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            _enlarge(self._socket, buffer)
            _only_starts(self._socket)
            self._socket.bind((0, CN_IDX_PROC))
            self._subscribe()
        except OSError as error:
            self.close()
            raise Denied(f"the process connector refuses: {error.strerror}") from error
        except BaseException:
            self.close()
            raise

    def read(self, wait: float | None = None) -> Starts | None:
        """Program starts since the last read; waits for at most so many seconds. None after `interrupt`."""
        ready = self._wait(wait)
        if self._wake_read in ready:
            return None
        pids: list[int] = []
        lost = False
        while len(pids) < 1024:
            try:
                message, sender = self._socket.recvfrom(256, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                lost = True
                continue
            pid = parse_start(message) if sender[0] == 0 else None
            if pid is not None:
                pids.append(pid)
        return Starts(tuple(pids), lost)

    def interrupt(self) -> None:
        """Lets a waiting `read` return None, from any thread."""
        with contextlib.suppress(OSError):
            os.write(self._wake_write, b"!")

    def close(self) -> None:
        """Ends the subscription. Only once nobody reads any more."""
        if self._subscribed:
            # Kernels before 6.6 count listeners: without a LISTEN before it, this would switch off somebody else.
            with contextlib.suppress(OSError):
                self._socket.send(_request(struct.pack("=I", IGNORE)))
        self._socket.close()
        for descriptor in (self._wake_read, self._wake_write):
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def _subscribe(self) -> None:
        self._socket.send(_request(struct.pack("=I", LISTEN)))
        self._subscribed = True
        self._socket.send(_request(struct.pack("=II", LISTEN, EXEC)))
        # A kernel that may not or cannot answer stays silent; without an answer nothing would ever come.
        if self._socket.fileno() not in self._wait(ANSWER_WITHIN):
            raise ToolMissing("the kernel's process connector does not answer")
        answer = self._socket.recv(256)
        error = parse_answer(answer)
        if error:
            raise Denied(f"the process connector refuses: {os.strerror(error)}")

    def _wait(self, wait: float | None) -> frozenset[int]:
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        poll.register(self._wake_read, select.POLLIN)
        return frozenset(descriptor for descriptor, _ in poll.poll(None if wait is None else wait * 1000))


def parse_start(message: bytes) -> int | None:
    """The pid (of the whole process) that a message tells of; None for anything that is no program start."""
    if len(message) < _WORDS_AT + _WORDS.size:
        return None
    what, _, _ = _EVENT.unpack_from(message, _WHAT_AT)
    if what != EXEC:
        return None
    _, process = _WORDS.unpack_from(message, _WORDS_AT)
    return int(process) or None


def parse_answer(message: bytes) -> int:
    """The error number in an acknowledgement; 0 when the subscription stands (a start instead of an answer is one)."""
    if len(message) < _WORDS_AT + 4:
        return errno.EPROTO
    what, _, _ = _EVENT.unpack_from(message, _WHAT_AT)
    return int(struct.unpack_from("=I", message, _WORDS_AT)[0]) if what == NONE else 0


def _open_socket() -> socket.socket:
    try:
        return socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, NETLINK_CONNECTOR)
    except PermissionError as error:
        raise Denied("netlink sockets are not allowed here") from error
    except OSError as error:
        raise ToolMissing(f"this kernel has no process connector: {error.strerror}") from error


def _request(operation: bytes) -> bytes:
    length = _HEADERS.size + len(operation)
    return _HEADERS.pack(length, NLMSG_DONE, 0, 0, 0, CN_IDX_PROC, CN_VAL_PROC, 0, 0, len(operation), 0) + operation


def _enlarge(connector: socket.socket, size: int) -> None:
    try:
        connector.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, size)
    except PermissionError:
        # Without CAP_NET_ADMIN the system's limit holds: losses come sooner, and each leads to a look at everything.
        connector.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)


def _only_starts(connector: socket.socket) -> None:
    """Lets the kernel drop whatever is neither a program start nor an acknowledgement, before it is queued."""
    load_word, jump_if_equal, give = 0x20, 0x15, 0x06
    program = (_Filter * 5)(
        _Filter(load_word, 0, 0, _WHAT_AT),
        _Filter(jump_if_equal, 1, 0, socket.htonl(EXEC)),
        _Filter(jump_if_equal, 0, 1, socket.htonl(NONE)),
        _Filter(give, 0, 0, 0xFFFFFFFF),
        _Filter(give, 0, 0, 0),
    )
    head = struct.pack("@HP", len(program), ctypes.addressof(program))
    connector.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, head)
