"""The signed policy as static files, for the small case: devices verify what they get, so nobody signs in for it."""

from __future__ import annotations

import os
import re
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from console.web.context import Context, Visit

NEVER_CHANGES: Final = re.compile(r"metadata/[1-9][0-9]*\.[^/]+\.json|targets/[0-9a-f]{64}\.[^/]+\.json")
"""A version or a hash in the name: written once (docs/gitops.md, "Serving the files")."""


async def file(context: Context, visit: Visit) -> Response:
    """One file of `serve --repository`; what leads out of the folder is not found."""
    folder = context.settings.repository
    if folder is None:
        raise HTTPException(404)
    name = os.path.normpath(visit.part("file"))
    answer = await StaticFiles(directory=folder).get_response(name, visit.request.scope)
    kept = NEVER_CHANGES.fullmatch(name.replace(os.sep, "/"))
    answer.headers["Cache-Control"] = "public, max-age=31536000, immutable" if kept else "no-cache"
    return answer
