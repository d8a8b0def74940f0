"""The views of a machine as its agent writes them, for tests of the page: Li's, two days before a block."""

from __future__ import annotations

import json
from typing import Any

from agent.report.device_page.material import Material
from policy_schema.document.compile import compile_policy
from policy_schema.messages.wire import encode
from policy_schema.notices.facts import zone_of
from policy_schema.notices.translate import words_for
from tests.fakes.policies import ban, closed
from tests.fakes.reporting_device import ReportingDevice, coverage, facts, finding, process

NOW = 1_783_497_600
"""2026-07-08 08:00 UTC: two days before the block."""
HOSTILE = '"><script>alert(1)</script>\x1b]0;x\x07\u202egpj.exe\u200b<img src=http://evil.example/x onerror=alert(2)>'
CLAIM: dict[str, object] = {
    "claim": "2.1.91 to 2.1.197 encode the time zone and the host of ANTHROPIC_BASE_URL in the prompt",
    "standing": "confirmed",
    "disputed_by": {"who": "vendor", "says": "an experiment against abuse", "source": "https://example.com/a"},
    "fixed_in": "2.1.198",
    "source": "https://example.com/b",
}


def rulebook() -> dict[str, Any]:
    """Two bans: of Claude Code, with everything that one can say, and of the SDK."""
    reason = {"en": "Assessed as not allowed on company devices.", "zh-Hans": "经评估，公司设备上不允许使用。"}
    decided = {
        "by": "Information Security",
        "date": "2026-07-03",
        "reference": "SEC-2026-114",
        "review_by": "2026-10-01",
    }
    first = ban(reason=reason, decision=decided, claims=[CLAIM], min_notice=86_400)
    targets = [{"tool": "claude-agent-sdk", "versions": "<0.2.0"}]
    second = ban(id="agent-sdk", targets=targets, reason=reason, decision=decided)
    contacts = {"help": "https://help.example.com/ai", "security": "mailto:security@example.com"}
    document = closed(first, second)
    document["organisation"] = {**_map(document["organisation"]), "contacts": contacts}
    return compile_policy(document, 7)


def _map(value: object) -> dict[str, object]:
    return dict(value) if isinstance(value, dict) else {}


def a_finding(**changes: object) -> dict[str, Any]:
    """One line of `findings` in a person's view."""
    base: dict[str, Any] = {
        "id": "f-3kq9",
        "installation": "i-77ab",
        "ban": "claude-code",
        "tool": "claude-code",
        "face": "package",
        "purl": "pkg:npm/%40anthropic-ai/claude-code@2.1.197",
        "version": "2.1.197",
        "path": "/home/li/.npm-global/lib/node_modules/@anthropic-ai/claude-code",
        "setting": None,
        "owner": "li",
        "pid": None,
        "confidence": "exact",
        "matches": ["package-identity", "content"],
        "state": "announced",
        "action": "notify",
        "since": "2026-07-04T01:00:12Z",
        "effective_from": "2026-07-04T01:00:00Z",
        "next": {"action": "block", "from": "2026-07-10T01:00:00Z"},
        "exception": None,
        "alternatives": [{"name": "Qoder", "url": "https://qoder.com"}],
        "links": [],
        "outcome": "told",
        "why": ["claude-code 2.1.197: package-identity (exact).", "Stage notify since 2026-07-04T01:00:00Z."],
        "exception_until": None,
    }
    return {**base, **changes}


def machine(**changes: object) -> dict[str, Any]:
    """`machine.json`."""
    base: dict[str, Any] = {
        "schema": 1,
        "generated_at": "2026-07-08T07:59:58Z",
        "agent": "0.1.0",
        "device": {"id": "d-5f0c2a9b7e1d4c3f8a6b0e9d", "os": "linux", "kind": "workstation"},
        "mode": "enforce",
        "policy": {
            "id": "8e8179701b5bada4",
            "version": 7,
            "organisation": "Example Group",
            "trust": "verified",
            "signers": ["Wang Fang", "Chen Jie"],
            "solo": False,
            "age_s": 132,
            "confirmed_at": "2026-07-08T07:57:48Z",
            "expires": "2026-08-07T00:00:00Z",
            "problem": "",
            "message": "",
            "advice": "",
            "exceptions": [{"id": "x-2026-31", "ban": "agent-sdk", "until": "2026-08-01T00:00:00Z"}],
            "pauses": [],
        },
        "complete": False,
        "coverage": COVERAGE,
        "health": [],
        "notes": ["Ban agent-sdk is waived for this machine until 2026-08-01T00:00:00Z (exception x-2026-31)."],
        "gate": {"stage": "alive", "features": "full", "refused_today": 0},
        "paused_until": None,
        "rests_until": None,
    }
    return {**base, **changes}


COVERAGE = [
    {"source": "apk", "roots": [], "items": 0, "unknown": [], "ms": 0},
    {
        "source": "npm",
        "roots": ["/usr/lib/node_modules", "/home/li/.npm-global/lib/node_modules"],
        "items": 41,
        "unknown": [{"where": "/home/li/.nvm", "reason": "permission denied"}],
        "ms": 18,
    },
    {"source": "pypi", "roots": ["/usr/lib/python3/dist-packages"], "items": 112, "unknown": [], "ms": 30},
    {"source": "executables", "roots": ["/usr/bin", "/home/li/.local/bin"], "items": 1204, "unknown": [], "ms": 81},
]


def reports() -> list[dict[str, Any]]:
    """Two reports as they were sent."""
    device = ReportingDevice()
    first = encode(device.report(findings=(finding(), process()), coverage=(coverage(),), facts=facts()))
    second = encode(device.report())
    times = ("2026-07-04T01:00:20Z", "2026-07-08T07:45:00Z")
    return [{"sent_at": at, "report": json.loads(body)} for at, body in zip(times, (first, second), strict=True)]


def own(**changes: object) -> dict[str, Any]:
    """The view of Li, who has a package, a process, a setting and something under an exception."""
    rows = [
        a_finding(),
        a_finding(id="f-7pw2", face="process", pid=4711, path="/home/li/.npm-global/bin/claude", matches=["content"]),
        a_finding(
            id="f-9x01",
            ban="agent-sdk",
            tool="claude-agent-sdk",
            purl="pkg:pypi/claude-agent-sdk@0.1.4",
            version="0.1.4",
            path="/home/li/.venvs/lab/lib/python3.11/site-packages/claude_agent_sdk",
            matches=["package-identity"],
            state="excepted",
            action="report",
            next=None,
            outcome=None,
            exception="x-2026-31",
            exception_until="2026-08-01T00:00:00Z",
        ),
    ]
    history = [
        {"at": "2026-07-04T01:00:14Z", "event": "outcome", "kind": "notify", "result": "told", "path": ""},
        {
            "at": "2026-07-05T02:11:00Z",
            "event": "asked",
            "kind": "exception",
            "ban": "agent-sdk",
            "reason": "Thesis until August",
        },
        {
            "at": "2026-07-06T03:00:00Z",
            "event": "outcome",
            "kind": "quarantine",
            "result": "quarantined",
            "ban": "claude-code",
            "tool": "claude-code",
            "path": "/home/li/Downloads/claude",
            "quarantine": "q-7h3kx9pm",
        },
    ]
    base: dict[str, Any] = {
        "schema": 1,
        "uid": 1000,
        "findings": rows,
        "history": history,
        "reports": reports(),
        "coverage": COVERAGE,
    }
    return {**base, **changes}


def material(language: str = "en", **changes: object) -> Material:
    """Everything that stands on Li's page, with values replaced."""
    made = Material(
        machine=machine(),
        own=own(),
        rulebook=rulebook(),
        held=(),
        server="https://console.example.com",
        config="",
        everything=False,
        now=NOW,
        words=words_for((language,), "device-page"),
        zone=zone_of("Asia/Shanghai"),
    )
    return made._replace(**changes)  # type: ignore[arg-type]  # each test names fields that there are


def hostile() -> Material:
    """Every text that comes from a machine or a policy is an attack; everything that root sees."""
    good = material()
    return good._replace(
        machine=_poisoned(machine()),
        own=_poisoned(own()),
        rulebook=_poisoned(rulebook()),
        held=[_poisoned(a_quarantine())],
        server=HOSTILE,
        config=HOSTILE,
        everything=True,
    )


def a_quarantine(**changes: object) -> dict[str, Any]:
    """One item of `interdict quarantine list --json`."""
    base: dict[str, Any] = {
        "id": "q-7h3kx9pm",
        "path": "/home/li/Downloads/claude",
        "ban": "claude-code",
        "tool": "claude-code",
        "finding": "f-3kq9",
        "state": "sealed",
        "at": "2026-07-06T03:00:00Z",
        "restored_to": None,
    }
    return {**base, **changes}


_CODES = ("state", "action", "stage", "event", "result", "ban", "tool", "from", "at", "until", "since", "sent_at")


def _poisoned(value: Any) -> Any:
    """The same with an attack behind every text, but for codes and times, which decide what is shown at all."""
    if isinstance(value, dict):
        return {key: one if key in _CODES else _poisoned(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_poisoned(one) for one in value]
    return value + HOSTILE if isinstance(value, str) else value
