"""Passes an alarm on: a mail to people, a signed POST to a program. As for scheduled reports, with the same servers."""

from __future__ import annotations

import hashlib
import json

from console.brake.watch import Raised, Tell, sentence
from console.decisions import Brake
from console.schedules import mail, webhook
from console.schedules.settings import Delivering
from policy_schema.rules.instant import Instant, format_instant


def teller(brake: Brake, delivering: Delivering) -> Tell | None:
    """What passes alarms on; None where nobody wants them."""
    if not brake.mail_to and not brake.webhook:
        return None

    def tell(raised: Raised, now: int) -> None:
        content = body(raised)
        identity = hashlib.sha256(content).hexdigest()[:32]
        if brake.webhook:
            secret = delivering.webhook_secret()
            webhook.post(brake.webhook, secret, content, "application/json", now, identity)
        if brake.mail_to:
            mail.send(delivering.mail_server(), _letter(brake.mail_to, raised, content, identity))

    return tell


def body(raised: Raised) -> bytes:
    """The alarm as one JSON document."""
    fields = {
        "event": "alarm",
        "ban": raised.ban,
        "kind": raised.kind.value,
        "at": format_instant(Instant(raised.at)),
        "paused": raised.paused_until is not None,
        "figures": raised.figures._asdict(),
        "sentence": sentence(raised.kind, raised.figures),
    }
    return json.dumps(fields, sort_keys=True).encode() + b"\n"


def _letter(to: tuple[str, ...], raised: Raised, content: bytes, identity: str) -> mail.Letter:
    rested = "The ban was paused by itself, as its policy allows." if raised.paused_until else "Nothing was paused."
    text = (
        f"{raised.ban}: {sentence(raised.kind, raised.figures)}.\n\n{rested}\n"
        "Look at it on the page Exceptions, Alarms, and close it there.\n"
    )
    subject = f"Interdict: alarm about {raised.ban}"
    return mail.Letter(to, subject, text, "alarm.json", "application/json", content, identity)
