"""The compliance report as of a moment: its head, its devices as they are read, and its totals once all have passed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

import msgspec
from sqlalchemy import Connection

from console.errors import BadCommand
from console.reports import decided, history
from console.reports.history import Question
from console.reports.interface import NO_PROOF
from console.reports.shapes import Ban, Device, Granted, Head, Totals
from console.reports.tally import Tally
from console.store.past import SHORTEST_GAP
from policy_schema.rules.instant import format_instant

_encoder: Final = msgspec.json.Encoder()


class Report:
    """Read `devices` to the end once; then `totals` are complete. Nothing is held but counts."""

    def __init__(self, connection: Connection, question: Question) -> None:
        """Raises:
        BadCommand: the moment has not come, or silences were not kept so finely.
        """
        _check(question)
        policy = decided.policy_at(connection, question.moment)
        self.question = question
        self.head = Head(
            generated_at=format_instant(question.now),
            as_of=format_instant(question.moment),
            note=NO_PROOF,
            only_ban=question.ban,
            only_group=question.group,
            silent_after_s=question.silent_after,
            policy=decided.head_of(policy),
        )
        self.bans: dict[str, Ban] = decided.bans_of(policy, question.ban)
        self.granted: tuple[Granted, ...] = decided.granted_at(connection, question.moment, question.ban)
        self._connection = connection
        self._tally = Tally()
        self._digest = hashlib.sha256()
        self._complete = False

    def devices(self) -> Iterator[Device]:
        """Each device, counted as it passes."""
        for device in history.devices(self._connection, self.question):
            self._tally.add(device)
            self._digest.update(as_line(device))
            yield device
        self._complete = True

    def totals(self) -> Totals:
        """What all devices amount to."""
        if not self._complete:
            for _ in self.devices():
                pass
        return Totals(
            groups=self._tally.groups(),
            bans=self._tally.bans(self.bans),
            exceptions=self.granted,
            data_sha256=self._digest.hexdigest(),
        )


def as_line(device: Device) -> bytes:
    """A device as the line that the digest is made of."""
    return _encoder.encode(device) + b"\n"


def _check(question: Question) -> None:
    if question.moment > question.now:
        raise BadCommand(
            f"{format_instant(question.moment)} has not come yet", "Ask as of a moment that is past, or leave it out."
        )
    if question.is_past and question.silent_after < SHORTEST_GAP:
        hours = SHORTEST_GAP // 3600
        raise BadCommand(
            f"silences under {hours} h are not kept for past moments", f"Say --silent-after {hours}h or more."
        )
