"""Roots of throw-away systems with packages that dpkg and rpm themselves built and installed there."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path


def run(*command: str, cwd: Path | None = None) -> str:
    """Starts a package manager; its words on failure."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def os_release(root: Path, name: str, version: str) -> None:
    """Says which distribution it is."""
    (root / "etc").mkdir(parents=True, exist_ok=True)
    (root / "etc" / "os-release").write_text(f'NAME="{name}"\nID={name}\nVERSION_ID="{version}"\n')


def deb_package(folder: Path, name: str, version: str, files: tuple[str, ...] = (), arch: str = "all") -> Path:
    """A package built by dpkg-deb."""
    source = folder / f"{name}-{version}".replace(":", "_")
    (source / "DEBIAN").mkdir(parents=True)
    (source / "DEBIAN" / "control").write_text(
        f"Package: {name}\nVersion: {version}\nArchitecture: {arch}\nMaintainer: Example <e@example.com>\n"
        "Description: made for a test\n Package: not-a-package\n"
    )
    for path in files:
        at = source / path.lstrip("/")
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_text("#!/bin/sh\n")
        at.chmod(0o755)
    run("dpkg-deb", "--root-owner-group", "--build", "-Znone", str(source), f"{source}.deb")
    return Path(f"{source}.deb")


def deb_root(root: Path) -> Path:
    """An empty Debian."""
    for path in ("var/lib/dpkg/info", "var/lib/dpkg/updates"):
        (root / path).mkdir(parents=True)
    (root / "var/lib/dpkg/status").touch()
    os_release(root, "debian", "12")
    return root


def rpm_package(
    folder: Path, name: str, version: str, files: tuple[str, ...] = (), epoch: int | None = None, requires: str = ""
) -> Path:
    """A package built by rpmbuild, of release 1."""
    source = folder / f"{name}-{version}-rpm"
    source.mkdir()
    made = "".join(f"install -D -m 755 /dev/null %{{buildroot}}{path}\n" for path in files)
    (source / "x.spec").write_text(
        f"Name: {name}\nVersion: {version}\nRelease: 1\nSummary: made for a test\nLicense: MIT\nBuildArch: noarch\n"
        + (f"Epoch: {epoch}\n" if epoch is not None else "")
        + (f"Requires: {requires}\n" if requires else "")
        + f"%description\nmade for a test\n%install\ntrue\n{made}%files\n"
        + "".join(f"{path}\n" for path in files)
    )
    run(
        "rpmbuild",
        "-bb",
        "--quiet",
        "--define",
        f"_topdir {source}",
        "--define",
        "_buildhost localhost",
        str(source / "x.spec"),
    )
    return next(source.glob("RPMS/noarch/*.rpm"))


def rpm(root: Path, *arguments: str) -> str:
    """rpm itself, on that root."""
    place = ("--root", str(root), "--dbpath", "/var/lib/rpm")
    changes = () if "--query" in arguments else ("--nodeps", "--noscripts")
    return run("rpm", *place, "--define", "_db_backend sqlite", "--nosignature", *changes, *arguments)


def ndb_rpm(program: Path) -> Callable[..., str]:
    """An rpm that writes databases of the ndb form, which Debian's cannot; used as `rpm` is."""

    def call(root: Path, *arguments: str) -> str:
        (root / "var/lib/rpm").mkdir(parents=True, exist_ok=True)
        settings = ("--rcfile", "/usr/lib/rpm/rpmrc", "--macros", "/usr/lib/rpm/macros")
        defined = ("--define", "_db_backend ndb", "--define", "_dbpath /var/lib/rpm")
        words = {"--query": "-q", "--all": "-a", "--install": "-i", "--erase": "-e", "--queryformat": "--qf"}
        place = (*settings, *defined, "--root", str(root))
        changes = () if "--query" in arguments else ("--nodeps", "--noscripts")
        return run(str(program), *place, "--nosignature", *changes, *(words.get(word, word) for word in arguments))

    return call


def dpkg(root: Path, *arguments: str) -> str:
    """dpkg itself, on that root."""
    return run("dpkg", f"--root={root}", "--force-not-root", "--force-bad-path", *arguments)


def arch_package(folder: Path, name: str, version: str, files: tuple[str, ...] = ()) -> Path:
    """A package as makepkg writes it, without signature."""
    made = folder / f"{name}-{version}-any.pkg.tar"
    info = f"pkgname = {name}\npkgver = {version}\npkgdesc = made for a test\narch = any\nsize = 0\n"
    with tarfile.open(made, "w") as tar:
        for path, data in ((".PKGINFO", info.encode()), *((path.lstrip("/"), b"#!/bin/sh\n") for path in files)):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(data), 0o755
            tar.addfile(entry, io.BytesIO(data))
    return made


def pacman(root: Path, *arguments: str) -> str:
    """pacman itself, on that root."""
    (root / "var/lib/pacman").mkdir(parents=True, exist_ok=True)
    config = root / "pacman.conf"
    config.write_text("[options]\nArchitecture = auto\nSigLevel = Never\nLocalFileSigLevel = Never\n")
    place = ("--root", str(root), "--dbpath", f"{root}/var/lib/pacman", "--config", str(config))
    return run("pacman", "--noconfirm", *place, *arguments)
