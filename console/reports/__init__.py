"""What the console can report, alphabetical. A report is one file here, one line below, and its exports."""

from __future__ import annotations

from typing import Final

REPORTS: Final[dict[str, str]] = {
    "compliance": "console.reports.compliance",
}
"""Name → module. By name, so that a page or command loads what it shows and nothing else."""
