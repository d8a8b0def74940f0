"""Doors to files: own ones (agent/host/own_files.py), and `Tree` for what may belong to somebody hostile."""

from __future__ import annotations

from agent.host.held_folder import HeldFolder
from agent.host.hostile_tree import Tree
from agent.host.oserrors import printable
from agent.host.own_files import (
    distrust,
    file_mark,
    read_bounded,
    take_lock,
    tell_holder,
    trusted,
    write_atomically,
)
from agent.host.tree_facts import Entry, Facts, Kind

__all__ = [
    "Entry",
    "Facts",
    "HeldFolder",
    "Kind",
    "Tree",
    "distrust",
    "file_mark",
    "printable",
    "read_bounded",
    "take_lock",
    "tell_holder",
    "trusted",
    "write_atomically",
]
