"""Programs of macOS and Windows as their vendors signed them, from npm; read here on Linux, none is ever started.

The real program of an application's bundle comes from npm too: `node-notifier` carries one for macOS.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from agent.inventory.interface import Wanted
from agent.inventory.machine import open_machine
from agent.inventory.macho_files import parse_signatures
from agent.inventory.pe_files import parse_headers, parse_version
from agent.inventory.runner import look
from agent.inventory.signers import Signer, signer_of
from agent.looker import wanted_of
from policy_schema.document.catalogue import load_catalogue
from policy_schema.document.close import close_policy
from policy_schema.document.compile import compile_policy
from policy_schema.document.load import parse_policy
from policy_schema.rules.descriptor import DescriptorReader
from policy_schema.rules.observation import Confidence, Match, Observation
from policy_schema.rules.rulebook import Device, DeviceRules, Rulebook
from tests.fakes import zoo

pytestmark = [
    pytest.mark.online,
    pytest.mark.skipif(sys.platform == "win32", reason="the tree that is looked at is one of POSIX"),
]

VERSION = "2.1.329"
APPLE = "apple:Q6L2SF6YDW/com.anthropic.claude-code"
AUTHENTICODE = "authenticode:Anthropic, PBC/Claude Code"
CDHASH = "baba19c9ddcb46bc3b070b4404ca30128a977da1"
"""Of the program for ARM, as another reader of signatures told it."""
POLICY = """
schema: 1
organisation: {name: "Example", time_zone: "UTC", default_language: "en", contacts: {help: "https://help.example.com"}}
bans:
  - id: "claude-code"
    targets: [{tool: "claude-code"}]
    reason: {en: "Not allowed."}
    stages: [{from: "2026-07-04 09:00", action: "notify"}]
"""


class Real(NamedTuple):
    """One real program."""

    spec: str
    program: str
    signer: Signer


CLAUDE = {
    "Claude Code for macOS on ARM": Real(f"@anthropic-ai/claude-code-darwin-arm64@{VERSION}", "claude", Signer(APPLE)),
    "Claude Code for Windows": Real(
        f"@anthropic-ai/claude-code-win32-x64@{VERSION}", "claude.exe", Signer(AUTHENTICODE, VERSION)
    ),
}
OTHERS = {
    "esbuild for macOS, signed ad hoc by Go's linker": ("@esbuild/darwin-arm64@0.28.2", "bin/esbuild"),
    "esbuild for Windows, not signed": ("@esbuild/win32-x64@0.28.2", "esbuild.exe"),
}


def never() -> bool:
    return False


def read(path: Path) -> tuple[Signer, DescriptorReader]:
    with path.open("rb") as file:
        reader = DescriptorReader(file.fileno(), path.stat().st_size)
        return signer_of(reader, frozenset({APPLE, AUTHENTICODE}), never), reader


@pytest.mark.parametrize("real", CLAUDE.values(), ids=CLAUDE.keys())
def test_the_vendor_is_named_and_every_byte_holds(real: Real) -> None:
    assert read(zoo.package(real.spec) / real.program)[0] == real.signer


@pytest.mark.parametrize("real", CLAUDE.values(), ids=CLAUDE.keys())
@pytest.mark.parametrize("where", [0.01, 0.5, 0.99], ids=["near the beginning", "in the middle", "near the end"])
def test_one_byte_changed_and_it_is_nobody_s(real: Real, where: float, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copyfile(zoo.package(real.spec) / real.program, copy)
    with copy.open("r+b") as file:
        at = file.seek(int(copy.stat().st_size * where))
        old = file.read(1)
        file.seek(at)
        file.write(bytes([old[0] ^ 1]))
    assert read(copy)[0] == Signer()


def test_the_cdhash_is_the_one_that_others_read() -> None:
    path = zoo.package(CLAUDE["Claude Code for macOS on ARM"].spec) / "claude"
    with path.open("rb") as file:
        size = path.stat().st_size
        (found,) = parse_signatures(DescriptorReader(file.fileno(), size).read_at, size)
    assert found.cdhash == CDHASH
    assert found.signed is not None
    assert found.signed.subject.common_name == "Developer ID Application: Anthropic PBC (Q6L2SF6YDW)"


def test_the_version_resource_says_whose_it_is() -> None:
    path = zoo.package(CLAUDE["Claude Code for Windows"].spec) / "claude.exe"
    with path.open("rb") as file:
        size = path.stat().st_size
        reader = DescriptorReader(file.fileno(), size)
        headers = parse_headers(reader.read_at, size)
        assert headers is not None
        says = parse_version(reader.read_at, headers)
    assert (says["CompanyName"], says["ProductName"]) == ("Anthropic PBC", "Claude Code")
    assert says["ProductVersion"] == f"{VERSION}.0"


@pytest.mark.parametrize(("spec", "program"), OTHERS.values(), ids=OTHERS.keys())
def test_what_nobody_signed_is_nobody_s(spec: str, program: str) -> None:
    assert read(zoo.package(spec) / program)[0] == Signer()


@pytest.mark.parametrize("real", CLAUDE.values(), ids=CLAUDE.keys())
def test_a_renamed_copy_is_known_by_its_signer_alone(real: Real, tmp_path: Path) -> None:
    """Without names and content: only who signed it is asked."""
    rules = _rules()
    wanted = wanted_of(rules)
    assert {APPLE, AUTHENTICODE} <= wanted.signers
    program = tmp_path / "Users/li/Downloads/notes-helper"
    program.parent.mkdir(parents=True)
    (tmp_path / "System/Library/CoreServices").mkdir(parents=True)
    shutil.copyfile(zoo.package(real.spec) / real.program, program)
    (one,) = _look(tmp_path, "executables", Wanted(signers=wanted.signers))
    assert (one.path, one.signer, one.content) == ("/Users/li/Downloads/notes-helper", real.signer.key, "")
    identity = rules.identify(one)
    assert identity is not None
    assert (identity.tool, identity.matches, identity.confidence) == ("claude-code", (Match.SIGNER,), Confidence.EXACT)


def test_a_real_bundle_is_read(tmp_path: Path) -> None:
    bundle = zoo.package("node-notifier@10.0.1") / "vendor/mac.noindex/terminal-notifier.app"
    shutil.copytree(bundle, tmp_path / "Applications/terminal-notifier.app")
    (one,) = _look(tmp_path, "macos-apps", Wanted())
    assert (one.app, one.version) == ("macos:nl.superalloy.oss.terminal-notifier", "1.7.2")


def _look(root: Path, source: str, wanted: Wanted) -> list[Observation]:
    with open_machine(root=str(root), wanted=wanted) as machine:
        found = look(machine, [source])
    assert found.complete
    return list(found.observations[source])


def _rules() -> DeviceRules:
    document = close_policy(parse_policy(POLICY, "policy.yaml"), load_catalogue()).document
    device = Device("d", "darwin", "workstation", "company", None, None)
    return Rulebook(compile_policy(document, 1)).for_device(device)
