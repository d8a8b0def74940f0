"""What a settings file says, and the kinds of extensions: by what a tool is recognised."""

from __future__ import annotations

import pytest

from policy_schema.rules.match import Tables, tool_faces
from policy_schema.rules.observation import Confidence, Face, Match, Observation

TOOL = tool_faces(
    {
        "id": "acme/bot",
        "name": "Acme Bot",
        "version_scheme": "semver",
        "faces": {
            "packages": ["pkg:npm/%40acme/bot", "pkg:pypi/acme-bot"],
            "extensions": {"zed": ["acme-bot"], "vim": ["Acme.vim"], "native_host": ["com.acme.bot"]},
            "executables": {"names": ["acme"]},
        },
    }
)
TABLES = Tables([TOOL])
PATH = "/home/li/x"


def _setting(text: str) -> Observation:
    return Observation("mcp", Face.SETTING, PATH, name="cursor", setting=text)


def _extension(key: str) -> Observation:
    return Observation("x", Face.EXTENSION, PATH, extension=key)


SEEN = {
    "an MCP server's npm package": (_setting("mcp:pkg:npm/%40acme/bot"), Match.SETTING, Confidence.STRONG),
    "an MCP server's Python package": (_setting("mcp:pkg:pypi/Acme_Bot"), Match.SETTING, Confidence.STRONG),
    "an MCP server's program, by its name only": (_setting("mcp:exe:acme.exe"), Match.NAME, Confidence.WEAK),
    "an extension of Zed": (_extension("zed:acme-bot"), Match.EXTENSION_ID, Confidence.EXACT),
    "a plugin of Vim": (_extension("vim:acme.vim"), Match.EXTENSION_ID, Confidence.EXACT),
    "a native host": (_extension("native_host:com.acme.bot"), Match.EXTENSION_ID, Confidence.EXACT),
}


@pytest.mark.parametrize(("seen", "match", "confidence"), SEEN.values(), ids=SEEN.keys())
def test_a_tool_is_recognised_by(seen: Observation, match: Match, confidence: Confidence) -> None:
    (identity,) = TABLES.identify(seen)
    assert (identity.tool, identity.matches, identity.confidence) == ("acme/bot", (match,), confidence)


OTHERS = {
    "another package": _setting("mcp:pkg:npm/%40acme/bot-docs"),
    "the package of another ecosystem": _setting("mcp:pkg:npm/acme-bot"),
    "another program": _setting("mcp:exe:acme-docs"),
    "a model called like the tool": _setting("model:acme"),
    "an extension of another family": _extension("vscode:acme-bot"),
}


@pytest.mark.parametrize("seen", OTHERS.values(), ids=OTHERS.keys())
def test_a_tool_is_not_recognised_by(seen: Observation) -> None:
    assert TABLES.identify(seen) == ()
