"""The device's identity: its key and its id, in one root-owned file of the state folder.

The daemon keeps the key but loads no cryptography; the signer child makes it and signs with it.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Mapping
from typing import NamedTuple

from agent.errors import Gone, StateBroken
from agent.host.files import read_bounded, write_atomically
from policy_schema.messages.enrol import device_id

Ask = Callable[[Mapping[str, object]], Mapping[str, object]]
FILE = "device.json"


class DeviceKey(NamedTuple):
    """The raw Ed25519 key in base64, the id made from it, and the console that knows it (empty: none yet)."""

    private: str
    public: str
    device: str
    enrolled_at: str = ""


def load_key(state_dir: str) -> DeviceKey | None:
    """The key of this device, None before the first start.

    Raises:
        StateBroken: the file is damaged: an administrator decides, since a new key is a new device.
    """
    path = os.path.join(state_dir, FILE)
    try:
        values = json.loads(read_bounded(path, 10_000))
        private, public = str(values["private"]), str(values["public"])
        device = device_id(base64.b64decode(public, validate=True))
        return DeviceKey(private, public, device, str(values.get("enrolled_at") or ""))
    except Gone:
        return None
    except (ValueError, KeyError, TypeError) as error:
        advice = "Move it aside and enrol again: the console will show a new device."
        raise StateBroken(f"{path} is damaged: {error}", advice) from error


def ensure_key(state_dir: str, signer: Ask) -> DeviceKey:
    """The key of this device, made now if there is none."""
    known = load_key(state_dir)
    if known is not None:
        return known
    answer = signer({"op": "new-key"})
    public = str(answer["public"])
    made = DeviceKey(str(answer["private"]), public, device_id(base64.b64decode(public)))
    keep_key(state_dir, made)
    return made


def keep_key(state_dir: str, key: DeviceKey) -> None:
    """Writes the key file, readable by the agent alone."""
    values = {"private": key.private, "public": key.public, "enrolled_at": key.enrolled_at}
    write_atomically(os.path.join(state_dir, FILE), json.dumps(values).encode() + b"\n", 0o600)
