"""A program inside a package of Windows belongs to it, under the very path at which its source reports the package."""

from __future__ import annotations

import pytest

from agent.inventory.interface import Wanted
from tests.fakes.machine_folder import SAMPLES, MachineFolder, seen

MSIX = "/Program Files/WindowsApps/Example.Tool_1.2.3.0_x64__8wekyb3d8bbwe"
WINGET = "/home/li/AppData/Local/Microsoft/WinGet/Packages/Acme.Tool_Microsoft.Winget.Source_8wekyb3d8bbwe"
SCOOP = "/home/li/scoop/apps/tool/1.2.3"
CHOCO = "/ProgramData/chocolatey/lib/example-tool"
WANTED = Wanted(frozenset({"tool"}), ("/Program Files/WindowsApps", "/ProgramData/chocolatey", "~/scoop", "~/AppData"))


def put(machine: MachineFolder) -> None:
    """One package of each manager, with a program in it."""
    machine.file(f"{MSIX}/AppxManifest.xml", (SAMPLES / "msix/AppxManifest.xml").read_bytes())
    machine.file(f"{SCOOP}/manifest.json", (SAMPLES / "scoop/manifest.json").read_bytes())
    machine.file(f"{CHOCO}/example-tool.nuspec", (SAMPLES / "chocolatey/tool.nuspec").read_bytes())
    for folder in (f"{MSIX}/app", WINGET, f"{SCOOP}/bin", f"{CHOCO}/tools"):
        machine.file(f"{folder}/tool.exe", b"MZ", 0o755)


@pytest.mark.parametrize(
    ("source", "folder", "key"),
    [
        ("msix", MSIX, "windows:Example.Tool_8wekyb3d8bbwe"),
        ("winget", WINGET, "pkg:winget/acme.tool"),
        ("scoop", SCOOP, "pkg:scoop/tool"),
        ("chocolatey", CHOCO, "pkg:choco/example-tool"),
    ],
)
def test_a_program_inside_belongs_to_it(source: str, folder: str, key: str, machine: MachineFolder) -> None:
    put(machine)
    found = seen(machine.look(source, "executables", wanted=WANTED))
    (package,) = [one for one in found if one.source == source]
    (program,) = [one for one in found if one.source == "executables" and one.path.startswith(f"{folder}/")]
    assert (program.container, program.container_path) == (key, folder)
    assert package.path == folder


@pytest.mark.parametrize(
    "path",
    [
        "/home/li/scoop/apps/tool/1.2.3/bin/tool.exe",
        "/home/li/WindowsApps/Example.Tool_1.2.3.0_x64__8wekyb3d8bbwe/tool.exe",
        "/home/li/WinGet/Packages/Acme.Tool/tool.exe",
        "/home/li/WinGet/Packages/_Microsoft.Winget.Source_8wekyb3d8bbwe/tool.exe",
        "/ProgramData/chocolatey/lib/tool/tool.exe",
        "/home/li/apps/tool/tool.exe",
    ],
)
def test_a_folder_that_is_only_called_so_is_no_package(path: str, machine: MachineFolder) -> None:
    machine.file(path, b"MZ", 0o755)
    wanted = Wanted(frozenset({"tool"}), ("~/scoop", "~/WindowsApps", "~/WinGet", "~/apps", "/ProgramData"))
    (one,) = seen(machine.look("executables", wanted=wanted))
    assert (one.path, one.container) == (path, "")
