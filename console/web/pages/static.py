"""Style, scripts, fonts and pictures."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from console.web.context import Context, Visit

FOLDER: Final = Path(__file__).parent.parent / "static"
_files: Final = StaticFiles(directory=FOLDER)


async def file(context: Context, visit: Visit) -> Response:
    """One file of the folder; what leads out of it is not found."""
    return await _files.get_response(os.path.normpath(visit.part("file")), visit.request.scope)
