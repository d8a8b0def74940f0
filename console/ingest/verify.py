"""What a request from a machine must pass before anything in it is believed: every check, in order, in one function.

After these the writer still compares the report's number with the last one stored: that needs the transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import msgspec

from console.ingest.ed25519 import fits
from policy_schema.messages import signature
from policy_schema.messages.enrol import EnrolRequest, device_id
from policy_schema.messages.report import Report
from policy_schema.messages.signature import Refusal, SignatureRefused
from policy_schema.messages.wire import MAX_SENT, MessageRefused, decode, inflate

FindKey = Callable[[str], bytes | None]
M = TypeVar("M", EnrolRequest, Report)


class Request(NamedTuple):
    """A request with its body as sent."""

    method: str
    path: str
    headers: Sequence[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        """The first header of that name in lower case, or nothing."""
        return next((value.strip().lower() for key, value in self.headers if key.lower() == name), "")


class Refused(Exception):
    """A request is refused. `status` is HTTP's, `code` one of a closed list, both for the agent's log."""

    def __init__(self, status: int, code: str, detail: str, advice: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.advice = advice


class Accepted(NamedTuple):
    """A report that is what its device sent."""

    report: Report
    body: bytes
    """As sent, compressed."""
    digest: str
    """SHA-256 of the JSON, hexadecimal: tells a report that is sent again from another with the same number."""


class AcceptedEnrolment(NamedTuple):
    """An enrolment whose sender holds the key that it brings."""

    request: EnrolRequest
    device: str
    public_key: bytes


def check_report(request: Request, find_key: FindKey, now: int) -> Accepted:
    """1. Not too long as sent (413). 2. JSON, gzip (415). 3. Signed by an enrolled device, now, over this body (401).
    4. Not too long inflated (413). 5. A report of a version we read, every value within its bounds (400).
    6. From the device that signed, with the number that was signed (400).

    Raises:
        Refused: with the first check that failed.
    """
    _check_size(request.body)  # 1
    _check_kind(request, encoding="gzip")  # 2
    signed = _check_signature(request, find_key, now)  # 3
    try:
        text = inflate(request.body)  # 4
    except MessageRefused as error:
        raise _as_refused(error) from error
    report = _decoded(text, Report)  # 5
    if report.device != signed.device or report.sequence != signed.sequence:  # 6
        raise Refused(
            400, "not-as-signed", "device or number differ from what was signed", "Send the report as it was signed."
        )
    return Accepted(report, request.body, hashlib.sha256(text).hexdigest())


def check_enrolment(request: Request, now: int) -> AcceptedEnrolment:
    """1. Not too long (413). 2. JSON, not compressed (415). 3. An enrolment within its bounds, bringing a key (400).
    4. Signed with that very key, now, over this body, number 0 (401). Whether the secret is good, the writer says.

    Raises:
        Refused: with the first check that failed.
    """
    _check_size(request.body)  # 1
    _check_kind(request, encoding="")  # 2
    message = _decoded(request.body, EnrolRequest)  # 3
    try:
        public_key = signature.decode_public_key(message.public_key)
    except ValueError as error:
        raise Refused(400, "malformed", str(error), "Make a new key and enrol again.") from error
    device = device_id(public_key)
    signed = _check_signature(request, lambda name: public_key if name == device else None, now)  # 4
    if signed.sequence != 0:
        raise Refused(400, "not-as-signed", "an enrolment has the number 0", "Sign the enrolment with the number 0.")
    return AcceptedEnrolment(message, device, public_key)


def _check_size(body: bytes) -> None:
    if len(body) > MAX_SENT:
        raise Refused(413, "too-big", f"more than {MAX_SENT} bytes", "Split the report into several.")


def _check_kind(request: Request, *, encoding: str) -> None:
    kind = request.header("content-type").split(";")[0].strip()
    if kind != "application/json" or request.header("content-encoding") != encoding:
        wanted = f"application/json{f', {encoding}' if encoding else ', not compressed'}"
        raise Refused(415, "wrong-kind", f"the body must be {wanted}", "Compare the versions of agent and console.")


def _check_signature(request: Request, find_key: FindKey, now: int) -> signature.Verified:
    broken: list[Exception] = []

    def find(device: str) -> bytes | None:
        """The library takes every error for a wrong signature: a database that is away is none."""
        try:
            return find_key(device)
        except Exception as error:
            broken.append(error)
            raise

    try:
        return signature.verify(
            method=request.method,
            path=request.path,
            headers=request.headers,
            body=request.body,
            find_key=find,
            now=now,
            fits=fits,
        )
    except SignatureRefused as error:
        if broken:
            raise broken[0] from error
        status = 400 if error.code is Refusal.MALFORMED else 401
        raise Refused(status, f"signature-{error.code}", str(error), error.advice()) from error


def _decoded(text: bytes, kind: type[M]) -> M:
    try:
        return decode(text, kind)
    except MessageRefused as error:
        raise _as_refused(error) from error


def _as_refused(error: MessageRefused) -> Refused:
    return Refused(413 if error.code == "too-big" else 400, error.code, str(error), error.advice())


def refusal_body(refused: Refused) -> bytes:
    """The answer to a refused request."""
    return msgspec.json.encode({"code": refused.code, "detail": str(refused), "advice": refused.advice})
