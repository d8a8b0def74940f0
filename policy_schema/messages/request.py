"""A message as the request that goes over the wire: path, signed headers, body. Pure; somebody else sends it.

The body of a report is the same for the same report, whenever it is sealed: only the signature's time differs.
"""

from __future__ import annotations

import gzip
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from policy_schema.messages import signature
from policy_schema.messages.enrol import ENROL_PATH, EnrolRequest, device_id
from policy_schema.messages.report import REPORTS_PATH, Report
from policy_schema.messages.wire import encode


class Sealed(NamedTuple):
    """A POST request, ready to be sent by somebody who holds no key."""

    path: str
    headers: dict[str, str]
    body: bytes


def seal_enrolment(request: EnrolRequest, key: Ed25519PrivateKey, now: int) -> Sealed:
    """The enrolment, signed with the key that it brings, number 0. `now` in seconds, corrected by the server's Date."""
    body = encode(request)
    return _sealed(ENROL_PATH, key, 0, body, now, {"Content-Type": "application/json"})


def seal_report(report: Report | bytes, key: Ed25519PrivateKey, *, sequence: int, now: int) -> Sealed:
    """A report (or its JSON bytes as kept in the journal), compressed and signed."""
    body = gzip.compress(report if isinstance(report, bytes) else encode(report), mtime=0)
    return _sealed(
        REPORTS_PATH, key, sequence, body, now, {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    )


def _sealed(path: str, key: Ed25519PrivateKey, sequence: int, body: bytes, now: int, headers: dict[str, str]) -> Sealed:
    device = device_id(signature.raw_public_key(key))
    signed = signature.sign(key, device=device, method="POST", path=path, sequence=sequence, body=body, now=now)
    return Sealed(path, {**headers, **signed}, body)
