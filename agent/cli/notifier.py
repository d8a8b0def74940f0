"""`interdict notifier`: in a person's desktop session, shows notices with their buttons."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import threading
import webbrowser
from collections.abc import Callable
from importlib.util import find_spec

from agent.cli.output import say
from agent.cli.shared import add_settings_argument, settings_of
from agent.errors import InterdictError, ToolMissing
from agent.host.child import run_own
from agent.host.person_socket import NAME as SOCKET
from agent.host.terminal_window import open_window
from policy_schema.notices.language import session_reader

NAME = "notifier"
HELP = "In a person's own session: shows notices with their buttons. Started by the session, not by hand."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add_settings_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Shows notices until the session ends."""
    settings = settings_of(args)
    if find_spec("desktop_notifier") is None:
        raise ToolMissing(
            "the notifier needs the library desktop-notifier", 'Install it: pip install "interdict[notify]".'
        )
    languages = session_reader(os.environ).languages
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_show(os.path.join(settings.state_dir, SOCKET), languages, settings.file))
    return 0


async def _show(path: str, languages: tuple[str, ...], config: str) -> None:
    from agent.notify.desktop import Desktop
    from agent.notify.program import Notifier, Opening

    opening = Opening(open_address, details_opener(config), alternative_opener(config))
    notifier = Notifier(path, Desktop(languages), opening, languages)
    showing = asyncio.create_task(notifier.run(say))
    if sys.platform != "win32":
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, showing.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await showing


def open_address(address: str) -> None:
    """Opens a web address in the person's browser; anything else is left alone."""
    if address.startswith(("https://", "http://")):
        with contextlib.suppress(webbrowser.Error):
            webbrowser.open(address)


def details_opener(config: str) -> Callable[[], None]:
    """What opens the page with everything that the agent knows of this person; `config` is the settings file."""

    def make_and_open() -> None:
        with contextlib.suppress(InterdictError):
            run_own("status", ["--html", "--open", "--config", config], os.environ)

    # On a thread of its own: making the page takes a moment, and notices go on.
    return lambda: threading.Thread(target=make_and_open, daemon=True).start()


def alternative_opener(config: str) -> Callable[[str, str], None]:
    """What opens a window in which `interdict move` asks before each of its steps; the link where there is none."""

    def offer(notice: str, address: str) -> None:
        try:
            open_window("move", ["--notice", notice, *(["--config", config] if config else [])], os.environ)
        except InterdictError:
            # No terminal program here: the link is what everybody has.
            open_address(address)

    # On a thread of its own: a window takes a moment, and notices go on.
    return lambda notice, address: threading.Thread(target=offer, args=(notice, address), daemon=True).start()
