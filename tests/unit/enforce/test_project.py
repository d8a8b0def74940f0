"""File and line where a project asks for a package."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.enforce.project import (
    find_line,
    line_in_package_json,
    line_in_pyproject,
    line_in_requirements,
    manifest_line,
    manifests_around,
)
from agent.enforce.quarantine import package_name

TOOL = "@anthropic-ai/claude-code"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param(f'{{"dependencies": {{"{TOOL}": "1"}}}}', 1, id="all on one line"),
        pytest.param(f'{{\n "devDependencies": {{\n  "a": "1",\n  "{TOOL}": "1"\n }}\n}}', 4, id="spread over lines"),
        pytest.param('{"dependencies": {"\\u0040anthropic-ai/claude-code": "1"}}', 1, id="with an escape"),
        pytest.param(f'{{"name": "{TOOL}"}}', None, id="the project is the package itself"),
        pytest.param(f'{{"dependencies": {{"a": "{TOOL}"}}}}', None, id="only a value"),
        pytest.param(f'{{"scripts": {{"{TOOL}": "x"}}}}', None, id="only the name of a script"),
        pytest.param(f'{{"pnpm": {{"dependencies": {{"{TOOL}": "1"}}}}}}', None, id="dependencies of something else"),
        pytest.param('{"dependencies": [', None, id="cut off"),
        pytest.param("}}}]]", None, id="no JSON at all"),
        pytest.param("", None, id="empty"),
    ],
)
def test_package_json(text: str, line: int | None) -> None:
    assert line_in_package_json(text, TOOL) == line


@given(st.text(alphabet='{}[]:,"\\\n ab@/', max_size=200))
def test_any_text_has_an_answer(text: str) -> None:
    line = line_in_package_json(text, TOOL)
    assert line is None or 1 <= line <= text.count("\n") + 1


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("requests\nclaude-agent-sdk>=0.1\n", 2, id="with a version"),
        pytest.param("Claude_Agent.SDK[extra] ; python_version > '3'\n", 1, id="written in another way"),
        pytest.param("# claude-agent-sdk\n-r other.txt\n", None, id="only in a comment"),
        pytest.param("claude-agent-sdk-extra\n", None, id="a longer name"),
    ],
)
def test_requirements(text: str, line: int | None) -> None:
    assert line_in_requirements(text, "claude-agent-sdk") == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param('[project]\nname = "x"\ndependencies = [\n "claude-agent-sdk>=1",\n]\n', 4, id="a list"),
        pytest.param('[dependency-groups]\ndev = ["a", "claude-agent-sdk"]\n', 2, id="a group on one line"),
        pytest.param('[tool.poetry.dependencies]\nclaude_agent_sdk = "^1"\n', 2, id="a poetry table"),
        pytest.param('[project]\nname = "claude-agent-sdk"\n', None, id="the project's own name"),
    ],
)
def test_pyproject(text: str, line: int | None) -> None:
    assert line_in_pyproject(text, "claude-agent-sdk") == line


def test_the_nearest_manifest_that_asks_for_it_is_named(tmp_path: Path) -> None:
    tmp_path = tmp_path.resolve()
    inner = tmp_path / "node_modules" / "a" / "node_modules" / TOOL
    inner.mkdir(parents=True)
    (tmp_path / "package.json").write_text(f'{{\n"dependencies": {{"{TOOL}": "1"}}}}')
    (tmp_path / "node_modules" / "a" / "package.json").write_text("{}")
    assert find_line(str(inner), TOOL) == (str(tmp_path / "package.json"), 2)
    (tmp_path / "node_modules" / "a" / "package.json").write_text(f'{{"dependencies": {{"{TOOL}": "1"}}}}')
    assert find_line(str(inner), TOOL) == (str(tmp_path / "node_modules" / "a" / "package.json"), 1)


def test_an_environment_of_python_leads_to_its_project() -> None:
    assert list(manifests_around("/w/p/.venv/lib/python3.11/site-packages/anthropic")) == [
        "/w/p/pyproject.toml",
        "/w/p/requirements.txt",
    ]


@pytest.mark.parametrize("kind", ["missing", "a folder", "too big", "a link"])
def test_a_manifest_that_cannot_be_read_has_no_line(tmp_path: Path, kind: str) -> None:
    file = tmp_path.resolve() / "package.json"
    if kind == "a folder":
        file.mkdir()
    elif kind == "too big":
        file.write_bytes(b" " * (5 << 20))
    elif kind == "a link":
        file.symlink_to("/etc/passwd")
    assert manifest_line(str(file), TOOL) is None


@pytest.mark.parametrize(
    ("purl", "name"),
    [
        pytest.param("pkg:npm/%40anthropic-ai/claude-code@2.1.197", TOOL, id="with a scope"),
        pytest.param("pkg:pypi/claude-agent-sdk@0.1.0", "claude-agent-sdk", id="without a scope"),
        pytest.param("pkg:npm/%40anthropic-ai/claude-code", TOOL, id="without a version"),
        pytest.param("pkg:npm/left-pad@1.0?arch=x#y", "left-pad", id="with qualifiers"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_the_name_in_a_purl(purl: str, name: str) -> None:
    assert package_name(purl) == name
