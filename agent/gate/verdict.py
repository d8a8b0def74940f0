"""The verdict: is this start refused? Pure; what was found out about the file and who starts it come in.

What a file is (`Known`) does not change with time; whether a ban of it acts does. So only the first is remembered, and
the second is asked at each start of a recognised file: a stage that begins, an exception that ends, hold at once, and
no cache and no mark in the kernel outlives them (`DeviceRules.next_change` can only concern recognised files).
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from agent.gate.orders import EVERYBODY, Orders, lies_below
from agent.gate.table import NOTHING, Known
from policy_schema.rules.decision import Action, Decision, State
from policy_schema.rules.guard import protected_place
from policy_schema.rules.instant import Instant
from policy_schema.rules.observation import Face, Observation
from policy_schema.rules.rulebook import DeviceRules


class Place(NamedTuple):
    """Where a file lies, as far as that is certain."""

    path: str
    """Absolute and canonical; empty when the path that the kernel gives does not lead back to the file."""
    home: str
    """The home folder around it, empty when there is none."""
    owner: int = -1


class Refusal(NamedTuple):
    """Why a start is refused."""

    decision: Decision
    by: str


def judge(orders: Orders, known: Known, place: Place, uid: int, now: Instant) -> Refusal | None:
    """Whether the person with this uid may not start this file now; None when they may."""
    if known is NOTHING or orders.rules is None or is_spared(orders, place):
        return None
    for seen, by in observations(orders.rules, known, place):
        # Every ban, not the strongest alone: a removal that nobody was told of yet hides no block that is enforced.
        acting = [decision for decision in orders.rules.decisions(seen, now) if acts(orders, decision, uid)]
        if acting:
            return Refusal(max(acting, key=lambda decision: decision.action.rung), by)
    return None


def acts(orders: Orders, decision: Decision, uid: int) -> bool:
    """Whether a decision is a block that is enforced towards this person."""
    if decision.state is not State.ACTIVE or decision.action.rung < Action.BLOCK.rung:
        return False
    ban, tool = decision.ban, decision.identity.tool
    return (ban, tool, uid) in orders.enforce or (ban, tool, EVERYBODY) in orders.enforce


def is_spared(orders: Orders, place: Place) -> bool:
    """Whether a file lies where nothing is refused. Only a certain path can say so."""
    if not place.path:
        return False
    return (
        lies_below(place.path, orders.spare)
        or lies_below(place.path, orders.protected)
        or bool(protected_place(place.path) and place.owner == 0)
    )


def concerns(rules: DeviceRules, known: Known, place: Place) -> bool:
    """Whether any rule is about this file at all, a weak name included."""
    return any(rules.identify(seen) is not None for seen, _ in observations(rules, known, place))


def observations(rules: DeviceRules, known: Known, place: Place) -> Iterator[tuple[Observation, str]]:
    """The file as the rules see it, the surest way first: by its package, by its content, by its place.

    They are separate, because a version found in the one says nothing about the other.
    """
    name = posixpath.basename(place.path)
    base = Observation(
        "gate", Face.EXECUTABLE, place.path, name=name, home=place.home, uid=place.owner, sha256=known.sha256
    )
    if known.purl:
        yield base._replace(purl=known.purl), "path"
    if known.content and not _is_carried(rules, known):
        yield base._replace(content=known.content, version=known.content_version), "content"
    if not known.purl and not known.content:
        yield base, "hash" if known.sha256 else "folder"


def _is_carried(rules: DeviceRules, known: Known) -> bool:
    """A program inside the package of a tool that embeds it is that package's: as the inventory has it."""
    carrier = rules.book.tables.tool_of_container(known.purl) if known.purl else None
    return carrier is not None and known.content.rpartition("/")[0] in rules.book.tools[carrier].embeds


def home_of(path: str, homes: Iterable[str]) -> str:
    """The home around a path: one of the accounts', else the usual place of homes that no local file lists."""
    around = [home for home in homes if path.startswith(home + "/")]
    if around:
        return max(around, key=len)
    parts = path.split("/")
    return "/".join(parts[:3]) if parts[1:2] == ["home"] and len(parts) > 3 else ""


def parse_homes(passwd: str) -> tuple[str, ...]:
    """The homes in /etc/passwd that can be somebody's: not the root of the machine, nor what the system shares."""
    rows = (line.split(":") for line in passwd.splitlines())
    homes = {row[5].rstrip("/") for row in rows if len(row) >= 7 and row[5].startswith("/")}
    return tuple(
        sorted(
            home
            for home in homes
            if home.startswith(("/home/", "/root", "/var/home/", "/Users/")) or home.count("/") > 1
        )
    )
