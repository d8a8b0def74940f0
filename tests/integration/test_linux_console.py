"""Linux' own console (`TERM=linux`): every command of a person's in plain ASCII English, on a real pseudo-terminal."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from agent.host.sessions import is_console
from agent.settings import Settings
from agent.wording import Wording
from policy_schema.rules.instant import Instant
from policy_schema.rules.rulebook import Device
from tests.fakes.device_views import a_finding, machine, own
from tests.fakes.policies import ban, closed, rulebook
from tests.fakes.terminal import converse

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="consoles of Linux")
CHINESE = {"zh-Hans": "经评估，公司设备上不允许使用。"}
CONTACTS = {"help": "https://help.example.com/ai"}


def _folder(folder: Path, reason: Mapping[str, str]) -> Path:
    """Views as the daemon writes them, of somebody whose folders have Chinese names."""
    views = folder / "state" / "views"
    views.mkdir(parents=True)
    organisation = {"name": "Example Group", "default_language": "zh-Hans", "contacts": CONTACTS}
    bans = [{"id": "claude-code", "reason": reason, "claims": []}]
    finding = a_finding(path="/home/li/项目/claude")
    (views / "machine.json").write_text(json.dumps(machine(notes=[])))
    mine = own(findings=[finding], bans=bans, organisation=organisation, tools={"claude-code": "Claude Code"})
    (views / f"{os.geteuid()}.json").write_text(json.dumps(mine))
    settings = folder / "settings.toml"
    settings.write_text(f'state_dir = "{folder}/state"\n')
    return settings


REASONS = {
    "a reason in both languages": ({"en": "Not on company devices.", **CHINESE}, "Not on company devices."),
    "a reason in Chinese only": (CHINESE, "not in a language that this console can show"),
}


@pytest.mark.parametrize(("reason", "said"), REASONS.values(), ids=REASONS)
def test_status_is_english_in_ascii(
    reason: Mapping[str, str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    monkeypatch.setenv("TERM", "linux")
    command = [sys.executable, "-m", "agent", "status", "--config", str(_folder(tmp_path, reason))]
    talk = converse(command, [], Path.cwd())
    assert talk.code == 1 and talk.shown.isascii(), talk.shown
    assert said in talk.shown and "\\u9879\\u76ee" in talk.shown
    monkeypatch.setenv("TERM", "xterm")
    assert not converse(command, [], Path.cwd()).shown.isascii()


def test_the_line_at_a_login_is_english_in_ascii(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    command = [sys.executable, "-m", "agent", "status", "--login", "--config", str(_folder(tmp_path, CHINESE))]
    shown = {}
    for terminal in ("linux", "xterm"):
        monkeypatch.setenv("TERM", terminal)
        shown[terminal] = converse(command, [], Path.cwd()).shown
    assert shown["linux"].isascii() and "Example Group policy: Claude Code" in shown["linux"]
    assert "Example Group" in shown["xterm"] and not shown["xterm"].isascii()


CONSOLES = {
    "/dev/tty1": True,
    "/dev/tty63": True,
    "/dev/pts/0": False,
    "/dev/ttyS0": False,
    "/dev/tty": False,
    "": False,
}


@pytest.mark.parametrize(("terminal", "console"), CONSOLES.items(), ids=CONSOLES)
def test_a_console_is_known_by_its_device(terminal: str, console: bool) -> None:
    assert is_console(terminal) is console


def test_a_refused_start_is_said_in_both() -> None:
    """The agent writes to terminals of others, whose environment it does not see: it goes by the device."""
    book = rulebook(ban(reason=CHINESE), organisation={**_organisation(), "default_language": "zh-Hans"})
    rules = book.for_device(Device("d-1"))
    wording = Wording(settings=Settings(), rules=lambda: rules, told=lambda *_: None, places=lambda *_: 1)
    words = wording.refused("claude-code", "claude-code", 1000, Instant(1_783_645_200))
    assert "不允许使用" in words.brief and "qoder.com" in words.brief
    assert words.plain.isascii() and words.plain.startswith("Example Group policy: Claude Code may not be used here.")


def _organisation() -> dict[str, object]:
    organisation = closed()["organisation"]
    assert isinstance(organisation, dict)
    return organisation
