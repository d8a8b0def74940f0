"""Why a sign-in by the provider did not come about."""

from __future__ import annotations

from enum import StrEnum


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


class SignInRefused(Exception):
    """A sign-in did not come about. `detail` is for the record, never for the page."""

    def __init__(self, why: Why, detail: str = "") -> None:
        super().__init__(f"{why}: {detail}")
        self.why = why
        self.detail = detail
