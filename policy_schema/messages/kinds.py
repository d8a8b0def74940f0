"""The bounded kinds of text and number that messages are made of.

Everything is bounded when it is decoded, because whoever holds a device key can send anything. Closed codes travel
as bounded slugs and not as enums: a newer agent may know one more code, and its report must still be stored.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

MAX_COUNT = 2**53 - 1
MAX_FINDINGS = 2_000
"""In one report; what is more goes into the next ones. So many always fit into the bounds of `wire`."""
MAX_LINES = 500

Code = Annotated[str, Meta(max_length=40, pattern=r"\A[a-z0-9-]*\Z")]
"""A slug of one of the closed lists in `policy_schema.rules` or `policy_schema.messages.codes`; empty for none."""
Identifier = Annotated[str, Meta(min_length=1, max_length=120, pattern=r"\A[!-~]+\Z")]
"""The id of a ban, tool, finding, installation, exception or policy: visible ASCII, no blank."""
OptionalIdentifier = Annotated[str, Meta(max_length=120, pattern=r"\A[!-~]*\Z")]
"""The same, or empty where nobody knows."""
Name = Annotated[str, Meta(max_length=120)]
"""A short text from the machine's own world: a version, a host name, a region."""
Purl = Annotated[str, Meta(max_length=500)]
"""A package URL with its version."""
Pseudonym = Annotated[str, Meta(max_length=64, pattern=r"\A[a-z0-9-]*\Z")]
"""A person's pseudonym, made on the machine; empty while nothing about persons is sent."""
Moment = Annotated[str, Meta(max_length=20, pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z\Z")]
"""An instant, `2026-07-10T01:00:00Z`."""
Day = Annotated[str, Meta(max_length=10, pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]
"""A day in UTC, `2026-07-10`."""
MomentOrDay = Annotated[
    str, Meta(max_length=20, pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?\Z")
]
"""An instant, or the day alone where the hour would be working-time data."""
Count = Annotated[int, Meta(ge=0, le=MAX_COUNT)]
"""A number that counts something."""
Sequence = Annotated[int, Meta(ge=1, le=MAX_COUNT)]
"""The number of a report within its epoch: 1, 2, 3, … without a gap."""
Epoch = Annotated[str, Meta(min_length=8, max_length=40, pattern=r"\A[a-z0-9-]+\Z")]
"""One life of a device's journal: a random id, new when the journal is new."""
DeviceId = Annotated[str, Meta(max_length=26, pattern=r"\Ad-[0-9a-f]{24}\Z")]
"""A device's id, made from its public key by `policy_schema.messages.enrol.device_id`."""
