"""The package for macOS: its files laid out on any system, put together by pkgbuild and productbuild on a Mac."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from making.source import ROOT

IDENTIFIER = "com.interdict.agent"
_MACOS = ROOT / "packaging" / "macos"
_JOBS = {
    "com.interdict.agent.plist": "Library/LaunchDaemons",
    "com.interdict.notifier.plist": "Library/LaunchAgents",
}


def lay_out_pkg(payload: Path, into: Path) -> Path:
    """The files as they lie on a Mac, from the folder of the frozen agent.

    Raises:
        ValueError: there is no program in it.
    """
    if not (payload / "interdict").is_file():
        raise ValueError(f"{payload}: there is no program interdict; freeze the agent on a Mac first")
    shutil.rmtree(into, ignore_errors=True)
    home = into / "Library/Interdict"
    shutil.copytree(payload, home, symlinks=True)
    shutil.copyfile(_MACOS / "uninstall", home / "uninstall")
    (home / "uninstall").chmod(0o755)
    for name, folder in _JOBS.items():
        (into / folder).mkdir(parents=True)
        shutil.copyfile(ROOT / "installers/macos" / name, into / folder / name)
        (into / folder / name).chmod(0o644)
    commands = into / "usr/local/bin"
    commands.mkdir(parents=True)
    (commands / "interdict").symlink_to("/Library/Interdict/interdict")
    return into


def make_pkg(payload: Path, version: str, into: Path, identity: str = "") -> Path:
    """Builds `INTO/interdict-VERSION.pkg` on a Mac; signed where an identity of its keychain is named.

    Raises:
        CalledProcessError: one of Apple's tools refused it.
    """
    root = lay_out_pkg(payload, into / "work/pkg")
    component, made = into / "work/component.pkg", into / f"interdict-{version}.pkg"
    facts = ["--identifier", IDENTIFIER, "--version", version.partition("+")[0], "--ownership", "recommended"]
    places = ["--root", os.fspath(root), "--install-location", "/", "--scripts", os.fspath(_MACOS / "scripts")]
    subprocess.run(["pkgbuild", *facts, *places, os.fspath(component)], check=True)
    parts = ["--distribution", os.fspath(_MACOS / "distribution.xml"), "--package-path", os.fspath(component.parent)]
    signed = ["--sign", identity] if identity else []
    subprocess.run(["productbuild", *parts, *signed, os.fspath(made)], check=True)
    return made
