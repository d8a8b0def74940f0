"""Signing in and out."""

from __future__ import annotations

import secrets
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from console.access import same
from console.web import forms
from console.web.context import Context, Visit, go
from console.web.languages import mark as _

TOO_OLD = _("The form was too old. Please try again.")
REFUSED = _("That did not work. After several tries, wait for a quarter of an hour.")


async def form(context: Context, visit: Visit) -> Response:
    """The form. After signing out it leads on to the identity provider, where a session may still be open."""
    away = await context.access.oidc.farewell() if visit.asked("out") and context.access.oidc else ""
    return login_page(context, visit, forms.local_path(visit.asked("next") or "/"), away=away)


async def sign_in(context: Context, visit: Visit) -> Response:
    """The form, filled in. One sentence for every reason, so that nobody learns which names exist."""
    request, behind_tls = visit.request, context.settings.behind_tls
    sent = await forms.read_form(request)
    following = forms.local_path(sent.get("next") or "/")
    if not same(sent.get("token"), context.cookie(request, forms.LOGIN_FORM)):
        return login_page(context, visit, following, TOO_OLD, 403)
    address = forms.client_address(request, behind_tls=behind_tls)
    before = context.cookie(request, forms.SESSION)
    token = await run_in_threadpool(context.access.sign_in, sent.get("name"), sent.get("password"), address, before)
    if token is None:
        return login_page(context, visit, following, REFUSED, 403)
    response = go(following)
    forms.set_cookie(response, forms.SESSION, token, behind_tls=behind_tls, lasts=context.access.sessions.lasts)
    forms.drop_cookie(response, forms.LOGIN_FORM, behind_tls=behind_tls)
    return response


def sign_out(context: Context, visit: Visit) -> Response:
    """Ends the session."""
    context.access.sign_out(context.cookie(visit.request, forms.SESSION), visit.viewer.name)
    response = go("/login" if visit.viewer.local else "/login?out=1")
    forms.drop_cookie(response, forms.SESSION, behind_tls=context.settings.behind_tls)
    return response


def login_page(
    context: Context, visit: Visit, following: str, problem: str = "", status: int = 200, away: str = ""
) -> Response:
    """The page with both ways in. `away` leads to where the identity provider's own session ends."""
    token, oidc = secrets.token_urlsafe(32), context.access.oidc
    response = context.page(
        visit,
        "login.html",
        status=status,
        title="Sign in",
        following=following,
        problem=problem,
        token=token,
        provider=oidc.settings.name if oidc else "",
        begin=f"/login/oidc?next={quote(following)}",
        away=away,
    )
    forms.set_cookie(response, forms.LOGIN_FORM, token, behind_tls=context.settings.behind_tls)
    return response
