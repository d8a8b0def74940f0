"""A second person on the machine, without an account: a child process with a user id that nobody has."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

UID = 54_321


def become(uid: int = UID) -> None:
    """Gives all rights away, for good."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def give_to(folder: Path) -> None:
    """Makes everything below a folder theirs."""
    for path in [folder, *folder.rglob("*")]:
        mode = path.lstat().st_mode
        os.chown(path, UID, UID, follow_symlinks=False)
        if not path.is_symlink():
            path.chmod(mode & 0o7777)  # chown takes the setuid bit away


class Person:
    """Their process: prepares, waits, and then does what it was given to do."""

    def __init__(self, pid: int, go: int, answers: int) -> None:
        self.pid, self._go, self._answers = pid, go, answers

    def act(self) -> dict[str, str]:
        """Lets them act now; answers what they say came of it."""
        os.write(self._go, b"!")
        data = b""
        while chunk := os.read(self._answers, 65536):
            data += chunk
        value = json.loads(data)
        assert isinstance(value, dict)
        return value


@contextmanager
def person(prepare: Callable[[], object], act: Callable[[], dict[str, str]], uid: int = UID) -> Iterator[Person]:
    """Starts them; `prepare` is done when this returns, `act` waits for `Person.act`."""
    ready, go, answers = os.pipe(), os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            become(uid)
            prepare()
            os.write(ready[1], b"!")
            os.read(go[0], 1)
            os.write(answers[1], json.dumps(act()).encode())
        finally:
            os._exit(0)
    for fd in (ready[1], go[0], answers[1]):
        os.close(fd)
    os.read(ready[0], 1)
    try:
        yield Person(pid, go[1], answers[0])
    finally:
        for fd in (ready[0], go[1], answers[0]):
            os.close(fd)
        os.waitpid(pid, 0)


def tried(name: str, work: Callable[[], object]) -> dict[str, str]:
    """What came of one attempt: `done`, or the name of the error."""
    try:
        work()
    except OSError as error:
        return {name: type(error).__name__}
    return {name: "done"}
