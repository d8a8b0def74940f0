"""Who signed the file of a process, or one that `explain` is asked about: each file once while it does not change."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent import examiner, file_content
from agent.file_content import FileContent
from agent.inventory.signers import Signer
from policy_schema.document.catalogue import load_catalogue
from policy_schema.document.close import close_policy
from policy_schema.document.compile import compile_policy
from policy_schema.document.load import parse_policy
from policy_schema.rules.observation import Face, Observation
from policy_schema.rules.rulebook import Device, DeviceRules, Rulebook
from tests.fakes.signed_programs import APPLE, AUTHENTICODE, IDENTIFIER, TEAM, sample, signed_macho

POLICY = """
schema: 1
organisation: {name: "Example", time_zone: "UTC", default_language: "en", contacts: {help: "https://help.example.com"}}
define:
  - id: "acme/tool"
    name: "Tool"
    vendor: "Acme"
    category: "ai-coding-assistant"
    version_scheme: "semver"
    faces:
      packages: ["pkg:winget/Acme.Tool"]
      extensions: {vscode: ["acme.tool"]}
      apps: {macos: ["com.acme.tool"], windows: ["Acme.Tool_8wekyb3d8bbwe"]}
      signers:
        apple: [{team: "TEAM", identifier: "IDENTIFIER"}]
        authenticode: [{subject: "Example, Inc.", product: "Example Tool"}]
    marks: {packages: "seen", extensions: "seen", apps: "seen", signers: "seen"}
bans:
  - id: "tool"
    targets: [{tool: "acme/tool"}]
    reason: {en: "Not allowed."}
    stages: [{from: "2026-07-04 09:00", action: "notify"}]
"""


@pytest.fixture(scope="module")
def rules() -> DeviceRules:
    text = POLICY.replace("TEAM", TEAM).replace("IDENTIFIER", IDENTIFIER)
    document = close_policy(parse_policy(text, "policy.yaml"), load_catalogue()).document
    device = Device("d", "darwin", "workstation", "company", None, None)
    return Rulebook(compile_policy(document, 1)).for_device(device)


@pytest.fixture
def content(rules: DeviceRules) -> FileContent:
    made = FileContent()
    made.want(rules)
    return made


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(signed_macho(), Signer(APPLE), id="a program of macOS"),
        pytest.param(sample("signed-sha256.exe"), Signer(AUTHENTICODE, "1.2.3"), id="a program of Windows"),
        pytest.param(sample("unsigned.exe"), Signer(), id="one that nobody signed"),
        pytest.param(b"#!/bin/sh\n" * 1000, Signer(), id="a script"),
        pytest.param(b"", Signer(), id="nothing"),
    ],
)
def test_a_file_says_who_signed_it(data: bytes, expected: Signer, content: FileContent, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(data)
    assert content.signer(str(tmp_path / "file")) == expected


def test_what_cannot_be_opened_is_nobody_s(content: FileContent, tmp_path: Path) -> None:
    assert content.signer(str(tmp_path)) == Signer()
    assert content.signer(str(tmp_path / "none")) == Signer()


def test_it_is_read_again_only_after_a_change(
    content: FileContent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(signed_macho())
    assert content.signer(str(path)).key == APPLE
    with monkeypatch.context() as patched:
        patched.setattr(file_content, "signer_of", lambda *_: pytest.fail("read again"))
        assert content.signer(str(path)).key == APPLE
    path.write_bytes(b"!" + signed_macho()[1:])
    assert content.signer(str(path)) == Signer()


def test_without_rules_nothing_is_opened(rules: DeviceRules, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(signed_macho())
    nobody = FileContent()
    assert nobody.signer(str(tmp_path / "file")) == Signer()
    nobody.want(rules)
    nobody.want(None)
    assert nobody.signer(str(tmp_path / "file")) == Signer()


@pytest.mark.parametrize(
    ("container", "known"),
    [
        ("pkg:winget/acme.tool", True),
        ("vscode:acme.tool", True),
        ("macos:com.acme.tool", True),
        ("windows:Acme.Tool_8wekyb3d8bbwe", True),
        ("macos:com.acme.other", False),
        ("", False),
    ],
)
def test_what_runs_inside_something_of_the_tool_s_is_the_tool(container: str, known: bool, rules: DeviceRules) -> None:
    """A process of a package, an extension or an application."""
    seen = Observation("process", Face.PROCESS, "/Applications/Tool.app/Contents/MacOS/helper", name="helper")
    identity = examiner._container_identity(rules, seen, container)
    assert (identity.tool if identity else "") == ("acme/tool" if known else "")
