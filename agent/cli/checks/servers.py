"""Checks of the ways to the policy server and to the console: reached, trusted, at the same time of day."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Mapping
from typing import NamedTuple

from agent.cli.checks.check import Check
from agent.device_key import load_key
from agent.errors import Denied, InterdictError
from agent.host.clock import BUILD_TIME, wall
from agent.policy import children
from agent.policy.wire import BadAnswer, number, raise_refusal, text, unpack_bytes
from agent.settings import Settings
from policy_schema.network.troubles import ADVICE, Trouble, trouble_in
from policy_schema.trust.layout import TIMESTAMP_PATH
from policy_schema.trust.refusal import Refused

FAR_OFF = 300
"""Seconds: a signed report is refused when the clocks differ by more."""
_ACCESS = {"pause": 8, "deadline": 15}


class Reached(NamedTuple):
    """How a server answered: `status` 0 when it did not, `off` is how far our clock is ahead of its (seconds)."""

    status: int
    problem: str = ""
    trouble: Trouble | None = None
    off: float = 0.0


def policy_server(settings: Settings) -> Check:
    """Whether the policy server answers, through the courier, as the agent asks it."""
    if not settings.policy_url:
        return Check("policy server", "failed", "no policy_url is set", "Set policy_url in the settings.")
    reached = reach(settings, settings.policy_url.rstrip("/") + "/" + TIMESTAMP_PATH)
    if reached.status == 200:
        return Check("policy server", "ok", f"{settings.policy_url} answers")
    if reached.status:
        what = f"{settings.policy_url} answers {reached.status}: there is no policy repository"
        return Check("policy server", "failed", what, "Check policy_url in the settings.")
    return _unreached("policy server", settings, settings.policy_url, reached)


def console(settings: Settings) -> Check:
    """Whether this device is known to the console, and whether the console answers."""
    if not settings.server:
        return Check("console", "ok", "no server is set: nothing is reported to anybody")
    reached = reach(settings, settings.server.rstrip("/") + "/healthz")
    if not reached.status:
        return _unreached("console", settings, settings.server, reached)
    try:
        key = load_key(settings.state_dir)
    except Denied:
        return Check("console", "ok", f"{settings.server} answers; root can see whether this device is enrolled there")
    if key is None or not key.enrolled_at:
        advice = "Set secret_file to a file with an enrolment secret that is still good, or run `interdict enroll`."
        return Check("console", "failed", f"{settings.server} answers, and this device is not enrolled there", advice)
    return Check("console", "ok", f"enrolled at {settings.server} as {key.device}")


def clock(settings: Settings) -> Check:
    """Whether the clock can be right: after this agent was built, and as that of a server."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    if wall() < BUILD_TIME:
        return Check("clock", "failed", f"the clock says {now}, before this agent was built", "Set the clock (NTP).")
    server = settings.server.rstrip("/") + "/healthz" if settings.server else settings.policy_url
    off = reach(settings, server).off if server else 0.0
    if abs(off) > FAR_OFF:
        what = f"the clock says {now}, {_length(abs(off))} {'ahead of' if off > 0 else 'behind'} that of {server}"
        advice = "Set the clock (NTP): stages begin by it, and no later than the signed time of the policy allows."
        return Check("clock", "failed", what, advice)
    return Check("clock", "ok", now)


def reach(settings: Settings, url: str) -> Reached:
    """Asks once, as the agent would: by the courier, with its proxy and certificates."""
    question = {"op": "request", "method": "GET", "url": url, "headers": {}, "body": "", "access": _access(settings)}
    try:
        answer = children.courier(settings.courier_user)(question)
        raise_refusal(answer)
        headers = answer.get("headers")
        shown = headers.get("date") if isinstance(headers, Mapping) else None
        return Reached(number(answer.get("status")), off=_off(shown))
    except (InterdictError, BadAnswer, Refused) as error:
        said = error.detail if isinstance(error, Refused) else str(error)
        return Reached(0, said, trouble_in(said))


def _unreached(name: str, settings: Settings, url: str, reached: Reached) -> Check:
    what = f"{url}: {reached.problem}"
    if reached.trouble is Trouble.CERTIFICATE:
        signer = _signer(settings, url)
        what += f"; it is signed by {signer}" if signer else ""
    return Check(name, "failed", what, ADVICE[reached.trouble or Trouble.OTHER])


def _signer(settings: Settings, url: str) -> str:
    """Who signed the certificate that is shown: where a proxy looks into TLS, it is that proxy's authority."""
    from cryptography import x509

    try:
        question = {"op": "certificate", "url": url, "access": _access(settings)}
        answer = children.courier(settings.courier_user)(question)
        raise_refusal(answer)
        made = x509.load_der_x509_certificate(unpack_bytes(text(answer.get("der"))))
    except (InterdictError, BadAnswer, Refused, ValueError):
        return ""
    words = made.issuer.rfc4514_string()[:200]
    return repr("".join(sign if sign.isprintable() else "?" for sign in words))


def _access(settings: Settings) -> dict[str, object]:
    return {"proxy": settings.proxy, "ca_file": settings.ca_file, **_ACCESS}


def _off(date: object) -> float:
    try:
        return wall() - email.utils.parsedate_to_datetime(str(date)).timestamp() if date else 0.0
    except (ValueError, TypeError, OverflowError):
        return 0.0


def _length(seconds: float) -> str:
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} seconds"
