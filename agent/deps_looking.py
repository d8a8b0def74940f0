"""Builds what recognises programs: the daemon's examiner, and the same for commands that only look. Part of `deps`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

from agent.errors import InterdictError
from agent.examiner import Examiner
from agent.file_content import FileContent
from agent.host.files import Tree
from agent.inbox import Inbox
from agent.inventory.containers import container_of
from agent.inventory.installations import Installation
from agent.inventory.machine import open_machine
from agent.settings import Settings
from agent.watch.sight import Sight
from policy_schema.rules.observation import Face, Observation
from policy_schema.rules.rulebook import DeviceRules


def build_looking(settings: Settings, rules: DeviceRules, installations: Sequence[Installation]) -> Examiner:
    """The part that recognises processes, for commands that only look."""
    content = FileContent()
    content.want(rules)
    made = examiner(settings, Inbox(), Sight(), content)
    made.know(rules, installations)
    return made


def observe_file(path: str, rules: DeviceRules, settings: Settings) -> Observation:
    """One file as the inventory would see it: its content, and the package around it."""
    content = FileContent()
    content.want(rules)
    signature, version = content(path)
    signer = content.signer(path)
    container, folder = _container(path)
    home = _home_finder(settings)(path)
    return Observation(
        "command line",
        Face.EXECUTABLE,
        path,
        name=os.path.basename(path),
        content=signature,
        signer=signer.key,
        version=version or signer.version,
        container=container,
        container_path=folder,
        home=home,
    )


def examiner(settings: Settings, inbox: Inbox, sight: Sight, content: FileContent) -> Examiner:
    """The part that recognises processes as they start; outside of a whole system only those below its own folders."""
    below = () if settings.system else (*settings.homes, *settings.roots, *settings.path_folders)
    real = [os.path.realpath(folder) for folder in below]
    home_of = _home_finder(settings)
    return Examiner(
        inbox=inbox,
        sight=sight,
        container=_container,
        content=content,
        home_of=home_of,
        only_below=real,
        through=content.through,
        # Programs of Linux carry no signature: none is asked for one there.
        signer=None if sys.platform == "linux" else content.signer,
    )


def _container(path: str) -> tuple[str, str]:
    try:
        with Tree("/") as tree:
            found = container_of(tree, path)
    except InterdictError:
        # It vanished or is not ours to read: its own faces are looked at instead.
        return "", ""
    return (found.purl, found.path) if found else ("", "")


def _home_finder(settings: Settings) -> Callable[[str], str]:
    inside = [home.rstrip("/") + "/" for home in homes(settings)]

    def home_of(path: str) -> str:
        return next((home.rstrip("/") for home in inside if path.startswith(home)), "")

    return home_of


def homes(settings: Settings) -> list[str]:
    """Every home."""
    return list(owners(settings))


def owners(settings: Settings) -> dict[str, int]:
    """Every home and whose it is."""
    try:
        with open_machine(homes=settings.homes, system=settings.system) as machine:
            return {user.home: user.uid for user in machine.users}
    except InterdictError:
        return {}
