"""What belongs to a quarantine, before anything moves: the tree and the names elsewhere that lead into it."""

from __future__ import annotations

import os
from collections.abc import Iterable

from agent.enforce.manifest import Piece
from agent.errors import Denied, InterdictError, NotRegular
from agent.host import trees
from agent.host.folders import Attributes, Before, FileKind, Folder, nothing, open_above
from agent.host.oserrors import printable

MAX_LINKS = 64


class Immutable(Denied):
    """Root has made a part of it immutable or append-only."""

    default_advice = "Take the flag away: chattr -R -i -a PATH."


def plan_tree(holder: Folder, name: str, path: str, limit: int, copied: bool) -> Piece:
    """Surveys the tree itself.

    Raises:
        NotRegular: it is a pipe, socket or device.
        Immutable: it could not be moved; nobody but root can have wanted that.
        TooBig, MountInside, Gone, Denied: as `trees.survey`.
    """
    facts = holder.look(name)
    if facts.kind not in (FileKind.FILE, FileKind.FOLDER, FileKind.LINK):
        raise NotRegular(f"{printable(path)} is a {facts.kind.value}")
    entries = trees.survey(holder, name, limit)
    stuck = trees.find_immutable(holder, name, entries, files_too=copied)
    if stuck is not None:
        raise Immutable(f"{printable(os.path.join(path, stuck).rstrip(os.sep))} is immutable")
    return Piece("0", path, ancestors(holder), entries, copied)


def plan_links(tree: Piece, links: Iterable[str], before: Before = nothing) -> tuple[Piece, ...]:
    """Those of the given names that really lead into the tree: links by their text, hard links by their inode."""
    pieces: list[Piece] = []
    waiting = list(dict.fromkeys(links))[:MAX_LINKS]
    inodes = {entry.facts.identity for entry in tree.entries if entry.facts.kind is FileKind.FILE}
    targets = [tree.path]
    progress = True
    while progress and waiting:
        progress = False
        for path in list(waiting):
            piece = _plan_link(path, str(len(pieces) + 1), targets, inodes, before)
            if piece is not None:
                pieces.append(piece)
                waiting.remove(path)
                targets.append(path)  # a link to this link leads into the tree too
                progress = True
    return tuple(pieces)


def _plan_link(path: str, slot: str, targets: list[str], inodes: set[tuple[int, int]], before: Before) -> Piece | None:
    try:
        holder, name = open_above(os.path.normpath(path), before)
        with holder:
            facts = holder.look(name)
            if any(_leads(path, target) for target in targets[:1]):
                return None  # inside the tree: it goes with it
            if facts.kind is FileKind.LINK:
                leads = os.path.normpath(os.path.join(os.path.dirname(path), holder.target(name)))
                if not any(_leads(leads, target) for target in targets):
                    return None
            elif facts.identity not in inodes:
                return None
            return Piece(slot, os.path.normpath(path), ancestors(holder), trees.survey(holder, name, 1))
    except (InterdictError, ValueError):
        return None  # it is gone, or not ours to see: then it is not ours to take either


def ancestors(holder: Folder) -> tuple[Attributes, ...]:
    """The folder and every one above it, nearest first."""
    found = [holder.look_self()]
    opened: list[Folder] = []
    try:
        folder = holder
        while len(found) < trees.MAX_DEPTH:
            folder = folder.parent()
            opened.append(folder)
            facts = folder.look_self()
            if facts.identity == found[-1].identity:
                break
            found.append(facts)
    except Denied:
        pass  # without root some folders above a home cannot be opened; they cannot have been removed by us either
    finally:
        for one in opened:
            one.close()
    return tuple(found)


def _leads(path: str, target: str) -> bool:
    return path == target or path.startswith(target + os.sep)
