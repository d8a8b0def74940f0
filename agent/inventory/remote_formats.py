"""Whether somebody works on other machines, from what editors remember. Pure; any bytes in, a value out.

Only the kind of place is taken out, never a host's name, an address, a user or a folder.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum

from agent.inventory.json_object import text_of


class Place(StrEnum):
    """Kinds of other machines that an editor works on, as VS Code names them in its addresses."""

    SSH = "ssh-remote"
    TUNNEL = "tunnel"
    CODESPACES = "codespaces"
    DEV_CONTAINER = "dev-container"
    ATTACHED_CONTAINER = "attached-container"
    WSL = "wsl"
    OTHER = "other"

    @property
    def words(self) -> str:
        """What a person calls it."""
        return _WORDS[self]


_WORDS = {
    Place.SSH: "remote hosts (SSH)",
    Place.TUNNEL: "remote hosts (tunnel)",
    Place.CODESPACES: "codespaces",
    Place.DEV_CONTAINER: "dev containers",
    Place.ATTACHED_CONTAINER: "containers",
    Place.WSL: "WSL",
    Place.OTHER: "other machines",
}
_ADDRESS = re.compile(
    rb"vscode-remote:(?://|\\/\\/|%3A%2F%2F)([a-z0-9-]{1,40})(?:\+|%2B)|\"remoteAuthority\"\s*:\s*\"([a-z0-9-]{1,40})\+",
    re.IGNORECASE,
)
_HOSTS_OF_ZED = re.compile(rb"^[^/\n\"]*\"(?:ssh|wsl|dev_container)_connections\"\s*:\s*\[\s*\{", re.MULTILINE)
_HOSTS_OF_GATEWAY = re.compile(rb"<(?:LocalRecentConnectionState|RecentConnectionState|RecentProjectState|sshConfig)\b")


def places_of_editor(data: bytes) -> frozenset[Place]:
    """The kinds of machines that a file of VS Code's family names: `workspace.json` or `storage.json`."""
    kinds = {(match[1] or match[2]).decode("ascii").lower() for match in _ADDRESS.finditer(data)}
    return frozenset(Place(kind) if kind in set(Place) else Place.OTHER for kind in kinds)


def zed_has_hosts(data: bytes) -> bool:
    """Whether Zed's settings name a connection to another machine; a line that is commented out does not count."""
    return _HOSTS_OF_ZED.search(data) is not None


def gateway_has_hosts(data: bytes) -> bool:
    """Whether a file of JetBrains' recent or configured SSH connections holds one."""
    return _HOSTS_OF_GATEWAY.search(data) is not None


def distribution_name(values: Mapping[str, str]) -> str:
    """The name of a distribution of WSL, from the values of its key in the registry; empty if it is none."""
    return text_of(values.get("DistributionName"), 80)
