"""Enrolment: a machine shows a secret, binds its own key, and learns its id and when to report."""

from __future__ import annotations

import hashlib
from typing import Annotated

from msgspec import Meta, Struct

from policy_schema.messages.kinds import Code, DeviceId, Epoch, Moment, Name

ENROL_PATH = "/api/v1/enrol"
Groups = Annotated[tuple[Name, ...], Meta(max_length=100)]


class DeviceFacts(Struct, frozen=True, kw_only=True):
    """What fleet management says about the machine, and what the machine says about itself."""

    os: Code
    """`linux`, `macos` or `windows`."""
    os_version: Name
    kind: Code
    """`workstation`, `server`, `ci` or `kiosk`."""
    ownership: Code
    """`company` or `personal`."""
    region: Name | None
    """None when nobody has set it: bans that name a region then report and never act."""
    groups: Groups | None
    host_name: Name
    agent: Name
    """The agent's version."""


class EnrolRequest(Struct, frozen=True, kw_only=True):
    """POST /api/v1/enrol, signed with the key it brings (sequence 0)."""

    v: int = 1
    secret: Annotated[str, Meta(min_length=1, max_length=200)]
    public_key: Annotated[str, Meta(max_length=44, pattern=r"\A[A-Za-z0-9+/]{43}=\Z")]
    """The 32 raw bytes of an Ed25519 public key in base64."""
    epoch: Epoch
    facts: DeviceFacts


class EnrolAnswer(Struct, frozen=True, kw_only=True):
    """The answer to an enrolment; the same one again when the same key asks again."""

    v: int = 1
    device: DeviceId
    next_report_at: Moment


def device_id(public_key: bytes) -> str:
    """The id of the device that holds this raw Ed25519 public key: machine and console derive the same one."""
    return "d-" + hashlib.sha256(public_key).hexdigest()[:24]
