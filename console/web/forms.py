"""Small forms and their tokens, cookies, and where to go after signing in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response

LONGEST_FORM: Final = 64_000
"""Bytes: the ids of a page of ticked boxes, and a reason."""
MOST_FIELDS: Final = 300
SESSION: Final = "interdict_session"
LOGIN_FORM: Final = "interdict_form"


class Form:
    """The fields of a form. A name may stand in it several times, as boxes that are ticked do."""

    def __init__(self, fields: Mapping[str, Sequence[str]] | None = None) -> None:
        self._fields = fields or {}

    def get(self, name: str) -> str:
        """The first value; empty when the field is not there."""
        values = self._fields.get(name, ())
        return values[0] if values else ""

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of the field."""
        return tuple(self._fields.get(name, ()))


async def read_form(request: Request) -> Form:
    """The fields of a form. What is too long or no form is empty."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_FORM:
            return Form()
    try:
        return Form(parse_qs(body.decode("ascii"), max_num_fields=MOST_FIELDS, keep_blank_values=True))
    except ValueError:
        return Form()


def cookie_name(name: str, behind_tls: bool) -> str:
    """With TLS the browser itself guards the name: such a cookie comes from this host only."""
    return f"__Host-{name}" if behind_tls else name


def set_cookie(response: Response, name: str, value: str, *, behind_tls: bool, lasts: int | None = None) -> None:
    """A cookie that no script can read and no other site can send along with a form."""
    response.set_cookie(
        cookie_name(name, behind_tls), value, max_age=lasts, path="/", secure=behind_tls, httponly=True, samesite="lax"
    )


def drop_cookie(response: Response, name: str, *, behind_tls: bool) -> None:
    """Takes a cookie back."""
    response.delete_cookie(cookie_name(name, behind_tls), path="/", secure=behind_tls, httponly=True, samesite="lax")


def client_address(request: Request, *, behind_tls: bool) -> str:
    """Who asks, for counting guesses. Behind a proxy: what that proxy added last; what stands before is hearsay."""
    added = request.headers.get("x-forwarded-for", "").split(",")[-1].strip() if behind_tls else ""
    return added[:64] or (request.client.host if request.client else "")


def local_path(text: str) -> str:
    """Where to go on, if that is a path of this console; else the first page."""
    fine = (
        text.startswith("/")
        and not text.startswith("//")
        and "\\" not in text
        and text.isascii()
        and text.isprintable()
    )
    return text if fine else "/"
