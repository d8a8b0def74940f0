"""The package for macOS: its files laid out on any system, put together by pkgbuild and productbuild on a Mac."""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
from pathlib import Path

from making.source import ROOT

IDENTIFIER = "com.interdict.agent"
_MACOS = ROOT / "packaging" / "macos"
_JOBS = {
    "com.interdict.agent.plist": "Library/LaunchDaemons",
    "com.interdict.notifier.plist": "Library/LaunchAgents",
}
_PROCESSORS = {0x01000007: "x86_64", 0x0100000C: "arm64"}
"""CPU_TYPE_X86_64 and CPU_TYPE_ARM64 of <mach/machine.h>."""


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


def architectures_of(program: Path) -> tuple[str, ...]:
    """The processors that a Mach-O program runs on, as macOS names them, read from its first bytes.

    Raises:
        ValueError: it is no program of macOS, or for a processor that no Mac of today has.
    """
    head = program.read_bytes()[:256]
    if head[:4] == b"\xcf\xfa\xed\xfe":
        kinds = struct.unpack_from("<I", head, 4) if len(head) >= 8 else ()
    elif head[:4] == b"\xca\xfe\xba\xbe" and len(head) >= 8 and head[7] <= 4 and len(head) >= 8 + 20 * head[7]:
        kinds = tuple(struct.unpack_from(">I", head, 8 + 20 * row)[0] for row in range(head[7]))
    else:
        kinds = ()
    names = sorted({_PROCESSORS.get(kind, "") for kind in kinds})
    if not names or "" in names:
        raise ValueError(f"{program}: not a program for a Mac")
    return tuple(names)


def write_distribution(program: Path, into: Path) -> Path:
    """The product's description, for the processors that the program runs on: an installer refuses others' Macs."""
    text = (_MACOS / "distribution.xml").read_text(encoding="utf-8")
    named = f'hostArchitectures="{",".join(architectures_of(program))}"'
    made, count = re.subn(r'hostArchitectures="[^"]*"', named, text)
    if count != 1:
        raise ValueError("distribution.xml: hostArchitectures is there not once")
    into.parent.mkdir(parents=True, exist_ok=True)
    into.write_text(made, encoding="utf-8")
    return into


def make_pkg(payload: Path, version: str, into: Path, identity: str = "") -> Path:
    """Builds `INTO/interdict-VERSION.pkg` on a Mac; signed where an identity of its keychain is named.

    Raises:
        ValueError: there is no program of macOS in the payload.
        CalledProcessError: one of Apple's tools refused it.
    """
    root = lay_out_pkg(payload, into / "work/pkg")
    component, made = into / "work/component.pkg", into / f"interdict-{version}.pkg"
    facts = ["--identifier", IDENTIFIER, "--version", version.partition("+")[0], "--ownership", "recommended"]
    places = ["--root", os.fspath(root), "--install-location", "/", "--scripts", os.fspath(_MACOS / "scripts")]
    subprocess.run(["pkgbuild", *facts, *places, os.fspath(component)], check=True)
    described = write_distribution(payload / "interdict", into / "work/distribution.xml")
    parts = ["--distribution", os.fspath(described), "--package-path", os.fspath(component.parent)]
    signed = ["--sign", identity] if identity else []
    subprocess.run(["productbuild", *parts, *signed, os.fspath(made)], check=True)
    return made
