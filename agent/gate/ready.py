"""Tells the service manager that the gate answers now (sd_notify(3)), so that one gate can follow another."""

from __future__ import annotations

import contextlib
import socket
import sys

assert sys.platform == "linux"


def tell_ready(address: str) -> None:
    """A datagram to the socket that `NOTIFY_SOCKET` names; nothing where no manager asked for it. Never waits."""
    if not address.startswith(("/", "@")):
        return
    # An address that begins with @ lies in the abstract namespace.
    place = "\0" + address[1:] if address.startswith("@") else address
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as end:
        end.setblocking(False)
        end.sendto(b"READY=1", place)
