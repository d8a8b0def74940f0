"""What the installer of macOS put there: the receipts that it keeps, one for each package.

Where to look: `/var/db/receipts/ID.plist`. A list of the files (`ID.bom`) lies beside each; one without it is what is
left of a package that was forgotten by hand, and counts as no package. The installer and `pkgutil` are not run.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.errors import Gone, InterdictError
from agent.host.files import Kind
from agent.host.oserrors import reason_of
from agent.inventory.interface import Found, Machine, Root
from agent.inventory.macos_formats import parse_receipt
from agent.inventory.places import folder, join, listed
from agent.inventory.systems import concerns
from policy_schema.rules.observation import Face, Observation, Unknown

FOLDERS = ("/var/db/receipts", "/private/var/db/receipts", "/Library/Receipts/db")
MAX_RECEIPT = 1 << 20
MAX_RECEIPTS = 20_000
_SUFFIX = ".plist"


class MacosReceipts:
    """The source `macos-receipts`."""

    name = "macos-receipts"

    def collect(self, machine: Machine) -> Iterator[Found]:
        """See `Source.collect`."""
        seen: set[str] = set()
        for place in FOLDERS if machine.system and concerns(machine, "darwin") else ():
            yield Root(place, looked=False)
            for found in folder(machine.tree, place):
                if isinstance(found, Unknown):
                    yield found
                elif found not in seen:
                    seen.add(found)
                    yield Root(found)
                    yield from _folder(machine, found)


def _folder(machine: Machine, path: str) -> Iterator[Found]:
    entries = listed(machine.tree, path)
    if isinstance(entries, Unknown):
        yield entries
        return
    names = {entry.name for entry in entries if entry.kind is Kind.FILE}
    receipts = sorted(name for name in names if name.endswith(_SUFFIX))
    if len(receipts) > MAX_RECEIPTS:
        yield Unknown(path, f"more than {MAX_RECEIPTS} receipts")
    for name in receipts[:MAX_RECEIPTS]:
        if machine.stopped():
            return
        if f"{name.removesuffix(_SUFFIX)}.bom" in names:
            yield from _receipt(machine, join(path, name))


def _receipt(machine: Machine, path: str) -> Iterator[Found]:
    try:
        found = parse_receipt(machine.tree.read(path, MAX_RECEIPT))
        facts = machine.tree.facts(path)
    except Gone:
        return
    except (InterdictError, ValueError) as error:
        yield Unknown(path, reason_of(error, path) if isinstance(error, InterdictError) else str(error))
        return
    yield Observation(
        source=MacosReceipts.name,
        face=Face.PACKAGE,
        path=facts.path,
        owner=machine.owner(facts.uid),
        uid=facts.uid,
        name=found.identifier,
        version=found.version,
        purl=found.purl,
        manager="installer",
        inode=(facts.device, facts.inode),
    )
