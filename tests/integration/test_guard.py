"""Signed policies that would brick a workstation: refused by lint, and signed anyway left out by the real agent.

Each policy bans something protected by one face, and beside it Claude Code; the second ban is carried out.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from agent.host.essentials import find_essentials
from policy_schema.document.catalogue import load_catalogue
from policy_schema.document.lint import lint_text
from policy_schema.document.problems import Level, Problem
from tests.architecture.source import ROOT
from tests.fakes.policies import CLAUDE_CODE, ban, closed
from tests.fakes.synthetic import synthetic_npm_install
from tests.fakes.workstation import TAKEN, Workstation

NAME, VERSION = "@anthropic-ai/claude-code", "2.1.197"
LINT_BASE = """\
schema: 1
organisation:
  name: "Example Group"
  time_zone: "Europe/Berlin"
  default_language: "en"
  contacts: {help: "https://help.example.com/ai"}
approved: ["qoder"]
bans:
  - id: "wrong"
    targets: [{tool: "acme/wrong"}]
    reason: {en: "Assessed as not allowed."}
    alternatives: [{name: "Qoder", tool: "qoder", url: "https://qoder.com"}]
    stages: [{from: "2026-07-04 09:00", action: "notify"}, {from: "2026-07-24 09:00", action: "remove"}]
define:
  - {id: "acme/wrong", name: "Wrong", vendor: "Acme", category: "tool", version_scheme: "semver", faces: FACES}
exceptions: {max_days: 90, pending_hold: "24h"}
pause: {max: "72h"}
"""
Faces = Mapping[str, object]


def _name(name: str) -> Faces:
    return {"executables": {"names": [name]}}


def _folder(folder: str) -> Faces:
    return {"executables": {"folders": [folder]}}


def _both(name: str, folder: str) -> Faces:
    return {"executables": {"names": [name], "folders": [folder]}}


def _package(*purls: str) -> Faces:
    return {"packages": list(purls)}


BY_LISTS: dict[str, Faces] = {
    "bash by name and folder": _both("bash", "/usr/bin"),
    "bash by its package": _package("pkg:deb/debian/bash"),
    "python3 by name": _name("python3"),
    "a python of some version by name": _name("python3.12"),
    "python3 by its package": _package("pkg:rpm/fedora/python3"),
    "node by name and folder": _both("node", "/usr/local/bin"),
    "node by its package": _package("pkg:deb/debian/nodejs"),
    "npm by its package": _package("pkg:npm/npm"),
    "pip by its package": _package("pkg:pypi/pip"),
    "apt by name": _name("apt"),
    "apt by its package": _package("pkg:deb/debian/apt"),
    "winget by name": _name("winget.exe"),
    "sshd by name and folder": _both("sshd", "/usr/sbin"),
    "sshd by its package": _package("pkg:deb/debian/openssh-server"),
    "the first process by name": _name("systemd"),
    "the first process of macOS": _name("launchd"),
    "the first process of Windows": _name("smss.exe"),
    "Interdict by name": _name("interdict"),
    "Interdict's gate by name": _name("interdict-gate"),
    "Interdict by its package": _package("pkg:pypi/interdict"),
    "everything by name": _name("*"),
    "everything of a manager": _package("pkg:deb/debian/%2A"),
    "everything by folder": _folder("/"),
    "every program of the system by folder": _folder("/usr/bin"),
    "all of everybody's home": _folder("~"),
    "everybody's own programs": _folder("~/.local/bin"),
    "the loader": _name("ld-linux-x86-64.so.2"),
    "the C library by its package": _package("pkg:deb/debian/libc6"),
    "PAM's helper": _name("unix_chkpwd"),
    "PAM by its package": _package("pkg:deb/debian/libpam-modules"),
    "the display server": _name("Xorg"),
    "the display server of macOS": _name("WindowServer"),
    "device management": _name("jamf"),
    "device management by its application": {"apps": {"macos": ["com.jamf.management.Jamf"]}},
    "device management of Windows": _name("IntuneManagementExtension.exe"),
    "a VPN": _name("openvpn"),
    "a VPN by its application": {"apps": {"macos": ["com.wireguard.macos"]}},
    "what Apple signs for the system": {
        "signers": {"apple": [{"team": "APPLECOMPUTER", "identifier": "com.apple.bash"}]}
    },
    "what Microsoft signs for Windows": {
        "signers": {
            "authenticode": [{"subject": "Microsoft Windows", "product": "Microsoft® Windows® Operating System"}]
        }
    },
}
"""Everything that lint can see, by what a tool is said to be."""


def _hash_of(path: str) -> Callable[[], Faces]:
    return lambda: {"hashes": [{"sha256": hashlib.sha256(Path(path).read_bytes()).hexdigest()}]}


def _content_of(path: str) -> Callable[[], Faces]:
    def made() -> Faces:
        data = Path(path).read_bytes()
        size = {"min_size": len(data), "max_size": len(data)}
        return {"content": [{"magic": ["elf"], **size, "tail": len(data), "all": [_text_in(data)]}]}

    return made


def _text_in(data: bytes) -> str:
    """A piece of text that a program holds, from its middle on."""
    at = data.index(b".so", 0) if b".so" in data else data.index(b"GCC")
    start = at
    while 32 < data[start - 1] < 127:
        start -= 1
    end = at
    while 32 < data[end] < 127:
        end += 1
    return data[start:end].decode()


def _first_process() -> str:
    """Its program; in a box that does not show it, that of a whole system."""
    try:
        return os.readlink("/proc/1/exe")
    except PermissionError:
        return os.path.realpath("/sbin/init")


BY_BYTES: dict[str, Callable[[], Faces]] = {
    "bash by its hash": _hash_of("/bin/bash"),
    "bash by its content": _content_of("/bin/bash"),
    "python by its hash": _hash_of(sys.executable),
    "the first process by its hash": lambda: _hash_of(_first_process())(),
    "the folder that Interdict lies in": lambda: _folder(str(ROOT)),
    "the folder of Interdict's interpreter": lambda: _folder(os.path.dirname(sys.executable)),
    "the loader by its hash": _hash_of("/lib64/ld-linux-x86-64.so.2"),
    "the C library by its content": _content_of("/lib/x86_64-linux-gnu/libc.so.6"),
    "PAM's helper by its hash": _hash_of("/usr/sbin/unix_chkpwd"),
    "apt by its content": _content_of("/usr/bin/apt"),
    "every program there is": lambda: {
        "content": [{"magic": ["elf"], "min_size": 4, "max_size": 1 << 31, "all": ["GLIBC_2"]}]
    },
    "Debian's package of a protected program": lambda: _package("pkg:deb/debian/login", "pkg:deb/debian/mount"),
}
"""What only a look at the machine can tell."""


@pytest.mark.parametrize("faces", BY_LISTS.values(), ids=BY_LISTS.keys())
def test_lint_refuses(faces: Faces) -> None:
    said = [f"{row.message}; {row.mend}" for row in _errors(faces)]
    assert [row for row in said if row.startswith("ban wrong would hit ") and "acme/wrong" in row]


def test_lint_does_not_refuse_what_harms_nothing() -> None:
    assert _errors(_both("acme-tool", "~/.acme")) == []


def _errors(faces: Faces) -> list[Problem]:
    # YAML's flow style reads JSON.
    text = LINT_BASE.replace("FACES", json.dumps(faces, ensure_ascii=False))
    return [row for row in lint_text(text, "policy.yaml", load_catalogue()) if row.level is Level.ERROR]


WRONG: dict[str, Callable[[], Faces]] = {**{case: (lambda f=faces: f) for case, faces in BY_LISTS.items()}, **BY_BYTES}
IDS = {case: f"wrong-{number}" for number, case in enumerate(WRONG)}


@pytest.fixture(scope="module")
def workstation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workstation]:
    """One signed policy with all of the wrong bans and a right one, carried out by a real agent."""
    with Workstation(tmp_path_factory.mktemp("guard")) as one:
        one.installed = synthetic_npm_install(one.prefix, NAME, VERSION, "native")  # type: ignore[attr-defined]
        one.publish_document(_policy())
        one.start()
        one.wait_for(event="outcome", result=TAKEN)
        yield one


def _policy() -> dict[str, object]:
    stage = [{"from": "2026-07-04T00:00:00Z", "action": "remove", "let_finish": 0, "kill_after": 2}]
    tools: dict[str, object] = {"claude-code": CLAUDE_CODE}
    bans = [ban(stages=stage, alternatives=[])]
    for case, faces in WRONG.items():
        tools[IDS[case]] = {**CLAUDE_CODE, "id": IDS[case], "name": case, "faces": faces()}
        target = {"tool": IDS[case], "versions": None}
        bans.append(ban(id=IDS[case], targets=[target], stages=stage, alternatives=[]))
    return closed(*bans, tools=tools, approved=[])


def test_the_rest_of_the_policy_is_carried_out(workstation: Workstation) -> None:
    assert not workstation.installed.exists()  # type: ignore[attr-defined]
    assert {str(row["ban"]) for row in workstation.events(event="outcome")} == {"claude-code"}


@pytest.mark.parametrize("case", WRONG)
def test_the_agent_leaves_out(workstation: Workstation, case: str) -> None:
    """Signed all the same: each by the ban's name, with what it would hit."""
    rows = workstation.events(event="guard", ban=IDS[case])
    assert rows and "it would hit" in str(rows[0]["why"])


def test_what_was_left_out_is_named_everywhere(workstation: Workstation) -> None:
    """In status, doctor, the view that reports are made of, and the journal's history."""
    left_out = set(IDS.values())
    shown, asked = workstation.command("status").stdout, workstation.command("doctor").stdout
    history = workstation.view(f"{os.geteuid()}.json")["history"]
    assert isinstance(history, list)
    assert {ban for ban in left_out if f"{ban}:" in shown} == left_out
    assert {ban for ban in left_out if ban in asked} == left_out
    assert {str(row["ban"]) for row in history if row["event"] == "guard"} == left_out


def test_a_tool_is_no_protected_thing_because_it_lies_beside_one(tmp_path: Path) -> None:
    """Nor does a person's own file shield anything by its name."""
    found = find_essentials()
    assert not [path for path in found if path.startswith((str(tmp_path), "/home/"))]
    assert os.path.realpath("/bin/sh") in found
    assert sys.executable in found
    assert _first_process() in found
