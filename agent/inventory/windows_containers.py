"""Which package of Windows a file belongs to: of MSIX, winget, Scoop or Chocolatey; asked by `containers`.

A folder counts by its name and, but for winget's, by the description that the manager keeps in it.
"""

from __future__ import annotations

from agent.host.files import Tree
from agent.inventory.places import join
from agent.inventory.windows_formats import WINGET_SOURCE, is_package_name, parse_msix_folder, parse_winget_folder
from policy_schema.rules.identity import make_purl

Around = tuple[str, str]
"""The purl without version (of MSIX the app key), and where it is: as its source reports it."""


def package_around(tree: Tree, path: str) -> Around | None:
    """The package around a file, by its canonical path; None if it belongs to none of these."""
    parts = path.split("/")
    folded = [part.casefold() for part in parts]
    for end in range(len(parts) - 1, 2, -1):
        name, above = parts[end - 1], folded[end - 2]
        folder = "/".join(parts[:end])
        if above == "windowsapps" and (package := parse_msix_folder(name)):
            return (package.key, folder) if tree.exists(join(folder, "AppxManifest.xml")) else None
        if above == "packages" and folded[end - 3] == "winget" and WINGET_SOURCE in name:
            known = parse_winget_folder(name)
            return (make_purl("winget", known), folder) if known else None
        if above == "lib" and folded[end - 3] == "chocolatey" and is_package_name(name):
            return (make_purl("choco", name), folder) if tree.exists(join(folder, f"{name}.nuspec")) else None
        if above == "apps" and end < len(parts) - 1 and "scoop" in folded[: end - 2] and is_package_name(name):
            version = "/".join(parts[: end + 1])
            return (make_purl("scoop", name), version) if tree.exists(join(version, "manifest.json")) else None
    return None
