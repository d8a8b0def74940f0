"""How one person sees the pages: language, time zone, light or dark. Kept in their browser."""

from __future__ import annotations

from starlette.responses import Response

from console.web import forms, view
from console.web.context import Context, Visit, go
from console.web.languages import LANGUAGES


def show(context: Context, visit: Visit) -> Response:
    """The form with everything that can be chosen."""
    return context.page(visit, "view.html", title="Your view", zones=view.zones(), saved=visit.asked("saved") == "yes")


async def change(context: Context, visit: Visit) -> Response:
    """Keeps what was chosen. Anybody may, before signing in too: it changes nothing but their own browser."""
    sent = await forms.read_form(visit.request)
    following = forms.local_path(sent.get("next") or "/view")
    response = go(following)
    choices = (
        (view.LANGUAGE, sent.get("language"), sent.get("language") in LANGUAGES),
        (view.ZONE, sent.get("zone"), view.is_zone(sent.get("zone"))),
        (view.THEME, sent.get("theme"), sent.get("theme") in view.THEMES),
    )
    for name, value, known in choices:
        if known:
            response.set_cookie(
                name,
                value,
                max_age=view.LASTS,
                path="/",
                secure=context.settings.behind_tls,
                httponly=True,
                samesite="lax",
            )
    return response
