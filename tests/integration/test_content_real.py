"""Content signatures of the shipped catalogue over real packages from npm and PyPI.

Everyday set: the last script, one version of the banned range, and a pinned newest native program for each system; a
native one is 230 to 400 MB, so every other version, and whatever is newest today, is left to `slow`. No program is
ever started here.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from policy_schema.rules.binary import HEAD_SIZE, Kind, find_sections, kind_of
from policy_schema.rules.content import ContentMatch, Signature, look
from policy_schema.rules.descriptor import DescriptorReader
from tests.fakes import zoo
from tests.fakes.programs import claude_code_signatures

pytestmark = pytest.mark.online

SIGNATURES = claude_code_signatures()
NATIVE, SCRIPT = "claude-code/0", "claude-code/1"
PINNED = "2.1.329"
CODE = "@anthropic-ai/claude-code"


def look_at(
    path: Path, signatures: Sequence[Signature] = SIGNATURES, *, whole: bool = False
) -> tuple[ContentMatch, ...]:
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        return look(fd, os.fstat(fd).st_size, signatures, whole=whole)
    finally:
        os.close(fd)


def copied(source: Path, target: Path) -> Path:
    shutil.copyfile(source, target)
    return target


def matches_in(folder: Path) -> dict[str, tuple[str, str]]:
    """Every file of an unpacked package that matches: its path inside, signature and version."""
    files = (Path(parent, name) for parent, _, names in os.walk(folder) for name in names)
    return {
        path.relative_to(folder).as_posix(): (match.id, match.version)
        for path in files
        if not path.is_symlink()
        for match in look_at(path)
    }


def _case(spec: str, entry: str, signature: str, *, slow: bool = False) -> ParameterSet:
    return pytest.param(spec, entry, signature, id=spec, marks=[pytest.mark.slow] if slow else [])


FOUND = [
    _case(f"{CODE}@1.0.128", "cli.js", SCRIPT, slow=True),
    _case(f"{CODE}@2.1.90", "cli.js", SCRIPT, slow=True),
    _case(f"{CODE}@2.1.91", "cli.js", SCRIPT),
    _case(f"{CODE}@2.1.112", "cli.js", SCRIPT),
    _case(f"{CODE}-linux-x64@2.1.113", "claude", NATIVE, slow=True),
    _case(f"{CODE}-linux-x64@2.1.140", "claude", NATIVE, slow=True),
    _case(f"{CODE}-linux-x64@2.1.170", "claude", NATIVE, slow=True),
    _case(f"{CODE}-linux-x64@2.1.197", "claude", NATIVE),
    _case(f"{CODE}-linux-x64@2.1.198", "claude", NATIVE, slow=True),
    _case(f"{CODE}-linux-x64@2.1.270", "claude", NATIVE, slow=True),
    _case(f"{CODE}-linux-x64@2.1.300", "claude", NATIVE, slow=True),
    _case(f"{CODE}-linux-x64@{PINNED}", "claude", NATIVE),
    _case(f"{CODE}-linux-x64@latest", "claude", NATIVE, slow=True),
    _case(f"{CODE}-linux-x64-musl@{PINNED}", "claude", NATIVE, slow=True),
    _case(f"{CODE}-linux-arm64@{PINNED}", "claude", NATIVE, slow=True),
    _case(f"{CODE}-linux-arm64-musl@{PINNED}", "claude", NATIVE, slow=True),
    _case(f"{CODE}-darwin-arm64@2.1.113", "claude", NATIVE, slow=True),
    _case(f"{CODE}-darwin-arm64@{PINNED}", "claude", NATIVE),
    _case(f"{CODE}-darwin-arm64@latest", "claude", NATIVE, slow=True),
    _case(f"{CODE}-darwin-x64@{PINNED}", "claude", NATIVE, slow=True),
    _case(f"{CODE}-win32-x64@2.1.113", "claude.exe", NATIVE, slow=True),
    _case(f"{CODE}-win32-x64@{PINNED}", "claude.exe", NATIVE),
    _case(f"{CODE}-win32-x64@latest", "claude.exe", NATIVE, slow=True),
    _case(f"{CODE}-win32-arm64@{PINNED}", "claude.exe", NATIVE, slow=True),
]


@pytest.mark.parametrize(("spec", "entry", "signature"), FOUND)
def test_exactly_the_program_of_a_package_is_found_with_its_version(spec: str, entry: str, signature: str) -> None:
    assert matches_in(zoo.package(spec)) == {entry: (signature, zoo.npm_version(spec))}


NATIVES = [case for case in FOUND if case.values[2] == NATIVE]


@pytest.mark.parametrize(("spec", "entry", "signature"), NATIVES)
def test_a_native_program_has_its_section_and_half_the_tail_would_do(spec: str, entry: str, signature: str) -> None:
    """The layout has changed twice in 2026: this fails before a look through 32 MB begins to miss the program."""
    path = zoo.package(spec) / entry
    with path.open("rb", buffering=0) as file:
        reader = DescriptorReader(file.fileno(), path.stat().st_size)
        kind = kind_of(reader.read_at(0, HEAD_SIZE))
        assert kind in (Kind.ELF, Kind.MACHO, Kind.PE)
        (section,) = find_sections(kind, reader.read_at, reader.size, ".bun")
    assert section.end - section.start > 100_000_000
    halved = [s._replace(tail=s.tail // 2) for s in SIGNATURES]
    assert [match.id for match in look_at(path, halved)] == [signature]


@pytest.mark.parametrize("launcher", ["t32.exe", "t64.exe", "t64-arm.exe", "w32.exe", "w64.exe", "w64-arm.exe"])
def test_a_real_small_windows_program_has_its_code_section(launcher: str) -> None:
    data = (zoo.package("distlib==0.4.0") / "distlib" / launcher).read_bytes()
    assert kind_of(data[:HEAD_SIZE]) is Kind.PE
    (text,) = find_sections(Kind.PE, lambda at, size: data[at : at + size], len(data), ".text")
    assert 1000 < text.end - text.start < len(data)


SDK = [
    pytest.param("@anthropic-ai/claude-agent-sdk-linux-x64@0.3.329", "claude", id="the engine of the npm SDK"),
    pytest.param("claude-agent-sdk==0.2.186", "claude_agent_sdk/_bundled/claude", id="the engine of the PyPI SDK"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("spec", "entry"), SDK)
def test_the_engine_inside_the_agent_sdk_is_the_same_program(spec: str, entry: str) -> None:
    assert matches_in(zoo.package(spec)) == {entry: (NATIVE, PINNED)}


NOT_FOUND = [
    pytest.param("@anthropic-ai/claude-agent-sdk@0.3.329", id="the npm SDK without its engine"),
    pytest.param("@anthropic-ai/sdk@1.11.0", id="Anthropic's library for node"),
    pytest.param("anthropic==2.11.0", id="Anthropic's library for Python"),
    pytest.param(f"{CODE}@{PINNED}", id="the package of the native era before its postinstall"),
    pytest.param("@openai/codex@0.169.0", id="Codex: its launcher"),
    pytest.param("@openai/codex@0.169.0-linux-x64", id="Codex: its native program", marks=pytest.mark.slow),
    pytest.param("@qoder-ai/qodercli@1.1.52", id="Qoder: two scripts of 33 MB"),
    pytest.param("opencode-ai@1.18.33", id="OpenCode: its launcher"),
    pytest.param("opencode-linux-x64@1.18.33", id="OpenCode: a program made with Bun, too"),
    pytest.param("@cline/cli-linux-x64@3.0.65", id="Cline: a program made with Bun, too", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("spec", NOT_FOUND)
def test_nothing_is_found_in_another_tool(spec: str) -> None:
    assert matches_in(zoo.package(spec)) == {}


def test_a_renamed_script_is_found(tmp_path: Path) -> None:
    renamed = copied(zoo.package(f"{CODE}@2.1.112") / "cli.js", tmp_path / "build-tool.mjs")
    assert look_at(renamed) == (ContentMatch(SCRIPT, "2.1.112", whole=False),)


def test_a_renamed_native_program_is_found_also_with_40_mb_behind_its_end(tmp_path: Path) -> None:
    renamed = copied(zoo.package(f"{CODE}-linux-x64@2.1.197") / "claude", tmp_path / "notes-helper")
    assert look_at(renamed) == (ContentMatch(NATIVE, "2.1.197", whole=False),)
    os.truncate(renamed, renamed.stat().st_size + (40 << 20))
    assert look_at(renamed) == (ContentMatch(NATIVE, "2.1.197", whole=False),)
    renamed.unlink()


def test_a_native_program_with_a_broken_header_is_found_by_its_end_and_padded_by_a_whole_look(tmp_path: Path) -> None:
    broken = copied(zoo.package(f"{CODE}-linux-x64@2.1.197") / "claude", tmp_path / "notes-helper")
    with broken.open("r+b") as file:
        file.seek(0x28)
        file.write(bytes(8))
    assert look_at(broken) == (ContentMatch(NATIVE, "2.1.197", whole=False),)
    os.truncate(broken, broken.stat().st_size + (40 << 20))
    assert look_at(broken) == ()
    assert look_at(broken, whole=True) == (ContentMatch(NATIVE, "2.1.197", whole=True),)
    broken.unlink()


def test_no_other_program_of_this_machine_is_taken_for_claude_code() -> None:
    folders = [Path(folder) for folder in os.environ["PATH"].split(os.pathsep) if Path(folder).is_dir()]
    programs = {path.resolve() for folder in folders for path in folder.iterdir() if path.is_file()}
    others = {path for path in programs if "claude" not in str(path).lower() and os.access(path, os.R_OK)}
    assert len(others) > 100
    assert {path: found for path in others if (found := look_at(path))} == {}
