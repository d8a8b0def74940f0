"""`interdict` as a person without an account: everything is loaded, root's rights are given away, then it runs.

Started as a program by root: UID, then the arguments of `interdict`. Loading comes first, since the person may not be
able to enter the folder in which Python lies.
"""

from __future__ import annotations

import importlib
import os
import pwd  # noqa: F401  # what is imported when it is needed
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from agent.cli.main import main
from agent.inventory.runner import load_source
from agent.moving.arrival import SOURCES


def _load() -> None:
    for source in SOURCES:
        load_source(source)
    for name in (
        "agent.cli.move",
        "agent.host.foreign_database",
        "agent.host._linux_calls",
        "encodings.utf_8_sig",
        "unicodedata",
    ):
        importlib.import_module(name)


if __name__ == "__main__":
    _load()
    who = int(sys.argv[1])
    os.setgroups([])
    os.setresgid(who, who, who)
    os.setresuid(who, who, who)
    os.chdir("/")
    sys.exit(main(sys.argv[2:]))
