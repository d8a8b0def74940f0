"""The agent's state folder: made once, and nobody else's to write."""

from __future__ import annotations

import os
import sys

from agent.errors import StateBroken
from agent.host.users import own_uid


def make_state_folder(folder: str) -> None:
    """Makes it: others may enter it to read the views, and nothing else.

    Raises:
        StateBroken: it cannot be made, belongs to somebody else, or can be written by others.
    """
    try:
        os.makedirs(folder, mode=0o755, exist_ok=True)
        status = os.stat(folder)
    except OSError as error:
        raise StateBroken(
            f"{folder}: {error.strerror or error}", "Set state_dir to a folder that can be made."
        ) from error
    if sys.platform != "win32" and (status.st_uid != own_uid() or status.st_mode & 0o022):
        raise StateBroken(
            f"{folder} belongs to somebody else or can be written by others", "Remove it, or set state_dir."
        )
