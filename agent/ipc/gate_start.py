"""Where gate and daemon meet on this machine: folder, socket, file of orders, and who starts the gate."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Mapping
from typing import NamedTuple

from agent.errors import Gone, InterdictError, StateBroken
from agent.host import processes
from agent.host.files import read_bounded, write_atomically
from agent.host.users import own_uid
from agent.ipc.gate_events import NO_GATE, GateEvent, GateState, Keeper
from agent.settings import Settings

FOLDER = "gate"
SOCKET = "socket"
ORDERS = "orders.json"
_PID = "pid"
UNIT_SAYS = "INTERDICT_GATE"
"""Set to `systemd` by the agent's own unit, where the gate's unit is installed beside it: `auto` then starts none."""


class Account(NamedTuple):
    """The gate's user and group; our own where it has none."""

    uid: int
    gid: int


class Gate(NamedTuple):
    """The gate as the rest of the agent is given it."""

    keeper: Keeper
    write: Callable[[Mapping[str, object]], None] | None
    """Replaces the file of orders; None where there is no gate."""
    run: Callable[[threading.Event], None] | None
    """The keeper's thread."""


class NoGate:
    """Stands for the gate where there is none, and says why."""

    def __init__(self, why: str) -> None:
        self._why = why

    def orders(self, serial: int) -> None:
        """Nobody is told."""

    def leave(self) -> None:
        """Nothing stays."""

    def state(self) -> GateState:
        """Off, and why."""
        return NO_GATE._replace(problem=self._why)


def why_no_gate(settings: Settings, platform: str, uid: int) -> str:
    """Why this agent has no gate, or nothing. Pure."""
    if settings.gate == "off":
        return "the settings switch it off"
    if platform != "linux":
        return "this system has no door for it"
    if uid != 0:
        return "it needs root"
    if not settings.system and not settings.gate_only:
        return "this agent looks at some folders only"
    return ""


def open_gate(settings: Settings, say: Callable[[GateEvent], None]) -> Gate:
    """The gate's keeper, or what stands for it where there is none.

    Raises:
        StateBroken: the folder in which they meet cannot be made.
    """
    why = why_no_gate(settings, sys.platform, own_uid())
    if sys.platform == "linux" and not why:
        keeper = build_keeper(settings, say)
        return Gate(keeper, write_orders(settings), keeper.run)
    return Gate(NoGate(why), None, None)


def write_orders(settings: Settings) -> Callable[[Mapping[str, object]], None]:
    """What replaces the file of orders: root's, readable by the gate."""
    folder = make_folder(settings)
    gid = account(settings).gid

    def write(orders: Mapping[str, object]) -> None:
        data = json.dumps(orders, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
        write_atomically(os.path.join(folder, ORDERS), data, 0o640, (own_uid(), gid))

    return write


def make_folder(settings: Settings) -> str:
    """The folder in which gate and daemon meet: the gate may enter it, and nobody else but us.

    Raises:
        StateBroken: it cannot be made.
    """
    folder = os.path.join(settings.state_dir, FOLDER)
    try:
        os.makedirs(folder, mode=0o750, exist_ok=True)
        os.chmod(folder, 0o750)
        if sys.platform != "win32" and own_uid() == 0:
            os.chown(folder, 0, account(settings).gid)
    except OSError as error:
        raise StateBroken(f"{folder}: {error.strerror or error}") from error
    return folder


def account(settings: Settings) -> Account:
    """The gate's user and group."""
    if sys.platform == "win32":
        return Account(0, 0)
    import pwd

    try:
        entry = pwd.getpwnam(settings.gate_user)
    except KeyError:
        return Account(os.geteuid(), os.getegid())
    return Account(entry.pw_uid, entry.pw_gid)


if sys.platform == "linux":
    from agent.host._linux_held import HeldProcess
    from agent.host._linux_packets import Listener
    from agent.host.child import gate_command, start_service
    from agent.ipc.gate_keeper import GateKeeper
    from agent.ipc.gate_messages import MOST_BYTES

    def build_keeper(settings: Settings, say: Callable[[GateEvent], None]) -> GateKeeper:
        """The keeper of the gate.

        Raises:
            StateBroken: the folder in which they meet cannot be made.
        """
        folder, who = make_folder(settings), account(settings)
        path = os.path.join(folder, SOCKET)
        arguments = ["--socket", path, "--orders", os.path.join(folder, ORDERS)]
        for mount in settings.gate_only:
            arguments += ["--only", mount]
        command = gate_command(arguments, settings.gate_user)
        own = settings.gate != "systemd" and os.environ.get(UNIT_SAYS) != "systemd"
        return GateKeeper(
            listen=lambda: Listener(path, allowed={0, own_uid(), who.uid}, owner=who.uid, most=MOST_BYTES),
            start=(lambda: start_service(command)) if own else None,
            earlier=lambda: _earlier(folder) if own else None,
            note=lambda pid: _note(folder, pid),
            say=say,
        )

    def _note(folder: str, pid: int) -> None:
        """Remembers which process the gate is, for a daemon that comes after us."""
        try:
            row = f"{pid} {processes.start_of(pid)!r}\n"
        except Gone:
            return
        write_atomically(os.path.join(folder, _PID), row.encode(), 0o600)

    def _earlier(folder: str) -> HeldProcess | None:
        """The gate that an earlier daemon started, if it still runs."""
        try:
            pid, started = read_bounded(os.path.join(folder, _PID), 100).split()
            process = HeldProcess.by_number(int(pid))
        except (InterdictError, ValueError):
            return None
        try:
            if processes.same_start(processes.start_of(int(pid)), float(started)):
                return process
        except InterdictError:
            pass  # ended between the two
        process.close()
        return None
