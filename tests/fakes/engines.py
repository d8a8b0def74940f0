"""What an engine makes of a small policy."""

from __future__ import annotations

import json
import plistlib
from importlib import import_module
from typing import cast

from policy_schema.engines import ENGINES
from policy_schema.engines.common.orders import orders_of
from policy_schema.engines.common.stated import stated
from policy_schema.engines.interface import Engine, Options, Orders, Translated
from policy_schema.rules.instant import Instant
from tests.fakes.policies import BLOCK, CLAUDE_CODE, closed

SHA = "0f" * 32
SIGNED: dict[str, object] = {
    **CLAUDE_CODE,
    "faces": {
        "packages": ["pkg:npm/%40anthropic-ai/claude-code", "pkg:npm/plain", "pkg:deb/claude-code"],
        "extensions": {
            "vscode": ["anthropic.claude-code"],
            "chromium": ["fcoeoabgfenejglbffodgkkbkcdhcgfn"],
            "firefox": ["claude@example.com"],
            "native_host": ["com.example.host"],
        },
        "apps": {"macos": ["com.example.claude"], "windows": ["Claude Code"]},
        "executables": {"names": ["claude"], "folders": ["~/.local/share/claude/versions", "/opt/claude"]},
        "signers": {
            "apple": [{"team": "Q6L2SF6YDW", "identifier": "com.anthropic.claude-code"}],
            "authenticode": [{"subject": "O=Example, L=X, S=Y, C=US", "product": "Claude Code"}],
        },
        "hashes": [{"sha256": SHA}],
    },
}
"""A tool with a face of each kind."""


def engine(name: str) -> Engine:
    """The engine of this name."""
    return cast(Engine, import_module(ENGINES[name]))


def translated(name: str, *bans: dict[str, object], tool: dict[str, object] = SIGNED, at: int = BLOCK) -> Translated:
    """The files of an engine and all sentences, for these bans (the usual one when none is given)."""
    orders, made, _ = _translated(name, *bans, tool=tool, at=at)
    return Translated(made.files, (*orders.cannot, *made.cannot))


def whole(name: str, *bans: dict[str, object], tool: dict[str, object] = SIGNED, at: int = BLOCK) -> Translated:
    """The same with the sentences in the files, as the command writes them."""
    return stated(name, *_translated(name, *bans, tool=tool, at=at))


def _translated(
    name: str, *bans: dict[str, object], tool: dict[str, object], at: int
) -> tuple[Orders, Translated, Instant]:
    base = closed(*bans)
    tools = cast(dict[str, object], base["tools"])
    options = Options(at=Instant(at))
    orders = orders_of({**base, "tools": {**tools, "claude-code": tool}}, "0123456789abcdef", options)
    return orders, engine(name).translate(orders, options), options.at


def texts(made: Translated) -> dict[str, str]:
    """The files by name."""
    return {file.name: file.content.decode() for file in made.files}


def plist(made: Translated, name: str) -> dict[str, object]:
    """One property list, parsed back."""
    return cast(dict[str, object], plistlib.loads(texts(made)[name].encode()))


def parsed(made: Translated, name: str) -> dict[str, object]:
    """One file of JSON."""
    return cast(dict[str, object], json.loads(texts(made)[name]))
