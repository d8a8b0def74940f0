"""Native messaging hosts: programs that a browser starts for its extensions, by the manifests that announce them.

Where to look: one folder of manifests for each browser, of the system and of each user. On Windows the registry names
the manifests; only the reader of a manifest is here for that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agent.errors import Gone, InterdictError
from agent.host.files import Kind
from agent.inventory.browsers import CHROMIUM
from agent.inventory.interface import Found, Machine, Root, unknown
from agent.inventory.json_object import read_object
from agent.inventory.places import Folder, expand, join, listed
from policy_schema.rules.observation import Face, Observation, Unknown

MAX_JSON = 64 << 10
MAX_HOSTS = 1_000
_NAME = re.compile(r"[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*")

SYSTEM = (
    "/etc/opt/chrome/native-messaging-hosts",
    "/etc/opt/edge/native-messaging-hosts",
    "/etc/chromium/native-messaging-hosts",
    "/etc/chromium-browser/native-messaging-hosts",
    "/etc/brave/native-messaging-hosts",
    "/etc/vivaldi/native-messaging-hosts",
    "/etc/opera/native-messaging-hosts",
    "/usr/lib/mozilla/native-messaging-hosts",
    "/usr/lib64/mozilla/native-messaging-hosts",
    "/usr/share/mozilla/native-messaging-hosts",
    "/Library/Google/Chrome/NativeMessagingHosts",
    "/Library/Microsoft/Edge/NativeMessagingHosts",
    "/Library/Application Support/Chromium/NativeMessagingHosts",
    "/Library/Application Support/Mozilla/NativeMessagingHosts",
)
OF_USERS = (
    *(f"~/{profiles}/NativeMessagingHosts" for profiles in CHROMIUM),
    "~/.mozilla/native-messaging-hosts",
    "~/.librewolf/native-messaging-hosts",
    "~/.waterfox/native-messaging-hosts",
    "~/.zen/native-messaging-hosts",
    "~/.floorp/native-messaging-hosts",
    "~/snap/firefox/common/.mozilla/native-messaging-hosts",
    "~/.var/app/org.mozilla.firefox/.mozilla/native-messaging-hosts",
    "~/Library/Application Support/Mozilla/NativeMessagingHosts",
)


class NativeHosts:
    """The source `native-hosts`."""

    name = "native-hosts"

    def collect(self, machine: Machine) -> Iterator[Found]:
        """See `Source.collect`."""
        for found in expand(machine, SYSTEM, OF_USERS):
            if isinstance(found, Folder):
                yield from _hosts(machine, found)
            else:
                yield found


def _hosts(machine: Machine, folder: Folder) -> Iterator[Found]:
    entries = listed(machine.tree, folder.path)
    if isinstance(entries, Unknown):
        yield entries
        return
    yield Root(folder.path)
    names = [e.name for e in entries if e.name.endswith(".json") and e.kind in (Kind.FILE, Kind.LINK)]
    if len(names) > MAX_HOSTS:
        yield Unknown(folder.path, f"more than {MAX_HOSTS} native messaging hosts")
    for name in sorted(names)[:MAX_HOSTS]:
        if machine.stopped():
            return
        yield from _host(machine, folder, join(folder.path, name))


def _host(machine: Machine, folder: Folder, path: str) -> Iterator[Found]:
    host = path.rpartition("/")[2].removesuffix(".json")
    try:
        facts = machine.tree.facts(path)
        data = machine.tree.read(path, MAX_JSON)
    except Gone:
        return
    except InterdictError as error:
        yield unknown(path, error)
        return
    try:
        host = parse_host(data)
    except ValueError as error:
        yield Unknown(path, str(error))
        if not _NAME.fullmatch(host):
            return
    yield Observation(
        source=NativeHosts.name,
        face=Face.EXTENSION,
        path=facts.path,
        owner=machine.owner(facts.uid),
        uid=facts.uid,
        name=host,
        extension=f"native_host:{host}",
        links=(path,) if path != facts.path else (),
        # What a link leads to is somebody's work, or held by another manager.
        project=path != facts.path,
        home=folder.home,
        inode=(facts.device, facts.inode),
        prefix=folder.path,
    )


def parse_host(data: bytes) -> str:
    """The name of the host that a manifest announces.

    Raises:
        ValueError: not a manifest of a native messaging host.
    """
    fields = read_object(data)
    name = fields.get("name")
    if not isinstance(name, str) or len(name) > 200 or not _NAME.fullmatch(name):
        raise ValueError("the manifest names no native messaging host")
    return name
