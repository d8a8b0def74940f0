"""MCP servers that agents are configured to start: the packages behind them, and nothing else of these settings."""

from __future__ import annotations

from collections.abc import Iterator

from agent.inventory.interface import Found, Machine
from agent.inventory.mcp_formats import SERVER_KEYS, servers
from agent.inventory.settings_files import Settings, collect
from agent.inventory.settings_text import Form

_EDITORS = ("Code", "Code - Insiders", "VSCodium", "Cursor", "Windsurf", "Trae", "Qoder")
_USERS = tuple(
    f"~/{above}/{editor}/User"
    for above in (".config", "Library/Application Support", "AppData/Roaming")
    for editor in _EDITORS
)
_SERVERS = ("mcpServers", "*", "command")


def _in_editors(*names: str) -> tuple[str, ...]:
    """Below the user folder of each editor of VS Code's family."""
    return tuple(f"{folder}/{name}" for name in names for folder in _USERS)


def _json(tool: str, *places: str, keys: tuple[tuple[str, ...], ...] = (_SERVERS,)) -> Settings:
    return Settings(tool, Form.JSON, keys, places)


TABLE = (
    _json(
        "claude-code",
        "~/.claude.json",
        "./.mcp.json",
        "/etc/claude-code/managed-mcp.json",
        "/Library/Application Support/ClaudeCode/managed-mcp.json",
        keys=(_SERVERS, ("projects", "*", *_SERVERS)),
    ),
    _json(
        "claude-desktop",
        "~/.config/Claude/claude_desktop_config.json",
        "~/Library/Application Support/Claude/claude_desktop_config.json",
        "~/AppData/Roaming/Claude/claude_desktop_config.json",
    ),
    _json("cursor", "~/.cursor/mcp.json", "./.cursor/mcp.json"),
    _json("vscode", *_in_editors("mcp.json", "profiles/*/mcp.json"), "./.vscode/mcp.json",
          keys=(("servers", "*", "command"), _SERVERS)),
    _json("vscode", *_in_editors("settings.json"), "./.vscode/settings.json",
          keys=(("mcp", "servers", "*", "command"),)),
    _json("windsurf", "~/.codeium/windsurf/mcp_config.json", "~/.codeium/mcp_config.json"),
    _json("zed", "~/.config/zed/settings.json", "~/.var/app/dev.zed.Zed/config/zed/settings.json",
          "~/AppData/Roaming/Zed/settings.json", "./.zed/settings.json", keys=(("context_servers", "*", "command"),)),
    _json("cline", "~/.cline/data/settings/cline_mcp_settings.json",
          *_in_editors("globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json")),
    _json("roo-code", "./.roo/mcp.json",
          *_in_editors("globalStorage/rooveterinaryinc.roo-cline/settings/mcp_settings.json")),
    _json("kilo-code", "./.kilocode/mcp.json",
          *_in_editors("globalStorage/kilocode.kilo-code/settings/mcp_settings.json")),
    _json("continue", "~/.continue/config.json",
          keys=(("experimental", "modelContextProtocolServers", "*", "transport", "command"), _SERVERS)),
    Settings("continue", Form.YAML, (_SERVERS,), ("~/.continue/config.yaml", "~/.continue/mcpServers/*.yaml",
                                                  "./.continue/config.yaml", "./.continue/mcpServers/*.yaml")),
    Settings("codex", Form.TOML, (("mcp_servers", "*", "command"),), ("~/.codex/config.toml", "./.codex/config.toml",
                                                                      "/etc/codex/config.toml")),
    _json("gemini-cli", "~/.gemini/settings.json", "./.gemini/settings.json", "/etc/gemini-cli/settings.json"),
    _json("qwen-code", "~/.qwen/settings.json", "./.qwen/settings.json", "/etc/qwen-code/settings.json"),
    _json("opencode", "~/.config/opencode/opencode.json", "~/.config/opencode/opencode.jsonc",
          "~/.config/opencode/config.json", "./opencode.json", "./opencode.jsonc", keys=(("mcp", "*", "command"),)),
    _json("qoder", *(f"{folder}/SharedClientCache/mcp.json" for folder in (
        "~/.config/Qoder", "~/Library/Application Support/Qoder", "~/AppData/Roaming/Qoder")), "~/.qoder/settings.json",
        "~/.qoder.json", "./.qoder/mcp.json", "./.qoder/settings.json", "./.qoder/settings.local.json"),
    Settings("goose", Form.YAML, (("extensions", "*", "cmd"),),
             ("~/.config/goose/config.yaml", "~/AppData/Roaming/Block/goose/config/config.yaml")),
    _json("lm-studio", "~/.lmstudio/mcp.json", "~/.cache/lm-studio/mcp.json"),
    _json("copilot-cli", "~/.copilot/mcp-config.json"),
    _json("amazon-q", "~/.aws/amazonq/mcp.json", "./.amazonq/mcp.json"),
    _json("kiro", "~/.kiro/settings/mcp.json", "./.kiro/settings/mcp.json"),
    _json("amp", "~/.config/amp/settings.json", keys=(("amp.mcpServers", "*", "command"),)),
    _json("crush", "~/.config/crush/crush.json", "./crush.json", "./.crush.json", keys=(("mcp", "*", "command"),)),
)  # fmt: skip
"""Whose settings, where, and under which keys servers stand. From each tool's own documentation; which of them were
seen for real, and which are a guess, stands in docs/sources.md."""


class Mcp:
    """The source `mcp`."""

    name = "mcp"

    def collect(self, machine: Machine) -> Iterator[Found]:
        """See `Source.collect`."""
        yield from collect(machine, self.name, TABLE, servers, SERVER_KEYS)
