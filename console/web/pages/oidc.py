"""Off to the identity provider, and back from it."""

from __future__ import annotations

from typing import Final

from starlette.responses import RedirectResponse, Response

from console.access.oidc.flow import LASTS, Back
from console.access.oidc.refused import SENTENCES, SignInRefused, Why
from console.web import forms
from console.web.context import Context, Visit, go
from console.web.pages.login import login_page

COOKIE: Final = "interdict_sign_in"
FAILED: Final = {Why.UNREACHABLE: 503, Why.ODD: 502}


async def begin(context: Context, visit: Visit) -> Response:
    """The link on the login page."""
    following = forms.local_path(visit.asked("next") or "/")
    if context.access.oidc is None:
        return login_page(context, visit, following)
    try:
        departure = await context.access.oidc.begin(following)
    except SignInRefused as refused:
        return _refused(context, visit, following, refused)
    response = RedirectResponse(departure.address, 303)
    forms.set_cookie(response, COOKIE, departure.browser, behind_tls=context.settings.behind_tls, lasts=LASTS)
    return response


async def callback(context: Context, visit: Visit) -> Response:
    """What the provider sends the browser back with."""
    behind_tls, oidc = context.settings.behind_tls, context.access.oidc
    if oidc is None:
        return login_page(context, visit, "/")
    address = forms.client_address(visit.request, behind_tls=behind_tls)
    before = context.cookie(visit.request, forms.SESSION)
    try:
        arrival = await oidc.finish(_back(context, visit), address, before)
    except SignInRefused as refused:
        return _refused(context, visit, "/", refused)
    response = go(arrival.following)
    forms.set_cookie(response, forms.SESSION, arrival.token, behind_tls=behind_tls, lasts=context.access.sessions.lasts)
    forms.drop_cookie(response, COOKIE, behind_tls=behind_tls)
    return response


def _back(context: Context, visit: Visit) -> Back:
    state, code, issuer, error = (visit.asked(name)[:2_000] for name in ("state", "code", "iss", "error"))
    return Back(state, code, issuer, error, context.cookie(visit.request, COOKIE))


def _refused(context: Context, visit: Visit, following: str, refused: SignInRefused) -> Response:
    response = login_page(context, visit, following, SENTENCES[refused.why], FAILED.get(refused.why, 403))
    forms.drop_cookie(response, COOKIE, behind_tls=context.settings.behind_tls)
    return response
