"""Vendors' own managed settings: a tool switched off by its maker's switch, an extension refused by its host's.

Each kind of file says how it is known, as marks of the catalogue do. Claude Code is *seen*: `requiredMaximumVersion`
made 2.1.198 and 2.1.330 end at start, with the vendor's words; 2.1.113 and 2.1.140 do not know it, but run the hook,
which answers each prompt with the policy's words before anything is sent. The browsers' and VS Code's keys are
*documented* by their makers and were not tried by us.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, cast

from policy_schema.engines.common.faces import under
from policy_schema.engines.common.profile import profile
from policy_schema.engines.common.words import left_out, nothing, versions_left_out
from policy_schema.engines.interface import File, Options, Order, Orders, Translated

NAME = "vendor-settings"
HELP = "Managed settings of the vendors themselves: Claude Code, VS Code, Chromium's family, Firefox."
SAYS = "vendors' settings"
CLAUDE_CODE = "claude-code"
NO_VERSION = "0.0.1"
"""Older than every release: no version is old enough to start."""


class Host(NamedTuple):
    """A program that can refuse extensions: which ones it has, the file, where it goes, what stands in it."""

    face: tuple[tuple[str, str], ...]
    file: str
    goes_to: str
    content: Callable[[Sequence[list[str]]], dict[str, object]]
    domains: tuple[str, ...]
    """Preference domains of macOS that take the same keys."""


def _chromium(found: Sequence[list[str]]) -> dict[str, object]:
    extensions, hosts = found
    keys = {"ExtensionInstallBlocklist": extensions, "NativeMessagingBlocklist": hosts}
    return {key: value for key, value in keys.items() if value}


def _firefox(found: Sequence[list[str]]) -> dict[str, object]:
    blocked = {extension: {"installation_mode": "blocked"} for extension in found[0]}
    return {"policies": {"ExtensionSettings": blocked}}


def _vscode(found: Sequence[list[str]]) -> dict[str, object]:
    return {"AllowedExtensions": {"*": True, **dict.fromkeys(found[0], False)}}


HOSTS = (
    Host(
        (("extensions", "chromium"), ("extensions", "native_host")),
        "vendor-settings/chromium/interdict.json",
        "/etc/opt/chrome/policies/managed, /etc/chromium/policies/managed, /etc/opt/edge/policies/managed; the same "
        "keys by Group Policy or a profile elsewhere (documented)",
        _chromium,
        ("com.google.Chrome", "com.microsoft.Edge"),
    ),
    Host(
        (("extensions", "firefox"),),
        "vendor-settings/firefox/policies.json",
        "/etc/firefox/policies; merge it into yours (documented)",
        _firefox,
        ("org.mozilla.firefox",),
    ),
    Host(
        (("extensions", "vscode"),),
        "vendor-settings/vscode/policy.json",
        "the policy AllowedExtensions of VS Code by Group Policy, profile or /etc/vscode/policy.json (documented)",
        _vscode,
        ("com.microsoft.VSCode",),
    ),
)


def translate(orders: Orders, options: Options) -> Translated:
    """A settings file for each program that has a switch of its own, or that hosts a banned extension."""
    files: list[File] = []
    domains: dict[str, dict[str, object]] = {}
    cannot: list[str] = []
    clear = [order for order in orders.orders if order.refuses and not order.versions and not order.spared]
    for order in orders.orders:
        if order.tool_id == CLAUDE_CODE and order.refuses and not order.spared:
            settings = _claude_code(order)
            if settings:
                files.append(_file("vendor-settings/claude-code/managed-settings.json", settings, PLACES))
                domains[CLAUDE_CODE_DOMAIN] = settings
                cannot += CLAUDE_CODE_LIMITS
        cannot += _cannot(order, order in clear, bool(files))
    for host in HOSTS:
        found = [_all(clear, *face) for face in host.face]
        if any(found):
            settings = host.content(found)
            files.append(_file(host.file, settings, host.goes_to))
            domains |= {domain: _in_profile(domain, settings) for domain in host.domains}
    if any(file.name.endswith("vscode/policy.json") for file in files):
        cannot.append("Forks of VS Code have policies of their own, or none.")
    if domains:
        made = profile("vendor-settings", orders.organisation, domains)
        files.append(File("vendor-settings/macos/interdict.mobileconfig", made, PROFILE))
    return Translated(tuple(files), tuple(cannot))


PLACES = (
    "/etc/claude-code on Linux, /Library/Application Support/ClaudeCode on macOS, C:\\Program Files\\ClaudeCode on "
    "Windows; merge it into yours (seen on Linux, documented elsewhere)"
)
PROFILE = "your device management for Macs: the same keys, merged into profiles that you have (documented)"
CLAUDE_CODE_DOMAIN = "com.anthropic.claudecode"
CLAUDE_CODE_LIMITS = (
    "Claude Code: `--version`, `update`, `install` and `doctor` go on working; a changed copy need not obey.",
    "Claude Code: what runs already reads the file at its next start.",
)


def _in_profile(domain: str, settings: dict[str, object]) -> dict[str, object]:
    """As its maker wants it in a profile: Firefox without the outer key, VS Code's mapping as a text of JSON."""
    if domain == "org.mozilla.firefox":
        return {"EnterprisePoliciesEnabled": True, **cast(dict[str, object], settings["policies"])}
    if domain == "com.microsoft.VSCode":
        return {key: json.dumps(value) for key, value in settings.items()}
    return settings


def _claude_code(order: Order) -> dict[str, object]:
    """All versions: none may start. A range that ends below a version: that version at least. Nothing for any other."""
    if not order.versions:
        answer = f"printf '%s\\n' {shlex.quote(_plain(order.says))} >&2; exit 2"
        hook = {"hooks": [{"type": "command", "command": answer}]}
        return {"requiredMaximumVersion": NO_VERSION, "hooks": {"UserPromptSubmit": [hook]}}
    words = order.versions.split()
    if len(words) == 1 and words[0].startswith("<") and not words[0].startswith("<="):
        return {"requiredMinimumVersion": words[0][1:]}
    if len(words) == 1 and words[0].startswith(">") and not words[0].startswith(">="):
        return {"requiredMaximumVersion": words[0][1:]}
    return {}


def _plain(text: str) -> str:
    """One line without anything that steers a terminal."""
    return "".join(char if char.isprintable() else " " for char in text)


def _all(orders: Sequence[Order], face: str, kind: str) -> list[str]:
    return sorted({name for order in orders for name in under(order, face, kind)})


def _file(name: str, content: object, goes_to: str) -> File:
    return File(name, (json.dumps(content, ensure_ascii=False, indent=2) + "\n").encode(), goes_to)


def _cannot(order: Order, clear: bool, switched_off: bool) -> Iterator[str]:
    mine = order.tool_id == CLAUDE_CODE and switched_off
    hosted = [kind for host in HOSTS for face, kind in host.face if under(order, face, kind)]
    if not order.refuses:
        yield nothing(order, SAYS, f"its stage is {order.action}, and a switch refuses")
    elif order.spared:
        spared = order.spared[0].purl or order.spared[0].sha256 or order.spared[0].path
        yield nothing(order, SAYS, f"the exception for {spared} cannot be written")
    elif not clear and not mine:
        yield versions_left_out(order, SAYS)
    elif not mine and not hosted:
        yield nothing(order, SAYS, "no switch of its vendor is known, and no host that could refuse it")
    elif not mine:
        yield from filter(None, [left_out(order, ("extensions",), SAYS)])
