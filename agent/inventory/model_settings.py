"""Models that other tools are configured with: the names under known keys of known files, and nothing else of them.

Where a tool keeps keys and chats in the same file, only these keys are picked out. What does not look like a name is
left out: somebody may have put something else there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agent.inventory.flow_text import UNREAD
from agent.inventory.interface import Found, Machine
from agent.inventory.settings_files import Settings, collect
from agent.inventory.settings_text import Form, values
from policy_schema.rules.models import MODEL

MAX_MODELS = 500
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+\[\] -]{0,199}")
_SECRET = re.compile(r"://|^(?:sk|pk|rk|gh[opsu]|glpat|xox[abp]|AIza|AKIA|eyJ)[-_A-Za-z0-9]")

_ZED = ("default_model", "inline_assistant_model", "commit_message_model", "thread_summary_model", "subagent_model")
_CLINE = ("ApiModelId", "OpenRouterModelId", "OpenAiModelId", "LiteLlmModelId", "OllamaModelId", "RequestyModelId")


def _one(*keys: str) -> tuple[tuple[str, ...], ...]:
    return tuple((key,) for key in keys)


TABLE = (
    Settings("aider", Form.YAML, _one("model", "weak-model", "editor-model"),
             ("~/.aider.conf.yml", "./.aider.conf.yml")),
    Settings(
        "opencode", Form.JSON, (("model",), ("small_model",), ("agent", "*", "model"), ("mode", "*", "model"),
                                ("command", "*", "model")),
        ("~/.config/opencode/opencode.json", "~/.config/opencode/opencode.jsonc", "~/.config/opencode/config.json",
         "./opencode.json", "./opencode.jsonc"),
    ),
    Settings("continue", Form.YAML, (("models", "*", "model"),),
             ("~/.continue/config.yaml", "./.continue/config.yaml")),
    Settings("continue", Form.JSON, (("models", "*", "model"), ("tabAutocompleteModel", "model"),
                                     ("embeddingsProvider", "model")), ("~/.continue/config.json",)),
    Settings("cline", Form.JSON, _one(*(f"{mode}Mode{key}" for mode in ("plan", "act") for key in _CLINE)),
             ("~/.cline/data/globalState.json",)),
    Settings(
        "litellm", Form.YAML, (("model_list", "*", "litellm_params", "model"),),
        ("~/litellm_config.yaml", "~/litellm-config.yaml", "~/litellm/config.yaml", "~/litellm/litellm_config.yaml",
         "~/.litellm/config.yaml", "~/.config/litellm/config.yaml", "/etc/litellm/config.yaml",
         "./litellm_config.yaml", "./litellm-config.yaml"),
    ),
    Settings(
        "zed", Form.JSON,
        (*(("agent", key, "model") for key in _ZED), ("agent", "inline_alternatives", "*", "model"),
         ("agent", "profiles", "*", "default_model", "model"), ("assistant", "default_model", "model")),
        ("~/.config/zed/settings.json", "~/.var/app/dev.zed.Zed/config/zed/settings.json",
         "~/AppData/Roaming/Zed/settings.json", "./.zed/settings.json"),
    ),
    Settings("cursor", Form.JSON, (("model", "modelId"), ("model",)),
             ("~/.cursor/cli-config.json", "~/.config/cursor/cli-config.json")),
    Settings("llm", Form.LINE, ((),),
             tuple(f"~/{above}/io.datasette.llm/default_model.txt" for above in
                   (".config", "Library/Application Support", "AppData/Roaming"))),
    Settings("gemini-cli", Form.JSON, (("model", "name"), ("model",)),
             ("~/.gemini/settings.json", "./.gemini/settings.json", "/etc/gemini-cli/settings.json")),
    Settings("qwen-code", Form.JSON, (("model", "name"), ("model",)),
             ("~/.qwen/settings.json", "./.qwen/settings.json", "/etc/qwen-code/settings.json")),
    Settings("codex", Form.TOML, (("model",), ("review_model",), ("profiles", "*", "model")),
             ("~/.codex/config.toml", "./.codex/config.toml", "/etc/codex/config.toml")),
    Settings(
        "claude-code", Form.JSON, _one("model", "advisorModel"),
        ("~/.claude/settings.json", "~/.claude/settings.local.json", "./.claude/settings.json",
         "./.claude/settings.local.json", "/etc/claude-code/managed-settings.json",
         "/Library/Application Support/ClaudeCode/managed-settings.json"),
    ),
    Settings("goose", Form.YAML, _one("GOOSE_MODEL", "GOOSE_LEAD_MODEL", "GOOSE_PLANNER_MODEL"),
             ("~/.config/goose/config.yaml", "~/AppData/Roaming/Block/goose/config/config.yaml")),
    Settings("copilot-cli", Form.JSON, _one("model"), ("~/.copilot/config.json", "~/.copilot/settings.json")),
    Settings("crush", Form.JSON, (("models", "*", "model"),),
             ("~/.config/crush/crush.json", "~/.local/share/crush/crush.json", "./crush.json", "./.crush.json")),
    Settings("aichat", Form.YAML, _one("model"), ("~/.config/aichat/config.yaml",)),
)  # fmt: skip
"""Whose settings, where, and under which keys names of models stand. From each tool's own documentation."""


class ModelSettings:
    """The source `model-settings`."""

    name = "model-settings"

    def collect(self, machine: Machine) -> Iterator[Found]:
        """See `Source.collect`."""
        yield from collect(machine, self.name, TABLE, models)


def models(document: object, row: Settings) -> Iterator[str]:
    """The `setting` of each model that a file names: `model:NAME`, as it is written there.

    Raises:
        ValueError: a name is written in a way that is not read, or there are more than 500.
    """
    count, unread = 0, False
    for path in row.keys:
        for value in values(document, path):
            unread = unread or value is UNREAD
            if isinstance(value, str) and (name := model_name(value)):
                count += 1
                if count > MAX_MODELS:
                    raise ValueError(f"more than {MAX_MODELS} models")
                yield f"{MODEL}{name}"
    if unread:
        raise ValueError("the name of a model is written in a way that is not read")


def model_name(text: str) -> str:
    """A value that looks like the name of a model; else nothing."""
    name = text.strip()
    return name if _NAME.fullmatch(name) and not _SECRET.search(name) else ""
