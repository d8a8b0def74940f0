"""The gate as a whole: puts its parts together, follows orders, ends cleanly: the main thread, which does only this."""

from __future__ import annotations

# ruff: noqa: E402 - the type checker of another system stops at the assertion
import contextlib
import gc
import os
import resource
import select
import signal
import sys
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

assert sys.platform == "linux"

from agent.gate import messages
from agent.gate.answering import Answering
from agent.gate.calls import lock_memory, save_memory
from agent.gate.channel import Channel
from agent.gate.clock import wall
from agent.gate.epoch import Epoch
from agent.gate.examine import Examiner
from agent.gate.features import Features, mapped_writes_move_ctime, probe
from agent.gate.interpreters import Interpreters
from agent.gate.messages import Command, Trouble
from agent.gate.mounts import Mounts, MountWatcher
from agent.gate.orders import Orders, OrdersRefused
from agent.gate.orders_file import read_orders
from agent.gate.questions import PATIENCE, Questions
from agent.gate.ready import tell_ready
from agent.gate.verdict import parse_homes
from agent.gate.workers import Judge, Workers

DESCRIPTORS = 65_536
NICE = -10
STACK = 1 << 20
"""Bytes for each thread: enough for the deepest JSON that Python reads."""
RECONNECT = 1.0
DRAIN = PATIENCE + 0.5
SWITCH_INTERVAL = 0.00005
"""Seconds until a thread that computes lets the answering thread go first (Python's own is a hundred times that): it
lets go at each of its eight system calls for a question, and a flood keeps the workers computing."""


class Options(NamedTuple):
    """How it was started."""

    socket: str
    orders: str
    only: tuple[str, ...]


class Program:
    """The running gate."""

    def __init__(self, options: Options, features: Features) -> None:
        self._options = options
        self._features = features
        self._channel = Channel(options.socket)
        self._mounts = Mounts(options.only, tmpfs_keeps_ctime=mapped_writes_move_ctime())
        self._watcher = MountWatcher(self._mounts, self._mounts_changed)
        questions = Questions()
        judge = Judge(self._channel, wall)
        examiner = Examiner(self._mounts, _homes(), wall, evictable=features is Features.FULL)
        self._workers = Workers(
            questions=questions,
            examiner=examiner,
            interpreters=Interpreters(),
            judge=judge,
            channel=self._channel,
            mounts=self._mounts,
        )
        self._answering = Answering(
            questions=questions,
            judge=judge,
            channel=self._channel,
            examiner=examiner,
            wall=wall,
            descriptors=_raise_descriptors(),
            failed=_give_up,
        )
        self._epoch: Epoch | None = None
        self._stopping = False

    def run(self) -> int:
        """Until it is told to end. The exit code."""
        wake = _wake_on_signals()
        self._workers.start()
        self._answering.start()
        self._watcher.start()
        self._follow()
        lock_memory()
        tell_ready(os.environ.get("NOTIFY_SOCKET", ""))
        self._greet()
        while not self._stopping:
            self._wait(wake)
        self._end()
        return 0

    def _wait(self, wake: int) -> None:
        poll = select.poll()
        poll.register(wake, select.POLLIN)
        if self._channel.connected:
            poll.register(self._channel.fileno(), select.POLLIN)
        ready = dict(poll.poll(None if self._channel.connected else RECONNECT * 1000))
        if wake in ready:
            self._stopping = bool(set(os.read(wake, 64)) & {signal.SIGTERM, signal.SIGINT})
        if not self._channel.connected:
            self._greet()
            return
        while (command := self._channel.receive()) is not None:
            if command is Command.ORDERS:
                self._follow()
            elif command is Command.STOP:
                self._stopping = True

    def _greet(self) -> None:
        """Calls the daemon; follows orders that came while nobody could say so."""
        if not self._channel.connect():
            return
        serial = self._epoch.orders.serial if self._epoch else 0
        groups = self._epoch.groups if self._epoch else ()
        self._channel.send(messages.hello(os.getpid(), self._features.value, serial, groups))
        self._follow()

    def _follow(self) -> None:
        """Reads the orders and makes them hold; the old ones stay where the new cannot be followed."""
        try:
            orders = read_orders(self._options.orders)
        except OrdersRefused as refused:
            self._answer_orders(False, str(refused))
            return
        if self._epoch is None or orders.serial != self._epoch.orders.serial:
            try:
                self._change(orders)
            except (OSError, ValueError) as error:
                self._answer_orders(False, str(error))
                return
        self._answer_orders(True, "")

    def _answer_orders(self, ok: bool, why: str) -> None:
        epoch = self._epoch
        if not ok:
            print(f"interdict-gate: orders: {why}", file=sys.stderr, flush=True)
        serial = epoch.orders.serial if epoch else 0
        self._channel.send(messages.orders(serial, ok, why, epoch.groups if epoch else ()))

    def _change(self, orders: Orders) -> None:
        """Load, mark, swap, drain, close."""
        self._mounts.refresh()
        made = Epoch(orders, self._mounts)
        self._answering.add(made)
        if orders.rules is not None:
            failed = made.mark_filesystems(self._mounts.targets)
            if failed and len(failed) == len(self._mounts.targets):
                self._answering.drain(made)
                made.close()
                raise OSError(f"none of {len(failed)} filesystems could be marked")
            made.mark_entries(self._mounts.devices)
            if failed:
                self._channel.send(messages.trouble(Trouble.MARKS, -1))
        old, self._epoch = self._epoch, made
        # A mount that came between the list and the swap: the watcher told the old epoch.
        self._mounts_changed(frozenset())
        if old is not None:
            self._retire(old)
        gc.collect()
        gc.freeze()

    def _retire(self, epoch: Epoch) -> None:
        epoch.flush()
        self._answering.drain(epoch)
        deadline = time.monotonic() + DRAIN
        while epoch.open_questions and time.monotonic() < deadline:
            time.sleep(0.005)
        epoch.close()

    def _mounts_changed(self, gone: frozenset[int]) -> None:
        epoch = self._epoch
        if epoch is None or epoch.orders.rules is None:
            return
        epoch.forget_devices(gone)
        if epoch.mark_filesystems(self._mounts.targets):
            self._channel.send(messages.trouble(Trouble.MARKS, -1))

    def _end(self) -> None:
        self._watcher.stop()
        if self._epoch is not None:
            self._retire(self._epoch)
        self._answering.stop()
        self._workers.stop(PATIENCE)
        self._channel.close()


def main(arguments: Sequence[str]) -> int:
    """Runs the gate. 0: it was told to end; 2: wrong call; 3: this kernel has no gate."""
    try:
        options = parse_options(arguments)
    except ValueError as error:
        print(f"interdict-gate: {error}", file=sys.stderr)
        return 2
    # A lease that we hold for microseconds may be broken by a writer, which sends this; its default is to end us.
    signal.signal(signal.SIGIO, signal.SIG_IGN)
    sys.setswitchinterval(SWITCH_INTERVAL)
    features = probe()
    if features is Features.NONE:
        print(
            "interdict-gate: this kernel has no fanotify permission events (Linux 5.0), or the right is missing"
            " (CAP_SYS_ADMIN): banned starts are not refused here, only ended",
            file=sys.stderr,
        )
        return 3
    save_memory()
    threading.stack_size(STACK)
    _go_first()
    return Program(options, features).run()


def parse_options(arguments: Sequence[str]) -> Options:
    """Reads `--socket PATH --orders PATH [--only MOUNTPOINT ...]`; argparse would cost half a megabyte for three words.

    Raises:
        ValueError: a wrong call; the message says what to write.
    """
    given: dict[str, list[str]] = {"--socket": [], "--orders": [], "--only": []}
    words = list(arguments)
    while words:
        word = words.pop(0)
        if word not in given or not words or not words[0].startswith("/"):
            raise ValueError(f"{word}: write --socket PATH --orders PATH [--only MOUNTPOINT ...], absolute paths")
        while words and words[0].startswith("/"):
            given[word].append(words.pop(0))
    if len(given["--socket"]) > 1 or len(given["--orders"]) != 1:
        raise ValueError("write --socket PATH once and --orders PATH once")
    return Options("".join(given["--socket"]), given["--orders"][0], tuple(given["--only"]))


def _homes() -> tuple[str, ...]:
    with contextlib.suppress(OSError), open("/etc/passwd", encoding="utf-8", errors="surrogateescape") as file:
        return parse_homes(file.read())
    return ()


def _raise_descriptors() -> int:
    """Allows as many open files as can be had: each start that waits holds one. How many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (DESCRIPTORS, hard):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, hard)))
            return wanted
    return soft


def _go_first() -> None:
    """Asks for the processor before others: whoever starts a program waits for us. Without the right, its unit does."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, NICE)


def _wake_on_signals() -> int:
    """A descriptor that becomes readable when SIGTERM or SIGINT came."""
    read, write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.set_wakeup_fd(write)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    return read


def _give_up(error: BaseException) -> None:
    """Ends at once and lets every start go on: the daemon begins it anew."""
    with contextlib.suppress(Exception):
        print(f"interdict-gate: the answering thread failed: {error!r}", file=sys.stderr, flush=True)
    os._exit(70)
