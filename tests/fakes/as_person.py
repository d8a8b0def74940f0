"""`interdict` as a person without an account, in their own session: everything is loaded first, then rights are given
away, then it runs.

Started as a program by root: UID, then the arguments of `interdict`. Loading comes first, since the person may not be
able to enter the folder in which Python lies.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from agent.cli.main import main

MODULES = (
    "_strptime",
    "agent.cli.login_line",
    "agent.cli.notifier",
    "agent.cli.parser",
    "agent.cli.request_exception",
    "agent.cli.status",
    "agent.cli.why",
    "agent.notify.desktop",
    "agent.notify.manners",
    "agent.notify.program",
    "concurrent.futures.thread",
    "desktop_notifier.backends.dbus",
    "encodings.idna",
    "policy_schema.notices.discreet",
    "pwd",
    "unicodedata",
)


def load() -> None:
    """Loads what the commands of a person load when they need it."""
    for name in MODULES:
        importlib.import_module(name)
    import dbus_fast

    for found in pkgutil.walk_packages(dbus_fast.__path__, "dbus_fast."):
        if "glib" not in found.name:  # for other event loops
            importlib.import_module(found.name)


if __name__ == "__main__":
    load()
    who = int(sys.argv[1])
    os.setgroups([])
    os.setresgid(who, who, who)
    os.setresuid(who, who, who)
    os.chdir("/")
    sys.exit(main(sys.argv[2:]))
