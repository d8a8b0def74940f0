"""The gate's own program: `python -SIE .../agent/gate/__main__.py --socket PATH --orders PATH`.

With -S and -I nothing of the site is loaded, which saves 4 MB and whatever a site may bring; so it finds itself.
"""

from __future__ import annotations

import sys

assert sys.platform == "linux"

if not __package__ and not getattr(sys, "frozen", False):
    sys.path.insert(0, __file__.rsplit("/", 3)[0])

from agent.gate.program import main  # noqa: E402 - only findable from here on

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
