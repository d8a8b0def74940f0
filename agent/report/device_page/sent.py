"""Every report that left the machine, word for word, and why each field is in it."""

from __future__ import annotations

import json

from agent.report.device_page.html import Html, block, code, folded, join, section, tag
from agent.report.device_page.material import Material, Values, instant, rows, table
from policy_schema.messages.fields import FIELDS
from policy_schema.notices.times import when


def sent_section(material: Material) -> Html:
    """The newest report first."""
    words, heading = material.words, material.words("What was sent")
    if not material.server:
        return section("sent", heading, tag("p", words("No server is set: nothing leaves this machine.")))
    reports = rows(material.own.get("reports"))[::-1]
    where = tag("p", words("Reports go to"), " ", code(material.server), " ", words("and to nobody else."))
    own = words("Of the lines about findings you see your own.")
    return section(
        "sent",
        heading,
        where,
        tag("p", own, class_="quiet") if not material.everything else "",
        *([_report(material, row, first=not number) for number, row in enumerate(reports)]),
        tag("p", words("Nothing has been sent yet.")) if not reports else "",
        _fields(material),
    )


def _report(material: Material, row: Values, first: bool) -> Html:
    words, report = material.words, table(row.get("report"))
    at = instant(row.get("sent_at"))
    time = when(at, material.zone, words) if at else ""
    about = words.plural(
        "{number} line about findings", "{number} lines about findings", len(rows(report.get("findings")))
    )
    label = words("Report of {time}", time=time)
    return folded(
        join([tag("strong", time), " ", about]), block(json.dumps(report, indent=2, ensure_ascii=False), label)
    )


def _fields(material: Material) -> Html:
    """Each field that a report can have, with its reason."""
    words = material.words
    head = tag("tr", tag("th", words("Field"), scope="col"), tag("th", words("Why it is sent"), scope="col"))
    lines = [tag("tr", tag("td", code(field)), tag("td", words(why))) for field, why in FIELDS.items()]
    table_ = tag(
        "table",
        tag("caption", words("Every field that can leave this machine")),
        tag("thead", head),
        tag("tbody", *lines),
    )
    scrolls = tag(
        "div",
        table_,
        class_="scrolls",
        tabindex="0",
        role="region",
        aria_label=words("Every field that can leave this machine"),
    )
    return folded(words("Every field that can be in a report, and why"), scrolls)
