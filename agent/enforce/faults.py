"""From an error to the closed code that a report may carry."""

from __future__ import annotations

from agent.enforce.giving import AlreadyBack
from agent.enforce.interface import Detail
from agent.enforce.plan import Immutable
from agent.enforce.taking import CopyDiffers, NothingRemoved
from agent.errors import Denied, Gone, InterdictError, NotRegular, TooBig
from agent.host.faults import DiskFull, MountInside, Occupied, ReadOnly
from agent.host.vault import NoVault

_DETAILS: tuple[tuple[type[InterdictError], Detail], ...] = (
    (AlreadyBack, Detail.ALREADY_RESTORED),
    (CopyDiffers, Detail.COPY_DIFFERS),
    (NothingRemoved, Detail.DENIED),
    (Immutable, Detail.IMMUTABLE),
    (NoVault, Detail.NO_VAULT),
    (MountInside, Detail.MOUNT_INSIDE),
    (DiskFull, Detail.DISK_FULL),
    (ReadOnly, Detail.READ_ONLY),
    (TooBig, Detail.TOO_MANY_ENTRIES),
    (NotRegular, Detail.SPECIAL_FILE),
    (Gone, Detail.ALREADY_GONE),
    (Denied, Detail.DENIED),
    (Occupied, Detail.CHANGED_WHILE_MOVING),
)
"""The first that fits; a subclass stands before its parent."""


def detail_of(error: InterdictError) -> Detail:
    """The code for an error; `system-error` for what has no name."""
    return next((detail for kind, detail in _DETAILS if isinstance(error, kind)), Detail.SYSTEM_ERROR)
