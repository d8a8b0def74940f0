"""Starts allowed and banned programs from several threads until its input ends, and tells what went wrong.

`python -m tests.fakes.mixed_starts UID THREADS` as that user; the lists `allowed` and `banned` (each a list of command
lines) come as one line of JSON on standard input, and one JSON object is told at the end: how many starts, how many of
the banned ones were refused, the longest an allowed one took in seconds, and each wrong answer.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time

_NOTHING = [
    (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
    (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
]
_REFUSED = (126, 127)
"""What `env` and shells end with when a program may not be started."""


def started(words: list[str]) -> bool:
    """Starts a program and waits for it; whether it ran."""
    try:
        pid = os.posix_spawn(words[0], words, {"PATH": "/usr/bin:/bin"}, file_actions=_NOTHING)
    except PermissionError:
        return False
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) not in _REFUSED


class Starter:
    """One thread's part."""

    def __init__(self, allowed: list[list[str]], banned: list[list[str]], number: int, stop: threading.Event) -> None:
        self._allowed, self._banned, self._turn, self._stop = allowed, banned, number, stop
        self.starts = self.refused = 0
        self.longest = 0.0
        self.wrong: list[str] = []

    def run(self) -> None:
        """Until it is stopped: every third start is a banned one."""
        while not self._stop.is_set():
            self._turn += 1
            banned = self._turn % 3 == 0
            rows = self._banned if banned else self._allowed
            words = rows[self._turn // 3 % len(rows)]
            began = time.monotonic()
            if started(words) is banned:
                self.wrong.append(" ".join(words))
            if not banned:
                self.longest = max(self.longest, time.monotonic() - began)
            self.starts += 1
            self.refused += banned


def main(uid: str, threads: str) -> None:
    """Until the input ends."""
    rows = json.loads(sys.stdin.readline())
    os.setgroups([])
    os.setresgid(*[int(uid)] * 3)
    os.setresuid(*[int(uid)] * 3)
    stop = threading.Event()
    starters = [Starter(rows["allowed"], rows["banned"], 37 * number, stop) for number in range(int(threads))]
    running = [threading.Thread(target=one.run) for one in starters]
    for thread in running:
        thread.start()
    sys.stdin.read()
    stop.set()
    for thread in running:
        thread.join()
    told = {
        "starts": sum(one.starts for one in starters),
        "refused": sum(one.refused for one in starters),
        "longest": max(one.longest for one in starters),
        "wrong": [row for one in starters for row in one.wrong][:20],
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
