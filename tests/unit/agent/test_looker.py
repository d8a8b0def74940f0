"""The looker: what it asks its sources for after events, in the order of the table, and what it does when one fails."""

from __future__ import annotations

import threading

import pytest

from agent.inbox import Inbox, Looked
from agent.inventory.interface import Look
from agent.looker import Looker, Order
from agent.watch.interface import Changed, FileEvent, Overflowed
from policy_schema.rules.observation import Coverage

WATCHED = {"npm": {"/a/node_modules", "/b/node_modules", "/a/bin"}, "pypi": {"/a/lib"}, "programs": {"/a/bin"}}


class Sources:
    """Stand for the sources: each look tells what it was asked for."""

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.fails = False

    def run(self, order: Order) -> Look:
        """One source's look."""
        self.orders.append(order)
        if self.fails:
            raise RuntimeError("broken")
        row = Coverage(order.source, (), 0, (), 1)
        return Look((row,), {order.source: ()}, {order.source: frozenset(WATCHED[order.source])})

    def asked(self) -> list[tuple[str, set[str]]]:
        """Which sources since the last call, and for which changes."""
        asked = [(order.source, set(order.changed)) for order in self.orders]
        self.orders.clear()
        return asked


def looker_of(sources: Sources, inbox: Inbox) -> Looker:
    """A looker that has looked everywhere once."""
    looker = Looker(inbox=inbox, run=sources.run, sources=WATCHED)
    looker._look(None)
    sources.asked()
    inbox.get(0)
    return looker


def carry_out(looker: Looker, inbox: Inbox) -> Looked:
    """The looker's own thread, until it has answered."""
    stop = threading.Event()
    thread = threading.Thread(target=looker.run, args=(stop,))
    thread.start()
    message = inbox.get(10.0)
    stop.set()
    thread.join()
    assert isinstance(message, Looked)
    return message


EVERYTHING: list[tuple[str, set[str]]] = [(name, set()) for name in WATCHED]


@pytest.mark.parametrize(
    ("events", "asked"),
    [
        pytest.param([Changed("/b/node_modules")], [("npm", {"/b/node_modules"})], id="a folder of one source"),
        pytest.param(
            [Changed("/a/node_modules"), Changed("/b/node_modules")],
            [("npm", {"/a/node_modules", "/b/node_modules"})],
            id="two folders of one source",
        ),
        pytest.param(
            [Changed("/a/bin"), Changed("/a/lib")],
            [("npm", {"/a/bin"}), ("pypi", {"/a/lib"}), ("programs", {"/a/bin"})],
            id="a folder of two sources",
        ),
        pytest.param([Changed("/nobody/knows")], EVERYTHING, id="a folder of none"),
        pytest.param([Changed("/a/lib"), Overflowed()], EVERYTHING, id="events were lost"),
    ],
)
def test_events_lead_to_looks(events: list[FileEvent], asked: list[tuple[str, set[str]]]) -> None:
    sources, inbox = Sources(), Inbox()
    looker = looker_of(sources, inbox)
    for event in events:
        looker.event(event)
    looked = carry_out(looker, inbox)
    assert sources.asked() == asked
    assert looked.everywhere is (asked == EVERYTHING)


@pytest.mark.parametrize("whole_first", [True, False])
def test_whoever_wants_a_whole_source_gets_it(whole_first: bool) -> None:
    sources, inbox = Sources(), Inbox()
    looker = looker_of(sources, inbox)
    if whole_first:
        looker.ask(["npm"])
    looker.event(Changed("/a/node_modules"))
    if not whole_first:
        looker.ask(["npm"])
    carry_out(looker, inbox)
    assert sources.asked() == [("npm", set())]


def test_a_look_that_fails_is_asked_for_again_and_whole() -> None:
    sources, inbox = Sources(), Inbox()
    looker = looker_of(sources, inbox)
    sources.fails = True
    with pytest.raises(RuntimeError):
        looker._look_or_ask_again({"npm": frozenset({"/a/node_modules"})})
    sources.fails = False
    sources.asked()
    carry_out(looker, inbox)
    assert sources.asked() == [("npm", set())]
