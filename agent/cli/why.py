"""Why something is banned, as `interdict status` says it: the reason, and each claim with how sure anybody is of it.

In English like all of `status`, but for the words of the policy itself. Without the texts of notices, which cost more
than the whole of `status`: the marks are the same ones (`policy_schema.notices.compose.claim_line`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping

from policy_schema.notices.language import choose, session_reader

Values = Mapping[str, object]


def why_lines(organisation: Values, bans: Iterable[Values]) -> Iterator[str]:
    """A few lines for each ban of a closed policy, then where to ask."""
    default = str(organisation.get("default_language") or "en")
    reader = session_reader(os.environ)
    for ban in bans:
        reasons = {str(key): str(value) for key, value in _map(ban.get("reason")).items()}
        reason = reasons.get(choose(reader.languages, tuple(reasons), default), "")
        if reader.ascii_only and sum(not c.isascii() for c in reason) * 4 > len(reason):
            reason = "the reason is not in a language that this console can show."
        decided = _map(ban.get("decision")).get("by")
        by = f" Decided by {decided}." if decided else ""
        yield f"{ban.get('id')}: {reason}{by}"
        claims = ban.get("claims")
        yield from (claim_line(_map(claim)) for claim in (claims if isinstance(claims, list) else []))
    address = _map(organisation.get("contacts")).get("help")
    if address:
        yield f"Questions, or a reason to keep it: {address}"


def claim_line(claim: Values) -> str:
    """A claim with its standing: never stated as a fact unless it is one."""
    dispute = _map(claim.get("disputed_by"))
    marks = [str(claim.get("standing"))]
    if dispute:
        marks.append(f'disputed by {dispute.get("who")}: "{dispute.get("says") or ""}"')
    if claim.get("fixed_in"):
        marks.append(f"fixed in {claim['fixed_in']}")
    return f"- {claim.get('claim')} ({'; '.join(marks)})"


def _map(value: object) -> Values:
    return value if isinstance(value, Mapping) else {}
