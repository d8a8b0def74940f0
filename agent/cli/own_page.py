"""`interdict status --html`: gathers what the page shows, writes it for this person alone, opens it if asked."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping

from agent.cli.output import say
from agent.cli.quarantine import held_things
from agent.errors import BadCommand, Denied
from agent.host.clock import wall
from agent.host.command import XDG_OPEN, leave
from agent.host.own_files import distrust, own_uid, write_atomically
from agent.report.device_page.material import Material, table, text
from agent.report.device_page.page import device_page
from agent.report.views import read_view
from agent.settings import Settings, default_file
from policy_schema.notices.facts import zone_of
from policy_schema.notices.language import posix_tag, session_reader
from policy_schema.notices.translate import words_for

_NAME = "my-device.html"
_DOMAIN = "device-page"
_FOR_THE_BROWSER = (
    *("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR", "XDG_CURRENT_DESKTOP", "DBUS_SESSION_BUS_ADDRESS"),
    *("HOME", "LANG", "BROWSER"),
)


def show_page(
    settings: Settings, machine: Mapping[str, object], own: Mapping[str, object], args: argparse.Namespace
) -> None:
    """Writes the page and says where it is; opens it when asked.

    Raises:
        BadCommand: no such folder, no such language, or root wants a browser.
        Denied: somebody else could change what is written.
    """
    if args.open and own_uid() == 0:
        raise BadCommand("--open: no browser is started as root", "Leave --open out, and open the file as yourself.")
    page = device_page(_material(settings, machine, own, args.language))
    path = os.path.abspath(args.html) if args.html else os.path.join(_own_folder(os.environ), _NAME)
    if not os.path.isdir(os.path.dirname(path)) or os.path.isdir(path):
        raise BadCommand(f"{path}: not a file in a folder that is there", "Name a file, such as ./my-device.html.")
    write_atomically(path, page.encode("utf-8", "backslashreplace"), 0o600)
    say(path)
    if args.open:
        environment = {key: os.environ[key] for key in _FOR_THE_BROWSER if key in os.environ}
        leave(XDG_OPEN, [path], {"PATH": "/usr/local/bin:/usr/bin:/bin", **environment})


def _material(settings: Settings, machine: Mapping[str, object], own: Mapping[str, object], language: str) -> Material:
    rulebook = table((read_view(settings.state_dir, "rules.json") or {}).get("rulebook"))
    organisation = table(rulebook.get("organisation"))
    held, _ = held_things(settings)
    return Material(
        machine=machine,
        own=own,
        rulebook=rulebook,
        held=held,
        server=settings.server,
        config="" if settings.file == default_file() else settings.file,
        everything=own_uid() == 0,
        now=wall(),
        words=words_for((*_languages(language), text(organisation, "default_language") or "en"), _DOMAIN),
        zone=zone_of(text(organisation, "time_zone")),
    )


def _languages(wanted: str) -> tuple[str, ...]:
    """The languages to try: the one asked for, else those of the session."""
    if not wanted:
        return session_reader({**os.environ, "TERM": ""}).languages
    tag = posix_tag(wanted)
    if tag is None:
        raise BadCommand(f"--language {wanted}: not the tag of a language", "Write it as zh-Hans or en.")
    return (tag,)


def _own_folder(environment: Mapping[str, str]) -> str:
    """A folder that is the caller's alone: of their session, else below their cache. It is made where it is missing.

    Raises:
        Denied: it belongs to somebody else, or others may write there; root writing into it would be led anywhere.
    """
    home = environment.get("LOCALAPPDATA") if sys.platform == "win32" else ""
    cache = home or environment.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    base = environment.get("XDG_RUNTIME_DIR") or cache
    folder = os.path.join(os.path.abspath(base), "interdict")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    except OSError as error:
        raise Denied(f"{folder}: {error.strerror}", "Name a file: interdict status --html FILE.") from error
    why = distrust(folder)
    if why:
        raise Denied(why, "Name a file: interdict status --html FILE.")
    return folder
