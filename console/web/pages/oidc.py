"""Off to the identity provider, and back from it."""

from __future__ import annotations

from typing import Final

from starlette.responses import RedirectResponse, Response

from console.access.oidc.flow import LASTS, Back
from console.access.oidc.refused import SignInRefused, Why
from console.web import forms
from console.web.context import Context, Visit, go
from console.web.languages import mark as _
from console.web.pages.login import login_page

COOKIE: Final = "interdict_sign_in"
SENTENCES: Final[dict[Why, str]] = {
    Why.UNREACHABLE: _("The identity provider does not answer. Try again in a minute, or use a local account."),
    Why.ODD: _("The identity provider's answer cannot be used. An admin finds more in the audit record."),
    Why.STATE: _("This sign-in was begun elsewhere, is too old, or was used before. Please begin again."),
    Why.REFUSED: _("The identity provider refused the sign-in."),
    Why.CODE: _("The identity provider's code is too old, or was used before. Please begin again."),
    Why.TOKEN: _(
        "What the identity provider said about you cannot be believed. An admin finds more in the audit record."
    ),
    Why.EXPIRED: _("What the identity provider said about you had run out. If this stays so, a clock is wrong."),
    Why.NONCE: _("This answer of the identity provider belongs to another sign-in. Please begin again."),
    Why.NAME: _("The identity provider gave no name for you that can be relied on."),
    Why.NO_ROLE: _("You have signed in, but none of your groups has a role here. Ask whoever runs this console."),
    Why.TAKEN: _("Another account has had your name here. An admin can let it go under Settings."),
}
"""What the person reads."""
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
