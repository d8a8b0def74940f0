"""Closed policies and rulebooks for tests: one ban of Claude Code, changed a field at a time."""

from __future__ import annotations

from policy_schema.document.compile import compile_policy
from policy_schema.rules.instant import format_instant
from policy_schema.rules.rulebook import Rulebook

NOTIFY, BLOCK, REMOVE = 1_783_126_800, 1_783_645_200, 1_784_854_800
"""2026-07-04, 2026-07-10 and 2026-07-24, 01:00 UTC."""

CLAUDE_CODE: dict[str, object] = {
    "id": "claude-code",
    "name": "Claude Code",
    "vendor": "Anthropic",
    "category": "ai-coding-assistant",
    "version_scheme": "semver",
    "aliases": [],
    "faces": {
        "packages": ["pkg:npm/%40anthropic-ai/claude-code", "pkg:npm/%40anthropic-ai/claude-code-linux-x64"],
        "extensions": {"vscode": ["anthropic.claude-code"]},
        "executables": {"names": ["claude"], "folders": ["~/.local/share/claude/versions"]},
        "content": [
            {
                "magic": ["elf", "macho", "pe"],
                "min_size": 50_000_000,
                "section": ".bun",
                "trailer": "---- Bun! ----",
                "tail": 33_554_432,
                "version": "// Version: ",
                "all": ["(c) Anthropic PBC. All rights reserved", "https://github.com/anthropics/claude-code/issues"],
            },
        ],
        "residue": ["~/.claude.json"],
    },
    "embeds": [],
}
AGENT_SDK: dict[str, object] = {
    "id": "claude-agent-sdk",
    "name": "Claude Agent SDK",
    "vendor": "Anthropic",
    "category": "ai-sdk",
    "version_scheme": "semver",
    "faces": {"packages": ["pkg:npm/%40anthropic-ai/claude-agent-sdk", "pkg:pypi/claude-agent-sdk"]},
    "embeds": ["claude-code"],
}
QODER: dict[str, object] = {
    "id": "qoder",
    "name": "Qoder",
    "vendor": "Alibaba",
    "category": "ai-coding-assistant",
    "version_scheme": "semver",
    "faces": {"packages": ["pkg:npm/%40qoder-ai/qodercli"], "executables": {"names": ["qodercli"], "folders": []}},
    "embeds": [],
}


def stages(*rows: tuple[int, str]) -> list[dict[str, object]]:
    """Stages of a closed ban from (instant, action) pairs."""
    return [
        {"from": format_instant(at), "action": action, "let_finish": 14_400, "kill_after": 30} for at, action in rows
    ]


def ban(**changes: object) -> dict[str, object]:
    """The ban of Claude Code, with fields replaced."""
    base: dict[str, object] = {
        "id": "claude-code",
        "targets": [{"tool": "claude-code", "versions": None}],
        "except": [],
        "classification": None,
        "decision": None,
        "reason": {"en": "Assessed as not allowed on company devices."},
        "claims": [],
        "alternatives": [{"name": "Qoder", "tool": "qoder", "url": "https://qoder.com"}],
        "links": [],
        "stages": stages((NOTIFY, "notify"), (BLOCK, "block"), (REMOVE, "remove")),
        "min_notice": 0,
        "no_later_than": None,
        "cure": "remove",
        "scope": {"regions": [], "groups": [], "except_groups": [], "kinds": ["workstation"], "ownership": ["company"]},
        "rollout": [],
        "needs": [],
    }
    return {**base, **changes}


def closed(*bans: dict[str, object], **changes: object) -> dict[str, object]:
    """A closed policy with these bans (one of Claude Code when none is given)."""
    base: dict[str, object] = {
        "schema": 1,
        "organisation": {
            "name": "Example Group",
            "time_zone": "Asia/Shanghai",
            "default_language": "en",
            "contacts": {"help": "https://help.example.com/ai"},
        },
        "approved": ["qoder"],
        "catalogue": {"version": "2026.11.21"},
        "tools": {"claude-code": CLAUDE_CODE, "claude-agent-sdk": AGENT_SDK, "qoder": QODER},
        "bans": list(bans) or [ban()],
        "lifted": [],
        "model_bans": [],
        "exceptions": {"max_days": 90, "pending_hold": 86_400},
        "pause": {"max": 259_200},
        "privacy": {"inventory": "matches-only", "person_level": {"default": False}},
    }
    return {**base, **changes}


def rulebook(*bans: dict[str, object], version: int = 1, **changes: object) -> Rulebook:
    """A compiled policy with these bans."""
    return Rulebook(compile_policy(closed(*bans, **changes), version))
