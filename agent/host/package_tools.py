"""Programs of package managers: the one list of what may be started to uninstall something, with absolute paths.

Only places that belong to the system. A manager that somebody keeps in their home is not run by us: what it would do
there, we do ourselves (quarantine).
"""

from __future__ import annotations

import sys
from glob import glob

from agent.host.command import Tool


def _usual(name: str, *more: str) -> Tool:
    return Tool(name, (f"/usr/bin/{name}", f"/usr/local/bin/{name}", f"/opt/homebrew/bin/{name}", *more))


APT_GET = Tool("apt-get", ("/usr/bin/apt-get",))
BREW = Tool("brew", ("/opt/homebrew/bin/brew", "/usr/local/bin/brew", "/home/linuxbrew/.linuxbrew/bin/brew"))
BUN = _usual("bun")
CARGO = _usual("cargo")
CHOCO = Tool("choco", (r"C:\ProgramData\chocolatey\bin\choco.exe",))
DPKG_QUERY = Tool("dpkg-query", ("/usr/bin/dpkg-query",))
FLATPAK = _usual("flatpak")
GEM = _usual("gem")
MSIEXEC = Tool("msiexec", (r"C:\Windows\System32\msiexec.exe",))
NPM = _usual("npm", r"C:\Program Files\nodejs\npm.cmd")
PIPX = _usual("pipx")
PKGUTIL = Tool("pkgutil", ("/usr/sbin/pkgutil",))
PNPM = _usual("pnpm")
POWERSHELL = Tool("powershell", (r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe",))
PYTHON = Tool("python3", ("/usr/bin/python3", "/usr/local/bin/python3", "/opt/homebrew/bin/python3"))
"""For `python3 -m pip`: a pip that works on any environment by its `--python`."""
RPM = _usual("rpm", "/bin/rpm")
SNAP = Tool("snap", ("/usr/bin/snap",))
UV = _usual("uv")
YARN = _usual("yarn", "/usr/bin/yarnpkg")

_APPS = "/Applications/{}.app/Contents/Resources/app/bin/{}"
EDITORS: dict[str, Tool] = {
    "code": _usual("code", "/usr/share/code/bin/code", _APPS.format("Visual Studio Code", "code")),
    "code-insiders": _usual("code-insiders", "/usr/share/code-insiders/bin/code-insiders"),
    "codium": _usual("codium", "/usr/share/codium/bin/codium", _APPS.format("VSCodium", "codium")),
    "codium-insiders": _usual("codium-insiders", "/usr/share/codium-insiders/bin/codium-insiders"),
    "cursor": _usual("cursor", "/usr/share/cursor/bin/cursor", _APPS.format("Cursor", "cursor")),
    "windsurf": _usual("windsurf", "/usr/share/windsurf/bin/windsurf", _APPS.format("Windsurf", "windsurf")),
    "windsurf-next": _usual("windsurf-next", "/usr/share/windsurf-next/bin/windsurf-next"),
    "trae": _usual("trae", "/usr/share/trae/bin/trae", _APPS.format("Trae", "trae")),
    "trae-cn": _usual("trae-cn", "/usr/share/trae-cn/bin/trae-cn"),
    "qoder": _usual("qoder", "/usr/share/qoder/bin/qoder", _APPS.format("Qoder", "qoder")),
    "code-server": _usual("code-server", "/usr/lib/code-server/bin/code-server"),
}
"""The command lines of VS Code's family, by the name that the inventory gives their places."""

_WINGET = r"C:\Program Files\WindowsApps\Microsoft.DesktopAppInstaller_*__8wekyb3d8bbwe\winget.exe"
WINGET = Tool("winget", tuple(sorted(glob(_WINGET), reverse=True)) if sys.platform == "win32" else (_WINGET,))
"""Its folder has its version in the name; the newest comes first."""
