"""What is installed on this machine, source by source. The table below is the page of contents.

A new source: one file here with a class that has `name` and `collect` (see `interface.Source`), one line in the table,
one folder in tests/samples, one section in docs/sources.md.
"""

from __future__ import annotations

SOURCES: dict[str, str] = {
    "apk": "agent.inventory.apk:Apk",
    "appimage": "agent.inventory.appimage:Appimage",
    "brew": "agent.inventory.brew:Brew",
    "browsers": "agent.inventory.browsers:Browsers",
    "cargo": "agent.inventory.cargo:Cargo",
    "chocolatey": "agent.inventory.chocolatey:Chocolatey",
    "containers": "agent.inventory.container_roots:ContainerRoots",
    "deb": "agent.inventory.deb:Deb",
    "deno": "agent.inventory.deno:Deno",
    "executables": "agent.inventory.executables:Executables",
    "flatpak": "agent.inventory.flatpak:Flatpak",
    "gem": "agent.inventory.gem:GemSource",
    "go": "agent.inventory.go:Go",
    "jetbrains": "agent.inventory.jetbrains:Jetbrains",
    "macos-apps": "agent.inventory.macos_apps:MacosApps",
    "macos-receipts": "agent.inventory.macos_receipts:MacosReceipts",
    "mcp": "agent.inventory.mcp:Mcp",
    "model-settings": "agent.inventory.model_settings:ModelSettings",
    "msix": "agent.inventory.msix:Msix",
    "native-hosts": "agent.inventory.native_hosts:NativeHosts",
    "nix": "agent.inventory.nix:Nix",
    "npm": "agent.inventory.npm:Npm",
    "pacman": "agent.inventory.pacman:Pacman",
    "pypi": "agent.inventory.pypi:Pypi",
    "remote": "agent.inventory.remote:Remote",
    "residue": "agent.inventory.residue:Residue",
    "rpm": "agent.inventory.rpm:Rpm",
    "scoop": "agent.inventory.scoop:Scoop",
    "snap": "agent.inventory.snap:Snap",
    "vim": "agent.inventory.vim:Vim",
    "vscode": "agent.inventory.vscode:Vscode",
    "windows-programs": "agent.inventory.windows_programs:WindowsPrograms",
    "winget": "agent.inventory.winget:Winget",
    "zed": "agent.inventory.zed:Zed",
}
"""Every source: name to class, loaded when it is used. What is left out so far stands in docs/sources.md."""
