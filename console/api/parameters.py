"""The parameters of the read API: each with its form, read in one way and described in the same."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from console.api.answers import Unusable
from console.web.context import Visit
from policy_schema.rules.instant import parse_instant

LIMIT: Final = 500
USUAL: Final = 100
_TEXT: Final = r"^[^\x00-\x1f\x7f]{0,200}$"
_INSTANT: Final = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$"


class Parameter(NamedTuple):
    """One parameter of the address."""

    name: str
    means: str
    schema: dict[str, Any]


_PART: Final = r"[^~\x00-\x1f\x7f]"
_NEXT: Final = "`next` of the page before"


def _after(pattern: str) -> Parameter:
    return Parameter("after", _NEXT, {"type": "string", "pattern": f"^({pattern})?$"})


AFTER_DEVICE: Final = _after(rf"(enrolled|missing)~{_PART}{{0,120}}")
AFTER_FINDING: Final = _after(rf"{_PART}{{0,26}}~{_PART}{{0,120}}")
AFTER_EVENT: Final = _after(rf"{_PART}{{0,26}}~{_PART}{{0,40}}~[0-9]{{1,18}}~{_PART}{{0,120}}")
MOST: Final = Parameter("limit", "items a page at most", {"type": "integer", "minimum": 1, "maximum": LIMIT})
BAN: Final = Parameter("ban", "only this ban", {"type": "string", "pattern": _TEXT})
GROUP: Final = Parameter("group", "only devices of this group", {"type": "string", "pattern": _TEXT})
AS_OF: Final = Parameter("as_of", "as it was then", {"type": "string", "pattern": _INSTANT, "format": "date-time"})
SINCE: Final = Parameter("since", "from then on", {"type": "string", "pattern": _INSTANT, "format": "date-time"})
DEVICE: Final = Parameter("device", "only this device", {"type": "string", "pattern": "^d-[0-9a-f]{24}$"})


def text(visit: Visit, parameter: Parameter) -> str:
    """The value; empty when it is not there.

    Raises:
        Unusable: it has not the form that is described.
    """
    values = visit.request.query_params.getlist(parameter.name)
    if len(values) > 1:
        raise Unusable(f"{parameter.name} is given {len(values)} times")
    value = values[0] if values else ""
    if values and not re.search(parameter.schema["pattern"].replace("$", r"\Z"), value):
        raise Unusable(f"{parameter.name} has not the form {parameter.schema['pattern']}")
    return value


def number(visit: Visit) -> int:
    """How many items a page shall have.

    Raises:
        Unusable: it is not a number within the bounds.
    """
    values = visit.request.query_params.getlist(MOST.name)
    value = values[0] if values else str(USUAL)
    if len(values) > 1 or not re.fullmatch(r"[0-9]{1,4}", value) or not 1 <= int(value) <= LIMIT:
        raise Unusable(f"limit is a number from 1 to {LIMIT}")
    return int(value)


def instant(visit: Visit, parameter: Parameter) -> int | None:
    """An instant; None when it is not there.

    Raises:
        Unusable: it is none.
    """
    value = text(visit, parameter)
    try:
        return parse_instant(value) if value else None
    except ValueError as error:
        raise Unusable(f"{parameter.name} is no instant") from error


def only_known(visit: Visit, parameters: tuple[Parameter, ...]) -> None:
    """A misspelt filter would answer with everything.

    Raises:
        Unusable: a parameter that there is not.
    """
    names = {parameter.name for parameter in parameters}
    for name in visit.request.query_params:
        if name not in names:
            there = f"there are {', '.join(sorted(names))}" if names else "there are none"
            raise Unusable(f"there is no such parameter as the one given; {there}")
