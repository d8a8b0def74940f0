"""What tools leave behind: files and folders that show that one once ran. Weak: reported, never acted on.

Which ones is the policy's to say (`faces.residue`). Only whether they are there is looked at, never what is in them.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.errors import Gone, InterdictError
from agent.inventory.interface import Found, Machine, Root
from agent.inventory.places import blocked, join
from policy_schema.rules.observation import Face, Observation


class Residue:
    """The source `residue`."""

    name = "residue"

    def collect(self, machine: Machine) -> Iterator[Found]:
        """See `Source.collect`."""
        for residue in machine.wanted.residue:
            for base, below in _places(machine, residue):
                if machine.stopped():
                    return
                yield from _look(machine, residue, join(base, below), base)


def _places(machine: Machine, residue: str) -> Iterator[tuple[str, str]]:
    """(home or root, path below it) of each place that one entry means."""
    if residue.startswith("~/"):
        yield from ((user.home, residue[2:]) for user in machine.users)
    elif residue.startswith("/") and machine.system:
        yield "/", residue


def _look(machine: Machine, residue: str, path: str, base: str) -> Iterator[Found]:
    try:
        facts = machine.tree.facts(path, follow=False)
    except Gone:
        return
    except InterdictError as error:
        yield blocked(machine.tree, path, error)
        return
    yield Root(facts.path, watch=False)
    yield Observation(
        source=Residue.name,
        face=Face.RESIDUE,
        path=facts.path,
        owner=machine.owner(facts.uid),
        uid=facts.uid,
        name=residue,
        home=base if base != "/" else "",
        inode=(facts.device, facts.inode),
    )
