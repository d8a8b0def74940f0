"""The hidden verb `_adopter`: verifies what the courier brought, against root-owned trust, and compiles it.

Runs as a second unprivileged user, without a network: it parses what came from outside, so a fault in it must not be
a fault in the daemon. It holds no key; what it answers is data that the daemon stores and the rulebook reads.

    {"op": "adopt", "trust", "stored", "fetched", "seen", "now", "device"}
        → {"result": "adopted", "policy", "paths", "rulebook", "highest", "versions", "signers", "threshold", "solo",
           "signed_at", "expires", "relief"}
        → {"result": "unchanged"}
        → {"result": "refused", "code", "detail"}

`trust`, `stored` and `fetched` hold bytes (`agent.policy.frames`), as does the answer's `rulebook`, which is written
ban by ban while it is sent: a large policy is here as its bytes and never as a tree.

`now` is null for files that were verified before: no date refuses then, and an expired policy stays in force.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.policy.frames import Parts
from agent.policy.wire import BadAnswer, number, refusal, text, together, unpack, unpack_bytes
from policy_schema.document.pieces import Compiled, compile_bytes
from policy_schema.errors import BadDocument
from policy_schema.rules.instant import Instant
from policy_schema.rules.relief import DAY, Limits, relief_for
from policy_schema.trust.highest import read_highest
from policy_schema.trust.refusal import Refusal, Refused
from policy_schema.trust.verify import NothingNew, Verified, verify


def answer(question: Mapping[str, object]) -> Mapping[str, object]:
    """Adopts or refuses.

    Raises:
        BadAnswer: the question itself is not as agreed.
    """
    if question.get("op") != "adopt":
        raise BadAnswer("no such operation")
    try:
        return adopt(question)
    except NothingNew:
        return {"result": "unchanged"}
    except Refused as error:
        return refusal(error)


def adopt(question: Mapping[str, object]) -> Mapping[str, object]:
    """Verifies and compiles.

    Raises:
        Refused: the repository or the policy in it cannot be taken.
        NothingNew: it is another timestamp of the same version.
        BadAnswer: the question is not as agreed.
    """
    stored = unpack(question.get("stored"))
    files = together(stored, unpack(question.get("fetched")))
    now = question.get("now")
    found = verify(
        files,
        unpack_bytes(question.get("trust")),
        now=None if now is None else number(now),
        seen=read_highest(question.get("seen")),
        before=stored,
    )
    made = _compiled(found)
    relief = _relief(found, made.head, text(question.get("device"), ""))
    return {"result": "adopted", "rulebook": Parts(made.parts), "relief": relief, **_facts(found)}


def _compiled(found: Verified) -> Compiled:
    try:
        return compile_bytes(found.policy, found.version)
    except BadDocument as error:
        raise Refused(Refusal.BAD_DOCUMENT, str(error)) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Refused(Refusal.BAD_DOCUMENT, f"it does not compile: {error}") from error


def _relief(found: Verified, rulebook: Mapping[str, object], device: str) -> dict[str, object]:
    """The exceptions and pauses that hold on this device."""
    limits = Limits(
        longest_exception=_limit(rulebook, "exceptions", "max_days") * DAY,
        longest_pause=_limit(rulebook, "pause", "max"),
        signed_at=Instant(found.signed_at),
    )
    relief = relief_for(device, found.granted.documents, limits, found.granted.absent)
    return {
        "exceptions": [{"id": one.id, "ban": one.ban, "until": one.until} for one in relief.exceptions],
        "pauses": [{"ban": one.ban, "until": one.until} for one in relief.pauses],
        "version": found.granted.version,
        "trouble": found.granted.trouble or relief.trouble,
        "answers": [
            {"request": one.request, "ban": one.ban, "because": one.because.value, "at": one.at}
            for one in relief.answers
        ],
    }


def _limit(rulebook: Mapping[str, object], part: str, key: str) -> int:
    value = rulebook.get(part)
    return number(value.get(key)) if isinstance(value, Mapping) else 0


def _facts(found: Verified) -> dict[str, object]:
    expires = {role.value: when for role, when in found.expires}
    return {
        "policy": found.paths[-1],
        "paths": list(found.paths),
        "highest": dict(found.highest),
        "versions": found.versions._asdict(),
        "signers": list(found.signers),
        "threshold": found.threshold,
        "solo": found.solo,
        "signed_at": found.signed_at,
        "expires": expires,
    }
