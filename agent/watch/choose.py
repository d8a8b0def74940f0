"""Which watcher this machine gets: the one place where that is chosen."""

from __future__ import annotations

import sys
from collections.abc import Callable

from agent.errors import InterdictError
from agent.host.command import ESLOGGER, Stream
from agent.watch.eslogger import EsloggerWatcher
from agent.watch.interface import ProcessWatcher
from agent.watch.polling import INTERVAL, PollingWatcher

CHOICES = ("auto", "connector", "eslogger", "polling")
_BEST = {"linux": "connector", "darwin": "eslogger"}
"""What tells of starts by itself. Windows has nothing of the kind for a program without a driver or a trace session of
its own; both were never tried here, so nobody claims them: it is looked at several times a second instead."""


def best_way(platform: str, wanted: str = "auto") -> str:
    """Which way to try first on a system (`sys.platform`); the other is polling. Pure."""
    best = _BEST.get(platform, "polling")
    return best if wanted in ("auto", best) else "polling"


def choose_watcher(glance: Callable[[int], None], wanted: str = "auto", interval: float = INTERVAL) -> ProcessWatcher:
    """The best watcher that works here, not started yet. `glance` is `Sight.glance`, called on the watcher's thread;
    `interval` is polling's, in seconds.

    Linux: the kernel's process connector where it answers (root, or anybody from Linux 6.6 on, outside of containers).
    macOS: `eslogger` where it may (13 and later, root, full disk access). Otherwise polling, with the reason in its
    `health()`.

    Raises:
        ValueError: `wanted` is none of `CHOICES`.
    """
    if wanted not in CHOICES:
        raise ValueError(f"{wanted!r} is no process watcher; there are {', '.join(CHOICES)}")
    try:
        way = best_way(sys.platform, wanted)
        if way == "eslogger":
            return EsloggerWatcher(glance, lambda: Stream(ESLOGGER, ["exec"]))
        if sys.platform == "linux" and way == "connector":
            from agent.watch.linux import ConnectorWatcher

            return ConnectorWatcher(glance)
        reason = ""
    except InterdictError as error:
        # Not here, not with these rights, or not in this namespace: polling does with less.
        reason = str(error)
    return PollingWatcher(glance, interval=interval, because=reason)
