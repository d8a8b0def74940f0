"""Asks the daemon for something on behalf of whoever runs the command."""

from __future__ import annotations

import os
import select
import time

from agent.cli.output import say
from agent.errors import BadCommand, Denied
from agent.host.person_socket import NAME, PersonConnection, connect
from agent.settings import Settings
from policy_schema.messages import local
from policy_schema.messages.local import FrameRefused, Frames, FromPerson

_PATIENCE = 10.0
MOST_REASON = 1000
"""Characters of a reason."""


def ask(settings: Settings, wish: FromPerson) -> int:
    """Asks, says the answer, and answers with the exit code: 0, or 1 when it concerns nothing of the person's.

    Raises:
        Gone: no agent runs here.
        Denied: it does not answer, or is none.
    """
    connection = connect(os.path.join(settings.state_dir, NAME))
    try:
        answer = _converse(connection, wish)
    except (EOFError, FrameRefused) as error:
        raise Denied("the agent did not answer", "Is it of this version? `interdict doctor` tells.") from error
    finally:
        connection.close()
    say(answer.text)
    return 0 if answer.ok else 1


def reason_of(text: str) -> str:
    """A reason as it is sent.

    Raises:
        BadCommand: it is too long.
    """
    if len(text) > MOST_REASON:
        raise BadCommand(f"--reason: {len(text)} characters", f"Say it in {MOST_REASON} or fewer.")
    return text.encode("utf-8", "replace").decode()


def _converse(connection: PersonConnection, wish: FromPerson) -> local.Answer:
    frames, until = Frames(), time.monotonic() + _PATIENCE
    _send(connection, local.pack(local.Hello(what="command")) + local.pack(wish))
    while (left := until - time.monotonic()) > 0:
        select.select([connection], [], [], left)
        for body in frames.feed(connection.receive() or b""):
            message = local.read_from_daemon(body)
            if isinstance(message, local.Answer):
                return message
    raise EOFError


def _send(connection: PersonConnection, data: bytes) -> None:
    until = time.monotonic() + _PATIENCE
    while data and time.monotonic() < until:
        select.select([], [connection], [], 1.0)
        data = data[connection.send(data) :]
