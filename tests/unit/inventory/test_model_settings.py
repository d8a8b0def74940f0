"""Models that other tools are configured with: the names, and no secret beside them."""

from __future__ import annotations

import json
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.inventory.model_settings import TABLE, model_name, models
from agent.inventory.settings_files import Settings
from agent.inventory.settings_text import Form
from policy_schema.rules.observation import Face
from tests.fakes.machine_folder import SAMPLES, MachineFolder, seen, unknown

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links, pipes and modes are those of POSIX")

FILES: dict[str, tuple[str, str, list[str]]] = {
    "aider.conf.yml": ("aider", "/home/li/.aider.conf.yml", ["anthropic/claude-sonnet-4-5", "gpt-4o-mini"]),
    "claude-code.json": ("claude-code", "/home/li/.claude/settings.json", ["opus"]),
    "cline.json": (
        "cline",
        "/home/li/.cline/data/globalState.json",
        ["claude-opus-4-1-20250805", "anthropic/claude-sonnet-4.5"],
    ),
    "codex.toml": ("codex", "/home/li/.codex/config.toml", ["gpt-5-codex", "o4-mini"]),
    "continue.yaml": ("continue", "/home/li/.continue/config.yaml", ["claude-3-5-sonnet-latest", "qwen2.5-coder:7b"]),
    "goose.yaml": ("goose", "/home/li/.config/goose/config.yaml", ["claude-sonnet-4-5", "gpt-4o"]),
    "litellm.yaml": (
        "litellm",
        "/home/li/litellm_config.yaml",
        [
            "bedrock/us.anthropic.claude-3-5-sonnet-20241022-v2:0",
            "vertex_ai/claude-sonnet-4@20250514",
            "azure/gpt-4o",
        ],
    ),
    "llm.txt": ("llm", "/home/li/.config/io.datasette.llm/default_model.txt", ["claude-3.7-sonnet"]),
    "opencode.json": (
        "opencode",
        "/home/li/.config/opencode/opencode.json",
        ["anthropic/claude-sonnet-4-5", "openrouter/anthropic/claude-3.5-haiku", "openai/gpt-5"],
    ),
    "zed.jsonc": (
        "zed",
        "/home/li/.config/zed/settings.json",
        ["claude-sonnet-4-5", "gpt-4o-mini", "claude-opus-4-1"],
    ),
}


@pytest.mark.parametrize("sample", FILES)
def test_the_models_of_a_settings_file_and_nothing_else(sample: str, machine: MachineFolder) -> None:
    tool, path, expected = FILES[sample]
    data = (SAMPLES / "model-settings" / sample).read_bytes()
    assert b"PLANTED" in data or sample == "llm.txt"
    machine.file(path, data)
    found = machine.look("model-settings")
    assert [one.setting for one in seen(found)] == [f"model:{name}" for name in expected]
    assert {(one.name, one.face, one.path) for one in seen(found)} == {(tool, Face.SETTING, path)}
    assert unknown(found) == []
    assert "planted" not in repr(found).lower()


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.tool}, {row.form}")
def test_every_place_and_key_of_the_table_is_looked_at(row: Settings, machine: MachineFolder) -> None:
    places = [place.replace("*", "x") for place in row.places]
    for number, place in enumerate(places):
        data = _written(row, row.keys[number % len(row.keys)])
        for above, folder in (("~/", "/home/li/"), ("./", "/srv/p/"), ("/", "/")):
            if place.startswith(above):
                machine.file(folder + place.removeprefix(above), data)
                break
    mine = [one for one in seen(machine.look("model-settings", project_roots=["/srv"])) if one.name == row.tool]
    assert {one.setting for one in mine} == {"model:acme-1"}
    assert len({one.path for one in mine}) == len(places)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.tool}, {row.form}")
def test_every_key_of_the_table_names_a_model(row: Settings) -> None:
    for keys in row.keys:
        document: object = "acme-1"
        for key in reversed(keys):
            document = {"x" if key == "*" else key: document}
        assert list(models(document, row)) == ["model:acme-1"]


def _written(row: Settings, keys: tuple[str, ...]) -> bytes:
    document: object = "acme-1"
    for key in reversed(keys):
        document = {"x" if key == "*" else key: document}
    if row.form is Form.LINE:
        return b"acme-1\n"
    if row.form is Form.TOML:
        return (f"[{'.'.join(keys[:-1])}]\n" if keys[1:] else "").replace("*", "x").encode() + (
            f'{keys[-1]} = "acme-1"\n'.encode()
        )
    return json.dumps(document).encode()


NAMES = {
    "a model": ("anthropic/claude-sonnet-4.5", "anthropic/claude-sonnet-4.5"),
    "one with an arn": ("bedrock/arn:aws:bedrock:eu:1:x/y", "bedrock/arn:aws:bedrock:eu:1:x/y"),
    "one with blanks around it": (" gpt-4o ", "gpt-4o"),
    "one with a window": ("sonnet[1m]", "sonnet[1m]"),
    "a secret of OpenAI's": ("sk-proj-abcdef", ""),
    "a secret of GitHub's": ("ghp_abcdef", ""),
    "a token": ("eyJhbGciOi", ""),
    "an address": ("https://user:secret@host/model", ""),
    "a reference to a variable": ("${MODEL}", ""),
    "a text of two lines": ("a\nb", ""),
    "a text that is too long": ("a" * 201, ""),
    "escapes of a terminal": ("\x1b[31mgpt", ""),
}


@pytest.mark.parametrize(("text", "expected"), NAMES.values(), ids=NAMES.keys())
def test_what_looks_like_the_name_of_a_model(text: str, expected: str) -> None:
    assert model_name(text) == expected


def test_a_name_that_cannot_be_read_is_unknown(machine: MachineFolder) -> None:
    machine.file("/home/li/.aider.conf.yml", "model: *mine\nweak-model: gpt-4o\n")
    found = machine.look("model-settings")
    assert [one.setting for one in seen(found)] == ["model:gpt-4o"]
    assert [place.reason for place in unknown(found)] == ["the name of a model is written in a way that is not read"]


def test_a_project_s_settings_are_a_project_s(machine: MachineFolder) -> None:
    machine.file("/home/li/src/app/.aider.conf.yml", "model: gpt-4o\n")
    (one,) = seen(machine.look("model-settings", project_roots=["/home/li/src"]))
    assert (one.path, one.project, one.home) == ("/home/li/src/app/.aider.conf.yml", True, "/home/li")


def test_two_homes_have_settings_of_their_own(machine: MachineFolder) -> None:
    machine.home("zo")
    for name in ("li", "zo"):
        machine.file(f"/home/{name}/.aider.conf.yml", "model: gpt-4o\n")
    assert [one.path for one in seen(machine.look("model-settings"))] == [
        "/home/li/.aider.conf.yml",
        "/home/zo/.aider.conf.yml",
    ]


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_name_that_can_be_shown_or_none(text: str) -> None:
    name = model_name(text)
    assert name == "" or (name.isascii() and name.isprintable() and "://" not in name)
