"""The agent's settings: one frozen value. Here: its fields, and how they are read from one root-owned TOML file.

Fleet management writes the file, or what `agent.configured` lays over it; nothing else does. A file that others may
write is refused, since who writes it decides which server a root process trusts. `docs/settings.md` lists every field
(a test compares).
"""

from __future__ import annotations

import os
import stat
import sys
import tomllib
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from agent.errors import BadSettings
from policy_schema.rules.instant import parse_duration

if TYPE_CHECKING:
    from policy_schema.rules.rulebook import Device

DEFAULT_FILES = {
    "linux": "/etc/interdict/settings.toml",
    "darwin": "/Library/Application Support/Interdict/settings.toml",
    "win32": r"C:\ProgramData\Interdict\settings.toml",
}
STATE_DIRS = {
    "linux": "/var/lib/interdict",
    "darwin": "/Library/Application Support/Interdict/state",
    "win32": r"C:\ProgramData\Interdict\state",
}
_MAX_BYTES = 256 * 1024


class Settings(NamedTuple):
    """Everything that can be set on a machine. Durations in seconds."""

    policy_url: str = ""
    """Where the policy repository's static files are, such as `https://policy.example.com/interdict/`."""
    trust_root: str = ""
    """The first TUF root metadata, a file; afterwards trust lives in the state folder."""
    server: str = ""
    """The console's address; empty means that nothing is reported to anybody."""
    secret_file: str = ""
    """A file with the enrolment secret; read once, by `enroll` or at the first start."""
    secret: str = ""
    """The enrolment secret itself. Only from a device management: the settings file is everybody's to read."""
    state_dir: str = STATE_DIRS.get(sys.platform, STATE_DIRS["linux"])
    """The agent's own state: trust, journal, views, device key."""
    vault_dir: str = ""
    """Where quarantined things go when the filesystem allows it; empty means: chosen for each filesystem."""
    poll_interval: int = 300
    """Between two looks for a new policy; a fifth of it is jitter."""
    scan_interval: int = 3600
    """Between two whole looks; what is watched is looked at when it changes."""
    report_interval: int = 900
    """Between two heartbeats to the console; changes are sent within `report_delay`."""
    report_delay: int = 5
    """How long changes are gathered before they are sent."""
    region: str | None = None
    groups: tuple[str, ...] | None = None
    ownership: str = "company"
    kind: str = "workstation"
    mode: str = "enforce"
    """`enforce`, or `observe`: everything is found, told and reported and nothing is stopped or moved."""
    notices: str = "desktop"
    """`desktop`: the person's own session, else their terminals. `stdout`: printed by the agent, for a trial."""
    language: str = ""
    """Language of notices where the person's session does not tell one; empty means the policy's default."""
    quiet_hours: str = ""
    """`22:00-07:30`, in the machine's own time: notices wait for their end, but for those of the last hour before
    something happens. Empty means none."""
    roots: tuple[str, ...] = ()
    """Project roots to look into beside the places that the sources know."""
    homes: tuple[str, ...] = ()
    """Only these homes are looked at; empty means every user's (as root) or the caller's own."""
    path_folders: tuple[str, ...] = ()
    """Folders of programs to look at beside the usual ones and those of `PATH`."""
    system: bool = True
    """Look at the system's own places (`/usr/lib/node_modules`, …) too."""
    courier_user: str = "interdict-courier"
    adopter_user: str = "interdict-adopter"
    gate: str = "auto"
    """`auto`: the agent starts the gate itself (Linux, root). `systemd`: its own unit does. `off`: starts are not
    refused; what runs is seen and ended."""
    gate_user: str = "interdict-gate"
    gate_only: tuple[str, ...] = ()
    """Mount points: the gate watches these and nothing else (for trials and tests); empty means every local one."""
    process_poll: float = 0.25
    """Between two looks at the processes where the kernel does not tell of starts."""
    proxy: str = ""
    """`http://proxy.example.com:3128` for the courier; empty means none."""
    ca_file: str = ""
    """Further certificate authorities (PEM) beside those of the system."""
    file: str = ""
    """Where these settings were read from; no setting itself."""

    def device(self, device_id: str) -> Device:
        """What the rulebook needs to know of this machine."""
        from policy_schema.rules.rulebook import Device  # `interdict status` reads settings and needs no rulebook

        groups = frozenset(self.groups) if self.groups is not None else None
        return Device(device_id, os_name(), self.kind, self.ownership, self.region, groups)


SETTINGS = frozenset(Settings._fields) - {"file"}
"""The names of all settings."""
DURATIONS = frozenset({"poll_interval", "scan_interval", "report_interval", "report_delay"})
_TEXTS = frozenset(
    {"policy_url", "trust_root", "server", "secret_file", "secret", "state_dir", "vault_dir", "language", "proxy"}
) | {"courier_user", "adopter_user", "gate_user", "ca_file", "region", "quiet_hours"}
LISTS = frozenset({"roots", "homes", "path_folders", "groups", "gate_only"})
CHOICES = {
    "ownership": ("company", "personal"),
    "kind": ("workstation", "server", "ci", "kiosk"),
    "mode": ("enforce", "observe"),
    "notices": ("desktop", "stdout"),
    "gate": ("auto", "systemd", "off"),
}


def os_name() -> str:
    """`linux`, `macos` or `windows`, as policies and reports call the system."""
    return {"darwin": "macos", "win32": "windows"}.get(sys.platform, "linux")


def default_file() -> str:
    """Where the settings stand on this system, unless `INTERDICT_SETTINGS` names another file (for tests)."""
    return os.environ.get("INTERDICT_SETTINGS") or DEFAULT_FILES.get(sys.platform, DEFAULT_FILES["linux"])


def load_file(name: str) -> Settings:
    """Reads one settings file.

    Raises:
        BadSettings: missing, unreadable, writable by others, not TOML, or a field that cannot be.
    """
    text = _read(name)
    try:
        values = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadSettings(f"{name}: {error}", 'Write it as TOML: name = "value", one a line.') from error
    made = parse_settings(values, name)
    if made.secret:
        advice = "Everybody may read this file. Put the secret into a file of root's and name that: secret_file."
        raise BadSettings(f"{name}: secret: does not belong here", advice)
    return made


def parse_settings(values: Mapping[str, object], name: str) -> Settings:
    """Checks every field. Raises BadSettings that names the file and the field."""
    unknown = sorted(set(values) - SETTINGS)
    if unknown:
        raise BadSettings(
            f"{name}: {unknown[0]}: there is no such setting", "Remove it, or see docs/settings.md for the names."
        )
    made = {key: _value(name, key, value) for key, value in values.items()}
    return Settings(**made, file=name)  # type: ignore[arg-type]  # each value was checked for its field just above


def _value(name: str, key: str, value: object) -> object:
    where = f"{name}: {key}"
    if key in DURATIONS:
        return _duration(where, value)
    if key in LISTS:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise BadSettings(f"{where}: a list of texts is expected", 'Write it as ["one", "two"].')
        return tuple(value)
    if key in CHOICES and value not in CHOICES[key]:
        raise BadSettings(f"{where}: {value!r} is not known", f"Write one of {', '.join(CHOICES[key])}.")
    if key == "system" and not isinstance(value, bool):
        raise BadSettings(f"{where}: true or false is expected", "Write true or false, without quotes.")
    if key == "process_poll":
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.05 <= value <= 60:
            raise BadSettings(f"{where}: a number of seconds from 0.05 to 60 is expected", "Write it as 0.5.")
        return float(value)
    if key == "quiet_hours" and isinstance(value, str):
        _check_quiet_hours(where, value)
    if key in _TEXTS and (not isinstance(value, str) or "\0" in value):
        raise BadSettings(f"{where}: a text is expected", 'Write it in quotes: "value".')
    return value


def _check_quiet_hours(where: str, value: str) -> None:
    from agent.quiet_hours import parse_quiet_hours  # `interdict status` reads settings and seldom needs it

    try:
        parse_quiet_hours(value)
    except ValueError as error:
        raise BadSettings(f"{where}: {error}", 'Write it as "22:00-07:30", or "" for none.') from error


def _duration(where: str, value: object) -> int:
    try:
        seconds = parse_duration(value) if isinstance(value, str) else 0
    except ValueError as error:
        raise BadSettings(f"{where}: {error}", 'Write a duration such as "5m" or "1h".') from error
    if not 1 <= seconds <= 7 * 86400:
        raise BadSettings(f"{where}: {value!r} is not between 1s and 7d", 'Write a duration such as "5m" or "1h".')
    return seconds


def _read(name: str) -> str:
    try:
        fd = os.open(name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except OSError as error:
        advice = "Fleet management puts this file there; `--config FILE` names another one."
        raise BadSettings(f"{name}: {error.strerror or error}", advice) from error
    try:
        _refuse_others(name, os.fstat(fd))
        with os.fdopen(fd, "rb", closefd=False) as file:
            data = file.read(_MAX_BYTES + 1)
    finally:
        os.close(fd)
    if len(data) > _MAX_BYTES:
        raise BadSettings(
            f"{name}: larger than {_MAX_BYTES // 1024} KB", "Settings are a few lines; see docs/settings.md."
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadSettings(f"{name}: not UTF-8 at byte {error.start}", "Save the file as UTF-8.") from error


def _refuse_others(name: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise BadSettings(f"{name}: not a regular file", "Put a regular file there.")
    if sys.platform == "win32":
        return
    if status.st_uid not in (0, os.geteuid()):
        raise BadSettings(f"{name}: belongs to uid {status.st_uid}", "Make it belong to root: chown root FILE.")
    if status.st_mode & 0o022:
        raise BadSettings(f"{name}: can be written by others", "Take the right away: chmod 0644 FILE.")
