"""Containers: what is installed in them, looked at from outside through their files.

Each layer of a container's root is looked at once, as a tree of its own, by the sources of packages and programs, with
their own bounds; links resolve inside the layer, never out of it. A thing is reported at its place on this machine, as
part of somebody else's work (`project`): what is in a container is told, never removed. `manager` is the engine and
`prefix` the container's name. What an upper layer deletes or replaces is not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from agent.errors import Gone, InterdictError
from agent.host.files import Kind, printable
from agent.host.other_roots import other_roots
from agent.inventory.container_stores import Rootfs, all_containers
from agent.inventory.interface import Found, Machine, Part, unknown
from agent.inventory.machine import open_machine
from agent.inventory.places import listed
from agent.inventory.runner import load_source
from policy_schema.rules.observation import Observation, Unknown

INSIDE = ("cargo", "deno", "executables", "gem", "go", "npm", "pypi", "vscode")
"""The sources that look into a container."""
MAX_LAYERS = 1_000
MAX_FOUND = 100_000
MAX_LISTED = 2_000
"""Folders of upper layers whose names are remembered during a look."""
WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
"""How drivers in user space mark what is deleted; the kernel's own overlay uses a device (0, 0) of the same name."""


class ContainerRoots:
    """The source `containers`."""

    name = "containers"

    def collect(self, machine: Machine) -> Iterator[Found]:
        """See `Source.collect`."""
        stacks: list[Rootfs] = []
        for found in all_containers(machine):
            if isinstance(found, Rootfs):
                stacks.append(found)
            else:
                yield found
        places: dict[str, int] = {}
        for stack in stacks:
            for depth, layer in enumerate(stack.layers):
                places[layer] = max(depth, places.get(layer, 0))
        if len(places) > MAX_LAYERS:
            yield Unknown("containers", f"more than {MAX_LAYERS} layers")
        yield from _processes(machine, places)
        look = _Look(machine, stacks)
        # The upper ones first, since they replace what the lower ones hold.
        for layer in sorted(places, key=lambda one: (places[one], one))[:MAX_LAYERS]:
            if machine.stopped():
                return
            yield from look.into(layer)


def _processes(machine: Machine, layers: Iterable[str]) -> Iterator[Unknown]:
    """What runs below a root whose files were not found: what it is cannot be told from here."""
    for root in other_roots() if machine.system and machine.tree.root == "/" else ():
        if not any(root.place == layer or root.place.startswith(layer + "/") for layer in layers):
            many = f"{root.processes} processes run" if root.processes > 1 else "a process runs"
            yield Unknown(
                root.place or f"process {root.pid}",
                f"{many} below a root of their own (a container or chroot) whose files are not looked into",
            )


class _Look:
    """One look into all layers: what the upper ones hold is known when the lower ones are looked at."""

    def __init__(self, machine: Machine, stacks: list[Rootfs]) -> None:
        self._machine = machine
        self._stacks = stacks
        self._held: dict[str, set[str]] = {}
        self._listed: dict[tuple[str, str], Mapping[str, Kind]] = {}
        self._count = 0

    def into(self, layer: str) -> Iterator[Found]:
        """What is in one layer and not hidden in every container that has it."""
        stacks = [stack for stack in self._stacks if layer in stack.layers]
        held = self._held.setdefault(layer, set())
        try:
            for found in self._collect(layer):
                if isinstance(found, Unknown):
                    yield Unknown(_outside(layer, found.where), found.reason)
                    continue
                held.add(found.path)
                stack = next((one for one in stacks if not self._is_hidden(one, layer, found.path)), None)
                if stack is not None:
                    self._count += 1
                    yield _translated(self._machine, layer, stack, found)
                if self._count > MAX_FOUND:
                    yield Unknown(layer, f"more than {MAX_FOUND} things in containers")
                    return
        except Gone:
            return  # the container was removed while we looked
        except InterdictError as error:
            yield unknown(layer, error)

    def _collect(self, layer: str) -> Iterator[Observation | Unknown]:
        outer = self._machine
        with open_machine(
            root=outer.tree.outside(layer),
            wanted=outer.wanted,
            cache=outer.cache,
            recall=outer.recall,
            stopped=outer.stopped,
        ) as machine:
            yield from machine.unknown
            for name in INSIDE:
                for found in load_source(name).collect(machine):
                    inner = found.found if isinstance(found, Part) else (found,)
                    yield from (one for one in inner if isinstance(one, (Observation, Unknown)))

    def _is_hidden(self, stack: Rootfs, layer: str, path: str) -> bool:
        """Whether a layer above this one deletes or replaces what lies at that path."""
        for upper in stack.layers[: stack.layers.index(layer)]:
            if path in self._held.get(upper, ()) or self._is_deleted(upper, path):
                return True
        return False

    def _is_deleted(self, upper: str, path: str) -> bool:
        here = ""
        for part in path.strip("/").split("/"):
            names = self._names(upper, here)
            if OPAQUE in names or WHITEOUT + part in names:
                return True
            if part not in names:
                return False  # nothing of this layer there: what lies below shows through
            if names[part] is not Kind.FOLDER:
                return True  # a mark of deletion, or a file or link in place of a folder
            here = f"{here}/{part}"
        return False

    def _names(self, layer: str, folder: str) -> Mapping[str, Kind]:
        """What is in a folder of a layer; many things lie in the same few folders, so each is listed once."""
        key = (layer, folder)
        if key not in self._listed:
            entries = listed(self._machine.tree, f"{layer}{folder}")
            if len(self._listed) >= MAX_LISTED:
                self._listed.clear()
            # One that cannot be listed hides nothing; the look into that layer says that it could not.
            self._listed[key] = {} if isinstance(entries, Unknown) else {entry.name: entry.kind for entry in entries}
        return self._listed[key]


def _translated(machine: Machine, layer: str, stack: Rootfs, seen: Observation) -> Observation:
    """What was seen in a container, as this machine names it."""
    return seen._replace(
        source=ContainerRoots.name,
        path=_outside(layer, seen.path),
        owner=machine.owner(seen.uid),
        container_path=_outside(layer, seen.container_path) if seen.container_path else "",
        links=tuple(_outside(layer, link) for link in seen.links),
        home=_outside(layer, seen.home) if seen.home else "",
        project=True,
        manager=stack.engine,
        prefix=printable(stack.name, 100),
    )


def _outside(layer: str, path: str) -> str:
    return f"{layer.rstrip('/')}{path}" if path.startswith("/") else f"{layer}: {path}"
