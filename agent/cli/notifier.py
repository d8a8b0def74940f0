"""`interdict notifier`: in a person's desktop session, shows notices with their buttons."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import webbrowser
from importlib.util import find_spec

from agent.cli.output import say
from agent.cli.shared import add_settings_argument, settings_of
from agent.errors import ToolMissing
from agent.host.person_socket import NAME as SOCKET
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
        asyncio.run(_show(os.path.join(settings.state_dir, SOCKET), languages))
    return 0


async def _show(path: str, languages: tuple[str, ...]) -> None:
    from agent.notify.desktop import Desktop
    from agent.notify.program import Notifier, Opening

    notifier = Notifier(path, Desktop(), Opening(open_address, open_details), languages)
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


def open_details() -> None:
    """Opens the page with everything that the agent knows of this person."""
