"""Signing in and out."""

from __future__ import annotations

import secrets

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from console.access import SESSION_LASTS, same
from console.web import forms
from console.web.context import Context, Visit, go

TOO_OLD = "The form was too old. Please try again."
REFUSED = "That did not work. After several tries, wait for a quarter of an hour."


async def form(context: Context, visit: Visit) -> Response:
    """The form."""
    return _form(context, visit, forms.local_path(visit.asked("next") or "/"), "", 200)


async def sign_in(context: Context, visit: Visit) -> Response:
    """The form, filled in. One sentence for every reason, so that nobody learns which names exist."""
    request, behind_tls = visit.request, context.settings.behind_tls
    sent = await forms.read_form(request)
    following = forms.local_path(sent.get("next") or "/")
    if not same(sent.get("token"), context.cookie(request, forms.LOGIN_FORM)):
        return _form(context, visit, following, TOO_OLD, 403)
    address = forms.client_address(request, behind_tls=behind_tls)
    token = await run_in_threadpool(context.access.sign_in, sent.get("name"), sent.get("password"), address)
    if token is None:
        return _form(context, visit, following, REFUSED, 403)
    response = go(following)
    forms.set_cookie(response, forms.SESSION, token, behind_tls=behind_tls, lasts=SESSION_LASTS)
    forms.drop_cookie(response, forms.LOGIN_FORM, behind_tls=behind_tls)
    return response


def sign_out(context: Context, visit: Visit) -> Response:
    """Ends the session."""
    context.access.sign_out(context.cookie(visit.request, forms.SESSION), visit.viewer.name)
    response = go("/login")
    forms.drop_cookie(response, forms.SESSION, behind_tls=context.settings.behind_tls)
    return response


def _form(context: Context, visit: Visit, following: str, problem: str, status: int) -> Response:
    token = secrets.token_urlsafe(32)
    response = context.page(
        visit, "login.html", status=status, title="Sign in", following=following, problem=problem, token=token
    )
    forms.set_cookie(response, forms.LOGIN_FORM, token, behind_tls=context.settings.behind_tls)
    return response
