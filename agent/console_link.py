"""The way to the console: enrolment and reports, signed by one child and carried by another. No thread, no state of
its own but the difference between the clocks.
"""

from __future__ import annotations

import email.utils
import gzip
import json
from collections.abc import Callable, Mapping
from typing import NamedTuple

from agent.device_key import DeviceKey
from agent.errors import InterdictError
from agent.host.clock import wall
from agent.policy.wire import BadAnswer, number, pack, raise_refusal, text, unpack_bytes
from policy_schema.messages.enrol import ENROL_PATH, DeviceFacts, EnrolRequest
from policy_schema.messages.report import REPORTS_PATH
from policy_schema.messages.wire import encode
from policy_schema.rules.instant import parse_instant
from policy_schema.trust.refusal import Refused

Ask = Callable[[Mapping[str, object]], Mapping[str, object]]
_JSON = {"Content-Type": "application/json"}


class Reply(NamedTuple):
    """What the console answered. `status` is 0 when nobody did; `problem` is then the sentence."""

    status: int
    values: Mapping[str, object]
    retry_after: float
    problem: str = ""
    at: int | None = None
    """The console's own time of the answer, where it told it."""


class ConsoleLink:
    """Talks to one console for one device."""

    def __init__(self, *, server: str, access: Mapping[str, object], courier: Ask, signer: Ask) -> None:
        self._server = server.rstrip("/")
        self._access = access
        self._courier = courier
        self._signer = signer
        self._ahead = 0
        """Seconds by which the console's clock is ahead of ours."""

    def enrol(self, key: DeviceKey, secret: str, facts: DeviceFacts, epoch: str) -> Reply:
        """Shows the secret and binds the key."""
        body = encode(EnrolRequest(secret=secret, public_key=key.public, epoch=epoch, facts=facts))
        return self._post(key, ENROL_PATH, 0, body, _JSON)

    def report(self, key: DeviceKey, sequence: int, report: bytes) -> Reply:
        """Sends one report; the same report is always the same bytes."""
        body = gzip.compress(report, mtime=0)
        return self._post(key, REPORTS_PATH, sequence, body, {**_JSON, "Content-Encoding": "gzip"})

    def _post(self, key: DeviceKey, path: str, sequence: int, body: bytes, headers: Mapping[str, str]) -> Reply:
        reply = self._once(key, path, sequence, body, headers)
        if reply.status == 401 and reply.at is not None and abs(reply.at - wall() - self._ahead) > 60:
            # Our clock is off: signed once more by the console's own.
            self._ahead = int(reply.at - wall())
            reply = self._once(key, path, sequence, body, headers)
        return reply

    def _once(self, key: DeviceKey, path: str, sequence: int, body: bytes, headers: Mapping[str, str]) -> Reply:
        try:
            signed = self._signer(
                {
                    "op": "sign",
                    "key": key.private,
                    "device": key.device,
                    "method": "POST",
                    "path": path,
                    "sequence": sequence,
                    "body": pack({"it": body})["it"],
                    "now": wall() + self._ahead,
                }
            )
            answer = self._courier(
                {
                    "op": "request",
                    "method": "POST",
                    "url": self._server + path,
                    "headers": {**headers, **{k: text(v) for k, v in _map(signed.get("headers")).items()}},
                    "body": pack({"it": body})["it"],
                    "access": dict(self._access),
                }
            )
            raise_refusal(answer)
            shown = _map(answer.get("headers"))
            values = _json(unpack_bytes(answer.get("body")))
            return Reply(
                status=number(answer.get("status")),
                values=values,
                retry_after=_seconds(shown.get("retry-after")),
                at=_instant(shown.get("date")),
            )
        except (InterdictError, BadAnswer, Refused) as error:
            return Reply(0, {}, 0.0, str(error))


def next_in(reply: Reply, otherwise: float) -> float:
    """Seconds until the console wants the next report, both ends of them by its own clock: ours may be hours off."""
    try:
        now = reply.at if reply.at is not None else wall()
        return float(max(0, parse_instant(str(reply.values["next_report_at"])) - now))
    except (KeyError, ValueError):
        return reply.retry_after or otherwise


def _seconds(value: object) -> float:
    try:
        return min(3600.0, max(0.0, float(str(value)))) if value else 0.0
    except ValueError:
        return 0.0


def _instant(date: object) -> int | None:
    """An HTTP date as an instant."""
    try:
        return int(email.utils.parsedate_to_datetime(str(date)).timestamp()) if date else None
    except (ValueError, TypeError, OverflowError):
        return None


def _json(body: bytes) -> Mapping[str, object]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _map(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
