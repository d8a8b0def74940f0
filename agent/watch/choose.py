"""Which watcher this machine gets: the one place where that is chosen."""

from __future__ import annotations

import sys
from collections.abc import Callable

from agent.errors import InterdictError
from agent.watch.interface import ProcessWatcher
from agent.watch.polling import INTERVAL, PollingWatcher

CHOICES = ("auto", "connector", "polling")


def choose_watcher(glance: Callable[[int], None], wanted: str = "auto", interval: float = INTERVAL) -> ProcessWatcher:
    """The best watcher that works here, not started yet. `glance` is `Sight.glance`, called on the watcher's thread;
    `interval` is polling's, in seconds.

    Linux: the kernel's process connector where it answers (root, or anybody from Linux 6.6 on, outside of containers);
    polling otherwise, with the reason in its `health()`.

    Raises:
        ValueError: `wanted` is none of `CHOICES`.
    """
    if wanted not in CHOICES:
        raise ValueError(f"{wanted!r} is no process watcher; there are {', '.join(CHOICES)}")
    reason = ""
    if sys.platform == "linux" and wanted != "polling":
        from agent.watch.linux import ConnectorWatcher

        try:
            return ConnectorWatcher(glance)
        except InterdictError as error:
            # Not here, not with these rights, or not in this namespace: polling does with less.
            reason = str(error)
    return PollingWatcher(glance, interval=interval, because=reason)
