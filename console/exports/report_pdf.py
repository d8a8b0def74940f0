"""The compliance report as a PDF that an auditor can file: A4, tagged for screen readers (PDF/UA-1), pages numbered,
with policy, signers, moment, and the digest of the data it was made from.

Devices that need nobody are counted, not listed. Fonts are those of the system; Chinese needs one that has it.
"""

from __future__ import annotations

import heapq
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from console.errors import ExtraMissing
from console.reports.build import Report
from console.reports.shapes import Device
from console.state import MEANS, SHOWN_FIRST, DeviceState
from console.web import words
from policy_schema.messages.wire import clean
from policy_schema.rules.instant import parse_instant

MOST: Final = 1_000
"""Devices that are listed; the data of all is in the other formats, under the same digest."""
TEMPLATES: Final = Path(__file__).parent / "templates"
_PLACES: Final = {state.value: place for place, state in enumerate(SHOWN_FIRST)}
_NOT_LISTED: Final = (DeviceState.CLEAN, DeviceState.REMOVED)


def write_pdf(report: Report, file: Path) -> None:
    """Writes the file.

    Raises:
        ExtraMissing: the library that prints, or one of the system that it needs, is not installed.
    """
    html = _library()
    listed = (device for device in report.devices() if device.state not in _NOT_LISTED)
    shown = heapq.nsmallest(MOST, listed, key=lambda device: (_PLACES[device.state], device.host_name))
    html(string=page(report, shown), base_url=str(TEMPLATES), url_fetcher=_nothing_else).write_pdf(
        str(file), pdf_variant="pdf/ua-1", full_fonts=False
    )


def page(report: Report, shown: list[Device]) -> str:
    """The report as the HTML that is printed."""
    totals = report.totals()
    states = totals.groups[0].states or {}
    needing = sum(number for state, number in states.items() if state not in _NOT_LISTED)
    return (
        _environment()
        .get_template("report.html")
        .render(
            head=report.head,
            totals=totals,
            whole=totals.groups[0],
            shown=shown,
            left_out=needing - len(shown),
            states=[state.value for state in SHOWN_FIRST],
            means={state.value: text for state, text in MEANS.items()},
        )
    )


def _library() -> Any:
    try:
        from weasyprint import HTML  # type: ignore[import-untyped]
    except ModuleNotFoundError as error:
        raise ExtraMissing(f"PDF needs {error.name}, which is not installed", 'pip install "interdict[pdf]"') from error
    except OSError as error:
        # The library looks for Pango when it is loaded.
        raise ExtraMissing(
            "PDF needs Pango, which is not installed", "apt-get install libpango-1.0-0 libpangoft2-1.0-0"
        ) from error
    return HTML


def _nothing_else(url: str, *rest: object, **more: object) -> Any:
    """A report loads nothing: what it says comes from the fleet, and the fleet is not trusted."""
    raise ValueError(f"a report does not load {url}")


def _environment() -> Environment:
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    environment.filters["minute"] = lambda text: words.minute(parse_instant(text))
    environment.filters["state"] = lambda text: words.state_word(DeviceState(text))
    environment.filters["done"] = lambda outcome: words.OUTCOMES.get(outcome, outcome)
    environment.filters["clean"] = clean
    return environment
