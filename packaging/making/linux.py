"""What a Linux package puts on a machine, as a folder; deb and rpm are made from the same one."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path

from making.sbom import write_sbom
from making.source import ROOT, Build

LINUX = ROOT / "packaging" / "linux"
INSTALLERS = ROOT / "installers"
PLACES = {
    "systemd/interdict.service": "usr/lib/systemd/system/interdict.service",
    "systemd/interdict-gate.service": "usr/lib/systemd/system/interdict-gate.service",
    "systemd/interdict-gate-handover.service": "usr/lib/systemd/system/interdict-gate-handover.service",
    "systemd/user/interdict-notifier.service": "usr/lib/systemd/user/interdict-notifier.service",
    "systemd/interdict.sysusers.conf": "usr/lib/sysusers.d/interdict.conf",
    "systemd/interdict.tmpfiles.conf": "usr/lib/tmpfiles.d/interdict.conf",
    "desktop/interdict-notifier.desktop": "etc/xdg/autostart/interdict-notifier.desktop",
    "profile.d/interdict.sh": "etc/profile.d/interdict.sh",
}
"""Files of installers/, and where each lies on a machine."""
CONFFILES = ("/etc/profile.d/interdict.sh", "/etc/xdg/autostart/interdict-notifier.desktop")
SCRIPTS = ("hand-over", "purge", "remove")
MANUALS = ("interdict.8", "interdict-gate.8")


def lay_out(build: Build, frozen: Path, into: Path) -> Path:
    """The machine's files below `into`: modes as they are installed, all of one time."""
    shutil.rmtree(into, ignore_errors=True)
    shutil.copytree(frozen, into / "usr/lib/interdict", symlinks=True)
    for name, place in PLACES.items():
        _put(INSTALLERS / name, into / place)
    for name in SCRIPTS:
        _put(LINUX / name, into / "usr/lib/interdict" / name, 0o755)
    for name in MANUALS:
        page = into / "usr/share/man/man8" / f"{name}.gz"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_bytes(gzip.compress((LINUX / name).read_bytes(), mtime=0))
    link = into / "usr/bin/interdict"
    link.parent.mkdir(parents=True)
    link.symlink_to("../lib/interdict/interdict")
    documents = into / "usr/share/doc/interdict"
    _put(LINUX / "preset.ini", documents / "examples/preset.ini")
    write_sbom(build, frozen, documents / "sbom.cdx.json")
    (into / "etc/interdict").mkdir(parents=True)
    settle(into, build)
    return into


def _put(source: Path, target: Path, mode: int = 0o644) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(mode)


def settle(folder: Path, build: Build) -> None:
    """Modes that do not depend on who builds, and one time for all."""
    for path in [folder, *sorted(folder.rglob("*"))]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        os.utime(path, (build.epoch, build.epoch), follow_symlinks=False)
