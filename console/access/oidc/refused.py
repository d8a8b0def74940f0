"""Why a sign-in by the provider did not come about."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Why(StrEnum):
    """The codes; the record holds them."""

    UNREACHABLE = "provider-unreachable"
    ODD = "provider-odd"
    STATE = "state"
    REFUSED = "provider-refused"
    CODE = "code"
    TOKEN = "id-token"
    EXPIRED = "id-token-expired"
    NONCE = "nonce"
    NAME = "name"
    NO_ROLE = "no-role"
    TAKEN = "name-taken"


SENTENCES: Final[dict[Why, str]] = {
    Why.UNREACHABLE: "The identity provider does not answer. Try again in a minute, or use a local account.",
    Why.ODD: "The identity provider's answer cannot be used. An admin finds more in the audit record.",
    Why.STATE: "This sign-in was begun elsewhere, is too old, or was used before. Please begin again.",
    Why.REFUSED: "The identity provider refused the sign-in.",
    Why.CODE: "The identity provider's code is too old, or was used before. Please begin again.",
    Why.TOKEN: "What the identity provider said about you cannot be believed. An admin finds more in the audit record.",
    Why.EXPIRED: "What the identity provider said about you had run out. If this stays so, a clock is wrong.",
    Why.NONCE: "This answer of the identity provider belongs to another sign-in. Please begin again.",
    Why.NAME: "The identity provider gave no name for you that can be relied on.",
    Why.NO_ROLE: "You have signed in, but none of your groups has a role here. Ask whoever runs this console.",
    Why.TAKEN: "Another account has had your name here. An admin can let it go under Settings.",
}
"""What the person reads."""


class SignInRefused(Exception):
    """A sign-in did not come about. `detail` is for the record, never for the page."""

    def __init__(self, why: Why, detail: str = "") -> None:
        super().__init__(f"{why}: {detail}")
        self.why = why
        self.detail = detail
