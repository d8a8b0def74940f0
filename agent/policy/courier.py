"""The hidden verb `_courier`: the only process that talks to the network. It carries bytes and believes nothing.

One question, one answer, then it is gone. It holds no key, reads no file but certificates, and its whole power over a
device is to withhold and to delay: what it brings is verified by the adopter against root-owned trust.

    {"op": "refresh", "url", "root", "stored", "held", "bin", "access"}
        → {"result": "unchanged"} or {"result": "changed", "files"}
    {"op": "request", "method", "url", "headers", "body", "access"}
        → {"result": "answered", "status", "headers", "body"}
    {"op": "certificate", "url", "access"}
        → {"result": "shown", "der"}
    each → {"result": "refused", "code", "detail"}
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping

from agent.policy.wire import BadAnswer, mapping, number, pack, refusal, text, unpack, unpack_bytes
from policy_schema.network.fetcher import Access, Fetcher
from policy_schema.rules.relief import PAUSES, bin_name
from policy_schema.trust.collect import Have, collect
from policy_schema.trust.layout import POLICY
from policy_schema.trust.refusal import Refused

codecs.lookup("idna")  # used for host names; loaded now, while there are still rights to read it

MOST_ANSWERED = 1_000_000
"""The largest answer to an upload, in bytes."""

METHODS = frozenset({"GET", "POST", "PUT"})
SHOWN_HEADERS = frozenset({"content-type", "date", "retry-after"})


def answer(question: Mapping[str, object]) -> Mapping[str, object]:
    """Does what is asked; a server's faults come back as a refusal.

    Raises:
        BadAnswer: the question itself is not as agreed.
    """
    operations = {"refresh": refresh, "request": request, "certificate": certificate}
    operation = operations.get(text(question.get("op")))
    if operation is None:
        raise BadAnswer("no such operation")
    try:
        return operation(question)
    except Refused as error:
        return refusal(error)


def refresh(question: Mapping[str, object]) -> Mapping[str, object]:
    """Fetches what is new in a policy repository: two small requests when nothing is.

    Raises:
        Refused: no answer, or no repository.
    """
    held, number_of_bin = question.get("held"), text(question.get("bin"), "")
    have = Have(
        root=number(question.get("root")),
        files=unpack(question.get("stored") or {}),
        held=frozenset(map(text, held)) if isinstance(held, list) else frozenset(),
        wanted=(POLICY, PAUSES, bin_name(number_of_bin)) if number_of_bin else (POLICY,),
    )
    url = text(question.get("url"))
    with Fetcher(_access(question), url) as fetcher:
        files = collect(fetcher.get, have)
    return {"result": "changed", "files": pack(files)} if files else {"result": "unchanged"}


def request(question: Mapping[str, object]) -> Mapping[str, object]:
    """Carries one request, such as a signed report, and brings back the answer.

    Raises:
        Refused: no answer, or one that is too big.
    """
    method, url = text(question.get("method")), text(question.get("url"))
    if method not in METHODS:
        raise BadAnswer("no such method")
    headers = {name: text(value) for name, value in mapping(question.get("headers")).items()}
    body = unpack_bytes(question.get("body"))
    with Fetcher(_access(question), url) as fetcher:
        got = fetcher.send(method, url, headers, body, MOST_ANSWERED)
    shown = {name: value for name, value in got.headers.items() if name in SHOWN_HEADERS}
    return {"result": "answered", "status": got.status, "headers": shown, **pack({"body": got.body})}


def certificate(question: Mapping[str, object]) -> Mapping[str, object]:
    """What a server shows that is not trusted, so that `interdict doctor` can name who signed it.

    Raises:
        Refused: no answer.
    """
    with Fetcher(_access(question), text(question.get("url"))) as fetcher:
        return {"result": "shown", **pack({"der": fetcher.certificate()})}


def _access(question: Mapping[str, object]) -> Access:
    wanted = mapping(question.get("access") or {})
    return Access(
        proxy=text(wanted.get("proxy"), ""),
        ca_file=text(wanted.get("ca_file"), ""),
        pause=_seconds(wanted.get("pause"), Access().pause),
        deadline=_seconds(wanted.get("deadline"), Access().deadline),
    )


def _seconds(value: object, otherwise: float) -> float:
    if value is None:
        return otherwise
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 600:
        raise BadAnswer("seconds are between 0 and 600")
    return float(value)
