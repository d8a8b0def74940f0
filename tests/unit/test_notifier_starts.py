"""What starts a person's notifier in their session, on each system: read as the system reads it, naming our command."""

from __future__ import annotations

import configparser
import plistlib
import re
import shlex
from pathlib import Path

import pytest

from agent.cli.main import COMMANDS

INSTALLERS = Path("installers")


def _systemd() -> list[str]:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.read(INSTALLERS / "systemd/user/interdict-notifier.service")
    assert unit["Install"]["WantedBy"] == unit["Unit"]["PartOf"] == "graphical-session.target"
    return shlex.split(unit["Service"]["ExecStart"])


def _autostart() -> list[str]:
    entry = configparser.ConfigParser(strict=False, interpolation=None)
    entry.optionxform = str  # type: ignore[assignment,method-assign]
    entry.read(INSTALLERS / "desktop/interdict-notifier.desktop", encoding="utf-8")
    values = entry["Desktop Entry"]
    assert (values["Type"], values["X-systemd-skip"]) == ("Application", "true"), "one of the two starts it, never both"
    return shlex.split(values["Exec"])


def _launch_agent() -> list[str]:
    file = INSTALLERS / "macos/com.interdict.notifier.plist"
    values = plistlib.loads(file.read_bytes())
    assert values["Label"] == file.stem
    assert values["LimitLoadToSessionType"] == "Aqua", "not in the login window, not for SSH"
    assert values["KeepAlive"] == {"SuccessfulExit": False} and values["RunAtLoad"] is True
    return list(values["ProgramArguments"])


def _run_value() -> list[str]:
    data = (INSTALLERS / "windows/interdict-notifier.reg").read_bytes()
    head, *lines = data.decode("ascii").split("\r\n")
    assert head == "Windows Registry Editor Version 5.00" and b"\n" not in data.replace(b"\r\n", b"")
    assert r"[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Run]" in lines
    row = next(line for line in lines if line.startswith('"Interdict"='))
    value = re.sub(r"\\(.)", r"\1", row.partition("=")[2][1:-1])
    found = re.fullmatch(r'"([^"]+)" (\w+)', value)
    assert found, "a path with a blank that stands without quotes starts another program"
    return list(found.groups())


STARTS = {
    "a systemd user unit": _systemd,
    "XDG autostart": _autostart,
    "a LaunchAgent": _launch_agent,
    "Run": _run_value,
}


@pytest.mark.parametrize("how", STARTS)
def test_the_notifier_is_started_by(how: str) -> None:
    program, *arguments = STARTS[how]()
    assert re.search(r"[\\/]interdict(\.exe)?$", program) and (program.startswith(("/usr/", "C:\\Program Files\\")))
    assert arguments == ["notifier"] and "notifier" in COMMANDS
