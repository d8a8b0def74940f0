"""Checks for others who say no to root: SELinux, AppArmor, macOS' privacy protection."""

from __future__ import annotations

import sys

from agent.cli.checks.check import Check, machine
from agent.host.refused_by import Denial, newest_denials
from agent.host.users import own_uid
from agent.report.reasons import reason_code
from agent.settings import Settings
from policy_schema.messages.codes import Reason

_COMMANDS = frozenset({"interdict", "interdict-gate"})
_PRIVACY = "/Library/Application Support/com.apple.TCC/TCC.db"
_SOMEBODY = (
    "Somebody refuses it: a rule of SELinux or AppArmor, a network home that does not trust root (root_squash), or a "
    "file system of a user's own (FUSE)."
)
_ACCESS_SETTING = "System Settings, Privacy & Security, Full Disk Access; or a profile with SystemPolicyAllFiles"


def refusals(settings: Settings) -> Check:
    """What a security module of the kernel has refused us, by its own record."""
    denied, problem = newest_denials(_COMMANDS)
    if denied:
        what = "; ".join(f"{one.module} refused {one.command} {one.what}" for one in denied[:3])
        more = f", and {len(denied) - 3} more" if len(denied) > 3 else ""
        return Check("refusals", "failed", what + more, _advice(denied[0]))
    places = _places_denied(settings)
    if places and own_uid() == 0:
        what = f"{len(places)} places could not be looked at for lack of a right, although we are root: {places[0]}"
        return Check("refusals", "weak", what, _SOMEBODY)
    return Check("refusals", "ok", problem or "no place was refused, and the kernel's record tells of no refusal")


def disk_access(settings: Settings) -> Check:
    """macOS keeps even root out of people's folders unless the agent was given full disk access."""
    if sys.platform != "darwin":
        return Check("disk access", "ok", "this system asks for no such permission")
    try:
        with open(_PRIVACY, "rb"):
            return Check("disk access", "ok", "full disk access was given")
    except FileNotFoundError:
        return Check("disk access", "ok", f"{_PRIVACY} is not there")
    except OSError:
        what = "full disk access is missing: people's folders cannot be looked at, and are reported as unknown"
        return Check("disk access", "failed" if own_uid() == 0 else "weak", what, f"Give it: {_ACCESS_SETTING}.")


def _places_denied(settings: Settings) -> list[str]:
    """Places that could not be looked at for lack of a right, which root lacks only if somebody refuses it."""
    rows = machine(settings).get("coverage")
    unknown = [row.get("unknown") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    places = [one for row in unknown if isinstance(row, list) for one in row if isinstance(one, dict)]
    return [str(one.get("where")) for one in places if reason_code(str(one.get("reason"))) is Reason.DENIED]


def _advice(denial: Denial) -> str:
    if denial.module == "SELinux":
        return "Let it: ausearch -m avc -c interdict | audit2allow -M interdict && semodule -i interdict.pp."
    return f"Let it in the profile {denial.context!r}, then apparmor_parser -r; `aa-complain` meanwhile."
