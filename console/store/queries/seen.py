"""Who of the expected devices was seen: a note beside each name, so that lists look only for those that were not."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import Update, exists, update

from console.store.tables import device, expected_device

OVER_THE_FLEET: Final = {
    "note": "devices of a name, which is no key: one or two at a time",
    "note_all": "the list of who is expected, when it is imported and once a day",
}
_THERE: Final = exists().where(device.c.host_key == expected_device.c.host_key)


def note(keys: Collection[str]) -> Update:
    """For devices of these names, after one came, went or got another name."""
    return update(expected_device).where(expected_device.c.host_key.in_(keys)).values(enrolled=_THERE)


def note_all() -> Update:
    """For the whole list, where it is noted wrongly."""
    return update(expected_device).where(expected_device.c.enrolled != _THERE).values(enrolled=_THERE)
