"""One machine on which every source of the inventory finds something, in two homes alike, from the samples.

For tests that are about all sources at once. What is there is written down a source at a time in `OF_PEOPLE` and
`OF_SYSTEM`; a source that stands in neither is named by `tests/unit/inventory/test_full_machine.py`.
"""

from __future__ import annotations

import gzip
import io
import json
import sqlite3
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from agent.host.held_folder import HeldFolder
from agent.host.hostile_tree import Tree
from agent.inventory import mcp, model_settings
from agent.inventory.interface import Look, Wanted
from agent.inventory.settings_files import Settings
from agent.inventory.settings_text import Form
from tests.fakes.machine_folder import SAMPLES, MachineFolder
from tests.fakes.registry_hive import hive_of, read_export
from tests.fakes.signed_programs import sample as signed_sample

PEOPLE = ("li", "wang")
PROFILE = "/nix/store/bgfxjxr2ppgfj7bhgmnqrll36mc4084a-user-environment"
NIX_PACKAGE = "/nix/store/000341h6pk4fmkdm8mk2r8il2zbsqdsb-claude-code-2.1.197"
HOST = "com.anthropic.claude_code_browser_extension.json"
BOX = "3f2a9c1de0b74f5a8c6d7e8f90123456789abcdef0123456789abcdef0123456"
LAYER = "a" * 64
SCRIPT = b"#!/bin/sh\nexit 0\n"
WANTED = Wanted(
    names=frozenset({"claude", "aider", "codex"}),
    folders=("~/.local/share/claude/versions", "/opt/claude"),
    hashes=True,
    signers=frozenset({"authenticode:Example, Inc./Example Tool"}),
    residue=("~/.claude.json", "/etc/claude-code"),
)
Put = Callable[[MachineFolder, str], None]
"""Puts what one source finds: below a home, or (with an empty second argument) into the system."""


def _bytes(path: str) -> bytes:
    return (SAMPLES / path).read_bytes()


def _appimage(machine: MachineFolder, home: str) -> None:
    machine.file(f"{home}/Applications/Cursor-1.4.5-x86_64.AppImage", _bytes("appimage/head-of-type-2"), 0o755)


def _apk(machine: MachineFolder, _: str) -> None:
    machine.file("/usr/lib/apk/db/installed", _bytes("apk/installed"))
    machine.link("/lib", "usr/lib")


def _brew(machine: MachineFolder, home: str) -> None:
    machine.file(f"{home}/.linuxbrew/Cellar/claude-code/2.1.197/bin/claude", SCRIPT, 0o755)


def _browsers(machine: MachineFolder, home: str) -> None:
    chrome = f"{home}/.config/google-chrome/Default/Extensions/fcoeoabgfenejglbffodgkkbkcdhcgfn/1.0.31_0"
    machine.file(f"{chrome}/manifest.json", _bytes("browsers/installed.manifest.json"))
    firefox = f"{home}/.mozilla/firefox/x1.default"
    machine.file(f"{firefox}/extensions/sample@example.com.xpi", b"PK")
    machine.file(f"{firefox}/extensions.json", _bytes("browsers/firefox.extensions.json"))


def _cargo(machine: MachineFolder, home: str) -> None:
    machine.file(f"{home}/.cargo/.crates.toml", _bytes("cargo/crates.toml"))
    machine.file(f"{home}/.cargo/.crates2.json", _bytes("cargo/crates2.json"))
    machine.file(f"{home}/.cargo/binstall/crates-v1.json", _bytes("cargo/crates-v1.json"))
    for program in ("tiny", "tiny-helper"):
        machine.file(f"{home}/.cargo/bin/{program}", b"\x7fELF", 0o755)


def _chocolatey(machine: MachineFolder, _: str) -> None:
    machine.file("/ProgramData/chocolatey/lib/example-tool/example-tool.nuspec", _bytes("chocolatey/tool.nuspec"))


def _containers(machine: MachineFolder, home: str) -> None:
    store = f"{home}/.local/share/containers/storage" if home else "/var/lib/containers/storage"
    made = [{"id": BOX, "names": ["box"], "layer": LAYER}]
    machine.file(f"{store}/overlay-containers/containers.json", json.dumps(made))
    machine.npm(f"{store}/overlay/{LAYER}/diff/usr/local/lib/node_modules/npm", "npm", "10.0.0")
    machine.file(f"{home or '/etc'}{'/.config' if home else ''}/containers/storage.conf", "[storage]\n")
    docker = f"{home}/.local/share/docker" if home else "/var/lib/docker"
    machine.file(f"{docker}/containers/{BOX}/config.v2.json", _bytes("containers/config.v2.json"))
    machine.file(f"{docker}/image/overlay2/layerdb/mounts/{BOX}/mount-id", LAYER)
    machine.npm(f"{docker}/overlay2/{LAYER}/diff/usr/local/lib/node_modules/npm", "npm", "10.0.0")
    machine.file(f"{home}/.config/docker/daemon.json" if home else "/etc/docker/daemon.json", "{}")


def _deb(machine: MachineFolder, _: str) -> None:
    machine.file("/var/lib/dpkg/status", _bytes("deb/status"))
    machine.file("/var/lib/dpkg/status.d/base", "Package: base-files\nVersion: 12.4\nArchitecture: amd64\n")
    machine.file("/var/lib/dpkg/info/claude-tool.list", "/.\n/usr/bin/claude\n")
    machine.file("/usr/bin/claude", b"\x7fELF", 0o755)


def _deno(machine: MachineFolder, home: str) -> None:
    machine.file(f"{home}/.deno/bin/mytool", _bytes("deno/mytool"), 0o755)
    machine.file(f"{home}/.deno/bin/cowsay", _bytes("deno/cowsay"), 0o755)
    machine.npm(f"{home}/.cache/deno/npm/registry.example.com/cowsay/1.6.0", "cowsay", "1.6.0")


def _executables(machine: MachineFolder, home: str) -> None:
    machine.file(f"{home}/.local/share/claude/versions/2.1.197", b"\x7fELF", 0o755)
    machine.link(f"{home}/.local/bin/claude", f"{home}/.local/share/claude/versions/2.1.197")
    machine.file(f"{home}/.local/bin/aider", SCRIPT, 0o755)
    machine.file(f"{home}/Downloads/notes.exe", signed_sample("signed-sha256.exe"), 0o755)


def _flatpak(machine: MachineFolder, home: str) -> None:
    app = "com.example.Assistant"
    place = f"{home}/.local/share/flatpak/app/{app}" if home else f"/var/lib/flatpak/app/{app}"
    metainfo = f"x86_64/stable/0123456789abcdef/files/share/metainfo/{app}.metainfo.xml"
    machine.file(f"{place}/{metainfo}", _bytes(f"flatpak/{app}.metainfo.xml"))
    machine.link(f"{place}/current", "x86_64/stable")
    machine.link(f"{place}/x86_64/stable/active", "0123456789abcdef")


def _gem(machine: MachineFolder, home: str) -> None:
    gems = f"{home}/.gem/ruby/3.3.0"
    machine.file(f"{gems}/specifications/tiny-gem-1.2.0.pre1.gemspec", _bytes("gem/tiny-gem-1.2.0.pre1.gemspec"))
    machine.file(f"{gems}/gems/tiny-gem-1.2.0.pre1/bin/tinygem", SCRIPT, 0o755)
    machine.file(f"{gems}/bin/tinygem", _bytes("gem/tinygem"), 0o755)
    machine.file(f"{home}/.gemrc", "gem: --no-document\n")


def _go(machine: MachineFolder, home: str) -> None:
    machine.file(f"{home}/go/bin/tool", gzip.decompress(_bytes("go/go1.23-darwin-arm64.gz")), 0o755)
    machine.file(f"{home}/.config/go/env", f"GOBIN={home}/go/bin\n")


def _jetbrains(machine: MachineFolder, home: str) -> None:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as jar:
        jar.writestr("META-INF/plugin.xml", _bytes("jetbrains/claude-code.plugin.xml"))
    plugins = f"{home}/.local/share/JetBrains/IntelliJIdea2026.1"
    machine.file(f"{plugins}/claude-code/lib/claude-code.jar", data.getvalue())
    machine.file(f"{plugins}/plain/META-INF/plugin.xml", _bytes("jetbrains/name-only.plugin.xml"))


def _macos_apps(machine: MachineFolder, home: str) -> None:
    machine.file(f"{home}/Applications/Example.app/Contents/Info.plist", _bytes("macos-apps/Info.plist"))
    machine.file(f"{home}/Applications/Second.app/Contents/Info.plist", _bytes("macos-apps/binary.Info.plist"))


def _macos_receipts(machine: MachineFolder, _: str) -> None:
    receipt = "/var/db/receipts/com.example.pkg.tool"
    machine.file(f"{receipt}.plist", _bytes("macos-receipts/com.example.pkg.tool.plist"))
    machine.file(f"{receipt}.bom")


def _mcp(machine: MachineFolder, home: str) -> None:
    machine.file(f"{home}/.claude.json", _bytes("mcp/claude-code.json"))
    machine.file(f"{home}/.codex/config.toml", _bytes("mcp/codex.toml"))
    machine.file(f"{home}/.continue/config.yaml", _bytes("mcp/continue.yaml"))
    machine.file(f"{home}/src/app/.mcp.json", _bytes("mcp/claude-code.json"))
    _settings(machine, home, mcp.TABLE)


def _model_settings(machine: MachineFolder, home: str) -> None:
    machine.file(f"{home}/.aider.conf.yml", _bytes("model-settings/aider.conf.yml"))
    machine.file(f"{home}/.config/opencode/opencode.json", _bytes("model-settings/opencode.json"))
    machine.file(f"{home}/.config/io.datasette.llm/default_model.txt", _bytes("model-settings/llm.txt"))
    _settings(machine, home, model_settings.TABLE)


def _settings(machine: MachineFolder, home: str, table: Iterable[Settings]) -> None:
    """An empty file at each place of a table that has none yet, so that each is looked into."""
    for row in table:
        for place in row.places:
            path = place.replace("*", "any").replace("~", home)
            if place.startswith("~/") and not machine.at(path).exists():
                machine.file(path, "{}" if row.form is Form.JSON else "")


def _msix(machine: MachineFolder, _: str) -> None:
    package = "/Program Files/WindowsApps/Example.Tool_1.2.3.0_x64__8wekyb3d8bbwe"
    machine.file(f"{package}/AppxManifest.xml", _bytes("msix/AppxManifest.xml"))


def _native_hosts(machine: MachineFolder, home: str) -> None:
    machine.file(f"{home}/.config/google-chrome/NativeMessagingHosts/{HOST}", _bytes(f"native-hosts/{HOST}"))


def _nix(machine: MachineFolder, home: str) -> None:
    if home:
        machine.link(f"{home}/.nix-profile", PROFILE)
        return
    machine.file(f"{NIX_PACKAGE}/bin/claude", SCRIPT, 0o755)
    machine.file(f"{PROFILE}/manifest.nix", _bytes("nix/manifest.nix"))
    machine.link(f"{PROFILE}/bin/claude", f"{NIX_PACKAGE}/bin/claude")


def _npm(machine: MachineFolder, home: str) -> None:
    modules = f"{home}/.npm-global/lib/node_modules"
    machine.npm(f"{modules}/@anthropic-ai/claude-code", "@anthropic-ai/claude-code", "2.1.112", {"claude": "cli.js"})
    machine.link(f"{home}/.npm-global/bin/claude", "../lib/node_modules/@anthropic-ai/claude-code/cli.js")
    machine.npm(f"{home}/src/app", "app", "1.0.0")
    machine.npm(f"{home}/src/app/node_modules/codex-like", "codex-like", "0.1.0")
    machine.file(f"{home}/.npmrc", _bytes("npm/user.npmrc"))


def _pacman(machine: MachineFolder, _: str) -> None:
    package = "/var/lib/pacman/local/claude-desktop-1:1.2.3-4"
    machine.file(f"{package}/desc", _bytes("pacman/claude-desktop.desc"))
    machine.file(f"{package}/files", "%FILES%\nusr/bin/claude\n")


def _pypi(machine: MachineFolder, home: str) -> None:
    site = f"{home}/.local/lib/python3.11/site-packages"
    machine.dist(site, "aider-chat", "0.86.2", ["../../../bin/aider"])
    machine.file(f"{site}/old-1.0.egg-info/PKG-INFO", _bytes("pypi/PKG-INFO"))
    machine.file(f"{home}/src/app/.venv/pyvenv.cfg", "home = /usr/bin\n")
    machine.dist(f"{home}/src/app/.venv/lib/python3.12/site-packages", "anthropic", "0.40.0")


def _remote(machine: MachineFolder, home: str) -> None:
    machine.file(f"{home}/.config/zed/settings.json", _bytes("remote/zed.settings.json"))
    store = f"{home}/.config/Code/User"
    machine.file(f"{store}/workspaceStorage/1/workspace.json", _bytes("remote/ssh.workspace.json"))
    machine.file(f"{store}/globalStorage/storage.json", _bytes("remote/storage.json"))
    options = f"{home}/.config/JetBrains/JetBrainsGateway2025.1/options"
    machine.file(f"{options}/sshConfigs.xml", _bytes("remote/sshConfigs.xml"))


def _rpm(machine: MachineFolder, _: str) -> None:
    at = machine.at("/usr/lib/sysimage/rpm/rpmdb.sqlite")
    at.parent.mkdir(parents=True)
    with sqlite3.connect(at) as made:
        made.execute("CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)")
        made.execute("CREATE TABLE 'Basenames' (key 'TEXT' NOT NULL, hnum INTEGER NOT NULL, idx INTEGER NOT NULL)")
        made.execute("INSERT INTO Packages (blob) VALUES (?)", (_bytes("rpm/claude-desktop.header"),))
    made.close()


def _scoop(machine: MachineFolder, home: str) -> None:
    machine.file(f"{home}/scoop/apps/tool/1.2.3/manifest.json", _bytes("scoop/manifest.json"))
    machine.file(f"{home}/.config/scoop/config.json", "{}")


def _snap(machine: MachineFolder, _: str) -> None:
    machine.file("/snap/claude-desktop/42/meta/snap.yaml", _bytes("snap/snap.yaml"))
    machine.link("/snap/claude-desktop/current", "42")


def _vim(machine: MachineFolder, home: str) -> None:
    machine.file(f"{home}/.local/share/nvim/lazy/claude.nvim/lua/x.lua")


def _vscode(machine: MachineFolder, home: str) -> None:
    extensions = f"{home}/.vscode/extensions"
    manifest = _bytes("vscode/claude-code.package.json")
    machine.file(f"{extensions}/anthropic.claude-code-2.1.197-linux-x64/package.json", manifest)
    machine.file(f"{extensions}/extensions.json", "[]")


def _windows_programs(machine: MachineFolder, home: str) -> None:
    export = read_export((SAMPLES / "windows-programs/uninstall.reg").read_text())
    if home:
        machine.file(f"{home}/NTUSER.DAT", hive_of(export["HKEY_CURRENT_USER"]))
    else:
        hive = hive_of(export["HKEY_LOCAL_MACHINE"], without="SOFTWARE")
        machine.file("/Windows/System32/config/SOFTWARE", hive)


def _winget(machine: MachineFolder, home: str) -> None:
    packages = f"{home}/AppData/Local/Microsoft/WinGet/Packages"
    machine.file(f"{packages}/Acme.Tool_Microsoft.Winget.Source_8wekyb3d8bbwe/tool.exe", b"MZ")


def _zed(machine: MachineFolder, home: str) -> None:
    zed = f"{home}/.local/share/zed/extensions"
    machine.file(f"{zed}/index.json", _bytes("zed/index.json"))
    machine.file(f"{zed}/installed/acme-bot/extension.toml", _bytes("zed/extension.toml"))
    machine.file(f"{zed}/installed/late-one/extension.toml", _bytes("zed/extension.toml"))


OF_PEOPLE: dict[str, Put] = {
    "appimage": _appimage,
    "brew": _brew,
    "browsers": _browsers,
    "cargo": _cargo,
    "containers": _containers,
    "deno": _deno,
    "executables": _executables,
    "flatpak": _flatpak,
    "gem": _gem,
    "go": _go,
    "jetbrains": _jetbrains,
    "macos-apps": _macos_apps,
    "mcp": _mcp,
    "model-settings": _model_settings,
    "native-hosts": _native_hosts,
    "nix": _nix,
    "npm": _npm,
    "pypi": _pypi,
    "remote": _remote,
    "scoop": _scoop,
    "vim": _vim,
    "vscode": _vscode,
    "windows-programs": _windows_programs,
    "winget": _winget,
    "zed": _zed,
}
OF_SYSTEM: dict[str, Put] = {
    "apk": _apk,
    "chocolatey": _chocolatey,
    "containers": _containers,
    "deb": _deb,
    "flatpak": _flatpak,
    "macos-receipts": _macos_receipts,
    "msix": _msix,
    "nix": _nix,
    "pacman": _pacman,
    "rpm": _rpm,
    "snap": _snap,
    "windows-programs": _windows_programs,
}


def full_machine(root: Path) -> MachineFolder:
    """Makes it. Nothing in it is started, so the programs are none."""
    machine = MachineFolder(root)
    machine.home("wang")
    machine.file("/etc/os-release", "ID=debian\nVERSION_ID=12\n")
    for put in OF_SYSTEM.values():
        put(machine, "")
    for name in PEOPLE:
        for put in OF_PEOPLE.values():
            put(machine, f"/home/{name}")
    return machine


def look_at(machine: MachineFolder, *sources: str) -> Look:
    """A look with everything wanted and both people's projects configured."""
    return machine.look(*sources, wanted=WANTED, project_roots=[f"/home/{name}/src" for name in PEOPLE])


class Steps(NamedTuple):
    """What a look asked for: files that it opened or tried to, and folders that it listed."""

    files: tuple[str, ...]
    folders: tuple[str, ...]


def steps_of(machine: MachineFolder) -> Steps:
    """The paths, of the tree and canonical where they are there, that a whole look opens or lists.

    Asked of the doors themselves, so that whatever a source looks for is among them, there or not.
    """
    files: dict[str, None] = {}
    folders: dict[str, None] = {}

    def place(tree: Tree, path: str) -> str:
        above, _, name = path.rpartition("/")
        return f"{tree.resolve(above or '/').rstrip('/')}/{name}" if tree.exists(above or "/") else path

    opened, listed = Tree.open, Tree.list
    held_opened, held_listed = HeldFolder._open, HeldFolder.list  # type: ignore[attr-defined]

    def open_one(tree: Tree, path: str) -> object:
        files.setdefault(place(tree, path))
        return opened(tree, path)

    def list_one(tree: Tree, path: str, *limit: int) -> object:
        if tree.exists(path):
            folders.setdefault(tree.resolve(path))
        return listed(tree, path, *limit)

    def held_open_one(held: HeldFolder, name: str, *rest: object) -> object:
        files.setdefault(f"{held.path.rstrip('/')}/{name}")
        return held_opened(held, name, *rest)

    def held_list_one(held: HeldFolder, *limit: int) -> object:
        folders.setdefault(held.path)
        return held_listed(held, *limit)

    try:
        Tree.open, Tree.list = open_one, list_one  # type: ignore[method-assign,assignment]
        HeldFolder._open, HeldFolder.list = held_open_one, held_list_one  # type: ignore
        look_at(machine)
    finally:
        Tree.open, Tree.list = opened, listed  # type: ignore[method-assign]
        HeldFolder._open, HeldFolder.list = held_opened, held_listed  # type: ignore
    return Steps(tuple(sorted(files)), tuple(sorted(folders)))
