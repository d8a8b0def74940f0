"""From observations to installations: what belongs together, and whose an engine is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.inventory.installations import Installation, group, modules_folder
from policy_schema.rules.decision import Identity
from policy_schema.rules.identity import installation_id, make_purl
from policy_schema.rules.match import Tables, tool_faces
from policy_schema.rules.observation import Confidence, Face, Match, Observation
from tests.fakes.policies import AGENT_SDK, CLAUDE_CODE, QODER

TABLES = Tables([tool_faces(tool) for tool in (CLAUDE_CODE, AGENT_SDK, QODER)])
EMBEDS = {tool.id: tool.embeds for tool in TABLES.tools.values()}
CODE, SDK = "@anthropic-ai/claude-code", "@anthropic-ai/claude-agent-sdk"
GLOBAL = "/usr/lib/node_modules"


def identify(seen: Observation) -> Identity | None:
    found = TABLES.identify(seen)
    return found[0] if found else None


def npm(
    path: str, name: str, version: str = "2.1.197", around: tuple[str, str] = ("", ""), **more: object
) -> Observation:
    """A package as the source `npm` sees it; `around` is (name, path) of the package that it lies in."""
    container = make_purl("npm", around[0]) if around[0] else ""
    seen = Observation("npm", Face.PACKAGE, path, "li", 1000, name, version, make_purl("npm", name, version))
    return seen._replace(container=container, container_path=around[1], **more)


def program(path: str, around: tuple[str, str] = ("", ""), **more: object) -> Observation:
    """A program as the source `executables` sees it; `around` is (purl, path)."""
    seen = Observation("executables", Face.EXECUTABLE, path, "li", 1000, path.rpartition("/")[2])
    return seen._replace(container=around[0], container_path=around[1], **more)


def grouped(*everything: Observation) -> list[Installation]:
    return group(everything, identify, EMBEDS)


def test_package_platform_package_link_and_native_program_are_one() -> None:
    main = f"{GLOBAL}/{CODE}"
    package = npm(main, CODE, links=("/usr/bin/claude",))
    platform = npm(f"{main}/node_modules/{CODE}-linux-x64", f"{CODE}-linux-x64", around=(CODE, main))
    native = program(
        f"{main}/bin/claude.exe",
        ("pkg:npm/%40anthropic-ai/claude-code", main),
        content="claude-code/0",
        version="2.1.197",
    )
    (one,) = grouped(native, platform, package)
    assert one == Installation(
        id=installation_id("claude-code", main),
        tool="claude-code",
        version="2.1.197",
        path=main,
        owner="li",
        uid=1000,
        purl="pkg:npm/%40anthropic-ai/claude-code@2.1.197",
        observations=(package, native, platform),
        matches=(Match.CONTENT, Match.NAME, Match.PACKAGE_IDENTITY),
        confidence=Confidence.EXACT,
        project=False,
    )
    assert one.parts == (main,)


PLATFORM = f"{CODE}-linux-x64"
BESIDE = {
    "npm, in a project": ("/p/node_modules/" + CODE, "/p/node_modules/" + PLATFORM, "2.1.197"),
    "pnpm's store": (
        f"/p/node_modules/.pnpm/@anthropic-ai+claude-code@2.1.197/node_modules/{CODE}",
        f"/p/node_modules/.pnpm/@anthropic-ai+claude-code-linux-x64@2.1.197/node_modules/{PLATFORM}",
        "2.1.197",
    ),
    "the store that pnpm shares": (
        f"/s/store/v11/links/@anthropic-ai/claude-code/2.1.197/26/node_modules/{CODE}",
        f"/s/store/v11/links/@anthropic-ai/claude-code-linux-x64/2.1.197/ca/node_modules/{PLATFORM}",
        "2.1.197",
    ),
    "with the platform in its version": ("/p/node_modules/" + CODE, "/p/node_modules/" + PLATFORM, "2.1.197-linux-x64"),
}


@pytest.mark.parametrize("what", BESIDE)
def test_a_platform_package_beside_its_package_belongs_to_it(what: str) -> None:
    main, platform, version = BESIDE[what]
    (one,) = grouped(npm(main, CODE), npm(platform, PLATFORM, version))
    assert (one.path, one.version) == (main, "2.1.197")
    assert one.parts == (main, platform)


APART = {
    "two versions": (npm(f"/a/node_modules/{CODE}", CODE, "1.0.0"), npm(f"/b/node_modules/{CODE}", CODE, "2.0.0")),
    "the same version twice": (npm(f"/a/node_modules/{CODE}", CODE), npm(f"/b/node_modules/{CODE}", CODE)),
    "a platform package of another version beside it": (
        npm(f"/a/node_modules/{CODE}", CODE, "2.1.197"),
        npm(f"/a/node_modules/{PLATFORM}", PLATFORM, "2.1.198"),
    ),
    "a platform package in another tree": (
        npm(f"/a/node_modules/{CODE}", CODE),
        npm(f"/b/node_modules/{PLATFORM}", PLATFORM),
    ),
    "in two packages of others": (
        npm("/a/node_modules/x", "x"),
        npm(f"/a/node_modules/x/node_modules/{CODE}", CODE, around=("x", "/a/node_modules/x")),
        npm("/a/node_modules/y", "y"),
        npm(f"/a/node_modules/y/node_modules/{CODE}", CODE, around=("y", "/a/node_modules/y")),
    ),
    "two versions of a native installer": (
        program("/home/li/.local/share/claude/versions/2.1.197", home="/home/li"),
        program(
            "/home/li/.local/share/claude/versions/2.1.198", home="/home/li", links=("/home/li/.local/bin/claude",)
        ),
    ),
    "a package and a program that is none of it": (npm(f"/a/node_modules/{CODE}", CODE), program("/usr/bin/claude")),
}


@pytest.mark.parametrize("what", APART)
def test_these_are_two_installations(what: str) -> None:
    found = grouped(*APART[what])
    assert [one.tool for one in found] == ["claude-code", "claude-code"]
    assert len({one.id for one in found}) == 2


ENGINES = {
    "in the platform package of the SDK": [
        npm(f"/p/node_modules/{SDK}", SDK, "0.3.329"),
        npm(f"/p/node_modules/{SDK}/node_modules/engine", "engine", around=(SDK, f"/p/node_modules/{SDK}")),
        program(
            f"/p/node_modules/{SDK}/node_modules/engine/claude",
            ("pkg:npm/engine", f"/p/node_modules/{SDK}/node_modules/engine"),
            content="claude-code/0",
            version="2.1.329",
        ),
    ],
    "in the SDK itself": [
        npm(f"/p/node_modules/{SDK}", SDK, "0.3.329"),
        program(
            f"/p/node_modules/{SDK}/claude",
            ("pkg:npm/%40anthropic-ai/claude-agent-sdk", f"/p/node_modules/{SDK}"),
            content="claude-code/0",
            version="2.1.329",
        ),
    ],
}


@pytest.mark.parametrize("where", ENGINES)
def test_the_engine_belongs_to_the_tool_that_embeds_it(where: str) -> None:
    (one,) = grouped(*ENGINES[where])
    assert (one.tool, one.version, one.path) == ("claude-agent-sdk", "0.3.329", f"/p/node_modules/{SDK}")
    assert one.confidence is Confidence.EXACT


def test_an_engine_whose_package_no_source_saw_still_belongs_to_it() -> None:
    info = "/v/lib/python3.12/site-packages/claude_agent_sdk-0.2.186.dist-info"
    engine = program(
        "/v/lib/python3.12/site-packages/claude_agent_sdk/_bundled/claude",
        ("pkg:pypi/claude-agent-sdk", info),
        content="claude-code/0",
        version="2.1.329",
    )
    (one,) = grouped(engine)
    assert (one.tool, one.path, one.version) == ("claude-agent-sdk", info, "")
    assert one.purl == "pkg:pypi/claude-agent-sdk"


def test_an_engine_in_a_package_that_nobody_knows_is_an_installation_of_its_own() -> None:
    engine = program(
        "/p/node_modules/fork/cli.js",
        ("pkg:npm/fork", "/p/node_modules/fork"),
        content="claude-code/0",
        version="2.1.329",
    )
    (one,) = grouped(npm("/p/node_modules/fork", "fork", "1.0.0"), engine)
    assert (one.tool, one.version, one.path) == ("claude-code", "2.1.329", "/p/node_modules/fork/cli.js")


def test_a_package_of_its_own_inside_the_sdk_is_an_installation_of_its_own() -> None:
    sdk = f"/p/node_modules/{SDK}"
    found = grouped(npm(sdk, SDK, "0.1.0"), npm(f"{sdk}/node_modules/{CODE}", CODE, around=(SDK, sdk)))
    assert [(one.tool, one.path) for one in found] == [
        ("claude-agent-sdk", sdk),
        ("claude-code", f"{sdk}/node_modules/{CODE}"),
    ]


def test_a_start_script_beside_the_packages_belongs_to_the_package() -> None:
    script = program("/home/li/.claude/local/claude", home="/home/li")
    (one,) = grouped(npm(f"/home/li/.claude/local/node_modules/{CODE}", CODE), script)
    assert one.path == f"/home/li/.claude/local/node_modules/{CODE}"
    assert one.parts == (one.path, script.path)


def test_a_name_alone_is_weak_and_a_stranger_is_nothing() -> None:
    (one,) = grouped(program("/usr/bin/claude"), program("/usr/bin/other"), npm("/p/node_modules/left-pad", "left-pad"))
    assert (one.tool, one.confidence, one.matches, one.purl) == ("claude-code", Confidence.WEAK, (Match.NAME,), "")


def test_processes_and_settings_are_no_installations() -> None:
    assert (
        grouped(Observation("x", Face.PROCESS, "/usr/bin/claude"), Observation("x", Face.SETTING, "/usr/bin/claude"))
        == []
    )


def test_what_lies_in_a_project_is_marked() -> None:
    (one,) = grouped(npm(f"/p/node_modules/{CODE}", CODE, project=True))
    assert one.project


def test_packages_around_each_other_end() -> None:
    """What a hostile tree cannot make, a mistake could: two packages that name each other as their container."""
    a = npm("/p/node_modules/a", CODE, around=("b", "/p/node_modules/b"))
    b = npm("/p/node_modules/b", CODE, around=("a", "/p/node_modules/a"))
    assert {one.tool for one in grouped(a, b)} == {"claude-code"}


@given(st.permutations(ENGINES["in the platform package of the SDK"] + list(APART["two versions"])))
def test_the_order_of_observations_changes_nothing(everything: list[Observation]) -> None:
    assert [(one.id, one.version) for one in grouped(*everything)] == [
        (one.id, one.version) for one in grouped(*sorted(everything, key=lambda seen: seen.path))
    ]


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("/p/node_modules/x", "/p/node_modules"),
        ("/p/node_modules/@s/x", "/p/node_modules"),
        ("/p/node_modules/x/lib", ""),
        ("/p/node_modules/.pnpm/x@1/node_modules/x", "/p/node_modules/.pnpm"),
        ("/p/lib/x", ""),
    ],
)
def test_the_modules_folder_of_a_package(path: str, folder: str) -> None:
    assert modules_folder(path) == folder
