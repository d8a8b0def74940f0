"""A configuration profile of macOS (`.mobileconfig`, a property list) for device management to send.

Keys of the profile itself as Apple documents them (TopLevel, CommonPayloadKeys). Identifiers are made from what the
profile is for, so that a later one takes the place of the one before, and one policy gives one file.
"""

from __future__ import annotations

import plistlib
import uuid
from collections.abc import Mapping

IDS = uuid.UUID("0b6a7f0e-58a5-5b6c-9a1d-4f3f5a3c7e90")


def profile(name: str, organisation: str, payloads: Mapping[str, Mapping[str, object]]) -> bytes:
    """The profile called `name` with settings by preference domain, such as `com.google.Chrome`."""
    about = {"PayloadOrganization": plain(organisation), "PayloadVersion": 1}
    content = [{**about, **_named(f"{name}.{domain}", domain), **settings} for domain, settings in payloads.items()]
    made = {
        **about,
        **_named(name, "Configuration"),
        "PayloadDisplayName": f"Interdict: {name}",
        "PayloadScope": "System",
        "PayloadContent": content,
    }
    return plistlib.dumps(made, sort_keys=True)


def plain(text: str) -> str:
    """The text without control characters, which a property list cannot hold."""
    return "".join(char if char.isprintable() else " " for char in text)


def _named(name: str, kind: str) -> dict[str, str]:
    identifier = f"interdict.{name}"
    return {
        "PayloadIdentifier": identifier,
        "PayloadType": kind,
        "PayloadUUID": str(uuid.uuid5(IDS, identifier)).upper(),
    }
