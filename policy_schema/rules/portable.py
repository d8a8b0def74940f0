"""What of a person's settings can be carried over from one tool to another, and how it is written. Pure.

The catalogue says for each tool where each kind lies (`portable`). A kind is carried over when both tools have it and
`agent.moving` knows both forms; a form that is not known to an agent is passed over.
"""

from __future__ import annotations

import re
from enum import StrEnum

SETTINGS_FILE = re.compile(r"~/\.[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/(?!\.\.?/)[A-Za-z0-9._-]+)*\.(?:json|md)")
"""A settings file below a home: its first part begins with a dot, and it is JSON or Markdown. No policy can make an
agent write a shell's start file or a key."""


class SettingKind(StrEnum):
    """Kinds of settings that mean the same in several tools."""

    MCP_SERVERS = "mcp-servers"
    INSTRUCTIONS = "instructions"
    PERMISSIONS = "permissions"


class SettingForm(StrEnum):
    """How a kind is written."""

    MCP_JSON = "mcp-json"
    """JSON with a table `mcpServers`: by name the command, args and env, or the url, type and headers."""
    MARKDOWN = "markdown"
    """Free text that is handed to the model."""
    TOOL_RULES = "tool-rules"
    """JSON with a table `permissions` of lists `allow`, `ask`, `deny`; rules such as `Bash(git status:*)`."""


FORMS = {
    SettingKind.MCP_SERVERS: (SettingForm.MCP_JSON, ".json"),
    SettingKind.INSTRUCTIONS: (SettingForm.MARKDOWN, ".md"),
    SettingKind.PERMISSIONS: (SettingForm.TOOL_RULES, ".json"),
}
"""By kind the form that is known so far, and how its file's name ends."""
