"""From the words in which a source says why it could not look to the closed codes that may leave the machine."""

from __future__ import annotations

from policy_schema.messages.codes import Reason

_WORDS: tuple[tuple[str, Reason], ...] = (
    ("permission", Reason.DENIED),
    ("denied", Reason.DENIED),
    ("not permitted", Reason.DENIED),
    ("network", Reason.NETWORK_FILESYSTEM),
    ("too big", Reason.TOO_BIG),
    ("too many", Reason.TOO_BIG),
    ("larger than", Reason.TOO_BIG),
    ("deeper", Reason.TOO_BIG),
    ("more than", Reason.TOO_BIG),
    ("not a regular", Reason.NOT_REGULAR),
    ("not regular", Reason.NOT_REGULAR),
    ("link", Reason.NOT_REGULAR),
    ("vanished", Reason.VANISHED),
    ("gone", Reason.VANISHED),
    ("time", Reason.TIMED_OUT),
    ("crash", Reason.CRASHED),
    ("not json", Reason.MALFORMED),
    ("cannot be read", Reason.MALFORMED),
    ("malformed", Reason.MALFORMED),
)


def reason_code(reason: str) -> Reason:
    """The code nearest to a reason; what has none is `other`."""
    folded = reason.casefold()
    try:
        return Reason(folded)
    except ValueError:
        return next((code for word, code in _WORDS if word in folded), Reason.OTHER)
