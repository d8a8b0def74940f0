"""Small forms and their tokens, cookies, and where to go after signing in."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response

LONGEST_FORM: Final = 10_000
SESSION: Final = "interdict_session"
LOGIN_FORM: Final = "interdict_form"


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form, the first value of each. What is too long or no form is empty."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_FORM:
            return {}
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=20, keep_blank_values=True)
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}


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
