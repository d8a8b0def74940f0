"""Looks in a process of their own, measured from inside; called by `run.py`, which says what they mean."""

from __future__ import annotations

import gc
import importlib
import os
import re
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.inbox import Inbox, Looked
from agent.inventory import SOURCES
from agent.inventory.interface import Look
from agent.inventory.machine import open_machine
from agent.inventory.runner import load_source, look
from agent.looker import Looker, Order, wanted_of
from agent.watch.interface import Changed
from benchmarks.inventory.developer_home import run
from benchmarks.rig import CannotMeasure
from policy_schema.rules.rulebook import Device
from tests.fakes.policies import rulebook

INSTALLED = "cowsay@1.6.0"
"""What is installed for the look again: small, with a program."""
_STOPS = (0.05, 0.2, 0.4, 0.7, 1.1)
_PATIENCE = 120.0
Figures = dict[str, object]


def first_look(home: str) -> Figures:
    """One look by every source, with a policy to look for, as fast as it goes."""
    inbox = Inbox()
    looker = _looker(inbox, home)
    before = _settled()
    began = time.perf_counter()
    looker._look(None)
    seconds = time.perf_counter() - began
    looked = _next(inbox)
    return {
        "seconds": round(seconds, 3),
        "memory_mb": round(_memory("VmHWM") - before, 1),
        "items": sum(len(rows) for rows in looked.observations.values()),
        "sources": len(looked.observations),
        "unknown": sum(len(rows) for rows in looked.unknown.values()),
    }


def after_an_install(home: str) -> Figures:
    """The daemon's own thread: whole looks, an install for real, and the look that the folder's event leads to."""
    inbox, prefix = Inbox(), Path(home) / ".npm-global"
    looker = _looker(inbox, home)
    for made in ("lib/node_modules", "bin"):
        (prefix / made).mkdir(parents=True, exist_ok=True)
    name = INSTALLED.partition("@")[0]
    with _running(looker):
        for _ in range(2):
            looker.ask_everything()
            whole = _next(inbox)
        try:
            run(["npm", "install", "-g", "--silent", "--prefix", os.fspath(prefix), INSTALLED], prefix)
            for folder in ("lib/node_modules", "bin"):
                looker.event(Changed(os.fspath(prefix / folder)))
            again = _next(inbox)
            found = [seen.version for seen in again.observations.get("npm", ()) if seen.name == name]
        finally:
            shutil.rmtree(prefix)
        if not found:
            raise CannotMeasure(f"{INSTALLED} was installed and not found")
    return {
        "rescan_ms": again.ms,
        "rescan_sources": sorted(again.observations),
        "whole_ms": whole.ms,
        "remembered_mb": round(looker._recall.size / 2**20, 1),
        "stop_ms": round(max(_time_to_stop(home, after) for after in _STOPS) * 1000, 1),
    }


def _looker(inbox: Inbox, home: str) -> Looker:
    def run_one(order: Order) -> Look:
        with open_machine(
            homes=(home,),
            path_folders=(f"{home}/.npm-global/bin",),
            project_roots=(f"{home}/work",),
            hints=order.hints,
            wanted=order.wanted,
            system=False,
            cache=order.cache,
            recall=order.recall,
            stopped=order.stopped,
        ) as machine:
            return look(machine, (order.source,), changed=order.changed)

    looker = Looker(inbox=inbox, run=run_one, sources=SOURCES)
    looker.want(rulebook().for_device(Device("device-1")))
    for name in SOURCES:
        load_source(name)
    importlib.import_module("agent.inventory.installations")
    assert wanted_of(rulebook().for_device(Device("device-1"))).signatures
    return looker


@contextmanager
def _running(looker: Looker) -> Iterator[threading.Event]:
    stop = threading.Event()
    thread = threading.Thread(target=looker.run, args=(stop,))
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join()


def _time_to_stop(home: str, after: float) -> float:
    """From the wish that a first look ends to the end of its thread."""
    looker, stop = _looker(Inbox(), home), threading.Event()
    thread = threading.Thread(target=looker.run, args=(stop,))
    thread.start()
    looker.ask_everything()
    time.sleep(after)
    began = time.perf_counter()
    stop.set()
    thread.join()
    return time.perf_counter() - began


def _next(inbox: Inbox) -> Looked:
    message = inbox.get(_PATIENCE)
    if not isinstance(message, Looked):
        raise CannotMeasure("no look ended")
    return message


def _settled() -> float:
    """Megabytes in use now; what was in use before counts no more."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _memory("VmRSS")


def _memory(name: str) -> float:
    text = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
    if found is None:
        raise CannotMeasure(f"/proc/self/status has no {name}")
    return int(found[1]) / 1024
