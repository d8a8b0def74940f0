"""The inventory over real packages, installed by npm and pip into the homes of a throw-away machine.

The machine is a folder with an account list, the homes of two people and a system prefix. Every version stands where
a version manager puts it. npm and pip are asked for a second opinion. Nothing of what is installed is ever started,
but for the packages' own install scripts and, in the tier `slow`, one `--version` by each kind of `npx`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from agent.inventory.content_cache import ContentCache
from agent.inventory.installations import Installation, group
from agent.inventory.interface import Look, Wanted
from agent.inventory.machine import open_machine
from agent.inventory.runner import look
from policy_schema.document.catalogue import load_catalogue
from policy_schema.document.close import close_policy
from policy_schema.document.compile import compile_policy
from policy_schema.document.load import parse_policy
from policy_schema.rules.content import compile_signature
from policy_schema.rules.decision import State
from policy_schema.rules.instant import Instant, parse_instant
from policy_schema.rules.observation import Confidence, Face, Match, Observation
from policy_schema.rules.rulebook import Device, DeviceRules, Rulebook
from tests.fakes import zoo

pytestmark = [
    pytest.mark.online,
    pytest.mark.skipif(sys.platform == "win32", reason="the prefixes here are those of Linux and macOS"),
]

CODE, SDK, QODER, CODEX = (
    "@anthropic-ai/claude-code",
    "@anthropic-ai/claude-agent-sdk",
    "@qoder-ai/qodercli",
    "@openai/codex",
)
VERSIONS = ("1.0.128", "2.1.90", "2.1.91", "2.1.112", "2.1.197", "2.1.198")
NODE = "home/li/.nvm/versions/node"
NOW = parse_instant("2026-07-12T01:00:00Z")
POLICY = """
schema: 1
organisation: {name: "Example Group", time_zone: "Asia/Shanghai", default_language: "en", contacts: {help: "https://help.example.com/ai"}}
approved: ["qoder", "anthropic-sdk", "claude-agent-sdk"]
bans:
  - id: "claude-code"
    targets: [{tool: "claude-code", versions: ">=2.1.91 <2.1.198"}]
    reason: {en: "Assessed as not allowed on company devices."}
    alternatives: [{name: "Qoder", tool: "qoder", url: "https://qoder.com"}]
    stages:
      - {from: "2026-07-04 09:00", action: "notify"}
      - {from: "2026-07-10 09:00", action: "block"}
"""


class Real(NamedTuple):
    """The machine with everything installed, and what one look found."""

    root: Path
    rules: DeviceRules
    wanted: Wanted
    cache: ContentCache
    found: Look
    newest: str

    def installations(self) -> list[Installation]:
        """Every installation of a tool that the policy names."""
        return installations(self.found, self.rules)


def installations(found: Look, rules: DeviceRules) -> list[Installation]:
    seen = [one for source in found.observations.values() for one in source]
    return group(seen, rules.identify, {tool.id: tool.embeds for tool in rules.book.tools.values()})


def look_at(root: Path, wanted: Wanted, cache: ContentCache, path_folders: tuple[str, ...] = ()) -> Look:
    with open_machine(root=str(root), wanted=wanted, cache=cache, path_folders=path_folders) as machine:
        return look(machine)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    """Installs everything once: about 3 GB, a few minutes where nothing is in the zoo's cache."""
    root = tmp_path_factory.mktemp("machine")
    newest = zoo.npm_version(f"{CODE}@latest")
    install(root, newest)
    rules = rules_of(POLICY)
    signatures = tuple(compile_signature(key, fields) for key, fields in rules.signatures())
    wanted = Wanted(rules.wanted_names(), rules.wanted_folders(), signatures)
    cache = ContentCache()
    yield Real(root, rules, wanted, cache, look_at(root, wanted, cache), newest)
    shutil.rmtree(root)


def install(root: Path, newest: str) -> None:
    """Scripts run where they put something in place: those of Claude Code."""
    agents = root / "home/wang/.virtualenvs/agents"
    zoo.together(
        lambda: zoo.pip_wheels(zoo.pip_venv(agents), "claude-agent-sdk", "anthropic", "httpx"),
        lambda: zoo.npm_global(root / "home/wang/tools/npm", SDK, scripts=False),
        lambda: zoo.npm_global(root / "usr" / "local", QODER, CODEX, scripts=False, parts=False),
        *(
            lambda version=version: zoo.npm_global(root / NODE / f"v{version}", f"{CODE}@{version}")  # type: ignore[misc]
            for version in (*VERSIONS, newest)
        ),
    )
    (root / "etc").mkdir()
    me = f"{os.getuid()}:{os.getgid()}"
    lines = [f"{name}:x:{me}::/home/{name}:/bin/bash" for name in ("li", "wang")]
    (root / "etc" / "passwd").write_text("\n".join(lines) + "\n")
    (root / "home/wang/.npmrc").write_text("//registry.example.com/:_authToken=secret\nprefix=${HOME}/tools/npm\n")


def rules_of(text: str) -> DeviceRules:
    catalogue = load_catalogue()
    document = close_policy(parse_policy(text, "policy.yaml"), catalogue).document
    return Rulebook(compile_policy(document, 1)).for_device(Device("d", "linux", "workstation", "company", None, None))


def packages(real: Real, name: str, version: str) -> list[Observation]:
    seen = [*real.found.observations["npm"], *real.found.observations["pypi"]]
    return [one for one in seen if (one.name, one.version) == (name, version)]


def banned(real: Real, one: Installation) -> bool:
    seen = next(seen for seen in one.observations if seen.path == one.path)
    decision = real.rules.decide(seen, Instant(NOW), real.rules.identify(seen))
    return decision is not None and decision.state is State.ACTIVE


# ---------------------------------------------------------------------------- Claude Code
@pytest.mark.parametrize("version", [*VERSIONS, "newest"])
def test_each_version_of_claude_code_is_one_installation_with_name_version_owner_and_path(
    version: str, real: Real
) -> None:
    version = real.newest if version == "newest" else version
    place = f"/{NODE}/v{version}/lib/node_modules/{CODE}"
    (package,) = packages(real, CODE, version)
    assert (package.path, package.owner, package.manager) == (place, "li", "npm")
    assert package.purl == f"pkg:npm/%40anthropic-ai/claude-code@{version}"
    assert package.links == (f"/{NODE}/v{version}/bin/claude",)
    here = [one for one in real.installations() if one.path.startswith(f"/{NODE}/v{version}/")]
    assert [(one.tool, one.version, one.path, one.owner) for one in here] == [("claude-code", version, place, "li")]
    assert here[0].confidence is Confidence.EXACT
    assert here[0].parts == (place,)


def test_with_a_range_exactly_the_versions_in_it_are_banned(real: Real) -> None:
    of_claude = [one for one in real.installations() if one.tool == "claude-code"]
    assert sorted(one.version for one in of_claude) == sorted([*VERSIONS, real.newest])
    assert sorted(one.version for one in of_claude if banned(real, one)) == ["2.1.112", "2.1.197", "2.1.91"]


@pytest.mark.parametrize("version", ["2.1.112", "2.1.198"])
def test_what_the_link_starts_is_recognised_by_content_too_and_belongs_to_the_package(version: str, real: Real) -> None:
    (one,) = [one for one in real.installations() if one.path.startswith(f"/{NODE}/v{version}/")]
    assert {Match.PACKAGE_IDENTITY, Match.CONTENT} <= set(one.matches)
    (program,) = [seen for seen in one.observations if seen.face is Face.EXECUTABLE]
    assert program.version == version
    assert f"/{NODE}/v{version}/bin/claude" in program.links


# ---------------------------------------------------------------------------- the others
def test_the_engine_inside_the_agent_sdk_belongs_to_the_sdk(real: Real) -> None:
    """The npm package of the SDK needs the plain library: that one is its own tool, as PyPI's `anthropic` is."""
    mine = [one for one in real.installations() if one.path.startswith("/home/wang/")]
    assert sorted((one.tool, one.purl.split("@")[0]) for one in mine) == [
        ("anthropic-sdk", "pkg:npm/%40anthropic-ai/sdk"),
        ("anthropic-sdk", "pkg:pypi/anthropic"),
        ("claude-agent-sdk", "pkg:npm/%40anthropic-ai/claude-agent-sdk"),
        ("claude-agent-sdk", "pkg:pypi/claude-agent-sdk"),
    ]
    assert not any(banned(real, one) for one in mine)


def test_the_engine_of_the_sdk_found_by_content_alone_is_no_claude_code(real: Real) -> None:
    """A folder of programs that leads straight to it: as if somebody had put the SDK's engine into PATH."""
    engines = [
        path for path in (real.root / "home/wang").rglob("claude") if path.is_file() and path.stat().st_size > 1 << 20
    ]
    assert len(engines) == 2
    folders = tuple("/" + str(path.parent.relative_to(real.root)) for path in engines)
    found = look_at(real.root, real.wanted, real.cache, path_folders=folders)
    programs = [seen for seen in found.observations["executables"] if seen.path.startswith("/home/wang/")]
    assert [seen.content for seen in programs] == ["claude-code/0", "claude-code/0"]
    tools = {one.tool for one in installations(found, real.rules) if one.path.startswith("/home/wang/")}
    assert tools == {"anthropic-sdk", "claude-agent-sdk"}


def test_qoder_is_the_alternative_and_codex_is_nothing(real: Real) -> None:
    system = [one for one in real.installations() if one.path.startswith("/usr/local/")]
    assert [(one.tool, one.path) for one in system] == [("qoder", f"/usr/local/lib/node_modules/{QODER}")]
    assert system[0].tool in real.rules.book.alternatives()
    codex = [seen for seen in real.found.observations["npm"] if seen.path == f"/usr/local/lib/node_modules/{CODEX}"]
    assert [seen.name for seen in codex] == [CODEX]
    assert real.rules.identify(codex[0]) is None


def test_everything_could_be_looked_at(real: Real) -> None:
    assert {row.source: row.unknown for row in real.found.coverage if row.unknown} == {}
    assert real.found.complete


# ---------------------------------------------------------------------------- renamed and moved
@pytest.fixture
def copies(real: Real, tmp_path: Path) -> Iterator[Path]:
    """Another machine, with nothing but what a test copies to it."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "passwd").write_text(f"li:x:{os.getuid()}:{os.getgid()}::/home/li:/bin/bash\n")
    (tmp_path / "home/li/.local/bin").mkdir(parents=True)
    yield tmp_path
    shutil.rmtree(tmp_path)


def native(real: Real, version: str) -> Path:
    return real.root / NODE / f"v{version}/lib/node_modules/{CODE}/bin/claude.exe"


def test_a_renamed_native_program_and_a_renamed_script_are_found_by_content(real: Real, copies: Path) -> None:
    shutil.copy(native(real, "2.1.197"), copies / "home/li/.local/bin/notes-helper")
    shutil.copy(real.root / NODE / f"v2.1.112/lib/node_modules/{CODE}/cli.js", copies / "home/li/build-tool.mjs")
    found = installations(look_at(copies, real.wanted, real.cache), real.rules)
    assert [(one.tool, one.version, one.path, one.confidence) for one in found] == [
        ("claude-code", "2.1.197", "/home/li/.local/bin/notes-helper", Confidence.EXACT),
        ("claude-code", "2.1.112", "/home/li/build-tool.mjs", Confidence.EXACT),
    ]


def test_a_program_that_only_calls_itself_claude_is_weak(real: Real, copies: Path) -> None:
    impostor = copies / "home/li/.local/bin/claude"
    impostor.write_text("#!/bin/sh\necho hello\n")
    impostor.chmod(0o755)
    (one,) = installations(look_at(copies, real.wanted, real.cache), real.rules)
    assert (one.tool, one.confidence, one.matches) == ("claude-code", Confidence.WEAK, (Match.NAME,))


def test_each_version_of_the_native_installer_is_one_installation_link_included(real: Real, copies: Path) -> None:
    versions = copies / "home/li/.local/share/claude/versions"
    versions.mkdir(parents=True)
    for version in ("2.1.197", "2.1.198"):
        os.link(native(real, version), versions / version) if _same_disk(real.root, versions) else shutil.copy(
            native(real, version), versions / version
        )
    (copies / "home/li/.local/bin/claude").symlink_to("../share/claude/versions/2.1.198")
    found = installations(look_at(copies, real.wanted, real.cache), real.rules)
    assert [(one.version, one.path) for one in found] == [
        (version, f"/home/li/.local/share/claude/versions/{version}") for version in ("2.1.197", "2.1.198")
    ]
    assert found[1].observations[0].links == ("/home/li/.local/bin/claude",)
    assert set(found[1].matches) >= {Match.CONTENT, Match.FOLDER, Match.NAME}


def _same_disk(one: Path, other: Path) -> bool:
    return one.stat().st_dev == other.stat().st_dev


def test_a_second_look_reads_no_program_again(real: Real, monkeypatch: pytest.MonkeyPatch) -> None:
    from agent.inventory import executables

    def refuse(*_: object) -> object:
        raise AssertionError("a program was read again")

    first = look_at(real.root, real.wanted, real.cache)
    monkeypatch.setattr(executables, "look", refuse)
    again = look_at(real.root, real.wanted, real.cache)
    assert again.observations == first.observations
    assert again.complete


# ---------------------------------------------------------------------------- second opinion
def test_npm_lists_the_same_packages_for_each_prefix(real: Real) -> None:
    prefixes = [f"{NODE}/v{version}" for version in (*VERSIONS, real.newest)] + ["usr/local", "home/wang/tools/npm"]
    for prefix in prefixes:
        modules = f"/{prefix}/lib/node_modules"
        ours = {
            (seen.name, seen.version)
            for seen in real.found.observations["npm"]
            if seen.prefix == f"/{prefix}" and seen.manager == "npm" and seen.path.startswith(modules)
        }
        command = ["npm", "ls", "-g", "--json", "--depth=0", "--prefix", str(real.root / prefix)]
        listed = json.loads(subprocess.run(command, capture_output=True, check=False, text=True).stdout)
        assert ours == {(name, row["version"]) for name, row in listed["dependencies"].items()}, prefix


def test_npm_lists_the_same_nested_packages(real: Real) -> None:
    command = ["npm", "ls", "-g", "--json", "--all", "--parseable", "--long", "--prefix", str(real.root / "usr/local")]
    command.remove("--json")
    lines = subprocess.run(command, capture_output=True, check=False, text=True).stdout.splitlines()
    theirs = {line.split(":")[0].removeprefix(str(real.root)) for line in lines if "/node_modules/" in line}
    ours = {seen.path for seen in real.found.observations["npm"] if seen.prefix == "/usr/local"}
    assert ours == theirs


def test_pip_lists_the_same_distributions(real: Real) -> None:
    python = real.root / "home/wang/.virtualenvs/agents/bin/python"
    command = [str(python), "-m", "pip", "list", "--format", "json", "--disable-pip-version-check"]
    listed = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    ours = {(seen.name, seen.version) for seen in real.found.observations["pypi"]}
    assert ours == {(row["name"], row["version"]) for row in listed}


# ---------------------------------------------------------------------------- command
def test_the_command_prints_the_same_as_one_json_document(real: Real) -> None:
    command = [sys.executable, "-m", "agent", "inventory", "--root", str(real.root), "--json", "--source", "npm"]
    done = subprocess.run([*command, "--require-complete"], capture_output=True, check=False, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    items = json.loads(done.stdout)["items"]
    assert {item["path"] for item in items} == {seen.path for seen in real.found.observations["npm"]}


@pytest.mark.slow
def test_every_release_of_the_script_era_is_one_installation(real: Real, copies: Path) -> None:
    """Ten of them, evenly over the whole history: name, version and one installation each."""
    scripts = [version for version in zoo.npm_versions(CODE) if _key(version) < (2, 1, 113)]
    chosen = scripts[:: max(1, len(scripts) // 10)]
    for version in chosen:
        zoo.npm_global(copies / NODE / f"v{version}", f"{CODE}@{version}")
    found = installations(look_at(copies, real.wanted, ContentCache()), real.rules)
    assert sorted(one.version for one in found) == sorted(chosen)
    assert all(Match.PACKAGE_IDENTITY in one.matches for one in found)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("manager", "command"),
    [
        ("pnpm", ["pnpm", "add", "-g", f"--allow-build={CODE}", f"{CODE}@2.1.197"]),
        ("bun", ["bun", "add", "-g", "--trust", f"{CODE}@2.1.197"]),
        ("", ["npx", "--yes", f"{CODE}@2.1.197", "--version"]),
        ("", ["pnpm", f"--allow-build={CODE}", "dlx", f"{CODE}@2.1.197", "--version"]),
        ("", ["bun", "x", f"{CODE}@2.1.197", "--version"]),
    ],
    ids=["pnpm", "bun", "npx", "pnpm dlx", "bunx"],
)
def test_what_other_managers_and_caches_hold_is_one_installation(
    manager: str, command: list[str], real: Real, copies: Path
) -> None:
    home = copies / "home/li"
    zoo.npm_global(copies / "tools", "pnpm", "bun")
    programs = f"{copies}/tools/bin{os.pathsep}{home}/.local/share/pnpm/bin{os.pathsep}{os.environ['PATH']}"
    more = {"HOME": str(home), "PNPM_HOME": f"{home}/.local/share/pnpm", "PATH": programs}
    named = [value for name, value in os.environ.items() if name.lower() == "npm_config_userconfig"]
    settings = Path(*named[:1] or ["~/.npmrc"]).expanduser()
    if settings.is_file():  # pnpm and bun know only the one in HOME
        shutil.copy(settings, home / ".npmrc")
    done = subprocess.run(command, cwd=home, env={**os.environ, **more}, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (one,) = installations(look_at(copies, real.wanted, ContentCache()), real.rules)
    assert (one.tool, one.version, one.confidence) == ("claude-code", "2.1.197", Confidence.EXACT)
    assert [seen.manager for seen in one.observations if seen.path == one.path] == [manager]


def _key(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("-")[0].split("."))
