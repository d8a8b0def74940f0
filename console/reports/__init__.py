"""What reports are made of, alphabetical: a part is one file here and one line below.

`build` makes the compliance report as of a moment: `history` reads the devices, `assess` gives each its one state,
`tally` counts them, `decided` says what policy and exceptions were, in the `shapes` that every format has. `compliance`
is the list of devices as the pages show it now.
"""

from __future__ import annotations

from typing import Final

REPORTS: Final[dict[str, str]] = {
    "assess": "console.reports.assess",
    "build": "console.reports.build",
    "compliance": "console.reports.compliance",
    "decided": "console.reports.decided",
    "history": "console.reports.history",
    "shapes": "console.reports.shapes",
    "tally": "console.reports.tally",
}
"""Name → module. By name, so that a page or command loads what it shows and nothing else."""
