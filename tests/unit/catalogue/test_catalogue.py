"""The catalogue that ships: every entry is sound, and recognises what was seen of each tool."""

from __future__ import annotations

from pathlib import Path

import pytest

from policy_schema.catalogue import entry_texts
from policy_schema.document.catalogue import head_of, load_catalogue, parse_tool, read_head
from policy_schema.document.catalogue_check import check_entries
from policy_schema.document.tool import FaceName, Mark
from policy_schema.rules.match import Tables, tool_faces
from policy_schema.rules.observation import Confidence, Face, Observation

TEXTS = dict(entry_texts())
TABLES = Tables([tool_faces(tool.model_dump(mode="json")) for tool in load_catalogue().tools.values()])


def package(purl: str) -> Observation:
    """A package as a source reports it."""
    return Observation("npm", Face.PACKAGE, "/opt/x", purl=purl)


def program(path: str, home: str = "/home/li", **more: str) -> Observation:
    """An executable as a source reports it."""
    return Observation("path", Face.EXECUTABLE, path, home=home, **more)


SEEN = {
    "claude-code on npm": (package("pkg:npm/%40anthropic-ai/claude-code@2.1.197"), "claude-code", Confidence.EXACT),
    "its native part": (
        package("pkg:npm/%40anthropic-ai/claude-code-linux-x64@2.1.197"),
        "claude-code",
        Confidence.EXACT,
    ),
    "its musl part": (
        package("pkg:npm/%40anthropic-ai/claude-code-linux-arm64-musl@2.1.1"),
        "claude-code",
        Confidence.EXACT,
    ),
    "its Windows part": (
        package("pkg:npm/%40anthropic-ai/claude-code-win32-x64@2.1.1"),
        "claude-code",
        Confidence.EXACT,
    ),
    "the native installer's version": (
        program("/home/li/.local/share/claude/versions/2.1.329"),
        "claude-code",
        Confidence.STRONG,
    ),
    "a macOS bundle of it": (
        program(
            "/Users/li/.local/share/claude/versions/bundles/2.1.329@a.b/claude.app/Contents/MacOS/claude", "/Users/li"
        ),
        "claude-code",
        Confidence.STRONG,
    ),
    "the cask": (program("/opt/homebrew/Caskroom/claude-code/2.1.1/claude"), "claude-code", Confidence.STRONG),
    "a program that calls itself claude": (program("/home/li/bin/claude"), "claude-code", Confidence.WEAK),
    "content of a renamed copy": (
        program("/home/li/notes-helper", content="claude-code/0"),
        "claude-code",
        Confidence.EXACT,
    ),
    "the signed Mac program": (
        program("/x", signer="apple:Q6L2SF6YDW/com.anthropic.claude-code"),
        "claude-code",
        Confidence.EXACT,
    ),
    "the signed Windows program": (
        program("/x", signer="authenticode:Anthropic, PBC/Claude Code"),
        "claude-code",
        Confidence.EXACT,
    ),
    "the editor extension": (
        Observation("x", Face.EXTENSION, "/x", extension="vscode:anthropic.claude-code"),
        "claude-code",
        Confidence.EXACT,
    ),
    "the desktop application": (
        Observation("x", Face.APP, "/Applications/Claude.app", app="macos:com.anthropic.claudefordesktop"),
        "claude-desktop",
        Confidence.EXACT,
    ),
    "the desktop application's own Claude Code": (
        program("/Users/li/Library/Application Support/Claude/claude-code/2.1.1/claude", "/Users/li"),
        "claude-desktop",
        Confidence.STRONG,
    ),
    "the agent SDK on npm": (
        package("pkg:npm/%40anthropic-ai/claude-agent-sdk@0.3.329"),
        "claude-agent-sdk",
        Confidence.EXACT,
    ),
    "its native part on npm": (
        package("pkg:npm/%40anthropic-ai/claude-agent-sdk-linux-x64@0.3.329"),
        "claude-agent-sdk",
        Confidence.EXACT,
    ),
    "the agent SDK on PyPI": (package("pkg:pypi/claude-agent-sdk@0.2.186"), "claude-agent-sdk", Confidence.EXACT),
    "the library on npm": (package("pkg:npm/%40anthropic-ai/sdk@1.11.0"), "anthropic-sdk", Confidence.EXACT),
    "the library on PyPI": (package("pkg:pypi/anthropic@2.11.0"), "anthropic-sdk", Confidence.EXACT),
    "qoder's command line": (package("pkg:npm/%40qoder-ai/qodercli@1.1.52"), "qoder", Confidence.EXACT),
    "cline's extension, whose id holds the word claude, is cline's": (
        Observation("x", Face.EXTENSION, "/x", extension="vscode:saoudrizwan.claude-dev"),
        "cline",
        Confidence.EXACT,
    ),
    "codex's own program in a package of the same name": (
        package("pkg:npm/%40openai/codex@0.169.0-linux-x64"),
        "codex",
        Confidence.EXACT,
    ),
    "the browser's way to claude-code": (
        Observation("x", Face.EXTENSION, "/x", extension="native_host:com.anthropic.claude_code_browser_extension"),
        "claude-code",
        Confidence.EXACT,
    ),
    "copilot in vim": (
        Observation("x", Face.EXTENSION, "/x", extension="vim:copilot.vim"),
        "github-copilot",
        Confidence.EXACT,
    ),
    "zed from flathub": (package("pkg:flatpak/dev.zed.Zed@1.16.1"), "zed", Confidence.EXACT),
    "a tool built by go": (package("pkg:golang/github.com/charmbracelet/crush@v0.96.1"), "crush", Confidence.EXACT),
    "the vendor's own debian package": (
        package("pkg:deb/debian/cursor@3.12.10?arch=amd64"),
        "cursor",
        Confidence.EXACT,
    ),
    "qoder's editor on Linux": (program("/usr/share/qoder-ide/bin/code"), "qoder", Confidence.STRONG),
}


@pytest.mark.parametrize(("seen", "tool", "confidence"), SEEN.values(), ids=SEEN)
def test_what_was_seen_of_a_tool_is_recognised(seen: Observation, tool: str, confidence: Confidence) -> None:
    assert [(identity.tool, identity.confidence) for identity in TABLES.identify(seen)] == [(tool, confidence)]


NOT_OURS = {
    **{
        f"a stranger's {purl}": package(purl)
        for purl in (
            "pkg:pypi/aider@0.2.6",
            "pkg:pypi/aichat@0.0.5",
            "pkg:pypi/codebuddy@0.0.4",
            "pkg:pypi/codegeex@1.0",
            "pkg:pypi/codex@2.5.6",
            "pkg:pypi/cursor@1.3.5",
            "pkg:pypi/devin@1.0.0",
            "pkg:pypi/fabric@3.2.2",
            "pkg:pypi/goose-ai@0.1.0",
            "pkg:pypi/tabby@0.4.0",
            "pkg:npm/cursor-agent@1.0.3",
            "pkg:npm/openai-agents@1.1.0",
            "pkg:npm/openai-api@1.3.1",
            "pkg:brew/goose@3.26.0",
            "pkg:deb/debian/warp@1.0",
        )
    },
    "an extension that comes from nobody known": Observation(
        "x", Face.EXTENSION, "/x", extension="vscode:claude.claude-code"
    ),
    "the daemon of ZFS": program("/usr/sbin/zed"),
    "a program called q": program("/usr/local/bin/q"),
    "a program called goose, as the one for databases": program("/usr/local/bin/goose"),
    "a library that uses the library": package("pkg:pypi/llm-anthropic@0.30"),
    "a program in somebody's own bin": program("/home/li/.local/bin/notes"),
    "another program of the same team": program("/x", signer="apple:Q6L2SF6YDW/com.anthropic.other"),
}


@pytest.mark.parametrize("seen", NOT_OURS.values(), ids=NOT_OURS)
def test_what_is_no_tool_of_the_catalogue_is_nothing(seen: Observation) -> None:
    assert TABLES.identify(seen) == ()


def test_the_engine_belongs_to_what_carries_it() -> None:
    carrying = {tool.id for tool in load_catalogue().tools.values() if "claude-code" in tool.embeds}
    assert carrying == {"claude-agent-sdk", "claude-code-acp", "claude-desktop"}


def test_the_catalogue_is_sound() -> None:
    assert check_entries(TEXTS.items()) == []


def test_every_face_says_how_it_is_known() -> None:
    marks = {tool.id: tool.marks for tool in load_catalogue().tools.values()}
    assert marks["claude-code"][FaceName.CONTENT] is Mark.SEEN
    assert marks["claude-desktop"][FaceName.APPS] is Mark.DOCUMENTED


CODE = TEXTS["claude-code.yaml"]
WRONG = {
    "a field that does not exist": (
        CODE.replace("vendor:", "vender:"),
        "vender: is not known here; did you mean `vendor`?",
    ),
    "a file of another name": (CODE.replace('id: "claude-code"', 'id: "claude"'), "id: claude does not fit the file"),
    "an unknown tool in embeds": (CODE.replace("embeds: []", 'embeds: ["x"]'), "embeds[0]: 'x' is not another tool"),
    "a tool that embeds itself": (
        CODE.replace("embeds: []", 'embeds: ["claude-code"]'),
        "embeds[0]: 'claude-code' is not",
    ),
    "a category that nobody knows": (
        CODE.replace('category: "ai-coding-assistant"', 'category: "ai-toy"'),
        "category: 'ai-toy' is no category; write one of ai-assistant, ai-coding-assistant,",
    ),
    "an alias of another tool": (
        CODE.replace("aliases: []", 'aliases: ["claude-dev"]'),
        "the alias claude-dev stands under claude-code already",
    ),
    "a program called by two letters": (
        CODE.replace('names: ["claude"]', 'names: ["cc"]'),
        "names[0]: 'cc' is too short to say anything",
    ),
    "a formula with its tap": (
        CODE.replace('"pkg:brew/claude-code"', '"pkg:brew/anthropic/tap/claude-code"'),
        "faces.packages[9]: pkg:brew/anthropic/tap/claude-code names more than the package; write pkg:brew/claude-code",
    ),
    "unverified, and from nowhere": (
        CODE.replace('residue: "seen"', 'residue: "unverified"'),
        "marks.residue: is unverified, and no page is named",
    ),
    "an extension of another tool in other letters": (
        CODE.replace('vscode: ["anthropic.claude-code"]', 'vscode: ["SaoudRizwan.Claude-Dev"]'),
        "extensions vscode saoudrizwan.claude-dev stands under claude-code already",
    ),
    "texts of another tool": (
        TEXTS["qoder.yaml"].replace(
            "embeds: []",
            """  content:
    - {magic: ["text"], min_size: "5MB", max_size: "9MB",
       all: ["You are Claude Code, Anthropic's official CLI for Claude"]}
embeds: []""",
        ),
        "stands under claude-code already",
    ),
    "an alias that is a tool": (
        CODE.replace("aliases: []", 'aliases: ["qoder"]'),
        "aliases[0]: 'qoder' is a tool of its",
    ),
    "a face without a mark": (CODE.replace('  residue: "seen"\n', ""), "faces.residue: does not say how it is known"),
    "a mark without a face": (
        CODE.replace('  residue: ["~/.claude.json"]\n', ""),
        "marks.residue: marks a face that is",
    ),
    "documented, and nowhere": (
        CODE.replace('residue: "seen"', 'residue: "documented"'),
        "marks.residue: is documented,",
    ),
    "sources of an empty face": (
        CODE.replace("sources:\n", 'sources:\n  hashes: ["https://x.example"]\n'),
        "sources.hashes: is about a face",
    ),
    "a package of another tool": (
        CODE.replace('"pkg:brew/claude-code"', '"pkg:npm/%40qoder-ai/qodercli"'),
        "stands under claude-code already",
    ),
    "a package twice": (
        CODE.replace('"pkg:brew/claude-code%40latest"', '"pkg:brew/claude-code"'),
        "faces.packages[10]: brew/claude-code stands under claude-code already",
    ),
    "a package manager": (CODE.replace('"pkg:brew/claude-code"', '"pkg:npm/npm"'), "pkg:npm/npm is protected"),
    "a shell": (CODE.replace('names: ["claude"]', 'names: ["bash"]'), "names[0]: 'bash' is protected"),
    "a folder of everybody": (
        CODE.replace('"~/.claude/local"', '"~/.local/bin"'),
        "folders[2]: '~/.local/bin' is a folder",
    ),
    "a signature without a cheap test": (
        CODE.replace('      min_size: "5MB"\n', ""),
        "faces.content[1]: has no cheap test",
    ),
    "a text signature without an end": (CODE.replace('      max_size: "40MB"\n', ""), "content[1]: has no max_size"),
    "a signature that can never be met": (CODE.replace("least: 2", "least: 9"), "faces.content[1]: "),
}


@pytest.mark.parametrize(("text", "says"), WRONG.values(), ids=WRONG)
def test_a_wrong_entry_is_named(text: str, says: str) -> None:
    file = "qoder.yaml" if 'id: "qoder"' in text else "claude-code.yaml"
    shown = [problem.line_of_text() for problem in check_entries({**TEXTS, file: text}.items())]
    assert [line for line in shown if says in line], shown


@pytest.mark.parametrize("name", TEXTS)
def test_the_quick_look_at_an_entry_says_what_reading_it_says(name: str) -> None:
    tool = parse_tool(TEXTS[name], name)
    assert read_head(TEXTS[name], name) == head_of(tool)


OTHER_WAYS = {
    "without quotes": ('vendor: "Anthropic"', "vendor: Anthropic"),
    "a list over several lines": ("aliases: []", "aliases:\n  - cc"),
    "without a line": ("embeds: []\n", ""),
}


@pytest.mark.parametrize(("old", "new"), OTHER_WAYS.values(), ids=OTHER_WAYS)
def test_an_entry_that_is_written_in_another_way_is_read(old: str, new: str) -> None:
    text = TEXTS["claude-code.yaml"].replace(old, new)
    head = read_head(text, "claude-code.yaml")
    assert head == head_of(parse_tool(text, "claude-code.yaml"))
    assert head.vendor == "Anthropic"


def test_a_search_reads_no_entry_but_the_one_it_finds() -> None:
    fresh = load_catalogue.__wrapped__()
    assert fresh.find("claude-dev") is fresh.find("cline")
    assert {head.id for head in fresh.heads.values() if head.vendor == "Anysphere"} == {
        "cursor",
        "cursor-cli",
        "supermaven",
    }
    assert fresh.tools.entries_read() == ("cline",)


def test_every_entry_lies_in_the_package() -> None:
    folder = Path(__file__).parents[3] / "policy_schema" / "catalogue" / "tools"
    assert sorted(TEXTS) == sorted(path.name for path in folder.iterdir())
