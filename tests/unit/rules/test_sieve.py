"""The sieve before the tables: what it holds back, the tables would not have known either."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy_schema.rules.identity import make_purl
from policy_schema.rules.match import Tables, ToolFaces, tool_faces
from policy_schema.rules.observation import Face, Observation
from tests.fakes.policies import AGENT_SDK, CLAUDE_CODE, QODER

TOOLS = [tool_faces(entry) for entry in (CLAUDE_CODE, AGENT_SDK, QODER)]
ODD = ToolFaces(
    id="odd",
    name="Odd",
    version_scheme="semver",
    packages=("pypi/odd-tool", "deb/odd.tool", "npm/@odd/odd"),
    extensions=("jetbrains:Odd Tool",),
    apps=("macos:com.odd",),
    names=("odd tool",),
    folders=("~/.local/share/versions", "/opt/Odd/bin", "~/.odd"),
    signers=("apple:TEAM/com.odd",),
    hashes=("ab" * 32,),
    residue=("~/.odd.json",),
    content=({},),
    embeds=frozenset(),
)
WORDS = st.sampled_from(
    "claude|Claude|claude.exe|odd tool|ODD TOOL.EXE|odd-tool|odd_tool|Odd..Tool|odd.tool|odd|@odd/odd|node||a@b|ſ|x%2Fy"
    "|@anthropic-ai/claude-code|claude-agent-sdk|@qoder-ai/qodercli".split("|")
)
PATHS = st.lists(
    st.sampled_from(
        ["home", "li", ".local", "share", "claude", "versions", "2.1", "opt", "Odd", "bin", ".odd", "x\\odd"]
    ),
    max_size=7,
).map(lambda parts: "/" + "/".join(parts))
PURLS = st.one_of(
    st.just(""),
    st.builds(
        lambda kind, name, version, more: make_purl(kind, name or "x", version) + more,
        st.sampled_from(["npm", "pypi", "deb", "cargo"]),
        WORDS,
        st.sampled_from(["", "1.0.0", "1:2/3", "1@2"]),
        st.sampled_from(["", "?arch=amd64&a=b/c@d", "#sub/path", "?x#y"]),
    ),
    st.sampled_from(
        [
            "pkg:PyPI/Odd_Tool@1",
            "pkg:npm/%40anthropic-ai%2Fclaude-code",
            "pkg:npm//claude-code/",
            "pkg:deb/debian/ODD.TOOL",
        ]
    ),
)
SEEN = st.builds(
    Observation,
    source=st.just("test"),
    face=st.sampled_from(list(Face)),
    path=st.builds(lambda above, name: f"{above}/{name}", PATHS, WORDS),
    name=WORDS,
    purl=PURLS,
    content=st.sampled_from(["", "odd/0", "claude-code/0", "claude-code/9"]),
    sha256=st.sampled_from(["", "ab" * 32, "cd" * 32]),
    signer=st.sampled_from(["", "apple:TEAM/com.odd", "apple:OTHER/com.odd"]),
    extension=st.sampled_from(["", "jetbrains:Odd Tool", "vscode:anthropic.claude-code", "vscode:a.b"]),
    app=st.sampled_from(["", "macos:com.odd", "linux:odd"]),
    links=st.lists(st.builds(lambda above, name: f"{above}/{name}", PATHS, WORDS), max_size=2).map(tuple),
    home=st.sampled_from(["", "/home/li"]),
    setting=st.sampled_from(["", "mcp:exe:claude", "mcp:pkg:npm/%40odd/odd", "model:claude-opus-4"]),
)


class Unsieved(Tables):
    """The tables alone."""

    def __init__(self, tools: list[ToolFaces]) -> None:
        super().__init__(tools)
        self.may_know = lambda seen: True


@settings(max_examples=1500)
@given(SEEN)
def test_nothing_that_the_tables_know_is_held_back(seen: Observation) -> None:
    assert Tables([*TOOLS, ODD]).identify(seen) == Unsieved([*TOOLS, ODD]).identify(seen)


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(
            Observation("npm", Face.PACKAGE, "/x", name="left-pad", purl="pkg:npm/left-pad@1.0"), id="package"
        ),
        pytest.param(Observation("x", Face.EXECUTABLE, "/usr/bin/git", name="git"), id="program"),
        pytest.param(
            Observation("x", Face.EXECUTABLE, "/home/li/.local/share/other/versions/1", home="/home/li"),
            id="program beside a folder of a tool",
        ),
        pytest.param(Observation("vscode", Face.EXTENSION, "/x", extension="vscode:a.b"), id="extension"),
    ],
)
def test_what_is_none_of_the_tools_is_held_back(seen: Observation) -> None:
    assert not Tables(TOOLS).may_know(seen)
