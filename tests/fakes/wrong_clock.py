"""A clock that is wrong: programs that are started with it see the machine's own time moved by a number of seconds.

The machine's clock belongs to everybody on it and is not touched. What is moved is the answer of the C library, so that
every part of a real agent, its children too, believes it; file times and the monotonic clock stay as they are.
"""

from __future__ import annotations

import os
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SOURCE = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static volatile long *moved;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("MOVED_CLOCK");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *there = mmap(0, sizeof(long), PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (there != MAP_FAILED) moved = there;
}

int clock_gettime(clockid_t which, struct timespec *answer) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(which, answer);
    if (!result && which == CLOCK_REALTIME && moved) answer->tv_sec += *moved;
    return result;
}
"""


class WrongClock:
    """Move it while programs run."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def move(self, seconds: int) -> None:
        """The clock says so many seconds more (or less) than the machine's own."""
        with self._path.open("r+b") as file:
            file.write(struct.pack("l", seconds))


@contextmanager
def wrong_clock(folder: Path) -> Iterator[WrongClock]:
    """Whatever is started while this is open goes by it."""
    library, moved = folder / "clock.so", folder / "moved"
    (folder / "clock.c").write_text(_SOURCE)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, folder / "clock.c", "-ldl"], check=True)
    moved.write_bytes(struct.pack("l", 0))
    moved.chmod(0o644)
    before = {name: os.environ.get(name) for name in ("LD_PRELOAD", "MOVED_CLOCK")}
    os.environ |= {"LD_PRELOAD": str(library), "MOVED_CLOCK": str(moved)}
    try:
        yield WrongClock(moved)
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
