"""What the read API answers, endpoint by endpoint: each checks its parameters, and sees only its token's groups."""

from __future__ import annotations

from typing import Any

from console.api import parameters as given
from console.api.answers import Page, Unusable
from console.api.parameters import Parameter
from console.api.shapes import Compliance, EventItem, FindingItem
from console.errors import ConsoleError
from console.policy import known
from console.reports import decided, history
from console.reports.build import Report
from console.reports.history import Question
from console.reports.shapes import Ban, Device, Granted
from console.store.queries import api
from console.web.context import Context, Visit
from policy_schema.rules.instant import format_instant

BETWEEN = "~"
"""Between the parts of a key: no part has it."""


def devices(context: Context, visit: Visit) -> Page[Device]:
    """Every device in its one state, by id; then those that never enrolled."""
    question = _question(context, visit)
    kind, _, after = given.text(visit, given.AFTER_DEVICE).partition(BETWEEN)
    most = given.number(visit)
    with context.database.read() as connection:
        if kind == "missing":
            items, following = history.missing_page(connection, question, after, most)
            return Page(items=tuple(items), next=None if following is None else f"missing{BETWEEN}{following}")
        items, following = history.enrolled_page(connection, question, after, most)
    return Page(items=tuple(items), next=f"missing{BETWEEN}" if following is None else f"enrolled{BETWEEN}{following}")


def device(context: Context, visit: Visit) -> Device | None:
    """One device with its findings."""
    name = visit.part("device")
    with context.database.read() as connection:
        items, _ = history.enrolled_page(connection, _question(context, visit)._replace(device=name), "", 1)
    return items[0] if items else None


def findings(context: Context, visit: Visit) -> Page[FindingItem]:
    """What is there, by device."""
    most, after = given.number(visit), _key(visit, given.AFTER_FINDING, 2)
    with context.database.read() as connection:
        statement = api.findings_page(given.text(visit, given.BAN), visit.viewer.groups, (after[0], after[1]), most)
        rows = connection.execute(statement).mappings().all()
    items = tuple(FindingItem(**{name: row[name] for name in FindingItem.__struct_fields__}) for row in rows)
    return Page(items=items, next=_next(rows, most, "device_id", "finding_id"))


def events(context: Context, visit: Visit) -> Page[EventItem]:
    """What changed, by device and report."""
    most, key = given.number(visit), _key(visit, given.AFTER_EVENT, 4)
    after = (key[0], key[1], int(key[2]), key[3])
    since = given.instant(visit, given.SINCE) or 0
    with context.database.read() as connection:
        wanted = given.text(visit, given.DEVICE)
        rows = connection.execute(api.events_page(wanted, since, visit.viewer.groups, after, most)).mappings().all()
    fields = [name for name in EventItem.__struct_fields__ if name != "at"]
    items = tuple(EventItem(at=format_instant(row["at"]), **{name: row[name] for name in fields}) for row in rows)
    return Page(items=items, next=_next(rows, most, "device_id", "epoch", "sequence", "finding_id"))


def bans(context: Context, visit: Visit) -> Page[Ban]:
    """The bans of the policy in force."""
    with context.database.read() as connection:
        found = decided.bans_of(known.current(connection), "")
    return Page(items=tuple(found.values()), next=None)


def exceptions(context: Context, visit: Visit) -> Page[Granted]:
    """The exceptions ever approved. A token for some groups sees none: an exception is for a person's devices."""
    if visit.viewer.groups is not None:
        return Page(items=(), next=None)
    with context.database.read() as connection:
        found = decided.granted_at(connection, context.clock(), given.text(visit, given.BAN))
    return Page(items=found, next=None)


def compliance(context: Context, visit: Visit) -> Compliance:
    """The totals of the compliance report, now or as of a moment."""
    with context.database.read() as connection:
        try:
            report = Report(connection, _question(context, visit))
        except ConsoleError as error:
            raise Unusable(f"{error}. {error.advice()}") from error
        totals = report.totals()
    return Compliance(
        report=report.head,
        groups=totals.groups,
        bans=totals.bans,
        exceptions=totals.exceptions if visit.viewer.groups is None else (),
        data_sha256=totals.data_sha256,
    )


def _question(context: Context, visit: Visit) -> Question:
    now = context.clock()
    moment = given.instant(visit, given.AS_OF)
    return Question(
        moment=now if moment is None else moment,
        now=now,
        silent_after=context.settings.silent_after,
        ban=given.text(visit, given.BAN),
        group=given.text(visit, given.GROUP),
        scope=visit.viewer.groups,
    )


def _key(visit: Visit, parameter: Parameter, parts: int) -> list[str]:
    """The parts of a key, whose form the parameter has checked."""
    text = given.text(visit, parameter)
    return text.split(BETWEEN) if text else ["", "", "0", ""][:parts]


def _next(rows: Any, most: int, *columns: str) -> str | None:
    return BETWEEN.join(str(rows[-1][name]) for name in columns) if len(rows) == most else None
