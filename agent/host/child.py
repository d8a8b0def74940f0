"""Our own program once more, as a child with a hidden verb: one JSON document in, one out, then it is gone.

What talks to the network (courier) or parses what came from there (adopter) never runs inside the daemon. Children are
fresh executions, never forks: the daemon has threads. A child starts with our rights, loads our own code and gives its
rights away before it reads anything (`agent.host.confine`); it gets an empty environment, a session of its own, limits
and a deadline.

The gate is another program of ours, and stays: it outlives the agent. It gets a session of its own and no pipe to us
(one that is full would make it wait); what it complains about goes into a small memory file.
"""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

import agent
from agent.errors import InterdictError, ToolFailed
from agent.host.command import PLAIN_ENVIRONMENT, SETPRIV, Output, find_tool, last_line, start, talk
from agent.host.confine import Cage, Limits

MOST_BYTES = 48_000_000
"""The largest document in either direction: a policy as large as is ever read, in base64, and what belongs to it."""

FALLBACK_USER = "nobody"
GATE_PROGRAM = "interdict-gate"
"""The gate's own small executable, beside ours, where we are frozen."""
GATE_RIGHTS = ("sys_admin", "sys_ptrace", "dac_read_search", "lease")
_COMPLAINTS = 64 * 1024


class Weakness(NamedTuple):
    """Something that makes the children's confinement weaker than it should be, for `doctor` and the heartbeat."""

    code: str
    message: str
    advice: str


class Chosen(NamedTuple):
    """The user that a child becomes (uid 0: it stays who the agent is), and what is wrong with that."""

    uid: int
    gid: int
    weakness: Weakness | None


def own_command(verb: str) -> list[str]:
    """The command line that starts our own program with a verb: from source, installed, or frozen."""
    if getattr(sys, "frozen", False):
        return [sys.executable, verb]
    # -I: a root process must not import from its working directory or obey PYTHONPATH; -B: it leaves no files behind.
    return [sys.executable, "-I", "-B", "-m", "agent", verb]


def run_child(
    verb: str, payload: bytes, *, limits: Limits, user: str | None, deadline: float, network: bool = True
) -> bytes:
    """Runs a hidden verb and gives back what it answers. `user` is the name it becomes when we are root.

    Raises:
        ToolFailed: it could not start, ended with an error, or did not end within `deadline` seconds.
        TooBig: it answered with more than `MOST_BYTES`.
    """
    if len(payload) > MOST_BYTES:
        raise ToolFailed(f"{verb}: the question has {len(payload)} bytes, {MOST_BYTES} are handed over")
    chosen = choose_user(user)
    cage = Cage(chosen.uid, chosen.gid, network, limits)
    process = start([*own_command(verb), cage.to_argument()], _environment(), None)
    output = talk(verb, process, payload, timeout=deadline, most=MOST_BYTES)
    if output.code != 0:
        raise ToolFailed(f"{verb} ended with {output.code}: {last_line(output.stderr)}")
    return output.stdout


def run_own(verb: str, arguments: Sequence[str], environment: Mapping[str, str], *, timeout: float = 60.0) -> Output:
    """One of our own commands, with the caller's rights and this environment; whatever it leaves running goes on.

    Raises:
        ToolFailed: it could not be started, or ran out of time.
    """
    process = start([*own_command(verb), *arguments], environment, None)
    return talk(f"interdict {verb}", process, b"", timeout=timeout, most=1_000_000)


def weaknesses(*users: str) -> tuple[Weakness, ...]:
    """What weakens the children of these users, each once."""
    found = [chosen.weakness for chosen in map(choose_user, users) if chosen.weakness]
    return tuple(dict.fromkeys(found))


@cache
def choose_user(name: str | None) -> Chosen:
    """The user that a child becomes: the one that is named, else `nobody`, else, loudly, our own."""
    if sys.platform == "win32" or name is None or os.geteuid() != 0:
        return Chosen(0, 0, None)
    found, weakness = _account(name), None
    if found is None:
        found = _account(FALLBACK_USER)
        text = f"there is no user {name}, so its child runs as {FALLBACK_USER}"
        weakness = Weakness("child-user-missing", text, f"Add it: useradd --system --no-create-home {name}")
    if found is None:
        text = f"there is neither {name} nor {FALLBACK_USER}, so children that talk to the network run as root"
        return Chosen(0, 0, Weakness("child-runs-as-root", text, f"Add the user {name}."))
    hidden = _unreadable_for(*found)
    if hidden is not None:
        # All code is loaded before the rights are given away, so this works; but nothing can be loaded later.
        text = f"{name} cannot enter {hidden}, where Interdict's own code lies"
        advice = "Install Interdict where everybody can read it, such as /opt; a home of root is for trials only."
        weakness = Weakness("child-code-unreadable", text, advice)
    return Chosen(*found, weakness)


def _account(name: str) -> tuple[int, int] | None:
    if sys.platform == "win32":
        return None
    import pwd

    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return (entry.pw_uid, entry.pw_gid) if entry.pw_uid > 0 else None


def _unreadable_for(uid: int, gid: int) -> str | None:
    """The first folder on the way to our code that this user may not enter."""
    places = [os.path.dirname(sys.executable)]
    if not getattr(sys, "frozen", False):  # frozen, everything lies beside the program
        places += [os.path.dirname(path) for path in (os.__file__, agent.__file__) if path]
        places += [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    for place in dict.fromkeys(map(os.path.realpath, places)):
        parts = place.split(os.sep)
        for folder in (os.sep.join(parts[:end]) or os.sep for end in range(1, len(parts) + 1)):
            if not _may_enter(folder, uid, gid):
                return folder
    return None


def _may_enter(folder: str, uid: int, gid: int) -> bool:
    """By the mode bits alone; a finer list of rights can only be tried out."""
    try:
        status = os.stat(folder)
    except OSError:
        return False
    bit = stat.S_IXUSR if status.st_uid == uid else stat.S_IXGRP if status.st_gid == gid else stat.S_IXOTH
    return bool(status.st_mode & bit)


def _environment() -> dict[str, str]:
    kept = ("SYSTEMROOT",) if sys.platform == "win32" else ()
    return {**PLAIN_ENVIRONMENT, **{name: os.environ[name] for name in kept if name in os.environ}}


class Service:
    """A program that was started and is not waited for."""

    def __init__(self, process: subprocess.Popen[bytes], complaints: int) -> None:
        self._process = process
        self._complaints = complaints
        self.pid = process.pid

    def ended(self) -> int | None:
        """How it ended; None while it runs. Takes the zombie away."""
        return self._process.poll()

    def complaint(self) -> str:
        """The last line that it wrote to its standard error."""
        with contextlib.suppress(OSError):
            os.lseek(self._complaints, 0, os.SEEK_SET)
            return last_line(os.read(self._complaints, _COMPLAINTS).rstrip(b"\0"))
        return "it gave no reason"

    def close(self) -> None:
        """Lets go of it; it goes on running."""
        if self._complaints >= 0:
            os.close(self._complaints)
            self._complaints = -1
        # A process that is still there must not be reported as forgotten: it is meant to stay.
        self._process.returncode = self._process.returncode if self._process.returncode is not None else 0


def gate_command(arguments: Sequence[str], user: str | None) -> list[str]:
    """The command line that starts the gate: from source, installed, or frozen; as `user` with its four rights."""
    if getattr(sys, "frozen", False):
        program = [os.path.join(os.path.dirname(sys.executable), GATE_PROGRAM)]
    else:
        # -S and -I: nothing of the site is loaded, which saves 4 MB; the gate finds itself by its own path.
        place = os.path.join(os.path.dirname(os.path.abspath(agent.__file__)), "gate", "__main__.py")
        program = [sys.executable, "-SIEB", place]
    return [*_as_user(user), *program, *arguments]


def start_service(command: Sequence[str]) -> Service:
    """Starts a program that stays.

    Raises:
        ToolFailed: the system refuses.
    """
    if sys.platform != "linux":
        raise ToolFailed("there is no gate on this system")
    complaints = os.memfd_create("complaints", os.MFD_CLOEXEC)
    try:
        os.ftruncate(complaints, _COMPLAINTS)
        process: subprocess.Popen[bytes] = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
            env=dict(PLAIN_ENVIRONMENT),
            cwd="/",
            start_new_session=True,
            close_fds=True,
        )
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        os.close(complaints)
        raise ToolFailed(f"{command[0]} cannot be started: {error}") from error
    return Service(process, complaints)


def gate_weakness(user: str) -> Weakness | None:
    """Why the gate runs with all of root's rights although it should have a user of its own; None where it does not."""
    if sys.platform != "linux" or _as_user(user):
        return None
    if _account(user) is None:
        text, advice = f"there is no user {user}", f"Add it: useradd --system --no-create-home {user}"
    else:
        text, advice = f"there is no {SETPRIV.name}", "Install util-linux."
    return Weakness("gate-runs-as-root", f"{text}, so the gate runs as root", advice)


def _as_user(user: str | None) -> list[str]:
    """What gives all rights away but the gate's four; nothing where there is no such user or no `setpriv`."""
    if user is None or sys.platform != "linux":
        return []
    import pwd

    try:
        entry = pwd.getpwnam(user)
        setpriv = find_tool(SETPRIV)
    except (KeyError, InterdictError):
        return []
    rights = ",".join(f"+{right}" for right in GATE_RIGHTS)
    only = f"-all,{rights}"
    return [
        setpriv,
        f"--reuid={entry.pw_uid}",
        f"--regid={entry.pw_gid}",
        "--clear-groups",
        "--no-new-privs",
        f"--inh-caps={only}",
        f"--ambient-caps={only}",
        f"--bounding-set={only}",
        "--",
    ]
