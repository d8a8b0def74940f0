"""The catalogue over real packages of npm and PyPI: each is found as its tool, in the version that npm and pip say.

Everything lies in one machine tree, and nothing of it is ever run: npm installs without scripts, pip wheels only. Of
npm's packages the parts for one system are left out (other tests have them): hundreds of megabytes that prove nothing
about a name. Beside them lie packages, folders and files that look like a tool and are none.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from agent.inventory.content_cache import ContentCache
from agent.inventory.installations import Installation, group
from agent.inventory.interface import Look
from agent.inventory.machine import open_machine
from agent.inventory.runner import look
from agent.looker import wanted_of
from policy_schema.authoring.cli.main import main
from policy_schema.document.catalogue import load_catalogue
from policy_schema.document.categories import CATEGORIES
from policy_schema.document.close import close_policy
from policy_schema.document.compile import compile_policy
from policy_schema.document.load import parse_policy
from policy_schema.rules.identity import normal_name
from policy_schema.rules.observation import Confidence
from policy_schema.rules.rulebook import Device, DeviceRules, Rulebook
from tests.fakes import zoo

pytestmark = [
    pytest.mark.online,
    pytest.mark.skipif(sys.platform == "win32", reason="the prefixes here are those of Linux and macOS"),
]

NPM = {
    "@ampcode/cli": "amp",
    "@augmentcode/auggie": "augment",
    "@charmland/crush": "crush",
    "@factory/cli": "factory-droid",
    "@github/copilot": "copilot-cli",
    "@jetbrains/junie": "junie",
    "@kilocode/cli": "kilo-code",
    "@openai/codex": "codex",
    "@qwen-code/qwen-code": "qwen-code",
    "ollama": "ollama-sdk",
    "opencode-ai": "opencode",
}
PYPI = {
    "aider-chat": "aider",
    "anthropic": "anthropic-sdk",
    "gpt-engineer": "gpt-engineer",
    "gptme": "gptme",
    "llm": "llm",
    "lmstudio": "lmstudio-sdk",
    "mini-swe-agent": "mini-swe-agent",
    "open-interpreter": "open-interpreter",
    "shell-gpt": "shell-gpt",
}
QWEN = "@qwen-code/qwen-code"
WITH_CLAUDE_CLI_INSIDE = "0.24.4"
OF_CLAUDE = {"claude-code", "claude-agent-sdk", "claude-desktop"}
STRANGERS_OF_NPM = ("cursor-agent",)
STRANGERS_OF_PYPI = ("aichat", "aider", "codebuddy", "codex", "fabric", "llm-anthropic")
"""Called as a tool is, or made of its name, and somebody else's."""
PREFIX, VENV = "usr/local", "home/li/.virtualenvs/tools"
POLICY = f"""
schema: 1
organisation: {{name: "Example Group", time_zone: "Asia/Shanghai", default_language: "en"}}
bans:
  - id: "everything"
    targets: [{", ".join(f'{{category: "{name}"}}' for name in CATEGORIES)}]
    reason: {{en: "To see everything."}}
    stages: [{{from: "2026-07-04 09:00", action: "report"}}]
"""


class Machine(NamedTuple):
    """The machine, what one look found, and what npm and pip say."""

    root: Path
    found: Look
    rules: DeviceRules
    installations: list[Installation]
    versions: dict[str, str]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Installs everything once, from the zoo's cache what was fetched before."""
    root = tmp_path_factory.mktemp("machine")
    python = root / VENV / "bin/python"
    specs = [*(name for name in NPM if name != QWEN), *STRANGERS_OF_NPM, f"{QWEN}@{WITH_CLAUDE_CLI_INSIDE}"]
    zoo.together(
        lambda: zoo.npm_global(root / PREFIX, *specs, scripts=False, parts=False),
        lambda: zoo.pip_wheels(zoo.pip_venv(root / VENV), *PYPI, *STRANGERS_OF_PYPI),
    )
    people_and_lookalikes(root)
    document = close_policy(parse_policy(POLICY, "policy.yaml"), load_catalogue()).document
    book = Rulebook(compile_policy(document, 1))
    rules = book.for_device(Device("d", "linux", "workstation", "company", None, None))
    with open_machine(root=str(root), wanted=wanted_of(rules), cache=ContentCache()) as opened:
        found = look(opened)
    seen = [one for source in found.observations.values() for one in source]
    grouped = group(seen, rules.identify, {tool.id: tool.embeds for tool in book.tools.values()})
    versions = {**zoo.npm_installed(root / PREFIX), **zoo.pip_installed(python)}
    yield Machine(root, found, rules, grouped, versions)
    shutil.rmtree(root)


def people_and_lookalikes(root: Path) -> None:
    """One account; an extension whose id holds the word claude; folders and files that other tools make or read."""
    (root / "etc").mkdir()
    (root / "etc/passwd").write_text(f"li:x:{os.getuid()}:{os.getgid()}::/home/li:/bin/bash\n")
    extension = root / "home/li/.vscode/extensions/saoudrizwan.claude-dev-3.37.1"
    extension.mkdir(parents=True)
    manifest = {"publisher": "saoudrizwan", "name": "claude-dev", "version": "3.37.1", "engines": {"vscode": "^1.84.0"}}
    (extension / "package.json").write_text(json.dumps(manifest))
    (root / "home/li/.claude/skills").mkdir(parents=True)
    (root / "home/li/.claude/settings.json").write_text("{}")
    (root / "home/li/CLAUDE.md").write_text("# You are Claude Code, Anthropic's official CLI for Claude\n")
    (root / "home/li/.local/bin").mkdir(parents=True)
    for name in ("q", "goose", "notes"):
        program = root / "home/li/.local/bin" / name
        program.write_text("#!/bin/sh\necho claude-cli/\n")
        program.chmod(0o755)


def of_package(machine: Machine, name: str) -> list[Installation]:
    """The installations that this package is."""
    paths = {
        seen.path
        for source in ("npm", "pypi")
        for seen in machine.found.observations[source]
        if normal_name("pypi", seen.name) == normal_name("pypi", name)
        and "/node_modules/" not in seen.path.removeprefix(f"/{PREFIX}/lib/node_modules/")
    }
    return [one for one in machine.installations if one.path in paths]


def version_of(machine: Machine, name: str) -> str:
    """What the package's manager says. pip 23 writes a name as the wheel does (`shell_gpt`), later ones as PyPI."""
    (version,) = {v for one, v in machine.versions.items() if normal_name("pypi", one) == normal_name("pypi", name)}
    return version


@pytest.mark.parametrize(("name", "tool"), {**NPM, **PYPI}.items(), ids=lambda value: value)
def test_a_package_is_its_tool_and_no_other_in_the_version_that_its_manager_says(
    name: str, tool: str, machine: Machine
) -> None:
    (one,) = of_package(machine, name)
    assert (one.tool, one.version, one.confidence) == (tool, version_of(machine, name), Confidence.EXACT)


def test_the_command_proves_what_the_registries_offer(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalogue", "check", "llm", "ollama-sdk", "--json"]) == 0
    proofs = json.loads(capsys.readouterr().out)["proofs"]
    proved = {proof["value"] for proof in proofs if proof["verdict"] == "proved"}
    assert proved == {"pkg:pypi/llm", "llm", "pkg:npm/ollama", "pkg:pypi/ollama"}


@pytest.mark.parametrize(("text", "code"), {">=0.10": 0, ">=900": 1}.items(), ids=["published", "not published"])
def test_the_command_knows_which_versions_are_published(
    text: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = POLICY.replace(POLICY.split("targets: [")[1].split("]")[0], f'{{tool: "llm", versions: "{text}"}}')
    (tmp_path / "policy.yaml").write_text(policy)
    assert main(["catalogue", "check", "--policy", str(tmp_path / "policy.yaml")]) == code
    assert ("matches none of the" in capsys.readouterr().err) is bool(code)


def test_as_many_tools_as_promised() -> None:
    assert len(set(NPM.values()) | set(PYPI.values())) >= 15


@pytest.mark.parametrize("name", [*STRANGERS_OF_NPM, *STRANGERS_OF_PYPI])
def test_a_stranger_s_package_is_no_tool(name: str, machine: Machine) -> None:
    assert version_of(machine, name)
    assert of_package(machine, name) == []


def test_the_extension_with_claude_in_its_id_is_cline(machine: Machine) -> None:
    inside = [one for one in machine.installations if "/extensions/" in one.path]
    assert [(one.tool, one.version) for one in inside] == [("cline", "3.37.1")]


MISTAKABLE = {
    "Cline's extension, whose id holds the word": "home/li/.vscode/extensions/saoudrizwan.claude-dev-3.37.1",
    "a folder .claude, which many tools read": "home/li/.claude",
    "its settings": "home/li/.claude/settings.json",
    "a CLAUDE.md that says it is Claude Code": "home/li/CLAUDE.md",
    "the anthropic wheel": f"{VENV}/lib/python3.*/site-packages/anthropic",
    "qwen, with claude-cli/ inside": f"{PREFIX}/lib/node_modules/@qwen-code/qwen-code",
    "a script that says claude-cli/": "home/li/.local/bin/notes",
}


@pytest.mark.parametrize("what", MISTAKABLE)
def test_is_no_claude_code(what: str, machine: Machine) -> None:
    (place,) = machine.root.glob(MISTAKABLE[what])
    path = f"/{place.relative_to(machine.root)}"
    here = {one.tool for one in machine.installations if f"{one.path}/".startswith(f"{path}/")}
    assert here.isdisjoint(OF_CLAUDE)


def test_nothing_of_all_this_is_claude_code(machine: Machine) -> None:
    assert {one.tool for one in machine.installations}.isdisjoint(OF_CLAUDE)


def test_qwen_does_have_the_words_inside(machine: Machine) -> None:
    """Else the line above would prove nothing."""
    package = machine.root / MISTAKABLE["qwen, with claude-cli/ inside"]
    assert any(b"claude-cli/" in file.read_bytes() for file in package.rglob("*.*js"))


def test_folders_and_files_that_look_like_a_tool_are_none(machine: Machine) -> None:
    ours = [one.path for one in machine.installations if one.path.startswith("/home/li/")]
    assert [path for path in ours if "/extensions/" not in path and "/site-packages/" not in path] == []


def test_what_else_is_found_came_along_as_a_dependency(machine: Machine) -> None:
    """No installation is of a tool that nobody asked for, but for what the packages themselves need."""
    asked = {*NPM.values(), *PYPI.values(), "cline"}  # cline by its extension
    others = [one for one in machine.installations if one.tool not in asked]
    assert [one.path for one in others if "/node_modules/" not in one.path.partition("/lib/node_modules/")[2]] == []
