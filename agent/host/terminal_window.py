"""A window with a terminal in which one of our own commands talks with the person, in their own desktop session."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping, Sequence

from agent.errors import ToolFailed, ToolMissing
from agent.host.child import own_command
from agent.host.command import Tool, leave

_BIN = "/usr/bin"
TERMINALS: tuple[tuple[Tool, tuple[str, ...]], ...] = (
    (Tool("xdg-terminal-exec", (f"{_BIN}/xdg-terminal-exec",)), ()),
    (Tool("x-terminal-emulator", (f"{_BIN}/x-terminal-emulator",)), ("-e",)),
    (Tool("ptyxis", (f"{_BIN}/ptyxis",)), ("--",)),
    (Tool("gnome-terminal", (f"{_BIN}/gnome-terminal",)), ("--",)),
    (Tool("kgx", (f"{_BIN}/kgx",)), ("--",)),
    (Tool("konsole", (f"{_BIN}/konsole",)), ("-e",)),
    (Tool("xfce4-terminal", (f"{_BIN}/xfce4-terminal",)), ("-x",)),
    (Tool("mate-terminal", (f"{_BIN}/mate-terminal",)), ("-x",)),
    (Tool("foot", (f"{_BIN}/foot",)), ()),
    (Tool("kitty", (f"{_BIN}/kitty",)), ()),
    (Tool("alacritty", (f"{_BIN}/alacritty",)), ("-e",)),
    (Tool("xterm", (f"{_BIN}/xterm",)), ("-e",)),
)
"""What is tried in this order, with what stands before the command: the person's own choice, the system's, the rest."""


def open_window(verb: str, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """Opens a window with `interdict VERB` in the session that `environment` is of; it goes on by itself.

    Raises:
        ToolMissing: this session has no screen, or no terminal program that we know opened there.
    """
    if _may_open() and (environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")):
        for tool, before in TERMINALS:
            # One that is not there, or ended with an error at once: the next one may do.
            with contextlib.suppress(ToolMissing, ToolFailed, OSError):
                leave(tool, [*before, *own_command(verb), *arguments], environment)
                return
    raise ToolMissing("no window with a terminal can be opened here", f"Type it in a terminal: interdict {verb}")


def _may_open() -> bool:
    """Whether one is opened for whoever we are: root's windows would do nobody's own things."""
    return sys.platform == "linux" and os.geteuid() != 0
