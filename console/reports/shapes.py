"""What a compliance report holds: one shape for every format, for the read API, and for the schema in docs.

All of it is as of one moment. Instants are texts such as `2026-07-10T01:00:00Z`.
"""

from __future__ import annotations

from msgspec import Struct


class Finding(Struct, frozen=True, kw_only=True):
    """One installation of a banned tool: its package, link, file and process are one."""

    ban: str
    tool: str
    version: str
    faces: tuple[str, ...]
    state: str
    action: str
    outcomes: tuple[str, ...]
    """What was done, of each part that something was done about."""
    since: str
    exception: str | None
    """The id of the exception that covers it."""
    still_there: bool
    """False for what went within the ninety days before."""
    counts: bool
    """False for what says nothing against the device: out of scope, lifted, only a name."""


class Moved(Struct, frozen=True, kw_only=True):
    """An alternative that is on the device. Presence, not use."""

    tool: str
    version: str


class Device(Struct, frozen=True, kw_only=True):
    """One device in its one state."""

    device_id: str
    """Empty when it never enrolled."""
    host_name: str
    state: str
    groups: tuple[str, ...] | None
    """None when the device does not know its groups."""
    os: str
    kind: str
    region: str
    could_not_look: tuple[str, ...]
    """Sources that could not look everywhere; or `no-policy`, `not-looked`, `newer-agent`. Never the same as clean."""
    silent_since: str | None
    """Its last report, when it is silent."""
    policy_version: int
    policy_trust: str
    one_signer: bool
    moved_to: tuple[Moved, ...]
    findings: tuple[Finding, ...]


class Policy(Struct, frozen=True, kw_only=True):
    """The policy in force at the moment of the report, as the console followed it."""

    id: str
    version: int
    signers: tuple[str, ...]
    one_signer: bool
    adopted_at: str


class Claim(Struct, frozen=True, kw_only=True):
    """What is said of a tool in the policy, and how it stands."""

    text: str
    standing: str
    source: str


class Ban(Struct, frozen=True, kw_only=True):
    """A ban of the policy, in its words; empty where the console does not follow the policy."""

    id: str
    name: str = ""
    decided_by: str = ""
    decided_on: str = ""
    reference: str = ""
    review_by: str = ""
    claims: tuple[Claim, ...] = ()


class Granted(Struct, frozen=True, kw_only=True):
    """An exception: for whom (by pseudonym), who allowed it, until when."""

    id: str
    ban: str
    person: str
    asked_at: str
    approved_by: str
    approved_at: str
    until: str
    devices: int
    state: str
    """`in-force`, `ended` or `withdrawn`."""


class Group(Struct, frozen=True, kw_only=True):
    """How many devices of a group are in which state. Groups under five are suppressed: their numbers are None."""

    group: str | None
    """None for the whole fleet, each device once."""
    devices: int | None
    states: dict[str, int] | None
    moved: int | None


class BanTotals(Struct, frozen=True, kw_only=True):
    """One ban over the fleet and over each group: states with regard to this ban alone."""

    ban: Ban
    installations: int
    """Copies that are there and count."""
    outcomes: dict[str, int]
    """What was done → on how many devices."""
    groups: tuple[Group, ...]


class Head(Struct, frozen=True, kw_only=True):
    """What the report is about."""

    generated_at: str
    as_of: str
    note: str
    only_ban: str
    only_group: str
    silent_after_s: int
    policy: Policy | None


class Totals(Struct, frozen=True, kw_only=True):
    """What all devices amount to; known when the last one was read."""

    groups: tuple[Group, ...]
    bans: tuple[BanTotals, ...]
    exceptions: tuple[Granted, ...]
    data_sha256: str
    """Over the devices of the report, each as a line of JSON: the same data has the same digest in every format."""
