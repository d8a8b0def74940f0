"""Signals to the agent itself, told at once.

Python runs a handler in the main thread, when that wakes. Of two signals in quick succession the kernel hands the
second to another thread, and a main thread that waits for its inbox then sleeps on. So the interpreter writes each
signal's number to a socket, whichever thread got it, and a thread of ours reads that.

An agent that takes new settings listens no more for a moment, then anew: what comes in between is told to the next one.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from typing import ClassVar


class _Between:
    """What came while nobody listened."""

    listening = False
    numbers: ClassVar[set[int]] = set()


def tell_signals(doings: Mapping[str, Callable[[], None]]) -> Callable[[], None]:
    """From now on a signal (`SIGTERM`) leads to its doing, on a thread of its own; names that this system does not
    know are passed over. Answers with what ends that. Call it in the main thread."""
    by_number = {int(getattr(signal, name)): doing for name, doing in doings.items() if hasattr(signal, name)}
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    for number in by_number:
        signal.signal(number, _remember)
    signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    thread = threading.Thread(target=_listen, args=(ours, by_number), name="signals", daemon=True)
    thread.start()
    _Between.listening = True
    missed = sorted(_Between.numbers & set(by_number))
    _Between.numbers.clear()
    theirs.send(bytes(missed))

    def end() -> None:
        _Between.listening = False
        signal.set_wakeup_fd(-1)
        theirs.close()
        thread.join()
        ours.close()

    return end


def _listen(ours: socket.socket, by_number: Mapping[int, Callable[[], None]]) -> None:
    with contextlib.suppress(OSError):
        while numbers := ours.recv(64):
            for number in numbers:
                by_number.get(number, _do_nothing)()


def _remember(number: int, _: object) -> None:
    """A handler must be there, else the system's own way of ending is taken. Mostly the socket has told it already."""
    if not _Between.listening:
        _Between.numbers.add(number)


def _do_nothing() -> None:
    """A signal that somebody else asked for."""
