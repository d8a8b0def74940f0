"""One quarantine on the disk: `q-…/manifest.json`, `record.json` and `held/` with what was taken."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from agent.enforce.manifest import (
    HeldState,
    Manifest,
    Record,
    dump_manifest,
    dump_record,
    load_manifest,
    load_record,
)
from agent.errors import Gone
from agent.host.folders import Folder
from agent.host.vault import Vault
from policy_schema.rules.instant import format_instant

MANIFEST = "manifest.json"
RECORD = "record.json"
HELD = "held"
_MAX_MANIFEST = 256 << 20
_MAX_RECORD = 1 << 20

Now = Callable[[], int]
"""The clock: seconds since the epoch."""


class Cell:
    """An open quarantine. Closing it is the caller's, by `with`."""

    def __init__(self, vault: Vault, name: str, folder: Folder, now: Now) -> None:
        self.vault = vault
        self.id = name
        self.folder = folder
        self._now = now

    def __enter__(self) -> Cell:
        return self

    def __exit__(self, *_: object) -> None:
        self.folder.close()

    @property
    def held_path(self) -> str:
        """Where what was taken lies, for those who look for processes inside."""
        return os.path.join(self.folder.path, HELD)

    @contextmanager
    def held(self) -> Iterator[Folder]:
        """The folder with what was taken. Raises Gone."""
        with self.folder.folder(HELD) as folder:
            yield folder

    def holds(self, slot: str) -> bool:
        """True when a piece lies in here."""
        try:
            with self.held() as held:
                return held.exists(slot)
        except Gone:
            return False

    def manifest(self) -> Manifest:
        """Raises Gone, StateBroken."""
        return load_manifest(self.folder.read_all(MANIFEST, _MAX_MANIFEST), self._named(MANIFEST))

    def record(self) -> Record:
        """Raises Gone, StateBroken."""
        return load_record(self.folder.read_all(RECORD, _MAX_RECORD), self._named(RECORD))

    def write_manifest(self, manifest: Manifest) -> None:
        """Puts it on the disk before it returns."""
        self.folder.write_durably(MANIFEST, dump_manifest(manifest))

    def write(self, record: Record, state: HeldState, **changes: object) -> Record:
        """Puts the record on the disk with a new state, now; answers it."""
        stamped = record._replace(state=state, at=format_instant(self._now()), **changes)  # type: ignore[arg-type]
        self.rewrite(stamped)
        return stamped

    def rewrite(self, record: Record) -> None:
        """Puts a record on the disk as it is."""
        self.folder.write_durably(RECORD, dump_record(record))

    def discard(self) -> None:
        """Removes an empty quarantine; one that still holds something is refused by the filesystem (Occupied)."""
        with suppress(Gone):
            self.folder.remove_folder(HELD)
        for leaf in self.folder.names():
            self.folder.unlink(leaf)
        self.vault.folder.remove_folder(self.id)
        self.vault.folder.sync()

    def _named(self, leaf: str) -> str:
        return os.path.join(self.folder.path, leaf)


def open_cell(vault: Vault, name: str, now: Now) -> Cell:
    """Opens the quarantine of that id. Raises Gone."""
    return Cell(vault, name, vault.open(name), now)
