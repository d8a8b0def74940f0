"""Builds the `Machine` that sources look at: the tree, whose homes, the folders of programs."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from agent.host.files import Tree
from agent.host.search_path import own_search_path
from agent.host.users import find_users
from agent.inventory.content_cache import ContentCache
from agent.inventory.interface import Machine, Wanted
from agent.inventory.recall import Recall
from agent.inventory.search_paths import search_paths


def never() -> bool:
    """The `stopped` of a look that nobody ends."""
    return False


@contextmanager
def open_machine(
    *,
    root: str = "/",
    homes: Sequence[str] = (),
    path_folders: Sequence[str] = (),
    project_roots: Sequence[str] = (),
    hints: Sequence[str] = (),
    wanted: Wanted | None = None,
    system: bool = True,
    cache: ContentCache | None = None,
    recall: Recall | None = None,
    stopped: Callable[[], bool] = never,
) -> Iterator[Machine]:
    """A machine for one look, closed afterwards.

    All paths may be written as the machine of that tree names them, or as they stand for us (below `root`).
    `hints` are files that running processes run. `cache` and `recall` are kept by the caller between looks.

    Raises:
        InterdictError: the root cannot be opened.
    """
    want = wanted or Wanted()
    with Tree(root) as tree:
        found = find_users(tree, [_inside(tree, home) for home in homes])
        given = [_inside(tree, path) for path in path_folders]
        own = own_search_path() if system and tree.root == "/" else ()
        yield Machine(
            tree=tree,
            users=found.users,
            wanted=want,
            path_folders=search_paths(tree, found.users, (*given, *own), system),
            project_roots=tuple(_inside(tree, path) for path in project_roots),
            hints=tuple(sorted({hint for hint in hints if hint.startswith("/")})),
            system=system,
            cache=(cache or ContentCache()).under((want.signatures, want.hashes, want.signers)),
            recall=recall or Recall(),
            owner=found.owners,
            stopped=stopped,
            unknown=found.unknown,
        )


def _inside(tree: Tree, path: str) -> str:
    """A path as the tree names it, from either way to write it."""
    if tree.root != "/" and (path == tree.root or path.startswith(tree.root + "/")):
        path = path[len(tree.root) :]
    return posixpath.normpath("/" + path.lstrip("/"))
