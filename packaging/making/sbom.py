"""What is inside the frozen agent, as CycloneDX 1.6: Python, its packages, shared libraries. Read from what was built.

A test validates the document with the library of that standard and compares it with the modules in the archive.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from making.frozen import PROGRAMS, system_of
from making.source import Build

_OURS = frozenset({"interdict"})


def write_sbom(build: Build, folder: Path, target: Path) -> None:
    """Writes the document; the same bytes for the same build."""
    components = [_python(), _starter(), *_packages(modules_inside(folder)), *_libraries(folder)]
    subject = {
        "type": "application",
        "bom-ref": "interdict",
        "name": "interdict",
        "version": build.version,
        "purl": f"pkg:generic/interdict@{build.version.replace('+', '%2B')}",
        "licenses": [{"license": {"id": "Apache-2.0"}}],
    }
    document: dict[str, object] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(build.epoch)),
            "component": subject,
        },
        "components": components,
        "dependencies": [{"ref": "interdict", "dependsOn": sorted(str(row["bom-ref"]) for row in components)}],
    }
    text = json.dumps(document, sort_keys=True)
    document["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, text)}"
    target.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def modules_inside(folder: Path) -> frozenset[str]:
    """The names of all Python modules in the two programs and beside them."""
    from PyInstaller.archive.readers import CArchiveReader

    names: set[str] = set()
    for program in PROGRAMS[system_of(folder)]:
        archive = CArchiveReader(os.fspath(folder / program)).open_embedded_archive("PYZ.pyz")
        names.update(archive.toc)
    for path in [*(folder / "lib").rglob("*.so"), *(folder / "lib").rglob("*.pyd")]:
        parts = path.relative_to(folder / "lib").with_name(path.name.split(".")[0]).parts
        names.add(".".join(parts))
    return frozenset(names)


def _packages(modules: Iterable[str]) -> list[dict[str, object]]:
    """The distributions that these modules come from."""
    owners = metadata.packages_distributions()
    tops = {name.split(".")[0] for name in modules}
    found = {owner for top in tops - sys.stdlib_module_names for owner in owners.get(top, ())} - _OURS
    return [_package(metadata.distribution(name)) for name in sorted(found, key=str.lower)]


def _package(found: metadata.Distribution) -> dict[str, object]:
    name = re.sub(r"[-_.]+", "-", found.metadata["Name"]).lower()
    purl = f"pkg:pypi/{name}@{found.version}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": found.version, "purl": purl}


def _python() -> dict[str, object]:
    version = platform.python_version()
    return {
        "type": "platform",
        "bom-ref": f"cpython@{version}",
        "name": "cpython",
        "version": version,
        "purl": f"pkg:generic/cpython@{version}",
        "licenses": [{"license": {"id": "PSF-2.0"}}],
    }


def _starter() -> dict[str, object]:
    """The small program that PyInstaller puts before ours."""
    version = metadata.version("pyinstaller")
    return {
        "type": "library",
        "bom-ref": f"pkg:pypi/pyinstaller@{version}",
        "name": "pyinstaller",
        "version": version,
        "purl": f"pkg:pypi/pyinstaller@{version}",
        "licenses": [{"expression": "GPL-2.0-or-later WITH Bootloader-exception"}],
    }


def _libraries(folder: Path) -> list[dict[str, object]]:
    """Shared libraries beside the programs: the system's package they come from, where it says so, and their hash."""
    found = []
    kinds = ("*.so*", "*.dylib", "*.dll")
    for path in sorted(path for kind in kinds for path in (folder / "lib").glob(kind)):
        if path.is_symlink() or ".cpython-" in path.name or path.name.startswith("libpython"):
            continue
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        row: dict[str, object] = {
            "type": "library",
            "bom-ref": f"file:{path.name}",
            "name": path.name,
            "hashes": [{"alg": "SHA-256", "content": digest}],
        }
        origin = _debian(path.name)
        if origin:
            package, version = origin
            row |= {"version": version, "purl": f"pkg:deb/debian/{package}@{version.replace('+', '%2B')}"}
        found.append(row)
    return found


def _debian(library: str) -> tuple[str, str] | None:
    """The Debian package that holds the library of this name, and its version."""
    for folder in ("/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu"):
        words = ["dpkg-query", "-S", f"{folder}/{library}"]
        try:
            done = subprocess.run(words, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            return None
        if done.returncode == 0:
            package = done.stdout.split(": ")[0].split(":")[0]
            shown = subprocess.run(
                ["dpkg-query", "-W", "-f=${Version}", package], capture_output=True, text=True, check=True
            )
            return package, shown.stdout.split("\n")[0]
    return None
